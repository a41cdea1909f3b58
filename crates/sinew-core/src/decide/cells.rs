//! Cells that fail and come back.

use super::{Decision, operate};
use crate::command::Actor;
use crate::control::Control;
use crate::event::Event;
use crate::refusal::{Refusal, Thing};
use crate::settle::usage;
use crate::state::{Lease, State};
use sinew_sched::{Bound, Why};
use sinew_types::{CellRange, Instant, PoolId, Region, WorkloadId};

/// Marks a region as failed: every gang on it ends whole and waits again, and nobody pays for it from now on.
pub(super) fn down(control: &Control, now: Instant, actor: &Actor, what: (PoolId, &Region)) -> Decision {
    let state = control.state();
    let (pool, cells) = cells_of(state, actor, what)?;
    if state.failed.within(pool, cells) == cells.count {
        return Ok((Vec::new(), pool.to_string()));
    }
    let bound = Bound { first: cells.first, count: cells.count, account: sinew_sched::Account::Owner };
    let holders = control.engine(pool).map(|engine| engine.holders(&[bound])).unwrap_or_default();
    let mut events = vec![Event::CellsDown { pool, cells }];
    for id in holders {
        events.extend(ended_by_failure(state, now, id).into_iter().flatten());
    }
    Ok((events, pool.to_string()))
}

/// Marks a region as healthy again.
pub(super) fn up(state: &State, actor: &Actor, what: (PoolId, &Region)) -> Decision {
    let (pool, cells) = cells_of(state, actor, what)?;
    let event = (state.failed.within(pool, cells) > 0).then_some(Event::CellsUp { pool, cells });
    Ok((event.into_iter().collect(), pool.to_string()))
}

/// The chips of a region of a pool that is the sender's, or anybody's where an executor reports.
fn cells_of(state: &State, actor: &Actor, what: (PoolId, &Region)) -> Result<(PoolId, CellRange), Refusal> {
    let (id, region) = what;
    let missing = || Refusal::NotFound { thing: Thing::Pool, name: id.to_string() };
    let pool = state.pools.get(&id).ok_or_else(missing)?;
    if let Actor::Principal(principal) = actor {
        if principal.org != pool.owner {
            return Err(missing());
        }
        operate(actor)?;
    }
    let cells = pool.topology.region(region);
    let cells = cells.map_err(|flaw| Refusal::NoSuchCells { region: region.clone(), flaw })?;
    Ok((id, cells))
}

/// A lease that holds failed cells is paid up to now and must be gone at once. It keeps a reason to leave that it had.
fn ended_by_failure(state: &State, now: Instant, id: WorkloadId) -> [Option<Event>; 3] {
    let found = state.workloads.get(&id).and_then(|workload| Some((workload.epoch, workload.lease()?)));
    let Some((epoch, lease)) = found.filter(|(_, lease)| lease.failed_at.is_none()) else {
        return [const { None }; 3];
    };
    let used = usage(state, id, now).map(|record| Event::UsageRecorded { record });
    let (why, deadline) = notice(lease, now);
    [used, Some(Event::LeaseFailed { id, epoch }), Some(Event::LeaseNotified { id, epoch, why, deadline })]
}

fn notice(lease: &Lease, now: Instant) -> (Why, Instant) {
    match &lease.notice {
        Some(notice) => (notice.why.clone(), notice.deadline.min(now)),
        None => (Why::CellsFailed, now),
    }
}
