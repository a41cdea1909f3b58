//! Guaranteed capacity that comes later than the recall bound allows, where the terms pay the lab for that.
//!
//! A workload inside the guarantee whose cells are being taken back has them within the bound: that is what was signed. From
//! then on it is late, until it has them or no longer waits for them.

use crate::event::Event;
use crate::state::{State, Workload};
use sinew_contract::{Contract, Owing};
use sinew_sched::{Account, Wait, shape_chips};
use sinew_types::{
    Canonical, ContractId, Instant, Malformed, Meter, Quantity, Value, WorkloadId, canonical_struct,
};
use std::collections::BTreeMap;

/// A workload that waits for cells of its guarantee.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Awaited {
    /// Under which contract.
    pub contract: ContractId,
    /// How much, in thousandths of a chip.
    pub chip_milli: u64,
    /// From when on it is late and no record says so.
    pub late_from: Instant,
}

canonical_struct!(Awaited { contract, chip_milli, late_from });

/// What is awaited under contracts that pay for lateness, and what was late and stands on no invoice.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Late {
    awaited: BTreeMap<WorkloadId, Awaited>,
    owed: BTreeMap<ContractId, Quantity>,
}

type Written = (Vec<(WorkloadId, Awaited)>, Vec<(ContractId, Quantity)>);

/// Nothing where nothing is awaited or owed, so that a state from before anybody was paid for it reads the same.
impl Canonical for Late {
    fn to_value(&self) -> Value {
        if *self == Self::default() {
            return Value::Null;
        }
        let awaited: Vec<_> = self.awaited.iter().map(|(id, awaited)| (*id, *awaited)).collect();
        let owed: Vec<_> = self.owed.iter().map(|(id, owed)| (*id, *owed)).collect();
        (awaited, owed).to_value()
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        let (awaited, owed) = Option::<Written>::from_value(value)?.unwrap_or_default();
        Ok(Self { awaited: awaited.into_iter().collect(), owed: owed.into_iter().collect() })
    }
}

/// What has to be written down before an event after which a workload no longer waits as it did.
pub(crate) fn late_before(state: &State, at: Instant, event: &Event) -> Option<Event> {
    let id = event.workload().filter(|_| ends_wait(event))?;
    late_until(id, state.late.awaited.get(&id)?, at)
}

/// What is late under a contract up to a moment and not written down.
pub(crate) fn late_so_far(state: &State, id: ContractId, to: Instant) -> Vec<Event> {
    let under = state.late.awaited.iter().filter(|(_, awaited)| awaited.contract == id);
    under.filter_map(|(workload, awaited)| late_until(*workload, awaited, to)).collect()
}

/// What was late under a contract and stands on no invoice, with records that are about to be written.
pub(crate) fn late(state: &State, id: ContractId, coming: &[Event]) -> Quantity {
    let nothing = Quantity { meter: Meter::ChipTime, amount: 0 };
    let written = state.late.owed.get(&id).copied().unwrap_or(nothing);
    coming.iter().filter_map(lateness).fold(written, plus)
}

/// Follows an event. Called before the state changes by it.
pub(crate) fn apply_late(state: &mut State, at: Instant, event: &Event) {
    match event {
        Event::CapacityLate { id, workload, to, .. } => {
            if let (Some(more), Some(awaited)) = (lateness(event), state.late.awaited.get_mut(workload)) {
                awaited.late_from = *to;
                let owed = state.late.owed.entry(*id).or_insert(Quantity { amount: 0, ..more });
                *owed = plus(*owed, more);
            }
        }
        Event::Invoiced { invoice } => {
            state.late.owed.remove(&invoice.contract);
        }
        Event::WaitChanged { id, why: Wait::Recalling { .. } } => {
            if let Some(awaited) = awaited(state, at, *id) {
                state.late.awaited.entry(*id).or_insert(awaited);
            }
        }
        other => {
            if let Some(id) = other.workload().filter(|_| ends_wait(other)) {
                state.late.awaited.remove(&id);
            }
        }
    }
}

/// Whether a workload no longer waits for its cells as before.
fn ends_wait(event: &Event) -> bool {
    match event {
        Event::WaitChanged { why, .. } => !matches!(why, Wait::Recalling { .. }),
        Event::LeaseGranted { .. } | Event::WorkloadAdjusted { .. } | Event::WorkloadCancelled { .. } => true,
        _ => false,
    }
}

/// What a workload awaits whose cells are being taken back from now on, where its contract pays for lateness.
fn awaited(state: &State, at: Instant, id: WorkloadId) -> Option<Awaited> {
    let Workload { account: Account::Contract(contract), pool, spec, .. } = state.workloads.get(&id)? else {
        return None;
    };
    let known = state.contracts.get(contract).filter(|contract| pays(contract))?;
    let chips = shape_chips(&state.pools.get(pool)?.topology, &spec.parts.first()?.least)?;
    let chip_milli = u64::from(chips).saturating_mul(state.chip_milli(*pool).0);
    Some(Awaited { contract: *contract, chip_milli, late_from: at.plus(known.terms.recall_bound()) })
}

fn pays(contract: &Contract) -> bool {
    contract.terms.clauses.owing(Owing::Late).is_some()
}

fn late_until(workload: WorkloadId, awaited: &Awaited, to: Instant) -> Option<Event> {
    let Awaited { contract: id, chip_milli, late_from: from } = *awaited;
    (from < to).then_some(Event::CapacityLate { id, workload, from, to, chip_milli })
}

/// How much a record says was late.
fn lateness(event: &Event) -> Option<Quantity> {
    let Event::CapacityLate { from, to, chip_milli, .. } = event else { return None };
    Some(Quantity::chip_time(*chip_milli, to.since(*from)))
}

fn plus(sum: Quantity, more: Quantity) -> Quantity {
    Quantity { amount: sum.amount.saturating_add(more.amount), ..sum }
}
