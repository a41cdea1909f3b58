//! One scheduler for each pool, beside the state: made from it after a replay, and told of every event after that.

use crate::event::{Event, Next};
use crate::state::{Phase, State, Workload};
use sinew_contract::{Contract, Terms};
use sinew_sched::{Account, Bound, Engine, Entitlement, Holding, Item, NoShape, PastUse, Request, Weighted};
use sinew_types::{ContractId, Instant, OrgId, PoolId, Span, WorkloadId};
use std::collections::{BTreeMap, BTreeSet};

/// What a recall from an owner's own work takes where no contract says anything.
const OWNERS_NOTICE: Span = Span::from_ms(5_000);
/// The same, for the two other parts of the bound.
const OWNERS_GRACE: Span = Span::from_ms(1_000);

/// How deep the tree of organisations may be.
pub(crate) const TREE_DEPTH_MOST: usize = 8;

/// The schedulers of all pools.
#[derive(Clone, Debug, Default)]
pub(crate) struct Engines {
    pools: BTreeMap<PoolId, Engine>,
    /// Workloads that began to wait, or whose reason may have changed, since somebody last asked.
    unexplained: BTreeSet<WorkloadId>,
    /// Pools whose bindings are older than their record.
    unrecorded: BTreeSet<PoolId>,
}

impl Engines {
    /// From a state alone.
    pub(crate) fn of(state: &State) -> Self {
        let mut engines = Self::default();
        for (pool, found) in &state.pools {
            let mut engine = Engine::new(&found.topology, owners(state, *pool));
            let recorded: Vec<Bound> = state.bindings.of(*pool).collect();
            for contract in state.promises(*pool) {
                let account = Account::Contract(contract.id);
                let (entitlement, guarantee) = promised(&engine, contract);
                let bound = guarantee.is_empty() || recorded.iter().any(|run| run.account == account);
                if bound {
                    engine.set_account(account, entitlement, &guarantee);
                    engine.still_owed(account, &[]);
                } else {
                    let cells = held_under(state, *pool, account);
                    let left = without(guarantee.clone(), &cells);
                    engine.set_account(account, entitlement, &guarantee);
                    engine.bound(&cells);
                    engine.still_owed(account, &left);
                    engines.unrecorded.insert(*pool);
                }
            }
            engine.bound(&recorded);
            engine.tell_time(state.at);
            state.promises(*pool).for_each(|contract| set_windows(&mut engine, contract));
            for (account, organisation) in accounts(state, *pool) {
                engine.set_share(account, &share(state, organisation));
                engine.remember(account, past(state, *pool, account));
            }
            state.failed.of(*pool).for_each(|cells| engine.set_down(cells, true));
            for (id, shortfall) in state.shortfalls.open() {
                engine.impaired(Account::Contract(id), shortfall.missing_chips);
            }
            engines.pools.insert(*pool, engine);
        }
        for (id, workload) in state.workloads.iter() {
            engines.readmit(state, *id, workload);
        }
        engines
    }

    fn readmit(&mut self, state: &State, id: WorkloadId, workload: &Workload) {
        let Some(engine) = self.pools.get_mut(&workload.pool) else { return };
        let Some(request) = request(engine, id, workload) else { return };
        match &workload.phase {
            Phase::Waiting { .. } => {
                if workload.held.is_none() {
                    engine.submit(request);
                    engine.wish(id, workload.near.as_deref().unwrap_or_default());
                    if let Some(planned) = &workload.planned {
                        engine.planned(id, &planned.cells, planned.by);
                    }
                }
                self.unexplained.insert(id);
            }
            Phase::Holding { lease } => {
                engine.submit(request);
                engine.wish(id, workload.near.as_deref().unwrap_or_default());
                engine.granted(id, &lease.cells, lease.granted_at);
                if let Some(notice) = &lease.notice {
                    engine.notified(id, gone_by(state, workload, notice.deadline));
                }
            }
            Phase::Ended { .. } => {}
        }
    }

