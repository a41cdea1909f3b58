//! One invoice against the terms and the use that was measured.

use super::usage::Tally;
use sinew_contract::{Contract, PublicKey};
use sinew_ledger::{AccountKind, Invoice, Line, LineKind};
use sinew_types::{Instant, Meter, Money, Name, Price, Quantity};
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
        let [guaranteed_line, borrowed_line] = self.two_lines()?;
        same("guaranteed", &guaranteed_line.used, &own)?;
        same("borrowed", &borrowed_line.used, &borrowed)?;
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
        same("to", &self.invoice.to, &self.at)?;
        same("owner", &self.invoice.owner, &self.contract.terms.owner)?;
        same("lab", &self.invoice.lab, &self.contract.terms.lab)?;
        Ok(format!("{} to {}, {after}", self.invoice.from, self.invoice.to))
    }

    /// Every line and the total, from the use that was measured and the signed prices.
    pub(super) fn lines(&self) -> Found {
        let terms = &self.contract.terms;
        let [guaranteed_line, borrowed_line] = self.two_lines()?;
        let guaranteed = self.charge(guaranteed_line, &terms.guaranteed_price, self.used.own)?;
        let borrowed = self.charge(borrowed_line, &terms.borrowed_price, self.used.borrowed)?;
        let total = guaranteed.checked_add(&borrowed).ok_or("the sum is too large to count")?;
        same("total", &self.invoice.total, &total)?;
        Ok(format!("{guaranteed} guaranteed + {borrowed} borrowed = {total}"))
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

    fn two_lines(&self) -> Result<[&Line; 2], String> {
        match &self.invoice.lines[..] {
            [own, borrowed] if (own.kind, borrowed.kind) == (LineKind::Guaranteed, LineKind::Borrowed) => {
                Ok([own, borrowed])
            }
            other => Err(format!("it has {} lines, not one guaranteed and one borrowed", other.len())),
        }
    }

    fn charge(&self, line: &Line, price: &Price, used: u128) -> Result<Money, String> {
        same("price", &line.price, price)?;
        let charged = price.charge(chip_time(used), self.contract.terms.rounding);
        let charged = charged.ok_or("the amount is too large to count")?;
        same("amount", &line.amount, &charged)?;
        Ok(charged)
    }
}

fn chip_time(amount: u128) -> Quantity {
    Quantity { meter: Meter::ChipTime, amount }
}
