//! Recomputes every invoice from the journal alone, and says what is equal.
//!
//! Use is measured here a second time, from the moments at which leases were granted, rebound and ended; the
//! usage records, which the invoices were made from, are only compared with it. What this proves: that the
//! bill follows from the leases and the signed terms. What it cannot prove: that the leases in the journal are
//! those that really ran; for that, both sides compare what they saw.

mod bill;
mod late;
mod usage;

use crate::error::CliError;
use anyhow::Result;
pub(crate) use bill::shown;
use bill::{Bill, chip_time};
use sinew_contract::{Contract, Standing};
use sinew_core::{Control, Event, Recorded, undelivered};
use sinew_ledger::{Balances, Invoice, InvoiceKey, Owed, Past};
use sinew_server::{ServerError, read_event};
use sinew_store::{JournalReader, StoreError};
use sinew_types::{ContractId, Instant, Name, OrgId};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use usage::{Known, Usage};

/// Which invoices to recompute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Every one.
    All,
    /// One.
    One(InvoiceKey),
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Check {
    /// What it is about: `journal`, or an invoice.
    pub(crate) of: String,
    /// What was looked at.
    pub(crate) what: String,
    /// Whether all is as it should be.
    pub(crate) equal: bool,
    /// What was found.
    pub(crate) found: String,
}

impl Check {
    /// A check from what was found: what is right, or what differs.
    pub(crate) fn of(of: &str, what: &str, found: Result<String, String>) -> Self {
        let equal = found.is_ok();
        let found = found.unwrap_or_else(|differs| differs);
        Self { of: of.to_owned(), what: what.to_owned(), equal, found }
    }
}

/// Everything that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Report {
    /// Whether every check is.
    pub(crate) equal: bool,
    /// How many records the journal has.
    pub(crate) records: u64,
    /// How many invoices were recomputed.
    pub(crate) invoices: usize,
    /// The checks, in the order of the journal.
    pub(crate) checks: Vec<Check>,
}

/// Checks the journal in a data folder; the server may be running.
pub(crate) fn audit(data: &Path, wanted: Wanted) -> Result<Report> {
    let journal = JournalReader::open(data)?;
    let mut auditor = Auditor::new(wanted);
    match journal.check() {
        Err(error @ (StoreError::Gap { .. } | StoreError::Damaged { .. })) => {
            auditor.add(Check::of("journal", "records", Err(error.to_string())));
            return Ok(auditor.report());
        }
        other => other?,
    }
    let mut unread = None;
    journal.read(1, &mut |row| match read_event(&row) {
        Ok(recorded) => {
            auditor.follow(row.seq, &recorded);
            ControlFlow::Continue(())
        }
        Err(error) => {
            unread = Some(error);
            ControlFlow::Break(())
        }
    })?;
    auditor.finish(unread);
    if let (Wanted::One((contract, number)), 0) = (wanted, auditor.invoices) {
        let why =
            format!("this journal has no invoice {contract}/{number}: `sinew verify all` names those it has");
        return Err(CliError::Usage(why).into());
    }
    Ok(auditor.report())
}

/// What the events have said so far.
struct Auditor {
    wanted: Wanted,
    /// The control plane itself, replayed: names, keys, pools and books come from it.
    control: Control,
    contracts: BTreeMap<ContractId, Contract>,
    issued: BTreeMap<ContractId, (u32, Instant)>,
    usage: Usage,
    books: Balances,
    last_at: Instant,
    backwards: Option<u64>,
    records: u64,
    invoices: usize,
    checks: Vec<Check>,
}