    /// The scheduler of a pool.
    pub(crate) fn pool(&self, pool: PoolId) -> Option<&Engine> {
        self.pools.get(&pool)
    }

    pub(crate) fn pool_mut(&mut self, pool: PoolId) -> Option<&mut Engine> {
        self.pools.get_mut(&pool)
    }

    pub(crate) fn ids(&self) -> Vec<PoolId> {
        self.pools.keys().copied().collect()
    }

    /// Workloads whose reason to wait should be looked at.
    pub(crate) fn take_unexplained(&mut self) -> BTreeSet<WorkloadId> {
        for engine in self.pools.values_mut() {
            self.unexplained.extend(engine.take_stepped_up());
        }
        std::mem::take(&mut self.unexplained)
    }

    /// Pools whose bindings should be written down.
    pub(crate) fn take_unrecorded(&mut self) -> BTreeSet<PoolId> {
        std::mem::take(&mut self.unrecorded)
    }

    /// Follows an event that was just applied to the state.
    pub(crate) fn follow(&mut self, state: &State, at: Instant, event: &Event) {
        match event {
            Event::PoolAdded { id, owner, topology, .. } => {
                let mut engine = Engine::new(topology, owners(state, *id));
                engine.set_share(Account::Owner, &share(state, *owner));
                self.pools.insert(*id, engine);
            }
            Event::OrganisationPlaced { .. } => self.share_anew(state),
            Event::ContractSigned { id, .. } => self.signed(state, state.contracts.get(id)),
            Event::ContractEnded { id } => {
                let pool = state.contracts.get(id).map(|contract| contract.terms.pool);
                if let Some(engine) = pool.and_then(|pool| self.pools.get_mut(&pool)) {
                    engine.close_account(Account::Contract(*id));
                    let pool = pool.expect("it was just found");
                    engine.set_account(Account::Owner, owners(state, pool), &[]);
                }
            }
            Event::CellsBound { pool, cells } => {
                if let Some(engine) = self.pools.get_mut(pool) {
                    engine.bound(cells);
                }
            }
            Event::CellsDown { pool, cells } | Event::CellsUp { pool, cells } => {
                if let Some(engine) = self.pools.get_mut(pool) {
                    engine.set_down(*cells, matches!(event, Event::CellsDown { .. }));
                }
            }
            Event::ContractImpaired { id, missing_chips, .. } => self.impaired(state, *id, *missing_chips),
            Event::ContractHealed { id } => self.impaired(state, *id, 0),
            other => self.follow_workload(state, at, other),
        }
    }

    fn impaired(&mut self, state: &State, id: ContractId, missing_chips: u32) {
        let pool = state.contracts.get(&id).map(|contract| contract.terms.pool);
        if let Some(engine) = pool.and_then(|pool| self.pools.get_mut(&pool)) {
            engine.impaired(Account::Contract(id), missing_chips);
        }
    }

    fn signed(&mut self, state: &State, contract: Option<&Contract>) {
        let Some(contract) = contract else { return };
        let Some(engine) = self.pools.get_mut(&contract.terms.pool) else { return };
        let (entitlement, guarantee) = promised(engine, contract);
        engine.set_account(Account::Contract(contract.id), entitlement, &guarantee);
        engine.set_account(Account::Owner, owners(state, contract.terms.pool), &[]);
        engine.set_share(Account::Contract(contract.id), &share(state, contract.terms.lab));
        set_windows(engine, contract);
    }

    /// Somebody stands elsewhere in the tree of organisations now.
    fn share_anew(&mut self, state: &State) {
        for (pool, engine) in &mut self.pools {
            for (account, organisation) in accounts(state, *pool) {
                engine.set_share(account, &share(state, organisation));
            }
        }
    }

