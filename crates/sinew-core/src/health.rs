//! Cells that have failed, and the guarantees that cannot be held because of them.

use crate::event::{ChipMilli, Event};
use crate::state::{Phase, State};
use sinew_types::{
    Canonical, CellIndex, CellRange, ContractId, Instant, Malformed, PoolId, Value, canonical_struct,
};
use std::collections::BTreeMap;

/// The failed cells of each pool, as ranges that do not touch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Failed(BTreeMap<PoolId, BTreeMap<CellIndex, u32>>);

impl Failed {
    /// The failed cells of a pool, in order.
    pub fn of(&self, pool: PoolId) -> impl Iterator<Item = CellRange> + '_ {
        let ranges = self.0.get(&pool).into_iter().flatten();
        ranges.map(|(first, count)| CellRange { first: *first, count: *count })
    }

    /// How many cells of a range have failed.
    #[must_use]
    pub fn within(&self, pool: PoolId, range: CellRange) -> u32 {
        self.overlapping(pool, range).iter().map(|part| part.count).sum()
    }

    /// The parts of a range that have failed. Looks at no more of the pool than that.
    #[must_use]
    pub fn overlapping(&self, pool: PoolId, range: CellRange) -> Vec<CellRange> {
        let Some(all) = self.0.get(&pool) else { return Vec::new() };
        let before = all.range(..range.first).next_back();
        let found = before.into_iter().chain(all.range(range.first..CellIndex(range.end())));
        let cut = |(first, count): (&CellIndex, &u32)| {
            let from = first.0.max(range.first.0);
            let to = (first.0 + count).min(range.end());
            (from < to).then(|| CellRange { first: CellIndex(from), count: to - from })
        };
        found.filter_map(cut).collect()
    }

    /// Marks cells as failed, or as healthy again.
    fn set(&mut self, pool: PoolId, range: CellRange, down: bool) {
        let all = self.0.entry(pool).or_default();
        let (mut from, mut to) = (range.first.0, range.end());
        // What touches the range is taken out, and what lies beyond it put back.
        let touching: Vec<(CellIndex, u32)> = all
            .range(..=CellIndex(to))
            .rev()
            .take_while(|(first, count)| first.0 + **count >= from)
            .map(|(first, count)| (*first, *count))
            .collect();
        for (first, count) in touching {
            all.remove(&first);
            let end = first.0 + count;
            if down {
                (from, to) = (from.min(first.0), to.max(end));
                continue;
            }
            if first.0 < from {
                all.insert(first, from - first.0);
            }
            if end > to {
                all.insert(CellIndex(to), end - to);
            }
        }
        if down {
            all.insert(CellIndex(from), to - from);
        }
        if all.is_empty() {
            self.0.remove(&pool);
        }
    }
}

impl Canonical for Failed {
    /// Nothing where nothing has failed, so that a state from before cells could fail reads the same.
    fn to_value(&self) -> Value {
        let pool = |(pool, _): (&PoolId, _)| (*pool, self.of(*pool).collect::<Vec<_>>());
        let all: Vec<(PoolId, Vec<CellRange>)> = self.0.iter().map(pool).collect();
        if all.is_empty() { Value::Null } else { all.to_value() }
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        let mut failed = Self::default();
        for (pool, ranges) in Option::<Vec<(PoolId, Vec<CellRange>)>>::from_value(value)?.unwrap_or_default()
        {
            ranges.into_iter().for_each(|range| failed.set(pool, range, true));
        }
        Ok(failed)
    }
}

/// What is missing of a contract's guarantee, and what has been.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shortfall {
    /// Since when the guarantee is not whole; nothing where it is.
    pub since: Option<Instant>,
    /// How many chips of it are missing now.
    pub missing_chips: u32,
    /// Chip-milliseconds that were missing up to `counted_to`, inside the contract's dates and windows.
    pub chip_ms: u64,
    /// Up to when that is counted.
    pub counted_to: Instant,
}

