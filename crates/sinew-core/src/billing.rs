//! Billing: from what a contract used to its invoice. A contract with clauses is billed by itself, for each calendar month.

use crate::control::Control;
use crate::event::Event;
use crate::late::{late, late_so_far};
use crate::lent::{lenders, lent};
use crate::settle::usage;
use crate::shared::Records;
use crate::state::State;
use sinew_contract::{Contract, Standing};
use sinew_ledger::{Invoice, Opening, Owed, Past, Period, Rating, UsageRecord};
use sinew_sched::Account;
use sinew_types::{ContractId, Instant, Meter, Quantity, WorkloadId};
use std::collections::BTreeMap;

/// What an invoice is of: a contract, the workloads that hold something, up to when, and whether none follows.
pub(crate) struct Due<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) holders: &'a Holders,
    pub(crate) to: Instant,
    pub(crate) last: bool,
}

/// The workloads that hold something.
#[derive(Default)]
pub(crate) struct Holders {
    under: BTreeMap<ContractId, Vec<WorkloadId>>,
    borrowers: BTreeMap<ContractId, Vec<WorkloadId>>,
}

impl Holders {
    pub(crate) fn of(state: &State) -> Self {
        let mut holders = Self::default();
        for (id, workload) in state.workloads.iter() {
            let Some(lease) = workload.lease() else { continue };
            if let Account::Contract(contract) = workload.account {
                holders.under.entry(contract).or_default().push(*id);
            }
            for (lender, _) in lenders(&lease.cells) {
                let borrowers = holders.borrowers.entry(lender).or_default();
                if borrowers.last() != Some(id) {
                    borrowers.push(*id);
                }
            }
        }
        holders
    }

    /// Those that hold something under a contract.
    fn under(&self, id: ContractId) -> &[WorkloadId] {
        self.under.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Those that hold cells of its guarantee under another.
    pub(crate) fn borrowers(&self, id: ContractId) -> &[WorkloadId] {
        self.borrowers.get(&id).map_or(&[], Vec::as_slice)
    }
}

/// The use so far of what still runs, and an invoice of everything that no other holds; with its number. Nothing where a sum
/// is too large to count.
pub(crate) fn bill(state: &State, now: Instant, due: &Due) -> Option<(u32, Vec<Event>)> {
    let (id, to) = (due.contract.id, due.to);
    let current: Vec<UsageRecord> =
        due.holders.under(id).iter().filter_map(|workload| usage(state, *workload, to)).collect();
    let mut rating = Rating::new(due.contract);
    let unbilled = state.unbilled.get(&id).into_iter().flat_map(Records::iter);
    unbilled.chain(&current).try_for_each(|record| rating.add(record)).ok()?;
    let number = invoices(state, id).next_back().map_or(0, |invoice| invoice.number).checked_add(1)?;
    let period = Period { from: state.billed_to(due.contract).min(now), to, last: due.last };
    let lent = lent(state, due.contract, due.holders, to);
    let so_far = late_so_far(state, id, to);
    let mut owed = Owed { undelivered: undelivered(state, id, to), ..Owed::default() };
    owed.late = late(state, id, &so_far);
    owed.lent = lent.unwrap_or(owed.lent);
    let made = rating.invoice(period, &Opening { number, owed, past: Past::of(invoices(state, id))? });
    let made = made.filter(|made| state.balances.can_post(&made.transaction))?;
    let mut events: Vec<Event> = current.into_iter().map(|record| Event::UsageRecorded { record }).collect();
    events.extend(so_far);
    events.extend(lent.map(|lent| Event::CapacityLent { id, to, lent }));
    events.push(Event::Invoiced { invoice: Box::new(made) });
    Some((number, events))
}

/// A contract's invoices, oldest first.
fn invoices(state: &State, id: ContractId) -> impl DoubleEndedIterator<Item = &Invoice> {
    state.invoices.range((id, 0)..=(id, u32::MAX)).map(|(_, invoice)| invoice)
}

/// What of a guarantee could not be held until `to` and stands on no invoice.
#[must_use]
pub fn undelivered(state: &State, id: ContractId, to: Instant) -> Quantity {
    let billed = invoices(state, id).filter_map(Invoice::undelivered).fold(0, u128::saturating_add);
    let amount = state.shortfall_chip_milli_ms(id, to).saturating_sub(billed);
    Quantity { meter: Meter::ChipTime, amount }
}

/// Bills every month that is over by `until`, at its end. Called before anything else of a turn, so that nothing of the next
/// month is known yet.
pub(crate) fn close_months(control: &mut Control, now: Instant, until: Instant) {
    let due =
        |control: &Control| control.state().index.closes.first().copied().filter(|(at, _)| *at <= until);
    if due(control).is_none() {
        return;
    }
    let holders = Holders::of(control.state());
    while let Some((to, id)) = due(control) {
        close(control, now, (id, &holders, to, false));
    }
}

/// The last invoice of a contract that is over and under which nothing runs.
pub(crate) fn close_last(control: &mut Control, now: Instant, id: ContractId) {
    let found = control.state().contracts.get(&id);
    if found.is_some_and(|contract| control.state().next_close(contract).is_some()) {
        let holders = Holders::of(control.state());
        close(control, now, (id, &holders, now, true));
    }
}

/// Makes the invoice. A sum beyond 2^127 units has none: that is said once, the month stays open, and nobody else's waits
/// for it.
fn close(control: &mut Control, now: Instant, what: (ContractId, &Holders, Instant, bool)) {
    let (id, holders, to, last) = what;
    let state = control.state();
    let due = state.contracts.get(&id).map(|contract| Due { contract, holders, to, last });
    match due.and_then(|due| bill(state, now, &due)) {
        Some((_, events)) => events.into_iter().for_each(|event| control.record(now, event)),
        None => control.record(now, Event::InvoiceStuck { id, to }),
    }
}

impl State {
    /// When the next invoice of a contract with clauses comes by itself; nothing where none does any more.
    #[must_use]
    pub fn next_close(&self, contract: &Contract) -> Option<Instant> {
        let comes = contract.standing == Standing::Signed && !contract.terms.clauses.is_empty();
        (comes && !self.stuck.holds(contract.id)).then(|| self.billed_to(contract).next_month())
    }
}