    fn follow_workload(&mut self, state: &State, at: Instant, event: &Event) {
        let Some(id) = event.workload() else { return };
        let Some(workload) = state.workloads.get(&id) else { return };
        let Some(engine) = self.pools.get_mut(&workload.pool) else { return };
        engine.tell_time(at);
        match event {
            Event::WorkloadSubmitted { .. } => {
                if let Some(request) = request(engine, id, workload) {
                    engine.submit(request);
                }
                self.unexplained.insert(id);
            }
            Event::WorkloadAdjusted { near, .. } => {
                if workload.held.is_some() && workload.lease().is_none() {
                    engine.withdraw(id);
                } else if let Some(request) = request(engine, id, workload) {
                    engine.adjust(request);
                    engine.wish(id, near);
                    if workload.planned.is_none() {
                        engine.unplanned(id);
                    }
                }
                self.unexplained.insert(id);
            }
            Event::WorkloadCancelled { .. } => engine.withdraw(id),
            Event::StartPlanned { cells, by, .. } => engine.planned(id, cells, *by),
            Event::StartUnplanned { .. } => engine.unplanned(id),
            Event::LeaseGranted { cells, .. } => {
                engine.granted(id, cells, at);
                self.unexplained.remove(&id);
            }
            Event::LeaseNotified { deadline, .. } => {
                engine.notified(id, gone_by(state, workload, *deadline));
            }
            Event::LeaseEnded { next, ended_at, .. } => {
                // What it had counts up to its end, as the state counts it.
                engine.ended(id, *next == Next::Again && workload.held.is_none(), *ended_at);
                if *next == Next::Again {
                    self.unexplained.insert(id);
                }
            }
            _ => {}
        }
    }
}

/// When the cells of a lease with this deadline are in the next holder's hands at the latest.
fn gone_by(state: &State, workload: &Workload, deadline: Instant) -> Instant {
    let bound = RecallBound::of(state, workload.account, workload.pool);
    deadline.plus(bound.kill_grace).plus(bound.hand_over)
}

fn request(engine: &Engine, id: WorkloadId, workload: &Workload) -> Option<Request> {
    let part = workload.spec.parts.first()?;
    Some(Request {
        workload: id,
        account: workload.account,
        demand: engine.demand(&part.least, &part.most).ok()?,
        priority: workload.spec.priority,
        since: workload.submitted_at,
        checkpoint_every: workload.spec.checkpoint_every,
        served: workload.served.unwrap_or(0),
        limit: workload.spec.limit,
    })
}

/// What a contract allows, in chips, and the shapes that it guarantees.
fn promised(engine: &Engine, contract: &Contract) -> (Entitlement, Vec<(Item, u32)>) {
    let terms = &contract.terms;
    let limit = |shape| engine.chips_of(shape).unwrap_or(0);
    let entitlement = Entitlement {
        borrow_limit: limit(&terms.borrow_limit),
        lend_limit: limit(&terms.lend_limit),
        recall_bound: terms.recall_bound(),
        notice: terms.notice,
        hand_over: terms.kill_grace.plus(terms.hand_over),
        minimum_term: terms.minimum_term.unwrap_or_default(),
        starts: terms.starts,
        closes: contract.closes_at(),
    };
    (entitlement, guarantee(engine, terms).unwrap_or_default())
}

/// When a contract with a calendar may hold anything.
fn set_windows(engine: &mut Engine, contract: &Contract) {
    let windows: Vec<(Instant, Instant)> = contract.windows().collect();
    if !windows.is_empty() {
        engine.set_windows(Account::Contract(contract.id), &windows);
    }
}

/// The guaranteed shapes of terms, as items of a pool; chips of several lines together.
pub(crate) fn guarantee(engine: &Engine, terms: &Terms) -> Result<Vec<(Item, u32)>, NoShape> {
    let mut items = Vec::new();
    for shape in terms.guarantee.iter().filter(|shape| !shape.is_empty()) {
        let demand = engine.demand(shape, shape)?;
        items.push((demand.item, demand.least));
    }
    Ok(items)
}

