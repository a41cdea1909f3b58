//! The command line's own few sentences, in English and French. Reasons come from the server in the right
//! language already; help is English.

use sinew_api::{ForeseenView, Lang, PromisedView, WorkloadView};

/// The sentences of one language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words(pub(crate) Lang);

impl Words {
    fn pick(self, english: impl Into<String>, french: impl Into<String>) -> String {
        match self.0 {
            Lang::En => english.into(),
            Lang::Fr => french.into(),
        }
    }

    /// One line about a workload, as its state is.
    pub(crate) fn workload(self, view: &WorkloadView) -> String {
        let name = format!("{}/{}", view.organisation, view.name);
        let reason = view.reason.as_ref().map_or_else(|| "…".to_owned(), |reason| reason.text.clone());
        let exit = view.exit.clone().unwrap_or_default();
        let (english, french) = match view.state.as_str() {
            "waiting" => (format!("waits: {reason}"), format!("attend : {reason}")),
            "running" => (
                format!("runs on {}", self.chips(view.chips)),
                format!("tourne sur {}", self.chips(view.chips)),
            ),
            "leaving" => (format!("leaves: {reason}"), format!("s'en va : {reason}")),
            "done" => ("is done".to_owned(), "a fini".to_owned()),
            "failed" => (format!("failed: {exit}"), format!("a échoué : {exit}")),
            "cancelled" => ("was ended".to_owned(), "a été arrêtée".to_owned()),
            other => (other.to_owned(), other.to_owned()),
        };
        format!("{name} {}", self.pick(english, french))
    }

    fn chips(self, chips: u32) -> String {
        let plural = if chips == 1 { "" } else { "s" };
        self.pick(format!("{chips} chip{plural}"), format!("{chips} puce{plural}"))
    }

    /// How a workload that is over ended, after its name.
    pub(crate) fn ended(self, view: &WorkloadView) -> String {
        match (&view.exit, view.state.as_str()) {
            (Some(exit), _) => self.pick(format!("failed: {exit}"), format!("a échoué : {exit}")),
            (None, "cancelled") => self.pick("was ended before it was done", "a été arrêtée avant la fin"),
            _ => self.pick("failed", "a échoué"),
        }
    }

    /// A new organisation, its key and how it joins.
    pub(crate) fn organisation_added(self, name: &str, key: &str, server: &str) -> String {
        let join = format!("sinew org join --server {server} --key {key}");
        self.pick(
            format!("{name} is in. Its key is shown this once: give it to {name} in a safe way.\n\n  {join}"),
            format!(
                "{name} est inscrite. Sa clé n'est montrée qu'une fois : remettez-la en sûreté.\n\n  {join}"
            ),
        )
    }

    /// A profile was made.
    pub(crate) fn joined(self, organisation: &str, profile: &str, path: &str) -> String {
        self.pick(
            format!("you are {organisation} now: profile `{profile}` in {path}"),
            format!("vous êtes {organisation} : profil `{profile}` dans {path}"),
        )
    }

    /// The organisation signs with a key that lies elsewhere.
    pub(crate) fn signs_elsewhere(self, path: &str) -> String {
        self.pick(
            format!("its signing key lies elsewhere: copy it to {path} to sign from here; all else works"),
            format!(
                "sa clé de signature est ailleurs : copiez-la dans {path} pour signer d'ici ; le reste marche"
            ),
        )
    }

    /// An API key that may not set the signing key.
    pub(crate) fn may_not_sign(self) -> String {
        self.pick(
            "this key lacks the role `sign`, so no signing key was made; all else that it may do works",
            "cette clé n'a pas le rôle `sign` : pas de clé de signature ; le reste marche",
        )
    }

    /// An offer was signed and sent.
    pub(crate) fn offered(self, lab: &str, id: &str) -> String {
        self.pick(
            format!("offered to {lab}. It signs with:\n\n  sinew contract sign {id}"),
            format!("offert à {lab}, qui signe avec :\n\n  sinew contract sign {id}"),
        )
    }

    /// The lab signed.
    pub(crate) fn signed(self, owner: &str, lab: &str) -> String {
        self.pick(format!("signed: {owner} -> {lab}"), format!("signé : {owner} -> {lab}"))
    }

    /// Asks whether to sign what was shown.
    pub(crate) fn sign_these(self) -> String {
        self.pick("sign these terms? [y/N] ", "signer ces termes ? [o/N] ")
    }

    /// Nobody said yes.
    pub(crate) fn not_signed(self) -> String {
        self.pick("nothing was signed", "rien n'a été signé")
    }

