//! Refusals in words.

use super::Lang;
use sinew_contract::{ClauseFlaw, Flaw};
use sinew_core::{Refusal, Role, Thing};
use sinew_types::{Name, RegionFlaw};

fn thing(lang: Lang, thing: Thing) -> String {
    match thing {
        Thing::Organisation => lang.pick("organisation", "organisation"),
        Thing::Key => lang.pick("key", "clé"),
        Thing::Pool => lang.pick("pool", "pool"),
        Thing::Contract => lang.pick("contract", "contrat"),
        Thing::Workload => lang.pick("workload", "charge"),
        Thing::Release => lang.pick("release", "version"),
        Thing::Invoice => lang.pick("invoice", "facture"),
        Thing::Artefact => lang.pick("artefact", "artefact"),
        Thing::Endpoint => lang.pick("endpoint", "point d'accès"),
    }
}

fn role(needs: Role) -> &'static str {
    match needs {
        Role::View => "view",
        Role::Operate => "operate",
        Role::Sign => "sign",
    }
}

/// Why something was refused.
#[must_use]
pub fn refusal_text(lang: Lang, refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::NotFound { thing: what, name } => {
            let what = thing(lang, *what);
            let (en, fr) = (
                format!("there is no {what} `{name}` that this key may see; check the name"),
                format!("il n'y a pas de {what} `{name}` visible avec cette clé ; vérifiez le nom"),
            );
            ("not-found", lang.pick(en, fr))
        }
        Refusal::NameTaken { thing: what, name } => {
            let what = thing(lang, *what);
            let (en, fr) = (
                format!("there is already a {what} `{name}`; choose another name"),
                format!("{what} `{name}` existe déjà ; choisissez un autre nom"),
            );
            ("name-taken", lang.pick(en, fr))
        }
        Refusal::NotAllowed { .. } | Refusal::OperatorOnly | Refusal::NoRoles | Refusal::KeyReused { .. } => {
            who(lang, refusal)
        }
        Refusal::NoPublicKey { .. } | Refusal::PublicKeySet | Refusal::WrongSignature => {
            signing(lang, refusal)
        }
        Refusal::NoWeight | Refusal::NoTree { .. } => place(lang, refusal),
        Refusal::Terms(flaw) => flaw_text(lang, flaw),
        Refusal::NoWindow { .. } | Refusal::TooManyWindows { .. } | Refusal::WindowsAmiss => {
            windows(lang, refusal)
        }
        Refusal::AlreadyOver { .. }
        | Refusal::PromisesTooMuch { .. }
        | Refusal::PoolInParts { .. }
        | Refusal::NoRoomInShape { .. }
        | Refusal::ContractIdTaken
        | Refusal::NoLongerFits
        | Refusal::NotOffered => contract(lang, refusal),
        Refusal::MonthsGoneBy { .. } | Refusal::BilledByTheMonth { .. } => months(lang, refusal),
        Refusal::PaymentKnown { .. }
        | Refusal::OtherCurrency { .. }
        | Refusal::NothingPaid
        | Refusal::PaidLater { .. } => payment(lang, refusal),
        Refusal::EmptyPool
        | Refusal::DeviceTaken { .. }
        | Refusal::DeviceTwice { .. }
        | Refusal::NoSuchCells { .. } => pool(lang, refusal),
        Refusal::NotTrained { .. }
        | Refusal::NoWeights { .. }
        | Refusal::GateNotPassed { .. }
        | Refusal::GateOfOtherWeights { .. }
        | Refusal::NoSuchRelease { .. } => release(lang, refusal),
        Refusal::TooLargeToCount => (
            "too-large-to-count",
            lang.pick(
                "a sum is too large to count; bill a shorter period",
                "une somme dépasse ce qui se compte ; facturez une période plus courte",
            ),
        ),
        other => workload(lang, other),
    }
}