impl Auditor {
    fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            control: Control::default(),
            contracts: BTreeMap::new(),
            issued: BTreeMap::new(),
            usage: Usage::default(),
            books: Balances::default(),
            last_at: Instant::from_ms(i64::MIN),
            backwards: None,
            records: 0,
            invoices: 0,
            checks: Vec::new(),
        }
    }

    fn add(&mut self, check: Check) {
        self.checks.push(check);
    }

    fn follow(&mut self, seq: u64, recorded: &Recorded) {
        let Recorded { at, event } = recorded;
        self.records = seq;
        if *at < self.last_at {
            self.backwards.get_or_insert(seq);
        }
        self.last_at = *at;
        let known = Known { contracts: &self.contracts, state: self.control.state() };
        self.usage.advance(known, *at);
        match event {
            Event::ContractOffered { id, terms, key, signature, expanded } => {
                let contract = Contract {
                    id: *id,
                    terms: (**terms).clone(),
                    owner_signature: (*key, *signature),
                    lab_signature: None,
                    standing: Standing::Offered,
                    expanded: expanded.clone(),
                };
                self.contracts.insert(*id, contract);
            }
            Event::ContractSigned { id, key, signature } => {
                if let Some(contract) = self.contracts.get_mut(id) {
                    contract.lab_signature = Some((*key, *signature));
                    contract.standing = Standing::Signed;
                }
            }
            Event::Invoiced { invoice } => self.invoiced(*at, invoice),
            Event::PaymentReceived { payment } => match payment.transaction() {
                Some(transaction) if self.books.can_post(&transaction) => self.books.post(&transaction),
                _ => self.add(Check::of(
                    "journal",
                    "books",
                    Err(format!("payment {} is too large", payment.reference)),
                )),
            },
            other => self.usage.follow(self.control.state(), *at, other),
        }
        self.control.replay(recorded);
    }

    /// Recomputes an invoice at the moment it was made, whether it is wanted or not: the next one begins there.
    fn invoiced(&mut self, at: Instant, invoice: &Invoice) {
        self.books.post(&invoice.transaction);
        let used = self.usage.bill(self.control.state(), invoice.contract, invoice.to.min(at));
        let before = self.issued.insert(invoice.contract, (invoice.number, invoice.to));
        let key = (invoice.contract, invoice.number);
        if self.wanted != Wanted::All && self.wanted != Wanted::One(key) {
            return;
        }
        self.invoices += 1;
        let of = format!("{}/{}", invoice.contract, invoice.number);
        let Some(contract) = self.contracts.get(&invoice.contract) else {
            self.add(Check::of(&of, "contract", Err("the journal has no such contract".to_owned())));
            return;
        };
        let state = self.control.state();
        let name = |org: OrgId| state.organisations.get(&org).map(|found| found.name.clone());
        let key = |org: OrgId| state.organisations.get(&org).and_then(|found| found.public_key);
        let earlier = state.invoices.range((contract.id, 0)..=(contract.id, u32::MAX));
        let past = Past::of(earlier.map(|(_, invoice)| invoice));
        let owed = Owed {
            undelivered: undelivered(state, contract.id, invoice.to),
            late: chip_time(used.late),
            lent: chip_time(used.lent),
        };
        let bill = Bill { contract, invoice, used: &used, before, at, owed, past };
        let names: (Option<Name>, Option<Name>) = (name(contract.terms.owner), name(contract.terms.lab));
        let keys = (key(contract.terms.owner), key(contract.terms.lab));
        let found = [
            ("signatures", bill.signatures(&names, keys)),
            ("leases", bill.leases()),
            ("usage", bill.usage()),
            ("period", bill.period()),
            ("lines", bill.lines()),
            ("postings", bill.postings()),
        ];
        for (what, found) in found {
            self.checks.push(Check::of(&of, what, found));
        }
    }

    /// What can only be said at the end.
    fn finish(&mut self, unread: Option<ServerError>) {
        let records = match (unread, self.backwards) {
            (Some(error), _) => Err(error.to_string()),
            (None, Some(seq)) => Err(format!("record {seq} is older than the one before it")),
            (None, None) => Ok(format!("{} records, none missing, in the order of time", self.records)),
        };
        let known = Known { contracts: &self.contracts, state: self.control.state() };
        self.usage.advance(known, Instant::from_ms(i64::MAX));
        let open = self.usage.troubles();
        let unbilled = if open.is_empty() {
            Ok("what is not billed yet is recorded without gap or overlap".to_owned())
        } else {
            Err(open.join("; "))
        };
        let books = if self.books == self.control.state().balances {
            Ok("the books are the sum of all invoices and payments".to_owned())
        } else {
            Err("the books are not the sum of all invoices and payments".to_owned())
        };
        let whole = [("records", records), ("unbilled", unbilled), ("books", books)];
        self.checks.extend(whole.map(|(what, found)| Check::of("journal", what, found)));
    }

    fn report(self) -> Report {
        let equal = self.checks.iter().all(|check| check.equal);
        Report { equal, records: self.records, invoices: self.invoices, checks: self.checks }
    }
}

#[cfg(test)]
pub(crate) mod tests;
