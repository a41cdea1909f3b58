//! Planning: from what the schedulers say to events, pool by pool.

use crate::billing::{close_last, close_months};
use crate::control::Control;
use crate::engines::RecallBound;
use crate::event::Event;
use crate::state::{Phase, State};
use sinew_ledger::UsageRecord;
use sinew_sched::{Account, Action, Bound, Engine, Reason, Wait, Why};
use sinew_types::{ContractId, Instant, PoolId, Shape, WorkloadId};
use std::collections::BTreeSet;

/// Asks every pool's scheduler until nothing more should happen, and records what follows. Answers when to look again.
pub(crate) fn settle(control: &mut Control, now: Instant) -> Option<Instant> {
    // They follow every event, so they are there before the first.
    control.engines_mut();
    close_months(control, now, now);
    end_contracts(control, now);
    let index = &control.state().index;
    let coming = [&index.ends, &index.closes];
    let coming = coming.map(|all| all.iter().map(|(at, _)| *at).find(|at| *at > now));
    let mut next = coming.into_iter().flatten().min();
    // What an upgraded journal owes is bound before what is bound is written down.
    bind_owed(control, now);
    for pool in control.engines_mut().take_unrecorded() {
        write_down(control, now, pool);
    }
    for pool in control.engines_mut().ids() {
        while let Some(action) = control.engines_mut().pool_mut(pool).and_then(|engine| engine.next(now)) {
            carry_out(control, now, (pool, action));
        }
        let again = control.engines_mut().pool(pool).and_then(Engine::look_again);
        next = [next, again].into_iter().flatten().min();
    }
    explain(control, now);
    next
}

/// Contracts whose time is over and under which nothing runs.
fn end_contracts(control: &mut Control, now: Instant) {
    let state = control.state();
    let over = state.index.ends.iter().take_while(|(ends, _)| *ends <= now);
    let over: Vec<ContractId> = over.map(|(_, id)| *id).collect();
    if over.is_empty() {
        return;
    }
    let running: BTreeSet<Account> =
        state.workloads.values().filter(|w| w.lease().is_some()).map(|w| w.account).collect();
    for id in over.into_iter().filter(|id| !running.contains(&Account::Contract(*id))) {
        close_last(control, now, id);
        control.record(now, Event::ContractEnded { id });
    }
}

/// Writes down bindings that were never recorded, as journals of an earlier form did not.
fn write_down(control: &mut Control, now: Instant, pool: PoolId) {
    let engine = control.engines_mut().pool(pool);
    let cells: Vec<Bound> = engine.map(Engine::bindings).unwrap_or_default();
    if !cells.is_empty() {
        control.record(now, Event::CellsBound { pool, cells });
    }
}

/// Binds what guarantees are owed, at once.
pub(crate) fn bind_owed(control: &mut Control, now: Instant) {
    for pool in control.engines_mut().ids() {
        while let Some(cells) = control.engines_mut().pool_mut(pool).and_then(Engine::next_binding) {
            bind(control, now, (pool, cells));
        }
    }
}

fn carry_out(control: &mut Control, now: Instant, what: (PoolId, Action)) {
    match what {
        (_, Action::Grant { workload: id, cells }) => {
            let epoch = control.state().workloads.get(&id).map_or(1, |w| w.epoch.saturating_add(1));
            control.record(now, Event::LeaseGranted { id, epoch, cells });
        }
        (_, Action::Notify { workload: id, why }) => {
            if let Some(event) = notify(control.state(), now, id, why) {
                control.record(now, event);
            }
        }
        (_, Action::Plan { workload: id, cells, by }) => {
            control.record(now, Event::StartPlanned { id, cells, by });
        }
        (_, Action::Unplan { workload: id, why }) => {
            // It may be over by now, or have started.
            if control.state().workloads.get(&id).is_some_and(|workload| workload.planned.is_some()) {
                control.record(now, Event::StartUnplanned { id, why });
            }
        }
        (pool, Action::Bind { cells }) => bind(control, now, (pool, cells)),
        (pool, Action::Impair { account: Account::Contract(id), missing_chips }) => {
            let chip_milli = control.state().chip_milli(pool);
            let event = match missing_chips {
                0 => Event::ContractHealed { id },
                _ => Event::ContractImpaired { id, missing_chips, chip_milli },
            };
            control.record(now, event);
        }
        (_, Action::Impair { account: Account::Owner, .. }) => {}
    }
}