canonical_struct!(Shortfall { since, missing_chips, chip_ms, counted_to });

/// The shortfalls of all contracts that ever had one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shortfalls(BTreeMap<ContractId, Shortfall>);

impl Shortfalls {
    /// What is and was missing of a contract's guarantee; nothing where nothing ever was.
    #[must_use]
    pub fn get(&self, id: ContractId) -> Option<&Shortfall> {
        self.0.get(&id)
    }

    /// Every contract of which something is missing now.
    pub fn open(&self) -> impl Iterator<Item = (ContractId, &Shortfall)> {
        self.0.iter().filter(|(_, found)| found.missing_chips > 0).map(|(id, found)| (*id, found))
    }
}

impl Canonical for Shortfalls {
    /// Nothing where there is none, so that a state from before there were any reads the same.
    fn to_value(&self) -> Value {
        let all: Vec<(ContractId, Shortfall)> = self.0.iter().map(|(id, s)| (*id, s.clone())).collect();
        if all.is_empty() { Value::Null } else { all.to_value() }
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        let all = Option::<Vec<(ContractId, Shortfall)>>::from_value(value)?.unwrap_or_default();
        Ok(Self(all.into_iter().collect()))
    }
}

impl State {
    /// Chip-milliseconds of a contract's guarantee that were missing until `now`, inside its dates and windows.
    #[must_use]
    pub fn shortfall_chip_ms(&self, id: ContractId, now: Instant) -> u64 {
        let (Some(found), Some(contract)) = (self.shortfalls.get(id), self.contracts.get(&id)) else {
            return 0;
        };
        let span_ms = contract.open_between(found.counted_to, now).ms();
        found.chip_ms.saturating_add(u64::from(found.missing_chips).saturating_mul(span_ms))
    }
}

impl State {
    /// The same as an amount of chip-time, in the unit that usage is counted in.
    #[must_use]
    pub fn shortfall_chip_milli_ms(&self, id: ContractId, now: Instant) -> u128 {
        let each = self.contracts.get(&id).map_or(0, |contract| self.chip_milli(contract.terms.pool).0);
        u128::from(self.shortfall_chip_ms(id, now)) * u128::from(each)
    }

    /// How much of a chip one chip of a pool is.
    #[must_use]
    pub fn chip_milli(&self, pool: PoolId) -> ChipMilli {
        ChipMilli(self.pools.get(&pool).map_or(0, |pool| pool.topology.each().chip_milli))
    }
}

/// Changes the state as an event about failed cells says.
pub(crate) fn apply_health(state: &mut State, at: Instant, event: &Event) {
    match event {
        Event::CellsDown { pool, cells } => state.failed.set(*pool, *cells, true),
        Event::CellsUp { pool, cells } => state.failed.set(*pool, *cells, false),
        Event::ContractImpaired { id, missing_chips, .. } => missing(state, at, *id, *missing_chips),
        Event::ContractHealed { id } => missing(state, at, *id, 0),
        Event::ContractEnded { id } if state.shortfalls.get(*id).is_some() => missing(state, at, *id, 0),
        Event::LeaseFailed { id, epoch } => {
            if let Some(workload) = state.workloads.get_mut(id).filter(|workload| workload.epoch == *epoch)
                && let Phase::Holding { lease } = &mut workload.phase
            {
                lease.failed_at = Some(at);
            }
        }
        _ => {}
    }
}

/// From now on so many chips of a guarantee are missing; what was missing until now is counted.
fn missing(state: &mut State, at: Instant, id: ContractId, missing_chips: u32) {
    let chip_ms = state.shortfall_chip_ms(id, at);
    let since = state.shortfalls.get(id).and_then(|found| found.since);
    let since = (missing_chips > 0).then_some(since.unwrap_or(at));
    state.shortfalls.0.insert(id, Shortfall { since, missing_chips, chip_ms, counted_to: at });
}
