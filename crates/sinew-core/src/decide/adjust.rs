//! What an organisation changes about a workload of its own.

use super::Decision;
use super::workload::{fits, own};
use crate::command::Adjustment;
use crate::control::Control;
use crate::event::Event;
use crate::refusal::Refusal;
use crate::settle::notify;
use crate::state::{Lease, Phase, Workload};
use sinew_sched::{Engine, Why};
use sinew_types::{Instant, OrgId, Shape, WorkloadId};

/// Decides a change. Whoever runs and must not, or not on what it has, is told to leave.
pub(super) fn adjust(
    control: &Control,
    now: Instant,
    of: (OrgId, WorkloadId),
    change: &Adjustment,
) -> Decision {
    let (state, (org, id)) = (control.state(), of);
    let workload = own(state, org, id)?;
    let over = || Refusal::WorkloadOver { name: workload.spec.name.clone() };
    let leaving = workload.lease().and_then(|lease| lease.notice.as_ref());
    if matches!(workload.phase, Phase::Ended { .. })
        || leaving.is_some_and(|notice| notice.why == Why::Cancel)
    {
        return Err(over());
    }
    let part = workload.spec.parts.first().ok_or_else(over)?;
    let (least, most) = change.shapes.unwrap_or((part.least, part.most));
    let engine = control.engine(workload.pool).ok_or(Refusal::NoCapacity)?;
    if change.shapes.is_some() {
        fits(engine, workload.account, (least, most))?;
    }
    let held = change.held.unwrap_or(workload.held.is_some());
    let priority = change.priority.unwrap_or(workload.spec.priority);
    let near = change.near.clone().or_else(|| workload.near.clone()).unwrap_or_default();
    let before = (workload.held.is_some(), workload.spec.priority, part.least, part.most);
    if before == (held, priority, least, most) && near == workload.near.clone().unwrap_or_default() {
        return Ok((Vec::new(), id.to_string()));
    }
    let mut events = vec![Event::WorkloadAdjusted { id, held, priority, least, most, near }];
    let why = workload.lease().and_then(|lease| leaves(engine, workload, lease, (held, least, most)));
    events.extend(why.and_then(|why| notify(state, now, id, why)));
    Ok((events, id.to_string()))
}

/// Why a lease cannot go on as it is after a change, if it cannot.
fn leaves(engine: &Engine, workload: &Workload, lease: &Lease, after: (bool, Shape, Shape)) -> Option<Why> {
    let (held, least, most) = after;
    if held {
        return Some(Why::Hold);
    }
    let before = workload.spec.parts.first()?;
    let (was, is) = (engine.demand(&before.least, &before.most).ok()?, engine.demand(&least, &most).ok()?);
    let items = lease.cells.chips() / engine.item_chips(is.item).max(1);
    (was.item != is.item || items < is.least || items > is.most).then_some(Why::Resize)
}
