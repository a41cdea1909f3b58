//! The words of every reason, in English and French: a code for programs, a sentence for people.
//!
//! Each sentence says what is the matter and what to do next. Times are in UTC here; pages and
//! terminals show them in the reader's zone where they have the value itself.

mod deals;
mod machine;
mod refusals;

pub use deals::complaint_text;
pub(crate) use machine::{protection_name, protection_text};
pub use refusals::refusal_text;

use sinew_core::{Exit, Notice};
use sinew_sched::{Wait, Why};
use sinew_types::Instant;

/// A language of the catalogue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// French.
    Fr,
}

impl Lang {
    /// The language that a text such as `fr-FR,fr;q=0.9` or `fr_FR.UTF-8` asks for first, if it is one of these.
    #[must_use]
    pub fn asked(text: &str) -> Self {
        let first = text.trim().get(..2).unwrap_or("").to_ascii_lowercase();
        if first == "fr" { Self::Fr } else { Self::En }
    }

    /// One of two texts.
    pub(crate) fn pick(self, en: impl Into<String>, fr: impl Into<String>) -> String {
        match self {
            Self::En => en.into(),
            Self::Fr => fr.into(),
        }
    }
}

/// Hours, minutes and seconds in UTC, for sentences about today.
fn clock(at: Instant) -> String {
    at.to_string().get(11..19).unwrap_or_default().to_owned() + " UTC"
}

/// Why a workload waits.
#[must_use]
pub fn wait_text(lang: Lang, wait: &Wait) -> (&'static str, String) {
    match wait {
        Wait::NeverFits { asked, largest } => (
            "never-fits",
            lang.pick(
                format!("it needs {asked}, and its account can hold {largest} at most; end it, or change the contract"),
                format!("il lui faut {asked}, et son compte peut tenir {largest} au plus ; arrêtez-la ou changez le contrat"),
            ),
        ),
        Wait::NotBegun { starts } => (
            "not-begun",
            lang.pick(format!("nothing runs under its contract before {starts}"), format!("rien ne tourne sous son contrat avant {starts}")),
        ),
        Wait::Closing { closed } => (
            "closing",
            lang.pick(
                format!("its contract ends soon: nothing starts under it since {}", clock(*closed)),
                format!("son contrat finit bientôt : rien ne démarre depuis {}", clock(*closed)),
            ),
        ),
        Wait::Recalling { until } => (
            "recalling",
            lang.pick(
                format!("its own cells are being taken back for it; here by {} at the latest", clock(*until)),
                format!("ses propres cellules sont rappelées ; là à {} au plus tard", clock(*until)),
            ),
        ),
        Wait::Busy { asked, free } => (
            "busy",
            lang.pick(
                format!("it needs {asked} and could have {free} now; more than the guarantee comes when it is idle"),
                format!("il lui faut {asked}, {free} disponibles ; au-delà de la garantie, il faut attendre"),
            ),
        ),
        Wait::Behind { ahead } => {
            ("behind", lang.pick(format!("`{ahead}` of your organisation comes first"), format!("`{ahead}` de votre organisation passe avant")))
        }
        Wait::Held { since } => (
            "held",
            lang.pick(
                format!("your organisation holds it back since {}", clock(*since)),
                format!("votre organisation la retient depuis {}", clock(*since)),
            ),
        ),
        Wait::Planned { by, after: None } => (
            "planned",
            lang.pick(format!("it starts at {by} at the latest"), format!("elle démarre à {by} au plus tard")),
        ),
        Wait::Planned { by, after: Some(after) } => (
            "planned",
            lang.pick(
                format!("it starts at {by} at the latest, after `{after}` ends"),
                format!("elle démarre à {by} au plus tard, quand `{after}` sera finie"),
            ),
        ),
        Wait::Impaired { missing } => (
            "impaired",
            lang.pick(
                format!("{missing} of its guarantee have failed and nothing stands in for them; it starts when they are back"),
                format!("{missing} de sa garantie sont en panne et rien ne les remplace ; elle démarre à leur retour"),
            ),
        ),
    }
}

