//! Planning: from the planner's actions to events, pool by pool.

use crate::control::Control;
use crate::event::Event;
use crate::state::{Lease, Phase, State, Workload, entitlements, workload_shape};
use sinew_contract::Standing;
use sinew_ledger::UsageRecord;
use sinew_sched::{Account, Action, Held, Holding, Plan, Pool, Queued, Why, plan};
use sinew_types::{CellIndex, ContractId, Instant, PoolId, Span, WorkloadId};
use std::collections::{BTreeMap, BTreeSet};

/// What a recall from an owner's own work takes where no contract says anything.
const OWNERS_NOTICE: Span = Span::from_ms(5_000);
/// The same, for the two other parts of the bound.
const OWNERS_GRACE: Span = Span::from_ms(1_000);

/// How often one turn plans a pool: what starts in one round may let cells be rebound in the next.
const ROUNDS_MAX: usize = 8;

/// Plans every pool and records what follows. Answers when to look again.
pub(crate) fn settle(control: &mut Control, now: Instant) -> Option<Instant> {
    end_contracts(control, now);
    let pools: Vec<PoolId> = control.state().pools.keys().copied().collect();
    let mut next: Option<Instant> =
        control.state().contracts.values().filter_map(|c| future(c.terms.ends, now)).min();
    for pool in pools {
        for _ in 0..ROUNDS_MAX {
            let plan = plan(&view(control.state(), pool, now));
            let settled = plan.actions.is_empty();
            next = [next, plan.look_again].into_iter().flatten().min();
            carry_out(control, now, plan);
            if settled {
                break;
            }
        }
    }
    next
}

fn future(at: Instant, now: Instant) -> Option<Instant> {
    (at > now).then_some(at)
}

/// Contracts whose time is over and under which nothing runs.
fn end_contracts(control: &mut Control, now: Instant) {
    let state = control.state();
    let running: BTreeSet<Account> =
        state.workloads.values().filter(|w| w.lease().is_some()).map(|w| w.account).collect();
    let over = state.contracts.values().filter(|c| c.standing != Standing::Ended && c.terms.ends <= now);
    let over: Vec<ContractId> =
        over.map(|c| c.id).filter(|id| !running.contains(&Account::Contract(*id))).collect();
    for id in over {
        control.record(now, Event::ContractEnded { id });
    }
}

/// Shows the planner one pool.
pub(crate) fn view(state: &State, pool: PoolId, now: Instant) -> Pool {
    let topology = state.pools.get(&pool).map(|found| &found.topology);
    let chips = topology.into_iter().flat_map(|t| t.chips().map(|(index, _)| index)).collect();
    let mut shown = Pool { now, chips, entitlements: entitlements(state, pool), held: vec![], queue: vec![] };
    let all = u32::try_from(shown.chips.len()).unwrap_or(u32::MAX);
    for (id, workload) in state.workloads.iter().filter(|(_, workload)| workload.pool == pool) {
        let (least, most) = workload_shape(&workload.spec);
        // More than the pool has is no use, and sums of what people type must not overflow.
        let most = most.min(all).max(least);
        match &workload.phase {
            Phase::Waiting { since, .. } => shown.queue.push(Queued {
                workload: *id,
                name: workload.spec.name.clone(),
                account: workload.account,
                least,
                most,
                priority: workload.spec.priority,
                since: *since,
            }),
            Phase::Holding { lease } => shown.held.push(held(state, (*id, most), workload, lease)),
            Phase::Ended { .. } => {}
        }
    }
    shown
}

fn held(state: &State, which: (WorkloadId, u32), workload: &Workload, lease: &Lease) -> Held {
    let (id, most) = which;
    let bound = Bound::of(state, workload.account, workload.pool);
    Held {
        workload: id,
        account: workload.account,
        most,
        priority: workload.spec.priority,
        cells: lease.cells.clone(),
        granted_at: lease.granted_at,
        leaves: lease
            .notice
            .as_ref()
            .map(|n| (n.deadline.plus(bound.kill_grace).plus(bound.hand_over), n.why.clone())),
    }
}

/// The parts of the recall bound of an account's leases.
#[derive(Clone, Copy)]
pub(crate) struct Bound {
    pub(crate) notice: Span,
    pub(crate) kill_grace: Span,
    pub(crate) hand_over: Span,
}

impl Bound {
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

fn carry_out(control: &mut Control, now: Instant, plan: Plan) {
    for action in plan.actions {
        match action {
            Action::Grant { workload: id, cells } => {
                let epoch = control.state().workloads.get(&id).map_or(1, |w| w.epoch.saturating_add(1));
                control.record(now, Event::LeaseGranted { id, epoch, cells });
            }
            Action::Notify { workload: id, why } => {
                if let Some(event) = notify(control.state(), now, id, why) {
                    control.record(now, event);
                }
            }
            Action::Rebind { workload: id, cells } => rebind(control, now, id, cells),
        }
    }
    for (id, why) in plan.waits {
        let known = control.state().workloads.get(&id).map(|workload| &workload.phase);
        if matches!(known, Some(Phase::Waiting { why: current, .. }) if current.as_ref() != Some(&why)) {
            control.record(now, Event::WaitChanged { id, why });
        }
    }
}

/// The event that tells a lease to leave; nothing where it holds nothing or has been told.
pub(crate) fn notify(state: &State, now: Instant, id: WorkloadId, why: Why) -> Option<Event> {
    let workload = state.workloads.get(&id)?;
    workload.lease().filter(|lease| lease.notice.is_none())?;
    let deadline = now.plus(Bound::of(state, workload.account, workload.pool).notice);
    Some(Event::LeaseNotified { id, epoch: workload.epoch, why, deadline })
}

/// Records the use so far as it was held, then holds the cells differently.
fn rebind(control: &mut Control, now: Instant, id: WorkloadId, cells: BTreeMap<CellIndex, Holding>) {
    let Some(workload) = control.state().workloads.get(&id) else { return };
    let epoch = workload.epoch;
    if let Some(record) = usage(control.state(), id, now) {
        control.record(now, Event::UsageRecorded { record });
    }
    control.record(now, Event::LeaseRebound { id, epoch, cells });
}

/// What a lease held since its last usage record; nothing where no time has passed.
#[must_use]
pub fn usage(state: &State, id: WorkloadId, now: Instant) -> Option<UsageRecord> {
    let workload = state.workloads.get(&id)?;
    let lease = workload.lease().filter(|lease| lease.recorded_to < now)?;
    let topology = &state.pools.get(&workload.pool)?.topology;
    let milli = |own: bool| {
        let counted = lease.cells.iter().filter(|(_, holding)| (**holding == Holding::Own) == own);
        counted.filter_map(|(cell, _)| topology.cell(*cell)).map(|cell| cell.resources.chip_milli).sum()
    };
    Some(UsageRecord {
        contract: match workload.account {
            Account::Contract(id) => Some(id),
            Account::Owner => None,
        },
        pool: workload.pool,
        workload: id,
        epoch: workload.epoch,
        from: lease.recorded_to,
        to: now,
        own_chip_milli: milli(true),
        borrowed_chip_milli: milli(false),
    })
}
