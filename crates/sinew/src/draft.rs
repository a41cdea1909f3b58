//! A contract's draft: a TOML file that a person reads, changes and signs.

use crate::error::CliError;
use serde::Deserialize;
use sinew_api::{Lang, TermsWire, refusal_text};
use sinew_contract::Terms;
use sinew_core::Refusal;
use sinew_types::ContractId;
use std::path::Path;

/// Terms with the identity that is signed together with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    /// Drawn once, when the draft is made.
    pub(crate) id: ContractId,
    /// What is offered.
    pub(crate) terms: Terms,
}

/// The names behind the ids, for those who read the file.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// Who lends.
    pub(crate) owner: String,
    /// Who borrows.
    pub(crate) lab: String,
    /// What is lent.
    pub(crate) pool: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DraftFile {
    id: String,
    terms: TermsWire,
}

impl Draft {
    /// The file's text.
    pub(crate) fn to_toml(&self, names: &Names) -> String {
        let terms = TermsWire::of(&self.terms);
        let bound = self.terms.recall_bound();
        let guarantee: Vec<String> = terms.guarantee.iter().map(|shape| quoted(shape)).collect();
        let (owner, lab, pool) = (&names.owner, &names.lab, &names.pool);
        let mut text = format!(
            "# {owner} lends from pool {pool} to {lab}. Read it, change what you like, then offer it with\n\
             # `sinew contract sign FILE`. Nothing is agreed before {lab} has signed the same terms.\n\
             # Recall bound: {bound} = notice + kill grace + hand-over. Times are in UTC.\n\n\
             # Drawn for this contract and signed with it; draft again for another one.\n\
             id = {}\n\n[terms]\n",
            quoted(&self.id.to_string())
        );
        let rows = [
            ("owner", quoted(&terms.owner), owner.as_str()),
            ("lab", quoted(&terms.lab), lab.as_str()),
            ("pool", quoted(&terms.pool), pool.as_str()),
            (
                "guarantee",
                format!("[{}]", guarantee.join(", ")),
                "what the lab can have at any instant, all at once",
            ),
            (
                "borrow_limit",
                quoted(&terms.borrow_limit),
                "the most beyond that, while nobody entitled needs it",
            ),
            (
                "lend_limit",
                quoted(&terms.lend_limit),
                "the most of its idle guarantee that others may borrow",
            ),
            ("notice", quoted(&terms.notice), "from the notice of a recall to its deadline"),
            ("kill_grace", quoted(&terms.kill_grace), "from the deadline until nothing runs"),
            ("hand_over", quoted(&terms.hand_over), "from then until the next holder has the cells"),
            (
                "minimum_term",
                terms.minimum_term.as_deref().map_or_else(String::new, quoted),
                "how long a lease is safe from recall",
            ),
            (
                "calendar",
                terms.calendar.as_deref().map_or_else(String::new, quoted),
                "in which windows it holds between its dates",
            ),
            ("starts", quoted(&terms.starts), "the first moment"),
            ("ends", quoted(&terms.ends), "the first moment after"),
            ("guaranteed_price", quoted(&terms.guaranteed_price), "while capacity of the guarantee is held"),
            ("borrowed_price", quoted(&terms.borrowed_price), "while borrowed capacity is held"),
            ("rounding", quoted(&terms.rounding), "of an invoice line: half-even, up or down"),
            ("clauses", listed(&terms.clauses), "what it costs beside that; billed by the month"),
        ];
        for (name, value, why) in rows.into_iter().filter(|(_, value, _)| !value.is_empty()) {
            text.push_str(&format!("{:<56}# {why}\n", format!("{name} = {value}")));
        }
        text
    }

    /// Reads a file's text.
    pub(crate) fn read(path: &Path, text: &str, language: Lang) -> Result<Self, CliError> {
        let wrong = |why: String| CliError::Usage(format!("{}: {why}", path.display()));
        let file: DraftFile = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let id =
            file.id.parse().map_err(|bad: sinew_types::Malformed| wrong(bad.inside("id").to_string()))?;
        let terms = file.terms.to_terms().map_err(|bad| wrong(bad.inside("terms").to_string()))?;
        check(&terms, language).map_err(wrong)?;
        Ok(Self { id, terms })
    }
}

/// The first thing that is wrong with terms, whatever the pool, as the server would say it.
pub(crate) fn check(terms: &Terms, language: Lang) -> Result<(), String> {
    terms.check().map_err(|flaw| refusal_text(language, &Refusal::Terms(flaw)).1)
}

/// The terms as a person reads them before signing.
pub(crate) fn summary(draft: &Draft, names: &Names) -> String {
    let terms = TermsWire::of(&draft.terms);
    let bound = draft.terms.recall_bound();
    let recall = format!(
        "{bound} = notice {} + kill grace {} + hand-over {}",
        terms.notice, terms.kill_grace, terms.hand_over
    );
    let rows = [
        ("contract", draft.id.to_string()),
        ("owner -> lab", format!("{} -> {}, pool {}", names.owner, names.lab, names.pool)),
        ("guarantee", terms.guarantee.join(" + ")),
        ("borrows up to", terms.borrow_limit),
        ("lends up to", terms.lend_limit),
        ("recall bound", recall),
        ("minimum term", terms.minimum_term.unwrap_or_else(|| "none".to_owned())),
        ("windows", terms.calendar.unwrap_or_else(|| "always".to_owned())),
        ("from", terms.starts),
        ("until", terms.ends),
        ("guaranteed", terms.guaranteed_price),
        ("borrowed", terms.borrowed_price),
        ("rounding", terms.rounding),
    ];
    let clauses = (1..)
        .zip(terms.clauses)
        .map(|(number, clause)| format!("  {:<13}  {clause}\n", format!("clause {number}")));
    rows.iter().map(|(name, value)| format!("  {name:<13}  {value}\n")).chain(clauses).collect()
}

/// Nothing for no clause; one clause a line otherwise.
fn listed(clauses: &[String]) -> String {
    if clauses.is_empty() {
        return String::new();
    }
    let lines: String = clauses.iter().map(|clause| format!("    {},\n", quoted(clause))).collect();
    format!("[\n{lines}]")
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests;
