//! Whose cells are whose by promise: the promise map, as it was recorded.

use sinew_sched::{Account, Bound};
use sinew_types::{Canonical, CellIndex, Malformed, PoolId, Value};
use std::collections::BTreeMap;

/// For each pool the cells that are bound to contracts; all others are the owner's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bindings(BTreeMap<PoolId, BTreeMap<CellIndex, (u32, Account)>>);

impl Bindings {
    /// The cells of a pool that are bound to contracts, in order.
    pub fn of(&self, pool: PoolId) -> impl Iterator<Item = Bound> + '_ {
        let runs = self.0.get(&pool).into_iter().flatten();
        runs.map(|(first, (count, account))| Bound { first: *first, count: *count, account: *account })
    }

    /// Binds cells to accounts, whoever had them before.
    pub(crate) fn set(&mut self, pool: PoolId, cells: &[Bound]) {
        let runs = self.0.entry(pool).or_default();
        for run in cells {
            cut(runs, run.first.0, run.first.0 + run.count);
            if run.account != Account::Owner {
                join(runs, *run);
            }
        }
        if runs.is_empty() {
            self.0.remove(&pool);
        }
    }
}

/// Takes the chips from `from` up to `to` out of all runs.
fn cut(runs: &mut BTreeMap<CellIndex, (u32, Account)>, from: u32, to: u32) {
    let overlapping =
        runs.range(..CellIndex(to)).rev().take_while(|(first, (count, _))| first.0 + count > from);
    let overlapping: Vec<Bound> = overlapping
        .map(|(first, (count, account))| Bound { first: *first, count: *count, account: *account })
        .collect();
    for run in overlapping {
        runs.remove(&run.first);
        let end = run.first.0 + run.count;
        if run.first.0 < from {
            runs.insert(run.first, (from - run.first.0, run.account));
        }
        if to < end {
            runs.insert(CellIndex(to), (end - to, run.account));
        }
    }
}

/// Adds a run where none is, as one with its neighbours of the same account.
fn join(runs: &mut BTreeMap<CellIndex, (u32, Account)>, run: Bound) {
    let (mut first, mut count) = (run.first, run.count);
    if let Some((before, (length, account))) = runs.range(..first).next_back()
        && before.0 + length == first.0
        && *account == run.account
    {
        (first, count) = (*before, count + length);
    }
    let next = CellIndex(run.first.0 + run.count);
    if let Some((length, account)) = runs.get(&next).copied()
        && account == run.account
    {
        runs.remove(&next);
        count += length;
    }
    runs.insert(first, (count, run.account));
}

impl Canonical for Bindings {
    /// Nothing where nothing is bound, so that a state from before there were bindings reads the same.
    fn to_value(&self) -> Value {
        let pool = |(pool, _): (&PoolId, _)| (*pool, self.of(*pool).collect::<Vec<_>>());
        let all: Vec<(PoolId, Vec<Bound>)> = self.0.iter().map(pool).collect();
        if all.is_empty() { Value::Null } else { all.to_value() }
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        let mut bindings = Self::default();
        for (pool, cells) in Option::<Vec<(PoolId, Vec<Bound>)>>::from_value(value)?.unwrap_or_default() {
            bindings.set(pool, &cells);
        }
        Ok(bindings)
    }
}
