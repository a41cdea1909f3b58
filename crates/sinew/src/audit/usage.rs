//! Measures use from the leases themselves, and compares the usage records with it.

use super::late::Lateness;
use sinew_contract::Contract;
use sinew_core::{Event, State};
use sinew_ledger::UsageRecord;
use sinew_sched::{Account, Cells, Holding, Run};
use sinew_types::{ContractId, Instant, PoolId, WorkloadId};
use std::collections::BTreeMap;

/// What is known of contracts, from their own records, and of pools.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) contracts: &'a BTreeMap<ContractId, Contract>,
    pub(super) state: &'a State,
}

/// A lease that is held.
struct Open {
    epoch: u64,
    pool: PoolId,
    contract: Option<ContractId>,
    cells: Cells,
    /// Thousandths of a chip inside the guarantee, and beyond it.
    milli: (u64, u64),
    /// Thousandths of a chip in one chip of the pool.
    each_milli: u64,
    /// From when on it is not yet counted.
    since: Instant,
    /// Up to when usage records cover it.
    recorded_to: Instant,
}

/// What was used under a contract since its last invoice.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Thousandths of a chip, times milliseconds, inside the guarantee.
    pub(super) own: u128,
    /// The same beyond it.
    pub(super) borrowed: u128,
    /// The same of its guarantee, held by others.
    pub(super) lent: u128,
    /// The same of its guarantee, that came too late.
    pub(super) late: u128,
    /// How many leases it comes from.
    pub(super) leases: u32,
    /// How many usage records there are.
    pub(super) records: u64,
    /// What is wrong with leases and records, one sentence each.
    pub(super) troubles: Vec<String>,
}

/// All leases that are held, and what they have used.
#[derive(Default)]
pub(super) struct Usage {
    open: BTreeMap<WorkloadId, Open>,
    tallies: BTreeMap<Option<ContractId>, Tally>,
    late: Lateness,
    /// Up to when it is billed what each contract lent.
    lent_to: BTreeMap<ContractId, Instant>,
    /// Contracts under which cells changed hands at the latest instant, and that instant.
    changed: BTreeMap<ContractId, Instant>,
}

impl Usage {
    /// Time has come to `at`: what changed before has to be within its terms. Within one instant cells may change
    /// hands in any order.
    pub(super) fn advance(&mut self, known: Known<'_>, at: Instant) {
        let settled: Vec<_> =
            self.changed.iter().filter(|(_, when)| **when < at).map(|(c, w)| (*c, *w)).collect();
        for (contract, when) in settled {
            self.changed.remove(&contract);
            self.within_terms(known, contract, when);
        }
    }

    /// Follows an event. `state` is the state before it.
    pub(super) fn follow(&mut self, state: &State, at: Instant, event: &Event) {
        self.late.follow(state, at, event);
        match event {
            Event::LeaseGranted { id, epoch, cells } => {
                self.grant(state, (*id, *epoch), at, cells);
                self.touch(*id, at);
            }
            Event::LeaseRebound { id, epoch, cells } => {
                self.close(state, (*id, *epoch), at, "was rebound");
                self.hold(state, *id, cells);
                self.touch(*id, at);
            }
            Event::LeaseEnded { id, epoch, ended_at, .. } => {
                if *ended_at > at {
                    self.trouble(
                        None,
                        format!("lease {epoch} of {id} ended at {ended_at}, after its record of {at}"),
                    );
                }
                self.close(state, (*id, *epoch), *ended_at, "ended");
                self.open.remove(id);
            }
            Event::UsageRecorded { record } => self.record(at, record),
            _ => {}
        }
    }