/// What would change a wait.
#[must_use]
pub fn explain_hint(lang: Lang, wait: &Wait) -> Option<String> {
    match wait {
        Wait::Busy { free, .. } if !free.is_empty() => Some(lang.pick(
            format!("with --least \"{free}\" it would start now"),
            format!("avec --least \"{free}\" elle démarrerait maintenant"),
        )),
        Wait::NotBegun { starts } => Some(lang.pick(
            format!("it starts at {starts} at the earliest"),
            format!("elle démarre à {starts} au plus tôt"),
        )),
        Wait::Recalling { until } => Some(lang.pick(
            format!("it starts at {} at the latest", clock(*until)),
            format!("elle démarre à {} au plus tard", clock(*until)),
        )),
        Wait::Behind { ahead } => Some(lang.pick(
            format!("a higher --priority than that of `{ahead}` would put it first"),
            format!("une --priority plus haute que celle de `{ahead}` la ferait passer devant"),
        )),
        Wait::Held { .. } => Some(lang.pick(
            "`sinew adjust NAME --release` lets it go on".to_owned(),
            "`sinew adjust NOM --release` la laisse continuer".to_owned(),
        )),
        _ => None,
    }
}

/// Why a lease leaves.
#[must_use]
pub(crate) fn notice_text(lang: Lang, notice: &Notice) -> (&'static str, String) {
    let by = clock(notice.deadline);
    match notice.why {
        Why::Recall => (
            "recall",
            lang.pick(
                format!("borrowed cells are recalled: it leaves by {by} and goes on when it can"),
                format!("des cellules empruntées sont rappelées : départ avant {by}, suite dès que possible"),
            ),
        ),
        Why::Grow => (
            "grow",
            lang.pick(
                format!("more cells are free: it saves itself by {by} and comes back larger"),
                format!("plus de cellules sont libres : sauvegarde avant {by}, reprise en plus grand"),
            ),
        ),
        Why::Drain => (
            "drain",
            lang.pick(
                format!("this machine is being stopped: it saves itself by {by} and goes on afterwards"),
                format!("cette machine s'arrête : sauvegarde avant {by}, suite après"),
            ),
        ),
        Why::CellsFailed => (
            "cells-failed",
            lang.pick(
                "cells that it holds have failed: it ends now and goes on when it can".to_owned(),
                "des cellules qu'elle tient sont en panne : elle s'arrête et reprend dès que possible"
                    .to_owned(),
            ),
        ),
        Why::Cancel => (
            "cancel",
            lang.pick(format!("it was ended; gone by {by}"), format!("arrêtée ; partie avant {by}")),
        ),
        Why::Hold => (
            "hold",
            lang.pick(
                format!(
                    "your organisation holds it back: it saves itself by {by} and goes on when it is released"
                ),
                format!(
                    "votre organisation la retient : sauvegarde avant {by}, suite quand elle est libérée"
                ),
            ),
        ),
        Why::Resize => (
            "resize",
            lang.pick(
                format!("your organisation changed its size: it saves itself by {by} and comes back so"),
                format!("votre organisation a changé sa taille : sauvegarde avant {by}, reprise ainsi"),
            ),
        ),
        Why::Limit => (
            "limit",
            lang.pick(
                format!("its limit is up; gone by {by}"),
                format!("sa limite est atteinte ; partie avant {by}"),
            ),
        ),
        Why::ContractEnds => (
            "contract-ends",
            lang.pick(
                format!("its contract, or the window of it, ends; gone by {by}"),
                format!("son contrat, ou la plage de celui-ci, finit ; partie avant {by}"),
            ),
        ),
    }
}

/// How a program ended.
#[must_use]
pub fn exit_text(lang: Lang, exit: &Exit) -> String {
    match exit {
        Exit::Code { code } => lang.pick(format!("status {code}"), format!("code {code}")),
        Exit::Signal { signal } => lang.pick(format!("signal {signal}"), format!("signal {signal}")),
        Exit::Deadline => lang.pick("killed at its deadline", "tuée à l'échéance"),
        Exit::Lost => lang.pick("lost with its supervisor", "perdue avec son superviseur"),
        Exit::Limit => lang.pick("ran to its limit", "a atteint sa limite"),
        Exit::NotStarted { why } => lang.pick(format!("not started: {why}"), format!("pas démarrée : {why}")),
    }
}
