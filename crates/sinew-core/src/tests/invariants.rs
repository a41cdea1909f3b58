//! The seven invariants, checked by a naive model that recomputes everything from the journal.

use super::world::World;
use crate::*;
use sinew_ledger::UsageRecord;
use sinew_sched::{Account, Holding};
use sinew_types::*;
use std::collections::{BTreeMap, BTreeSet};

/// One lease as the journal tells it.
#[derive(Debug)]
struct Life {
    workload: WorkloadId,
    account: Account,
    from: Instant,
    to: Option<Instant>,
    cells: BTreeMap<CellIndex, Holding>,
    usage: Vec<UsageRecord>,
    shape: (u32, u32),
}

fn lives(journal: &[Recorded]) -> Vec<Life> {
    let mut known: BTreeMap<WorkloadId, (Account, (u32, u32))> = BTreeMap::new();
    let mut lives: Vec<Life> = Vec::new();
    let current = |lives: &[Life], id: WorkloadId| {
        lives.iter().rposition(|life| life.workload == id).expect("a lease was granted before")
    };
    for Recorded { at, event } in journal {
        match event {
            Event::WorkloadSubmitted { id, account, spec, .. } => {
                known.insert(*id, (*account, workload_shape(spec)));
            }
            Event::LeaseGranted { id, cells, .. } => {
                let (account, shape) = known[id];
                let cells = cells.clone();
                lives.push(Life { workload: *id, account, from: *at, to: None, cells, usage: vec![], shape });
            }
            Event::LeaseRebound { id, cells, .. } => {
                let at = current(&lives, *id);
                let before: BTreeSet<_> = lives[at].cells.keys().collect();
                assert_eq!(before, cells.keys().collect(), "3: a gang's cells never change");
                lives[at].cells = cells.clone();
            }
            Event::LeaseEnded { id, ended_at, .. } => {
                assert!(ended_at <= at, "6: nothing is billed for the future");
                let place = current(&lives, *id);
                assert!(lives[place].to.replace(*ended_at).is_none(), "4: a lease ends once");
            }
            Event::UsageRecorded { record } => {
                let at = current(&lives, record.workload);
                lives[at].usage.push(record.clone());
            }
            _ => {}
        }
    }
    lives
}

/// Checks everything at the world's current moment.
pub(super) fn check(world: &World) {
    let lives = lives(&world.journal);
    let live: Vec<&Life> = lives.iter().filter(|life| life.to.is_none()).collect();
    guarantees(world, &live);
    for life in &lives {
        let held = u32::try_from(life.cells.len()).expect("few");
        assert!((life.shape.0..=life.shape.1).contains(&held), "3: a gang starts whole");
        tiles(life);
    }
    runs_once(world, &live);
    books(world, &lives);
    let mut replayed = Control::default();
    for record in &world.journal {
        let event = Event::from_value(&record.event.to_value()).expect("an event comes back");
        assert_eq!(event, record.event);
        replayed.replay(&Recorded { at: record.at, event });
    }
    assert_eq!(replayed.state(), world.control.state(), "5: the journal is the state");
    let snapshot = State::from_value(&world.control.state().to_value()).expect("a state comes back");
    assert_eq!(&snapshot, world.control.state(), "5: a snapshot is the state");
}

/// 1 and 2, for equal chips: each account's guarantee is what it holds of its own, plus what is free for it, plus what
/// it lent to leases that can be recalled within their bound.
fn guarantees(world: &World, live: &[&Life]) {
    let state = world.control.state();
    for (id, pool) in &state.pools {
        let entitlements = entitlements(state, *id);
        let taken: Vec<CellIndex> = live.iter().flat_map(|life| life.cells.keys().copied()).collect();
        let distinct: BTreeSet<_> = taken.iter().collect();
        assert_eq!(taken.len(), distinct.len(), "1: no cell is held twice");
        let free = pool.topology.chip_count() - u32::try_from(taken.len()).expect("few");
        let promised: u32 = entitlements.values().map(|e| e.guarantee).sum();
        assert_eq!(promised, pool.topology.chip_count(), "1: what is promised is what there is");
        let mut needed_free = 0;
        for (account, entitlement) in &entitlements {
            let count = |wanted: &dyn Fn(&Life, &Holding) -> bool| {
                let all = live.iter().flat_map(|life| life.cells.values().map(move |h| (*life, h)));
                u32::try_from(all.filter(|(life, holding)| wanted(life, holding)).count()).expect("few")
            };
            let own = count(&|life, holding| life.account == *account && *holding == Holding::Own);
            let lent = count(&|_, holding| *holding == Holding::Borrowed { lender: *account });
            let borrowed = count(&|life, holding| life.account == *account && *holding != Holding::Own);
            assert!(own <= entitlement.guarantee, "2: what is own is inside the guarantee");
            assert!(own + lent <= entitlement.guarantee, "1: lent is what is idle");
            let limit = if *account == Account::Owner {
                pool.topology.chip_count()
            } else {
                entitlement.borrow_limit
            };
            assert!(borrowed <= limit, "2: the borrow limit holds");
            needed_free += entitlement.guarantee - own - lent;
        }
        assert!(needed_free <= free, "1: all guarantees at once");
    }
}

/// 4: what the executor runs never overlaps, and is never older than what it has seen.
fn runs_once(world: &World, live: &[&Life]) {
    let mut devices = BTreeSet::new();
    let mut workloads = BTreeSet::new();
    for ((id, epoch), running) in &world.running {
        assert!(running.devices.iter().all(|device| devices.insert(*device)), "4: a device runs one gang");
        assert!(workloads.insert(*id), "4: a workload runs once");
        assert_eq!(world.newest.get(id), Some(epoch), "4: only the newest epoch runs");
    }
    assert_eq!(live.len(), world.running.len(), "4: what is leased runs");
}

/// 6: usage tiles each lease's life; what still runs is recorded up to some moment of it.
fn tiles(life: &Life) {
    let mut reached = life.from;
    for record in &life.usage {
        assert_eq!(record.from, reached, "6: no gap and no overlap");
        assert!(record.to > record.from);
        let chips = u64::try_from(life.cells.len()).expect("few") * 1_000;
        assert_eq!(record.own_chip_milli + record.borrowed_chip_milli, chips, "6: every chip is counted");
        reached = record.to;
    }
    if let Some(to) = life.to {
        assert_eq!(reached, to, "6: to the end");
    }
}

/// 6: each record is on exactly one invoice or waits for one; postings sum to zero.
fn books(world: &World, lives: &[Life]) {
    let state = world.control.state();
    let contract_of = |record: &&UsageRecord| record.contract.is_some();
    let recorded = lives.iter().flat_map(|life| &life.usage).filter(contract_of).count();
    let billed: u32 = state.invoices.values().map(|invoice| invoice.records).sum();
    let waiting: usize = state.unbilled.values().map(Vec::len).sum();
    assert_eq!(recorded, usize::try_from(billed).expect("few") + waiting, "6: billed once");
    for invoice in state.invoices.values() {
        assert!(invoice.transaction.balances(), "6: postings sum to zero");
    }
    let sum: i128 = state.balances.iter().map(|(_, money)| money.units).sum();
    assert_eq!(sum, 0, "6: so do balances");
}