    /// Whether the owner's signature could be checked before the lab signs.
    pub(crate) fn owner_signature(self, checked: bool) -> String {
        if checked {
            return self
                .pick("the owner's signature fits these terms", "la signature du propriétaire correspond");
        }
        self.pick(
            "the owner's public key is not shown to this key, so its signature is checked by the server alone",
            "la clé publique du propriétaire n'est pas visible d'ici : seul le serveur vérifie sa signature",
        )
    }

    /// A follow goes on although the server is away.
    pub(crate) fn server_away(self) -> String {
        self.pick("the server is away; waiting for it", "le serveur est absent ; on l'attend")
    }

    /// Where the key of the pages lies, for output that may be kept.
    pub(crate) fn key_in_profile(self, path: &str) -> String {
        self.pick(
            format!("sign in with the key in {path}"),
            format!("connectez-vous avec la clé dans {path}"),
        )
    }

    /// What the machine does not enforce.
    pub(crate) fn not_enforced(self, gaps: &str) -> String {
        self.pick(
            format!("not enforced here: {gaps}; see `sinew machine`"),
            format!("pas garanti ici : {gaps} ; voyez `sinew machine`"),
        )
    }

    /// The owner's own programs have no sandbox.
    pub(crate) fn owner_runs_bare(self) -> String {
        self.pick(
            "the programs of this server's own organisation run without a sandbox (--sandbox others); all others have theirs"
                .to_owned(),
            "les programmes de l'organisation de ce serveur tournent sans bac à sable (--sandbox others) ; tous les autres ont le leur"
                .to_owned(),
        )
    }

    /// What would become of a workload.
    pub(crate) fn foreseen(self, view: &ForeseenView) -> String {
        let took_ms = format!("{:.1} ms", view.took_us as f64 / 1_000.0);
        if view.starts {
            let (own, borrowed) = (view.own_chips, view.borrowed_chips);
            return self.pick(
                format!("it would start now: {own} own, {borrowed} borrowed (answered in {took_ms})"),
                format!("elle démarrerait maintenant : {own} propres, {borrowed} empruntées (répondu en {took_ms})"),
            );
        }
        let reason = view.reason.clone().unwrap_or_default();
        let hint = view.hint.as_ref().map(|hint| format!("\n  {hint}")).unwrap_or_default();
        self.pick(
            format!("it would wait: {reason} (answered in {took_ms}){hint}"),
            format!("elle attendrait : {reason} (répondu en {took_ms}){hint}"),
        )
    }

    /// One of one's own workloads that would have to leave.
    pub(crate) fn would_leave(self, workload: &str, deadline: &str, lost_chip_s: u64) -> String {
        self.pick(
            format!("  `{workload}` would leave by {deadline} and lose {lost_chip_s} chip-seconds since its last checkpoint"),
            format!("  `{workload}` partirait avant {deadline} et perdrait {lost_chip_s} puces-secondes depuis son dernier point de reprise"),
        )
    }

    /// What a contract would come to.
    pub(crate) fn promised(self, view: &PromisedView) -> String {
        let PromisedView { chips, recall_bound, notice, kill_grace, hand_over, income_at_most, .. } = view;
        let took_ms = format!("{:.1} ms", view.took_us as f64 / 1_000.0);
        self.pick(
            format!(
                "fits in shape beside the other contracts: {chips} chips · recall bound {recall_bound} (notice {notice}, kill {kill_grace}, \
                 hand-over {hand_over}) · income up to {income_at_most} in 30 days (answered in {took_ms})"
            ),
            format!(
                "tient en forme à côté des autres contrats : {chips} puces · rappel en {recall_bound} au plus (préavis {notice}, arrêt \
                 {kill_grace}, remise {hand_over}) · revenu jusqu'à {income_at_most} en 30 jours (répondu en {took_ms})"
            ),
        )
    }

    /// How to end the server.
    pub(crate) fn ctrl_c(self) -> String {
        self.pick("Ctrl-C stops it; everything is kept", "Ctrl-C l'arrête ; tout est gardé")
    }

    /// The verdict of a check.
    pub(crate) fn verdict(self, equal: bool) -> String {
        if equal { self.pick("equal", "égal") } else { self.pick("differs", "diffère") }
    }

    /// What was verified, all in all.
    pub(crate) fn verified(self, invoices: usize, records: u64) -> String {
        self.pick(
            format!("invoices recomputed: {invoices}, from {records} records"),
            format!("factures recalculées : {invoices}, à partir de {records} enregistrements"),
        )
    }

    /// How a chat is left.
    pub(crate) fn chat_opens(self, model: &str) -> String {
        self.pick(
            format!("{model} listens. /new starts over, Ctrl-D ends."),
            format!("{model} écoute. /new recommence, Ctrl-D termine."),
        )
    }
}