    /// What a contract used up to now; counting begins again.
    pub(super) fn bill(&mut self, state: &State, contract: ContractId, at: Instant) -> Tally {
        let held = self.open.iter().filter(|(_, open)| open.contract == Some(contract));
        for (id, epoch) in held.map(|(id, open)| (*id, open.epoch)).collect::<Vec<_>>() {
            self.close(state, (id, epoch), at, "was billed");
        }
        self.bill_lent(state, contract, at);
        let late = self.late.bill(contract, at);
        self.tally(Some(contract)).late = late;
        let still = self.open.values().filter(|open| open.contract == Some(contract)).count();
        let tally = self.tallies.remove(&Some(contract)).unwrap_or_default();
        // A lease that goes on counts on the next invoice too.
        let going_on = Tally { leases: u32::try_from(still).unwrap_or(u32::MAX), ..Tally::default() };
        self.tallies.insert(Some(contract), going_on);
        tally
    }

    /// Counts what others hold of a contract's guarantee up to now; they are not billed for that reason.
    fn bill_lent(&mut self, state: &State, contract: ContractId, at: Instant) {
        let lent = self.open.values().map(|open| self.lent(state, open, at));
        let sum = lent.flatten().filter(|(lender, _)| *lender == contract).map(|(_, lent)| lent);
        let sum = sum.fold(0, u128::saturating_add);
        let tally = self.tally(Some(contract));
        tally.lent = tally.lent.saturating_add(sum);
        self.lent_to.insert(contract, at);
    }

    /// What a lease held of others since it was counted last, lender by lender, within the lenders' dates and windows.
    fn lent(&self, state: &State, open: &Open, at: Instant) -> Vec<(ContractId, u128)> {
        let lent = |run: &Run| {
            let Holding::Borrowed { lender: Account::Contract(lender) } = run.holding else { return None };
            let since = self.lent_to.get(&lender).map_or(open.since, |to| open.since.max(*to));
            let milli = u128::from(run.count) * u128::from(open.each_milli);
            let held = state.contracts.get(&lender)?.open_between(since, at);
            Some((lender, milli.saturating_mul(u128::from(held.ms()))))
        };
        open.cells.runs().iter().filter_map(lent).collect()
    }

    /// What is wrong with use that no invoice holds.
    pub(super) fn troubles(&self) -> Vec<String> {
        self.tallies.values().flat_map(|tally| tally.troubles.iter().cloned()).collect()
    }

    fn touch(&mut self, id: WorkloadId, at: Instant) {
        if let Some(contract) = self.open.get(&id).and_then(|open| open.contract) {
            self.changed.insert(contract, at);
        }
    }

    fn tally(&mut self, contract: Option<ContractId>) -> &mut Tally {
        self.tallies.entry(contract).or_default()
    }

    fn grant(&mut self, state: &State, which: (WorkloadId, u64), at: Instant, cells: &Cells) {
        let (id, epoch) = which;
        let Some(workload) = state.workloads.get(&id) else {
            return self.trouble(None, format!("a lease of {id}, which nobody submitted"));
        };
        let contract = match workload.account {
            Account::Contract(contract) => Some(contract),
            Account::Owner => None,
        };
        self.tally(contract).leases += 1;
        if self.open.contains_key(&id) {
            self.trouble(contract, format!("{id} got lease {epoch} while it held one"));
        }
        let pool = workload.pool;
        let taken = |open: &&Open| open.pool == pool && open.cells.overlaps(cells);
        if self.open.values().find(taken).is_some() {
            self.trouble(contract, format!("{id} got cells that another lease held (lease {epoch}, {at})"));
        }
        let open = Open {
            epoch,
            pool,
            contract,
            cells: Cells::default(),
            milli: (0, 0),
            each_milli: 0,
            since: at,
            recorded_to: at,
        };
        self.open.insert(id, open);
        self.hold(state, id, cells);
    }

    /// Cells are held in this way from now on.
    fn hold(&mut self, state: &State, id: WorkloadId, cells: &Cells) {
        let Some(open) = self.open.get_mut(&id) else { return };
        open.cells = cells.clone();
        let topology = state.pools.get(&open.pool).map(|pool| &pool.topology);
        open.each_milli = topology.map_or(0, |topology| topology.each().chip_milli);
        let (own, borrowed) = cells.own_and_borrowed();
        let milli = |chips: u32| u64::from(chips).saturating_mul(open.each_milli);
        open.milli = (milli(own), milli(borrowed));
    }