fn who(lang: Lang, refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::NotAllowed { needs } => {
            let needs = role(*needs);
            let (en, fr) = (
                format!("this key lacks the role `{needs}`; use one that has it"),
                format!("cette clé n'a pas le rôle `{needs}` ; utilisez-en une qui l'a"),
            );
            ("not-allowed", lang.pick(en, fr))
        }
        Refusal::KeyReused { key } => {
            let (en, fr) = (
                format!("the Idempotency-Key `{key}` came before with another request; use a new one"),
                format!("l'Idempotency-Key `{key}` a servi pour une autre requête ; prenez-en une nouvelle"),
            );
            ("idempotency-key-reused", lang.pick(en, fr))
        }
        Refusal::NoRoles => (
            "no-roles",
            lang.pick(
                "a key without roles opens nothing; give it `view`, `operate` or `sign`",
                "une clé sans rôle n'ouvre rien ; donnez-lui `view`, `operate` ou `sign`",
            ),
        ),
        _ => (
            "operator-only",
            lang.pick(
                "only the operator of this Sinew may do that; ask it",
                "seul l'opérateur de ce Sinew peut le faire ; demandez-lui",
            ),
        ),
    }
}

fn windows(lang: Lang, refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::NoWindow { calendar, bound } => {
            let (en, fr) = (
                format!(
                    "no window of `{calendar}` lies within the contract's dates and is longer than the recall bound of {bound}; change the dates, the window or the notice"
                ),
                format!(
                    "aucune plage de `{calendar}` ne tient dans les dates du contrat en dépassant le délai de rappel de {bound} ; changez les dates, la plage ou le préavis"
                ),
            );
            ("no-window", lang.pick(en, fr))
        }
        Refusal::TooManyWindows { most } => {
            let (en, fr) = (
                format!("the calendar has more than {most} windows; let the contract end earlier"),
                format!("le calendrier a plus de {most} plages ; faites finir le contrat plus tôt"),
            );
            ("too-many-windows", lang.pick(en, fr))
        }
        _ => (
            "windows-amiss",
            lang.pick(
                "the windows are not those of the calendar in the terms; offer the terms again",
                "les plages ne sont pas celles du calendrier des termes ; refaites l'offre",
            ),
        ),
    }
}

fn place(lang: Lang, refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::NoTree { organisation, under, deepest } => {
            let (en, fr) = (
                format!("`{organisation}` cannot stand below `{under}`: organisations form a tree without circles, at most {deepest} levels deep; choose another place"),
                format!("`{organisation}` ne peut pas être sous `{under}` : les organisations forment un arbre sans cycle, de {deepest} niveaux au plus ; choisissez une autre place"),
            );
            ("no-tree", lang.pick(en, fr))
        }
        _ => (
            "no-weight",
            lang.pick("an organisation that weighs 0 would never borrow anything; give it a weight of 1 or more, or a contract without a borrow limit", "une organisation de poids 0 n'emprunterait jamais rien ; donnez-lui un poids d'au moins 1, ou un contrat sans droit d'emprunt"),
        ),
    }
}

fn signing(lang: Lang, refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::NoPublicKey { organisation } => {
            let (en, fr) = (
                format!("`{organisation}` has no public key yet; it must run `sinew org join` first"),
                format!("`{organisation}` n'a pas encore de clé publique ; elle doit d'abord lancer `sinew org join`"),
            );
            ("no-public-key", lang.pick(en, fr))
        }
        Refusal::PublicKeySet => (
            "public-key-set",
            lang.pick("the organisation already signs with another key, which cannot be replaced", "l'organisation signe déjà avec une autre clé, qui ne se remplace pas"),
        ),
        _ => (
            "wrong-signature",
            lang.pick("the signature does not fit these terms and your organisation's key; sign the terms as they stand", "la signature ne correspond pas à ces termes et à votre clé ; signez les termes tels quels"),
        ),
    }
}

