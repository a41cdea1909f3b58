//! What of idle guarantees others hold, where the terms pay the lab for that.
//!
//! It is counted from the leases themselves, within the contract's dates and windows: beyond them nothing is guaranteed
//! that could lie idle; what a lab reads says how much was lent, and never who held it or at what price.

use crate::billing::Holders;
use crate::state::State;
use sinew_contract::{Contract, Owing, Standing};
use sinew_ledger::UsageRecord;
use sinew_sched::{Account, Cells, Holding};
use sinew_types::{
    Canonical, ContractId, Instant, Malformed, Meter, Quantity, Span, Value, canonical_struct,
};
use std::collections::BTreeMap;

/// What one contract lent and was not paid for yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LentOut {
    /// How much, of leases whose use is recorded.
    pub lent: Quantity,
    /// What was held before is paid for.
    pub counted_to: Instant,
}

canonical_struct!(LentOut { lent, counted_to });

/// What contracts lent, of those whose terms pay for it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lent(BTreeMap<ContractId, LentOut>);

/// Nothing where nothing was lent, so that a state from before anybody was paid for it reads the same.
impl Canonical for Lent {
    fn to_value(&self) -> Value {
        let all: Vec<(ContractId, LentOut)> = self.0.iter().map(|(id, out)| (*id, *out)).collect();
        if all.is_empty() { Value::Null } else { all.to_value() }
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        let all = Option::<Vec<(ContractId, LentOut)>>::from_value(value)?;
        Ok(Self(all.unwrap_or_default().into_iter().collect()))
    }
}

impl Lent {
    /// What a contract lent up to a moment is on an invoice.
    pub(crate) fn billed(&mut self, id: ContractId, to: Instant) {
        self.0.insert(id, LentOut { lent: nothing(), counted_to: to });
    }

    /// A contract is over.
    pub(crate) fn forget(&mut self, id: ContractId) {
        self.0.remove(&id);
    }

    fn counted_to(&self, id: ContractId) -> Instant {
        self.0.get(&id).map_or(Instant::from_ms(i64::MIN), |out| out.counted_to)
    }
}

/// Of which guarantees cells are borrowed, and how many chips of each.
pub(crate) fn lenders(cells: &Cells) -> impl Iterator<Item = (ContractId, u32)> + '_ {
    cells.runs().iter().filter_map(|run| match run.holding {
        Holding::Borrowed { lender: Account::Contract(id) } => Some((id, run.count)),
        _ => None,
    })
}

/// A lease that borrowed so many chips of each of these held them for the time of a record.
pub(crate) fn count(state: &mut State, record: &UsageRecord, lenders: &[(ContractId, u32)]) {
    for (id, chips) in lenders.iter().copied() {
        let Some(contract) = state.contracts.get(&id).filter(|contract| pays(contract)) else { continue };
        let from = record.from.max(state.lent.counted_to(id));
        let held = contract.open_between(from, record.to);
        let more = quantity(chips, state.chip_milli(record.pool).0, held);
        let fresh = LentOut { lent: nothing(), counted_to: Instant::from_ms(i64::MIN) };
        let out = state.lent.0.entry(id).or_insert(fresh);
        out.lent.amount = out.lent.amount.saturating_add(more.amount);
    }
}

/// What a contract lent up to a moment and stands on no invoice, also to leases that go on; nothing where nothing was lent
/// or its terms do not pay for it.
pub(crate) fn lent(state: &State, contract: &Contract, holders: &Holders, to: Instant) -> Option<Quantity> {
    if !pays(contract) {
        return None;
    }
    let id = contract.id;
    let mut sum = state.lent.0.get(&id).map_or(nothing(), |out| out.lent);
    for workload in holders.borrowers(id) {
        let Some(workload) = state.workloads.get(workload) else { continue };
        let Some(lease) = workload.lease().filter(|lease| lease.failed_at.is_none()) else { continue };
        let held = contract.open_between(lease.recorded_to.max(state.lent.counted_to(id)), to);
        for (_, chips) in lenders(&lease.cells).filter(|(lender, _)| *lender == id) {
            let more = quantity(chips, state.chip_milli(workload.pool).0, held);
            sum.amount = sum.amount.saturating_add(more.amount);
        }
    }
    (sum.amount > 0).then_some(sum)
}

/// Whether the terms pay for what is lent now.
fn pays(contract: &Contract) -> bool {
    contract.standing == Standing::Signed && contract.terms.clauses.owing(Owing::Lent).is_some()
}

fn quantity(chips: u32, each_milli: u64, held: Span) -> Quantity {
    Quantity::chip_time(u64::from(chips).saturating_mul(each_milli), held)
}

fn nothing() -> Quantity {
    Quantity { meter: Meter::ChipTime, amount: 0 }
}
