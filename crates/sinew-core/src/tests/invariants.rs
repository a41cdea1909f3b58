//! The seven invariants, checked by a naive model that recomputes everything from the journal.

use super::world::World;
use crate::*;
use sinew_ledger::UsageRecord;
use sinew_sched::{Account, Cells, Holding};
use sinew_types::*;
use std::collections::{BTreeMap, BTreeSet};

/// One lease as the journal tells it.
#[derive(Debug)]
struct Life {
    workload: WorkloadId,
    account: Account,
    from: Instant,
    to: Option<Instant>,
    cells: Cells,
    usage: Vec<UsageRecord>,
    shape: (u32, u32),
    failed: Option<Instant>,
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
                let part = &spec.parts[0];
                let chips = |shape: Shape| shape.loose_chips().expect("these worlds know chips only");
                known.insert(*id, (*account, (chips(part.least), chips(part.most))));
            }
            Event::WorkloadAdjusted { id, least, most, .. } => {
                let chips = |shape: &Shape| shape.loose_chips().expect("these worlds know chips only");
                known.entry(*id).and_modify(|(_, shape)| *shape = (chips(least), chips(most)));
            }
            Event::LeaseGranted { id, cells, .. } => {
                let (account, shape) = known[id];
                let cells = cells.clone();
                let (workload, from) = (*id, *at);
                lives.push(Life {
                    workload,
                    account,
                    from,
                    to: None,
                    cells,
                    usage: vec![],
                    shape,
                    failed: None,
                });
            }
            Event::LeaseRebound { id, cells, .. } => {
                let at = current(&lives, *id);
                let chips = |cells: &Cells| cells.iter().map(|(cell, _)| cell).collect::<Vec<_>>();
                assert_eq!(chips(&lives[at].cells), chips(cells), "3: a gang's cells never change");
                lives[at].cells = cells.clone();
            }
            Event::LeaseFailed { id, .. } => {
                let place = current(&lives, *id);
                lives[place].failed = Some(*at);
            }
            Event::LeaseEnded { id, ended_at, .. } => {
                assert!(ended_at <= at, "6: nothing is billed for the future");
                let place = current(&lives, *id);
                assert!(lives[place].to.replace(*ended_at).is_none(), "4: a lease ends once");
                let failed = lives[place].failed;
                assert!(failed.is_none_or(|failed| *ended_at <= failed), "6: nobody pays for failed cells");
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
    let broken = failed(&world.journal, PoolId::from_bits(7));
    for life in &live {
        let touched = life.cells.iter().any(|(cell, _)| broken.contains(&cell));
        assert!(life.failed.is_some() || !touched, "1: who holds failed cells is ended");
    }
    guarantees(world, &live);
    for life in &lives {
        let held = life.cells.chips();
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

/// 1 and 2: the promise map, recomputed from the journal, gives every contract in force its chips, disjoint from all
/// others'; each of them is free, held by the contract's own leases, or lent to leases that can be recalled. What is
/// held beyond that is borrowed, and inside the limits.
fn guarantees(world: &World, live: &[&Life]) {
    let state = world.control.state();
    for (id, pool) in &state.pools {
        let bound = promises(&world.journal, *id, pool.topology.chips());
        let mut taken = BTreeSet::new();
        for (life, cell, holding) in
            live.iter().flat_map(|life| life.cells.iter().map(move |(c, h)| (life, c, h)))
        {
            let lender = bound[&cell];
            let how = if lender == life.account { Holding::Own } else { Holding::Borrowed { lender } };
            assert_eq!(holding, how, "2: a cell is held as the promise map says");
            assert!(taken.insert(cell), "1: no cell is held twice");
        }
        for contract in state.contracts.values().filter(|c| c.terms.pool == *id && c.lab_signature.is_some())
        {
            let account = Account::Contract(contract.id);
            let theirs = bound.values().filter(|whose| **whose == account).count();
            let owed = match contract.standing {
                sinew_contract::Standing::Ended => 0,
                _ => contract.terms.guaranteed_chips().expect("chips only"),
            };
            assert_eq!(theirs, usize::try_from(owed).expect("few"), "1: every guarantee has its cells");
            healthy(world, (*id, &bound), contract.id);
            let count = |wanted: &dyn Fn(&Life, Holding) -> bool| {
                let all = live.iter().flat_map(|life| life.cells.iter().map(move |(_, h)| (*life, h)));
                u32::try_from(all.filter(|(life, holding)| wanted(life, *holding)).count()).expect("few")
            };
            let borrowed = count(&|life, holding| life.account == account && holding != Holding::Own);
            let limit = contract.terms.borrow_limit.loose_chips().expect("chips only");
            // A contract signed over cells in use may turn own cells into borrowed ones, never the other way.
            assert!(borrowed <= limit.saturating_add(owed), "2: the borrow limit holds");
        }
    }
}

/// 1: of the cells that a contract was promised those are healthy that are not said to be missing, and nothing is
/// missing while the owner has a healthy cell that nobody was promised.
fn healthy(world: &World, of: (PoolId, &BTreeMap<CellIndex, Account>), contract: ContractId) {
    let (pool, bound) = of;
    let failed = failed(&world.journal, pool);
    let broken = |account: Account| {
        bound.iter().filter(|(chip, whose)| **whose == account && failed.contains(chip)).count()
    };
    let missing = world.journal.iter().rev().find_map(|record| match record.event {
        Event::ContractImpaired { id, missing_chips, .. } if id == contract => Some(missing_chips),
        Event::ContractHealed { id } | Event::ContractEnded { id } if id == contract => Some(0),
        _ => None,
    });
    let missing = usize::try_from(missing.unwrap_or(0)).expect("few");
    assert_eq!(broken(Account::Contract(contract)), missing, "1: what is broken is said to be missing");
    let spares = bound.values().filter(|whose| **whose == Account::Owner).count() - broken(Account::Owner);
    assert!(missing == 0 || spares == 0, "1: a spare stands in for what is broken");
}

/// The failed chips of a pool, from the journal's records alone.
fn failed(journal: &[Recorded], of: PoolId) -> BTreeSet<CellIndex> {
    let mut failed = BTreeSet::new();
    for record in journal {
        let (Event::CellsDown { pool, cells } | Event::CellsUp { pool, cells }) = &record.event else {
            continue;
        };
        let down = matches!(record.event, Event::CellsDown { .. });
        for chip in (cells.first.0..cells.end()).map(CellIndex).filter(|_| *pool == of) {
            if down {
                failed.insert(chip)
            } else {
                failed.remove(&chip)
            };
        }
    }
    failed
}

/// Whose each chip is, from the journal's records alone.
fn promises(
    journal: &[Recorded],
    pool: PoolId,
    chips: impl Iterator<Item = CellIndex>,
) -> BTreeMap<CellIndex, Account> {
    let mut bound: BTreeMap<CellIndex, Account> = chips.map(|chip| (chip, Account::Owner)).collect();
    for record in journal {
        let Event::CellsBound { pool: where_, cells } = &record.event else { continue };
        for run in cells.iter().filter(|_| *where_ == pool) {
            for chip in run.first.0..run.first.0 + run.count {
                bound.insert(CellIndex(chip), run.account);
            }
        }
    }
    bound
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
        let chips = u64::from(life.cells.chips()) * 1_000;
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
    let billed: u64 = state.invoices.values().map(|invoice| invoice.records).sum();
    let waiting: usize = state.unbilled.values().map(Records::len).sum();
    assert_eq!(recorded, usize::try_from(billed).expect("few") + waiting, "6: billed once");
    for invoice in state.invoices.values() {
        assert!(invoice.transaction.balances(), "6: postings sum to zero");
    }
    let sum: i128 = state.balances.iter().map(|(_, money)| money.units).sum();
    assert_eq!(sum, 0, "6: so do balances");
}