/// Records the use so far of the leases on cells that change hands, then the change, then how the leases hold them.
fn bind(control: &mut Control, now: Instant, what: (PoolId, Vec<Bound>)) {
    let (pool, cells) = what;
    let engine = control.engines_mut().pool(pool).expect("the action came from this pool's scheduler");
    let holders = engine.holders(&cells);
    for id in &holders {
        if let Some(record) = usage(control.state(), *id, now) {
            control.record(now, Event::UsageRecorded { record });
        }
    }
    control.record(now, Event::CellsBound { pool, cells });
    for id in holders {
        let engine = control.engines_mut().pool(pool);
        let held = engine.and_then(|engine| engine.cells_of(id));
        let workload = control.state().workloads.get(&id);
        if let (Some(cells), Some(epoch)) = (held, workload.map(|workload| workload.epoch))
            && workload.and_then(|w| w.lease()).is_some_and(|lease| lease.cells != cells)
        {
            control.record(now, Event::LeaseRebound { id, epoch, cells });
        }
    }
}

/// Gives a reason to everybody who began to wait, and to those whose reason has changed.
fn explain(control: &mut Control, now: Instant) {
    for id in control.engines_mut().take_unexplained() {
        let Some(why) = control.why(id) else { continue };
        let known = control.state().workloads.get(&id).map(|workload| &workload.phase);
        if matches!(known, Some(Phase::Waiting { why: current, .. }) if current.as_ref() != Some(&why)) {
            control.record(now, Event::WaitChanged { id, why });
        }
    }
}

/// A scheduler's reason in the words of the workload's organisation.
pub(crate) fn wait(state: &State, id: WorkloadId, reason: Reason) -> Option<Wait> {
    let asked = state.workloads.get(&id)?.spec.parts.first()?.least;
    Some(match reason {
        Reason::NeverFits { largest_chips } => {
            Wait::NeverFits { asked, largest: Shape::Chips(largest_chips) }
        }
        Reason::NotBegun { starts } => Wait::NotBegun { starts },
        Reason::Closing { closed } => Wait::Closing { closed },
        Reason::Recalling { until } => Wait::Recalling { until },
        Reason::Busy { free_items } => Wait::Busy { asked, free: asked.of(free_items) },
        Reason::Impaired { missing_chips } => Wait::Impaired { missing: Shape::Chips(missing_chips) },
        Reason::Planned { by, after } => {
            let after = after.and_then(|after| Some(state.workloads.get(&after)?.spec.name.clone()));
            Wait::Planned { by, after }
        }
        Reason::Behind { ahead } => Wait::Behind { ahead: state.workloads.get(&ahead)?.spec.name.clone() },
    })
}

/// The event that tells a lease to leave; nothing where it holds nothing or has been told.
pub(crate) fn notify(state: &State, now: Instant, id: WorkloadId, why: Why) -> Option<Event> {
    let workload = state.workloads.get(&id)?;
    let lease = workload.lease().filter(|lease| lease.notice.is_none())?;
    let deadline = match (&why, workload.spec.limit) {
        // Its supervisor keeps the same moment, whenever it hears of this.
        (Why::Limit, Some(limit)) => lease.granted_at.plus(limit).max(now),
        _ => now.plus(RecallBound::of(state, workload.account, workload.pool).notice),
    };
    Some(Event::LeaseNotified { id, epoch: workload.epoch, why, deadline })
}

/// What a lease held since its last usage record; nothing where no time has passed. What holds failed cells is not paid
/// for.
#[must_use]
pub fn usage(state: &State, id: WorkloadId, now: Instant) -> Option<UsageRecord> {
    let workload = state.workloads.get(&id)?;
    let lease = workload.lease().filter(|lease| lease.failed_at.is_none() && lease.recorded_to < now)?;
    let each_milli = state.pools.get(&workload.pool)?.topology.each().chip_milli;
    let (own, borrowed) = lease.cells.own_and_borrowed();
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
        own_chip_milli: u64::from(own) * each_milli,
        borrowed_chip_milli: u64::from(borrowed) * each_milli,
    })
}