    /// Counts a lease up to now. Usage records must have come as far.
    fn close(&mut self, state: &State, lease: (WorkloadId, u64), at: Instant, why: &str) {
        let (id, epoch) = lease;
        let Some(open) = self.open.get(&id).filter(|open| open.epoch == epoch) else {
            return self.trouble(None, format!("lease {epoch} of {id} {why}, and nobody held it"));
        };
        let lent = self.lent(state, open, at);
        for (lender, lent) in lent {
            let tally = self.tally(Some(lender));
            tally.lent = tally.lent.saturating_add(lent);
        }
        let Some(open) = self.open.get_mut(&id) else { return };
        let held_ms = u128::from(at.since(open.since).ms());
        let (own, borrowed) = (u128::from(open.milli.0) * held_ms, u128::from(open.milli.1) * held_ms);
        open.since = at;
        let (contract, recorded_to) = (open.contract, open.recorded_to);
        let tally = self.tally(contract);
        tally.own = tally.own.saturating_add(own);
        tally.borrowed = tally.borrowed.saturating_add(borrowed);
        if recorded_to != at {
            self.trouble(contract, format!("lease {epoch} of {id} {why} at {at}, recorded to {recorded_to}"));
        }
    }

    /// Records of a lease follow each other without gap or overlap, and say what it held.
    fn record(&mut self, at: Instant, record: &UsageRecord) {
        self.tally(record.contract).records += 1;
        let of = format!("the record of {} from {}", record.workload, record.from);
        let Some(open) = self.open.get_mut(&record.workload).filter(|open| open.epoch == record.epoch) else {
            return self.trouble(record.contract, format!("{of} is of a lease that nobody held"));
        };
        let milli = (record.own_chip_milli, record.borrowed_chip_milli);
        let wrong = [
            (record.from != open.recorded_to, format!("begins elsewhere than at {}", open.recorded_to)),
            (record.to > at || record.to <= record.from, format!("ends at {}, recorded at {at}", record.to)),
            (
                milli != open.milli,
                format!("says {milli:?} thousandths of a chip, held were {:?}", open.milli),
            ),
            (
                (record.contract, record.pool) != (open.contract, open.pool),
                "is of another contract".to_owned(),
            ),
        ];
        open.recorded_to = record.to;
        for (_, what) in wrong.into_iter().filter(|(differs, _)| *differs) {
            self.trouble(record.contract, format!("{of} {what}"));
        }
    }

    /// What a contract holds as its own is never more than its guarantee, and only within its dates.
    fn within_terms(&mut self, of: Known<'_>, id: ContractId, at: Instant) {
        let Some(known) = of.contracts.get(&id) else {
            return self
                .trouble(Some(id), "leases were granted under a contract that nobody offered".to_owned());
        };
        let held: Vec<&Open> = self.open.values().filter(|open| open.contract == Some(id)).collect();
        let own = held.iter().map(|open| open.cells.own_and_borrowed().0).fold(0, u32::saturating_add);
        let topology = of.state.pools.get(&known.terms.pool).map(|pool| &pool.topology);
        let shapes = known.terms.guarantee.iter();
        let chips = shapes.filter_map(|shape| sinew_sched::shape_chips(topology?, shape));
        let guaranteed = chips.fold(0, u32::saturating_add);
        let in_force = held.is_empty() || known.in_force(at).is_some();
        if own > guaranteed {
            let what = format!("{own} chips were held as guaranteed at {at}, and {guaranteed} are");
            self.trouble(Some(id), what);
        }
        if !in_force {
            self.trouble(Some(id), format!("cells were held at {at}, when the contract was not in force"));
        }
    }

    fn trouble(&mut self, contract: Option<ContractId>, what: String) {
        self.tally(contract).troubles.push(what);
    }
}