fn clause_text(lang: Lang, flaw: &ClauseFlaw) -> String {
    match flaw {
        ClauseFlaw::Currency { clause, prices } => {
            let asset = prices.code();
            lang.pick(
                format!("the clause `{clause}` is in another currency than the prices, {asset}; write it in {asset}"),
                format!("la clause « {clause} » n'est pas dans la monnaie des prix, {asset} ; écrivez-la en {asset}"),
            )
        }
        ClauseFlaw::NoMonth { clause, month } => lang.pick(
            format!("the clause `{clause}` changes in the middle of a month; write a date that a month begins with, such as {month}"),
            format!("la clause « {clause} » change au milieu d'un mois ; écrivez un premier jour de mois, comme {month}"),
        ),
        ClauseFlaw::Twice { clause } => lang.pick(
            format!("the clause `{clause}` says again what an earlier one says; keep one of them, or give it another date"),
            format!("la clause « {clause} » redit ce que dit une autre ; gardez-en une, ou donnez-lui une autre date"),
        ),
        ClauseFlaw::NeverDue { clause } => lang.pick(
            format!("the clause `{clause}` asks for money outside the contract's dates; write a day within them"),
            format!("la clause « {clause} » demande de l'argent hors des dates du contrat ; écrivez un jour compris entre elles"),
        ),
        ClauseFlaw::TooMany { most } => lang.pick(
            format!("a contract has at most {most} clauses; leave some out"),
            format!("un contrat a au plus {most} clauses ; retirez-en"),
        ),
    }
}

fn flaw_text(lang: Lang, flaw: &Flaw) -> (&'static str, String) {
    match flaw {
        Flaw::EndsBeforeStart { starts, ends } => {
            let (en, fr) = (
                format!("the contract would start at {starts}, after its end at {ends}; put the end later"),
                format!("le contrat commencerait à {starts}, après sa fin à {ends} ; reculez la fin"),
            );
            ("ends-before-start", lang.pick(en, fr))
        }
        Flaw::MixedAssets { guaranteed, borrowed } => {
            let (g, b) = (guaranteed.code(), borrowed.code());
            let (en, fr) = (
                format!("the prices are in {g} and in {b}; one contract has one currency"),
                format!("les prix sont en {g} et en {b} ; un contrat a une seule monnaie"),
            );
            ("mixed-currencies", lang.pick(en, fr))
        }
        Flaw::PromisesNothing => (
            "promises-nothing",
            lang.pick("the contract neither guarantees nor lends anything; raise `guarantee` or `borrow_limit`", "le contrat ne garantit ni ne prête rien ; augmentez `guarantee` ou `borrow_limit`"),
        ),
        Flaw::WithItself => (
            "with-itself",
            lang.pick("owner and lab are the same organisation; an owner uses its own pool without a contract", "propriétaire et laboratoire sont la même organisation ; sans contrat, un propriétaire utilise déjà son pool"),
        ),
        Flaw::TermTooLong { term, lasts } => {
            let (en, fr) = (
                format!("a lease would be safe from recall for {term}, and the contract, or its longest window, lasts {lasts}; make the minimum term shorter"),
                format!("un bail serait à l'abri d'un rappel pendant {term}, et le contrat, ou sa plus longue plage, dure {lasts} ; raccourcissez la durée minimale"),
            );
            ("term-too-long", lang.pick(en, fr))
        }
        Flaw::TooDear { price } => (
            "too-dear",
            lang.pick(
                format!("{price} is more than sums of a large pool can be counted with; write at most 10000000.00"),
                format!(
                    "{price} dépasse ce avec quoi les sommes d'un grand parc peuvent être comptées ; écrivez au plus 10000000.00"
                ),
            ),
        ),
        Flaw::NoTime { part } => {
            let (en, fr) = (
                format!("`{part}` is zero, which no machine can keep; give it at least 1ms"),
                format!("`{part}` est nul, ce qu'aucune machine ne tient ; donnez au moins 1ms"),
            );
            ("no-time", lang.pick(en, fr))
        }
        Flaw::Clause(flaw) => ("clause-amiss", clause_text(lang, flaw)),
    }
}

fn shape_unknown(lang: Lang, shape: &str) -> (&'static str, String) {
    let (en, fr) = (
        format!(
            "`{shape}` can never fit: this pool has equal chips only; write it as a count such as `2 chips`"
        ),
        format!(
            "`{shape}` ne tiendra jamais : ce pool n'a que des puces égales ; écrivez un nombre comme `2 chips`"
        ),
    );
    ("shape-never-fits", lang.pick(en, fr))
}