/// An owner may hold and lend everything, at any time.
fn owners(state: &State, pool: PoolId) -> Entitlement {
    let longest = state.promises(pool).map(|contract| contract.terms.recall_bound()).max();
    let bound = RecallBound::of(state, Account::Owner, pool);
    Entitlement {
        borrow_limit: u32::MAX,
        lend_limit: u32::MAX,
        recall_bound: longest.unwrap_or_default(),
        notice: bound.notice,
        hand_over: bound.kill_grace.plus(bound.hand_over),
        minimum_term: Span::default(),
        starts: Instant::from_ms(i64::MIN / 4),
        closes: Instant::from_ms(i64::MAX / 4),
    }
}

/// Cells that leases hold as an account's, from a time when bindings were not written down.
fn held_under(state: &State, pool: PoolId, account: Account) -> Vec<Bound> {
    let holding = state.workloads.values().filter(|workload| workload.pool == pool);
    let leases = holding.filter_map(|workload| Some((workload.account, workload.lease()?)));
    let runs = leases.flat_map(|(holder, lease)| lease.cells.runs().iter().map(move |run| (holder, run)));
    let theirs = runs.filter(|(holder, run)| match run.holding {
        Holding::Own => *holder == account,
        Holding::Borrowed { lender } => lender == account,
    });
    theirs.map(|(_, run)| Bound { first: run.first, count: run.count, account }).collect()
}

/// What is still to be bound of a guarantee of loose chips; such contracts knew no other shapes.
fn without(guarantee: Vec<(Item, u32)>, cells: &[Bound]) -> Vec<(Item, u32)> {
    let mut bound: u32 = cells.iter().map(|run| run.count).sum();
    let left = guarantee.into_iter().map(|(item, count)| {
        let taken = count.min(bound);
        bound -= taken;
        (item, count - taken)
    });
    left.filter(|(_, count)| *count > 0).collect()
}

/// The parts of the recall bound of an account's leases.
#[derive(Clone, Copy)]
pub(crate) struct RecallBound {
    pub(crate) notice: Span,
    pub(crate) kill_grace: Span,
    pub(crate) hand_over: Span,
}

impl RecallBound {
    /// As the account's contract says; for an owner, as the contract with the longest bound in its pool says.
    pub(crate) fn of(state: &State, account: Account, pool: PoolId) -> Self {
        let contract = match account {
            Account::Contract(id) => state.contracts.get(&id),
            Account::Owner => state.promises(pool).max_by_key(|c| (c.terms.recall_bound(), c.id)),
        };
        let own = Self { notice: OWNERS_NOTICE, kill_grace: OWNERS_GRACE, hand_over: OWNERS_GRACE };
        contract.map_or(own, |c| Self {
            notice: c.terms.notice,
            kill_grace: c.terms.kill_grace,
            hand_over: c.terms.hand_over,
        })
    }
}

/// The accounts of a pool and whose they are.
fn accounts(state: &State, pool: PoolId) -> Vec<(Account, OrgId)> {
    let owner = state.pools.get(&pool).map(|found| (Account::Owner, found.owner));
    let labs = state.promises(pool).map(|contract| (Account::Contract(contract.id), contract.terms.lab));
    owner.into_iter().chain(labs).collect()
}

/// The organisations from the root of the tree down to this one, each with its weight.
fn share(state: &State, organisation: OrgId) -> Vec<Weighted> {
    let mut path: Vec<Weighted> = Vec::new();
    let mut next = Some(organisation);
    // A tree cannot be deeper; it was checked when it was made.
    while let Some(id) = next.filter(|_| path.len() < TREE_DEPTH_MOST) {
        let place = state.organisations.get(&id).and_then(|found| found.place);
        path.push((id, place.map_or(1, |place| place.weight)));
        next = place.and_then(|place| place.under);
    }
    path.reverse();
    path
}

/// What an account held of others lately, with what its leases hold since their last usage record.
fn past(state: &State, pool: PoolId, account: Account) -> PastUse {
    let mut past = state.past.get(&(pool, account)).copied().unwrap_or_default();
    let here = state.workloads.values().filter(|w| w.pool == pool && w.account == account);
    for lease in here.filter_map(|workload| workload.lease()) {
        past.add(lease.cells.own_and_borrowed().1, lease.recorded_to, state.at);
    }
    past
}
