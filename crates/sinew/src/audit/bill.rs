//! One invoice against the terms and the use that was measured.

use super::usage::Tally;
use sinew_contract::{Contract, PublicKey};
use sinew_ledger::{AccountKind, Invoice, Line, LineKind, Owed, Past, Period, Used, rate};
use sinew_types::{Instant, Meter, Money, Name, Quantity};
use std::fmt::Display;

/// What a check found: what is right, or what differs.
type Found = Result<String, String>;

/// An invoice and all that it has to follow from.
pub(super) struct Bill<'a> {
    pub(super) contract: &'a Contract,
    pub(super) invoice: &'a Invoice,
    pub(super) used: &'a Tally,
    /// Number and end of the invoice before.
    pub(super) before: Option<(u32, Instant)>,
    pub(super) at: Instant,
    /// What the owner owes for since then.
    pub(super) owed: Owed,
    /// What its clauses came to on earlier invoices.
    pub(super) past: Option<Past>,
}

/// Two values that should be the same, in words.
fn same<T: PartialEq + Display>(what: &str, billed: &T, recomputed: &T) -> Result<(), String> {
    if billed == recomputed {
        Ok(())
    } else {
        Err(format!("{what}: billed {billed}, recomputed {recomputed}"))
    }
}

impl Bill<'_> {
    /// Both signed exactly these terms, each with the key that it gave before.
    pub(super) fn signatures(
        &self,
        names: &(Option<Name>, Option<Name>),
        keys: (Option<PublicKey>, Option<PublicKey>),
    ) -> Found {
        let shown = |name: &Option<Name>| name.as_ref().map_or_else(|| "nobody".to_owned(), Name::to_string);
        let (owner, lab) = (shown(&names.0), shown(&names.1));
        let bytes = self.contract.terms.signing_bytes(self.contract.id);
        let (owner_key, owner_signature) = self.contract.owner_signature;
        if keys.0 != Some(owner_key) || !owner_key.signed(&bytes, &owner_signature) {
            return Err(format!("{owner} (owner) did not sign these terms"));
        }
        let Some((lab_key, lab_signature)) = self.contract.lab_signature else {
            return Err(format!("{lab} (lab) never signed"));
        };
        if keys.1 != Some(lab_key) || !lab_key.signed(&bytes, &lab_signature) {
            return Err(format!("{lab} (lab) did not sign these terms"));
        }
        Ok(format!("{owner} and {lab} signed these terms"))
    }

    /// Usage records tile the leases, and there are as many as the invoice says.
    pub(super) fn leases(&self) -> Found {
        if !self.used.troubles.is_empty() {
            return Err(self.used.troubles.join("; "));
        }
        same("usage records", &self.invoice.records, &self.used.records)?;
        let (records, leases) = (self.used.records, self.used.leases);
        Ok(format!("leases {leases}, usage records {records}, without gap or overlap"))
    }

    /// What was used, from the leases alone.
    pub(super) fn usage(&self) -> Found {
        let (own, borrowed) = (chip_time(self.used.own), chip_time(self.used.borrowed));
        same("guaranteed", &self.billed(LineKind::Guaranteed)?, &own)?;
        same("borrowed", &self.billed(LineKind::Borrowed)?, &borrowed)?;
        Ok(format!("{own} guaranteed, {borrowed} borrowed"))
    }

    /// Periods and numbers of a contract follow each other; the parties are the contract's.
    pub(super) fn period(&self) -> Found {
        let (number, begins, after) = match self.before {
            Some((number, to)) => (number.saturating_add(1), to, "right after the invoice before"),
            None => (1, self.contract.terms.starts.min(self.at), "from the contract's first moment"),
        };
        same("number", &self.invoice.number, &number)?;
        same("from", &self.invoice.from, &begins)?;
        same("to", &self.invoice.to, &self.until()?)?;
        same("owner", &self.invoice.owner, &self.contract.terms.owner)?;
        same("lab", &self.invoice.lab, &self.contract.terms.lab)?;
        Ok(format!("{} to {}, {after}", self.invoice.from, self.invoice.to))
    }

    /// Every line and the total, from the use that was measured, the signed prices and the signed clauses.
    pub(super) fn lines(&self) -> Found {
        let large = || "a sum is too large to count".to_owned();
        let (own, borrowed) = (chip_time(self.used.own), chip_time(self.used.borrowed));
        let used = Used { own, borrowed, owed: self.owed };
        let last = self.invoice.to < self.invoice.from.next_month();
        let period = Period { from: self.invoice.from, to: self.invoice.to, last };
        let past = self.past.as_ref().ok_or_else(large)?;
        let lines = rate(&self.contract.terms, period, &used, past).ok_or_else(large)?;
        same("lines", &self.invoice.lines.len(), &lines.len())?;
        for (number, (billed, line)) in (1..).zip(self.invoice.lines.iter().zip(&lines)) {
            same(&format!("line {number}"), &shown(billed), &shown(line))?;
        }
        let nothing = Money::zero(self.contract.terms.guaranteed_price.money.asset.clone());
        let total = lines.iter().try_fold(nothing, |sum, line| sum.checked_add(&line.amount));
        let total = total.ok_or_else(large)?;
        same("total", &self.invoice.total, &total)?;
        if let Some(card) = &self.invoice.rate_card {
            same("rate card", card, &self.contract.terms.rate_card())?;
        }
        let parts: Vec<String> =
            lines.iter().map(|line| format!("{} {}", line.amount, line.kind.word())).collect();
        Ok(format!("{} = {total}", parts.join(" + ")))
    }

    /// What the invoice does to the books sums to zero, and is this invoice's total.
    pub(super) fn postings(&self) -> Found {
        let transaction = &self.invoice.transaction;
        if !transaction.balances() {
            return Err("the postings do not sum to zero".to_owned());
        }
        let (owner, lab) = (self.contract.terms.owner, self.contract.terms.lab);
        let mut receivable = Money::zero(self.invoice.total.asset.clone());
        for posting in &transaction.postings {
            if posting.account.of != owner || posting.account.with != lab {
                return Err("a posting is in the books of somebody else".to_owned());
            }
            if posting.account.kind == AccountKind::Receivable {
                receivable =
                    receivable.checked_add(&posting.money).ok_or("a posting is in another currency")?;
            }
        }
        same("receivable", &receivable, &self.invoice.total)?;
        Ok(format!("sum to zero, {receivable} receivable"))
    }

    /// When it has to end: with its month where the contract is billed by the month, and within one only as the last; else
    /// when it was made.
    fn until(&self) -> Result<Instant, String> {
        let (terms, month) = (&self.contract.terms, self.invoice.from.next_month());
        match (terms.clauses.is_empty(), self.at < month) {
            (true, _) => Ok(self.at),
            (false, false) => Ok(month),
            (false, true) if self.at >= terms.ends => Ok(self.at),
            (false, true) => {
                Err(format!("it was made at {}, within a month and before the contract ends", self.at))
            }
        }
    }

    /// How much of something all lines together speak of.
    fn billed(&self, kind: LineKind) -> Result<Quantity, String> {
        let used = self.invoice.lines.iter().filter(|line| line.kind == kind).filter_map(|line| line.used);
        used.reduce(|sum, more| sum.checked_add(more).unwrap_or(sum))
            .ok_or_else(|| format!("it has no line for what is {}", kind.word()))
    }
}

/// A line with all that it says.
pub(crate) fn shown(line: &Line) -> String {
    let used = line.used.map_or_else(String::new, |used| format!(", {used}"));
    let price = line.price.as_ref().map_or_else(String::new, |price| format!(" at {price}"));
    let clause = line.clause.map_or_else(String::new, |clause| format!(", clause {clause}"));
    format!("{}{used}{price}{clause}: {}", line.kind.word(), line.amount)
}

pub(super) fn chip_time(amount: u128) -> Quantity {
    Quantity { meter: Meter::ChipTime, amount }
}