fn months(lang: Lang, refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::MonthsGoneBy { month } => {
            let (en, fr) = (
                format!(
                    "a contract with clauses is billed by the month, and it would start in one that is over; let it start at {month} or later"
                ),
                format!(
                    "un contrat à clauses se facture par mois, et il commencerait dans un mois passé ; faites-le commencer le {month} ou après"
                ),
            );
            ("months-gone-by", lang.pick(en, fr))
        }
        Refusal::BilledByTheMonth { next: Some(next) } => {
            let (en, fr) = (
                format!(
                    "this contract is billed by itself for every month; its next invoice comes at {next}"
                ),
                format!(
                    "ce contrat se facture de lui-même chaque mois ; sa prochaine facture vient le {next}"
                ),
            );
            ("billed-by-the-month", lang.pick(en, fr))
        }
        _ => (
            "billed-by-the-month",
            lang.pick(
                "this contract is over, and its last invoice is written; `sinew invoice ls` shows it",
                "ce contrat est fini, et sa dernière facture est écrite ; `sinew invoice ls` la montre",
            ),
        ),
    }
}

fn payment(lang: Lang, refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::PaymentKnown { reference, money, paid_at } => {
            let (en, fr) = (
                format!(
                    "`{reference}` is the payment of {money} on {paid_at}, which stays as it is; give another payment its own reference, and mend a wrong one by a payment below zero"
                ),
                format!(
                    "`{reference}` est le paiement de {money} du {paid_at}, qui reste tel quel ; donnez à un autre paiement sa propre référence, et corrigez une erreur par un paiement négatif"
                ),
            );
            ("payment-known", lang.pick(en, fr))
        }
        Refusal::OtherCurrency { found, owed } => {
            let owed = owed.join(", ");
            let (en, fr) = (
                format!(
                    "nothing between you is owed in {found}, only in {owed}; write what was paid in that"
                ),
                format!(
                    "rien n'est dû entre vous en {found}, seulement en {owed} ; écrivez ce qui fut payé ainsi"
                ),
            );
            ("other-currency", lang.pick(en, fr))
        }
        Refusal::PaidLater { paid_at, now } => {
            let (en, fr) = (
                format!(
                    "it says that it was paid at {paid_at}, and it is {now} here; correct the date, or write it down then"
                ),
                format!(
                    "il dit avoir été payé le {paid_at}, et il est {now} ici ; corrigez la date, ou notez-le à ce moment-là"
                ),
            );
            ("paid-later", lang.pick(en, fr))
        }
        _ => (
            "nothing-paid",
            lang.pick(
                "a payment of nothing changes nothing; write how much was paid",
                "un paiement de rien ne change rien ; écrivez combien fut payé",
            ),
        ),
    }
}

fn contract(lang: Lang, refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::AlreadyOver { ends } => {
            let (en, fr) = (
                format!("the contract was over at {ends}; put its end later"),
                format!("le contrat a fini à {ends} ; reculez sa fin"),
            );
            ("already-over", lang.pick(en, fr))
        }
        Refusal::PromisesTooMuch { asked, unpromised } => {
            let (en, fr) = (
                format!(
                    "the contract guarantees {asked} chips, and {unpromised} of the pool are not promised yet; guarantee less"
                ),
                format!(
                    "le contrat garantit {asked} puces, et {unpromised} du pool ne sont pas encore promises ; garantissez moins"
                ),
            );
            ("promises-too-much", lang.pick(en, fr))
        }
        Refusal::PoolInParts { pool } => {
            let (en, fr) = (
                format!(
                    "the devices of `{pool}` are lent in parts, and a contract cannot promise parts; offer another pool"
                ),
                format!(
                    "les appareils de `{pool}` sont prêtés en parts, et un contrat ne peut pas promettre de parts ; offrez un autre pool"
                ),
            );
            ("pool-in-parts", lang.pick(en, fr))
        }
        Refusal::NoRoomInShape { behind } => no_room(lang, behind.as_ref()),
        Refusal::ContractIdTaken => (
            "contract-id-taken",
            lang.pick(
                "another contract has this id; draft a new one with `sinew contract draft`",
                "un autre contrat a cet identifiant ; préparez-en un nouveau avec `sinew contract draft`",
            ),
        ),
        Refusal::NoLongerFits => (
            "no-longer-fits",
            lang.pick(
                "the pool cannot hold this guarantee any more; ask the owner for a new offer",
                "le pool ne peut plus tenir cette garantie ; demandez une nouvelle offre au propriétaire",
            ),
        ),
        _ => (
            "not-offered",
            lang.pick(
                "the contract does not wait for a signature; look at it with `sinew contract show`",
                "le contrat n'attend pas de signature ; regardez-le avec `sinew contract show`",
            ),
        ),
    }
}

