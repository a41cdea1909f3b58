//! From the leaves of a proof to the invoices in it, each with all that the log has of its period.
//!
//! Without clauses an invoice depends on its own period only, so the proof begins with the invoice before. Clauses look
//! back: at what a credit has left, and at cells that failed before the period began. So there the proof holds all leaves,
//! and every invoice up to this one is made again.

use super::check::Found;
use super::{Bundle, Item, contract_of};
use sinew_contract::Contract;
use sinew_core::{ChipMilli, Event, Recorded};
use sinew_ledger::{Invoice, Owed, UsageRecord};
use sinew_types::{Instant, Meter, Quantity};

/// An invoice, and what the log has since the one before.
pub(super) struct Range {
    pub(super) invoice: Invoice,
    pub(super) number: u32,
    pub(super) from: Instant,
    pub(super) to: Instant,
    pub(super) records: Vec<UsageRecord>,
    pub(super) owed: Owed,
}

/// Everything after the invoice before is there, up to the last one, and belongs to this contract.
pub(super) fn ranges(bundle: &Bundle, leaves: &[Recorded], contract: &Contract) -> Found<Vec<Range>> {
    let (_, mut rest) = leaves.split_at(2);
    if !hidden_in_one_place(bundle) {
        return Err("leaves are hidden elsewhere than right after the terms".to_owned());
    }
    let by_month = !contract.terms.clauses.is_empty();
    let whole = bundle.items.iter().all(|item| matches!(item, Item::Leaf(_)));
    if by_month && !whole {
        return Err("leaves are hidden, and the clauses of this contract look back at all of them".to_owned());
    }
    let mut reader = Reader::new(contract);
    if !by_month
        && let [Recorded { event: Event::Invoiced { invoice }, at }, after @ ..] = rest
        && !after.is_empty()
    {
        if (invoice.contract, invoice.to) != (contract.id, *at) {
            return Err("the invoice before is of another contract, or not of when it was made".to_owned());
        }
        reader.number = invoice.number.checked_add(1).ok_or("numbers are used up")?;
        reader.from = Some(invoice.to);
        rest = after;
    } else if !whole {
        return Err("leaves are hidden, and what follows does not begin with the invoice before".to_owned());
    }
    let Some(Recorded { event: Event::Invoiced { .. }, .. }) = rest.last() else {
        return Err("the last leaf is no invoice".to_owned());
    };
    for recorded in rest {
        reader.follow(recorded)?;
    }
    let between = reader.found.iter().rev().skip(1).find(|_| !by_month);
    if let Some(Range { number, .. }) = between {
        return Err(format!("invoice {number} lies between; this is no proof of one invoice"));
    }
    let records: usize = reader.found.iter().map(|range| range.records.len()).sum();
    let from = reader.found.first().map_or(contract.terms.starts, |range| range.from);
    let said = format!("{records} usage records since {from}, all that the log has");
    Ok((reader.found, said))
}

/// Whether nodes stand only right after the first two leaves.
fn hidden_in_one_place(bundle: &Bundle) -> bool {
    let is_node = |item: &Item| matches!(item, Item::Node(..));
    let after_nodes = bundle.items.iter().skip(2).skip_while(|item| is_node(item));
    !bundle.items.iter().take(2).any(is_node) && !after_nodes.into_iter().any(is_node)
}

/// Goes through the records of a log, invoice by invoice.
struct Reader<'a> {
    contract: &'a Contract,
    number: u32,
    /// Where the period begins, if not where the contract does.
    from: Option<Instant>,
    records: Vec<UsageRecord>,
    missing: u128,
    counted_to: Instant,
    undelivered: u128,
    late: u128,
    lent: u128,
    found: Vec<Range>,
}

impl<'a> Reader<'a> {
    fn new(contract: &'a Contract) -> Self {
        let (counted_to, records, found) = (contract.terms.starts, Vec::new(), Vec::new());
        Self {
            contract,
            number: 1,
            from: None,
            records,
            missing: 0,
            counted_to,
            undelivered: 0,
            late: 0,
            lent: 0,
            found,
        }
    }

    fn follow(&mut self, recorded: &Recorded) -> Result<(), String> {
        let Recorded { at, event } = recorded;
        if contract_of(event) != Some(self.contract.id) {
            return Err("a record of another contract stands in this log".to_owned());
        }
        match event {
            Event::UsageRecorded { record } => self.records.push(record.clone()),
            Event::ContractImpaired { missing_chips, chip_milli: ChipMilli(each), .. } => {
                self.count(*at)?;
                self.missing = u128::from(*missing_chips).saturating_mul(u128::from(*each));
            }
            Event::ContractHealed { .. } | Event::ContractEnded { .. } => {
                self.count(*at)?;
                self.missing = 0;
            }
            Event::CapacityLent { lent, .. } => {
                self.lent = self.lent.checked_add(lent.amount).ok_or("a sum is too large to count")?;
            }
            Event::CapacityLate { from, to, chip_milli, .. } => {
                let more = u128::from(*chip_milli) * u128::from(to.since(*from).ms());
                self.late = self.late.checked_add(more).ok_or("a sum is too large to count")?;
            }
            Event::Invoiced { invoice } => self.close(*at, invoice)?,
            _ => return Err("the terms stand in this log more than once".to_owned()),
        }
        Ok(())
    }

    /// Counts what was missing up to a moment.
    fn count(&mut self, to: Instant) -> Result<(), String> {
        let span_ms = u128::from(self.contract.open_between(self.counted_to, to).ms());
        let more = self.missing.checked_mul(span_ms);
        let sum = more.and_then(|more| self.undelivered.checked_add(more));
        self.undelivered = sum.ok_or("a sum is too large to count")?;
        self.counted_to = to;
        Ok(())
    }

    fn close(&mut self, at: Instant, invoice: &Invoice) -> Result<(), String> {
        let terms = &self.contract.terms;
        let from = self.from.unwrap_or(terms.starts.min(at));
        // With clauses an invoice never goes beyond the month that it begins in.
        let to = if terms.clauses.is_empty() { at } else { from.next_month().min(at) };
        if !terms.clauses.is_empty() && to < from.next_month() && at < terms.ends {
            let number = self.number;
            return Err(format!(
                "invoice {number} ends at {to}, within a month and before the contract does"
            ));
        }
        self.count(to)?;
        let sum = |amount: &mut u128| Quantity { meter: Meter::ChipTime, amount: std::mem::take(amount) };
        let (undelivered, late) = (sum(&mut self.undelivered), sum(&mut self.late));
        let owed = Owed { undelivered, late, lent: sum(&mut self.lent) };
        self.found.push(Range {
            invoice: invoice.clone(),
            number: self.number,
            from,
            to,
            records: std::mem::take(&mut self.records),
            owed,
        });
        self.number = self.number.checked_add(1).ok_or("numbers are used up")?;
        self.from = Some(to);
        Ok(())
    }
}