fn pool(lang: Lang, refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::DeviceTaken { device } => {
            let (en, fr) = (
                format!("core {device} is part of another pool; leave it out"),
                format!("le cœur {device} appartient à un autre pool ; laissez-le"),
            );
            ("device-taken", lang.pick(en, fr))
        }
        Refusal::NoSuchCells { region, flaw } => {
            let (en, fr) = no_such_cells(flaw);
            ("no-such-cells", lang.pick(format!("`{region}`: {en}"), format!("`{region}` : {fr}")))
        }
        Refusal::DeviceTwice { device } => (
            "device-twice",
            lang.pick(
                format!("core {device} is named twice; name it once"),
                format!("le cœur {device} est nommé deux fois"),
            ),
        ),
        _ => (
            "empty-pool",
            lang.pick(
                "a pool needs at least one core; give `--cores 1` or more",
                "un pool a besoin d'au moins un cœur ; donnez `--cores 1` ou plus",
            ),
        ),
    }
}

fn release(lang: Lang, refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::NotTrained { name } => {
            let (en, fr) = (
                format!("`{name}` has not finished well; release what a finished run made"),
                format!("`{name}` n'a pas bien fini ; publiez ce qu'une exécution finie a produit"),
            );
            ("not-trained", lang.pick(en, fr))
        }
        Refusal::NoWeights { name } => {
            let (en, fr) = (
                format!("`{name}` left no `out/model/model.safetensors`; train again"),
                format!("`{name}` n'a pas laissé `out/model/model.safetensors` ; entraînez de nouveau"),
            );
            ("no-weights", lang.pick(en, fr))
        }
        Refusal::GateNotPassed { name } => {
            let (en, fr) = (
                format!("the gate `{name}` did not pass: these weights are not released"),
                format!("l'épreuve `{name}` n'est pas passée : ces poids ne sont pas publiés"),
            );
            ("gate-not-passed", lang.pick(en, fr))
        }
        Refusal::GateOfOtherWeights { name } => {
            let (en, fr) = (
                format!("the gate `{name}` measured other weights; run it on these"),
                format!("l'épreuve `{name}` a mesuré d'autres poids ; lancez-la sur ceux-ci"),
            );
            ("gate-of-other-weights", lang.pick(en, fr))
        }
        Refusal::NoSuchRelease { release } => {
            let (en, fr) = (
                format!("there is no release `{release}`; see `sinew release ls`"),
                format!("il n'y a pas de version `{release}` ; voyez `sinew release ls`"),
            );
            ("no-such-release", lang.pick(en, fr))
        }
        _ => ("refused", String::new()),
    }
}

fn workload(lang: Lang, refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::InBatch { at, why } => {
            let (code, why) = refusal_text(lang, why);
            let which = at + 1;
            (code, lang.pick(format!("workload {which} of these: {why}; none of them was submitted"), format!("charge {which} du lot : {why} ; aucune n'a été soumise")))
        }
        Refusal::TooManyWorkloads { most } => {
            let (en, fr) = (
                format!("your organisation may have {most} workloads that wait or run at once; wait until some have ended, or end some"),
                format!("votre organisation peut avoir {most} charges en attente ou en cours à la fois ; attendez que certaines finissent, ou arrêtez-en"),
            );
            ("too-many-workloads", lang.pick(en, fr))
        }
        Refusal::PartCount { parts } => {
            let (en, fr) = (format!("the workload has {parts} parts, and exactly one can run today; split it"), format!("la charge a {parts} parties, et une seule peut tourner aujourd'hui ; séparez-les"));
            ("part-count", lang.pick(en, fr))
        }
        Refusal::EmptyProgram => ("empty-program", lang.pick("there is no program to run; put it after `--`", "il n'y a pas de programme ; mettez-le après `--`")),
        Refusal::LeastAboveMost { least, most } => {
            let (en, fr) = (format!("the least, {least}, is more than the most, {most}; swap them"), format!("le minimum, {least}, dépasse le maximum, {most} ; échangez-les"));
            ("least-above-most", lang.pick(en, fr))
        }
        Refusal::ShapeUnknown { shape } => shape_unknown(lang, &shape.to_string()),
        Refusal::ShapeEmpty => ("shape-empty", lang.pick("a shape of zero chips runs nothing; ask for at least `1 chip`", "zéro puce ne fait rien tourner ; demandez au moins `1 chip`")),
        Refusal::NeverFits { asked, largest } => {
            let (en, fr) = (
                format!("{asked} can never fit: here you can hold {largest} at most; ask for less"),
                format!("{asked} ne tiendra jamais : vous pouvez tenir {largest} au plus ; demandez moins"),
            );
            ("never-fits", lang.pick(en, fr))
        }
        Refusal::NoCapacity => (
            "no-capacity",
            lang.pick("you have no pool of your own there and no signed contract; sign one with `sinew contract sign`", "vous n'y avez ni pool ni contrat signé ; signez-en un avec `sinew contract sign`"),
        ),
        Refusal::WhichPool { pools } => {
            let names = pools.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let (en, fr) = (format!("more than one pool would do: {names}; say which with --pool"), format!("plusieurs pools conviennent : {names} ; dites lequel avec --pool"));
            ("which-pool", lang.pick(en, fr))
        }
        Refusal::LimitTooShort { limit, notice } => {
            let (en, fr) = (
                format!("with a limit of {limit} it would be told to leave as soon as it starts, because its notice takes {notice}; set a longer --limit"),
                format!("avec une limite de {limit} elle devrait partir dès son départ, car son préavis dure {notice} ; fixez une --limit plus longue"),
            );
            ("limit-too-short", lang.pick(en, fr))
        }
        Refusal::WorkloadOver { name } => {
            let (en, fr) = (format!("`{name}` has already ended; there is nothing to do"), format!("`{name}` est déjà finie ; il n'y a rien à faire"));
            ("workload-over", lang.pick(en, fr))
        }
        _ => ("refused", String::new()),
    }
}

/// Chips enough, but not in the guaranteed shape.
fn no_room(lang: Lang, behind: Option<&Name>) -> (&'static str, String) {
    let (en, fr) = match behind {
        Some(lab) => (
            format!(
                "the pool has chips enough but not in this shape: the contract with {lab} stands in the way; guarantee a smaller shape, or wait for its end"
            ),
            format!(
                "le pool a assez de puces mais pas dans cette forme : le contrat avec {lab} fait obstacle ; garantissez une forme plus petite, ou attendez sa fin"
            ),
        ),
        None => (
            "the pool has chips enough but not in this shape; guarantee a smaller shape".to_owned(),
            "le pool a assez de puces mais pas dans cette forme ; garantissez une forme plus petite"
                .to_owned(),
        ),
    };
    ("no-room-in-shape", lang.pick(en, fr))
}

/// Why a pool has no such part.
fn no_such_cells(flaw: &RegionFlaw) -> (String, String) {
    match flaw {
        RegionFlaw::NoLevel { level } => {
            let word = format!("{level:?}").to_lowercase();
            (
                format!("the pool has no {word} there; its levels are shown by `sinew pool show`"),
                format!("le pool n'a pas de {word} à cet endroit ; `sinew pool show` montre ses niveaux"),
            )
        }
        RegionFlaw::TooFar { level, count } => {
            let word = format!("{level:?}").to_lowercase();
            (
                format!("there are {count} of {word}, counted from 0; name one of these"),
                format!("il y en a {count} ({word}), comptés à partir de 0 ; nommez-en un"),
            )
        }
    }
}
