//! Submitting and ending workloads, and what executors report.

use super::Decision;
use crate::command::Observation;
use crate::control::Control;
use crate::engines::RecallBound;
use crate::event::{Event, Next};
use crate::orders::last_moments;
use crate::refusal::{Refusal, Thing};
use crate::settle::{notify, usage};
use crate::state::{Exit, Lease, Phase, State, Workload};
use sinew_sched::{Account, Engine, NoShape, Why};
use sinew_types::{Hash, Instant, Name, OrgId, Part, PoolId, Shape, WorkloadId, WorkloadSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// After how many losses in a row a workload is given up.
const LOSSES_MAX: u32 = 5;

/// How many workloads of an organisation may wait or run at once: what a server's memory must hold for it.
pub const ACTIVE_MAX: usize = 250_000;

pub(super) fn submit(control: &Control, org: OrgId, id: WorkloadId, spec: &Arc<WorkloadSpec>) -> Decision {
    room_for(control.state(), org, 1)?;
    Ok((vec![submitted(control, org, id, spec)?], id.to_string()))
}

/// All or none. The answer names the first; the others' identities follow from it.
pub(super) fn submit_all(
    control: &Control,
    org: OrgId,
    first: WorkloadId,
    specs: &[Arc<WorkloadSpec>],
) -> Decision {
    room_for(control.state(), org, specs.len())?;
    let mut names = BTreeSet::new();
    let mut events = Vec::with_capacity(specs.len());
    for (at, spec) in specs.iter().enumerate() {
        let refused = |why| Refusal::InBatch { at, why: Box::new(why) };
        if !names.insert(&spec.name) {
            return Err(refused(Refusal::NameTaken { thing: Thing::Workload, name: spec.name.clone() }));
        }
        events.push(submitted(control, org, nth_after(first, at), spec).map_err(refused)?);
    }
    Ok((events, first.to_string()))
}

/// The identity of a workload that came with others.
#[must_use]
pub fn nth_after(first: WorkloadId, at: usize) -> WorkloadId {
    WorkloadId::from_bits(first.bits().wrapping_add(at as u128))
}

fn room_for(state: &State, org: OrgId, more: usize) -> Result<(), Refusal> {
    let active = state.index.active.get(&org).copied().unwrap_or(0);
    if active.saturating_add(more) > ACTIVE_MAX {
        return Err(Refusal::TooManyWorkloads { most: ACTIVE_MAX });
    }
    Ok(())
}

fn submitted(
    control: &Control,
    org: OrgId,
    id: WorkloadId,
    spec: &Arc<WorkloadSpec>,
) -> Result<Event, Refusal> {
    let state = control.state();
    if state.workload_named(org, &spec.name).is_some() {
        return Err(Refusal::NameTaken { thing: Thing::Workload, name: spec.name.clone() });
    }
    let part = check(spec)?;
    if let Some(release) = &spec.serves
        && state.registry.release(org, release).is_none()
    {
        return Err(Refusal::NoSuchRelease { release: release.clone() });
    }
    let (pool, account) = choose(state, org, &part.pools)?;
    let engine = control.engine(pool).ok_or(Refusal::NoCapacity)?;
    fits(engine, account, (part.least, part.most))?;
    let notice = RecallBound::of(state, account, pool).notice;
    if let Some(limit) = spec.limit.filter(|limit| *limit <= notice) {
        return Err(Refusal::LimitTooShort { limit, notice });
    }
    Ok(Event::WorkloadSubmitted { id, org, pool, account, spec: Arc::clone(spec) })
}

/// The one part of a workload that makes sense by itself.
fn check(spec: &WorkloadSpec) -> Result<&Part, Refusal> {
    let [part] = &spec.parts[..] else { return Err(Refusal::PartCount { parts: spec.parts.len() }) };
    if part.program.argv.first().is_none_or(String::is_empty) {
        return Err(Refusal::EmptyProgram);
    }
    if part.least.is_empty() { Err(Refusal::ShapeEmpty) } else { Ok(part) }
}

/// Whether an account could ever hold shapes, from the smallest to the largest.
pub(super) fn fits(engine: &Engine, account: Account, shapes: (Shape, Shape)) -> Result<(), Refusal> {
    let (least, most) = shapes;
    let demand = engine.demand(&least, &most).map_err(|wrong| match wrong {
        NoShape::Unknown(shape) => Refusal::ShapeUnknown { shape },
        NoShape::Empty => Refusal::ShapeEmpty,
        NoShape::Mixed => Refusal::LeastAboveMost { least, most },
    })?;
    let largest = engine.largest(account).ok_or(Refusal::NoCapacity)?;
    let least_chips = engine.item_chips(demand.item).saturating_mul(demand.least);
    if least_chips > largest || !engine.could_ever_hold(&demand) {
        return Err(Refusal::NeverFits { asked: least, largest: Shape::Chips(largest) });
    }
    Ok(())
}

/// A workload of an organisation; that of another looks like one that does not exist.
pub(super) fn own(state: &State, org: OrgId, id: WorkloadId) -> Result<&Workload, Refusal> {
    let found = state.workloads.get(&id).filter(|workload| workload.org == org);
    found.ok_or_else(|| Refusal::NotFound { thing: Thing::Workload, name: id.to_string() })
}

/// The pool and the account in it that an organisation's workload runs on.
fn choose(state: &State, org: OrgId, wanted: &[Name]) -> Result<(PoolId, Account), Refusal> {
    let accounts = state.index.accounts.get(&org).into_iter().flatten().copied();
    let name = |id: PoolId| state.pools.get(&id).map(|pool| pool.name.clone());
    let fits =
        |(id, _): &(PoolId, Account)| wanted.is_empty() || name(*id).is_some_and(|n| wanted.contains(&n));
    let candidates: Vec<(PoolId, Account)> = accounts.filter(fits).collect();
    match candidates[..] {
        [] => Err(Refusal::NoCapacity),
        [only] => Ok(only),
        [first, ..] if candidates.iter().all(|(pool, _)| *pool == first.0) => Ok(first),
        _ => {
            Err(Refusal::WhichPool { pools: candidates.iter().filter_map(|(pool, _)| name(*pool)).collect() })
        }
    }
}

pub(super) fn cancel(state: &State, now: Instant, org: OrgId, id: WorkloadId) -> Decision {
    let workload = own(state, org, id)?;
    let events = match &workload.phase {
        Phase::Waiting { .. } => vec![Event::WorkloadCancelled { id }],
        Phase::Holding { lease } => leave(state, now, id, lease),
        Phase::Ended { .. } => return Err(Refusal::WorkloadOver { name: workload.spec.name.clone() }),
    };
    Ok((events, id.to_string()))
}

/// A lease that was told to leave for another reason keeps its deadline but does not come back.
fn leave(state: &State, now: Instant, id: WorkloadId, lease: &Lease) -> Vec<Event> {
    let epoch = state.workloads.get(&id).map_or(0, |workload| workload.epoch);
    match &lease.notice {
        None => notify(state, now, id, Why::Cancel).into_iter().collect(),
        Some(notice) if notice.why == Why::Cancel => Vec::new(),
        Some(notice) => vec![Event::LeaseNotified { id, epoch, why: Why::Cancel, deadline: notice.deadline }],
    }
}

/// Every lease that was not told before is told now.
pub(super) fn drain(state: &State, now: Instant) -> Vec<Event> {
    state.workloads.keys().filter_map(|id| notify(state, now, *id, Why::Drain)).collect()
}

/// Takes a report. Reports of a lease that is not the current one say nothing new and are dropped.
pub(super) fn observe(state: &State, now: Instant, of: (WorkloadId, u64), seen: &Observation) -> Decision {
    let (id, epoch) = of;
    let current = state.workloads.get(&id).filter(|workload| workload.epoch == epoch);
    let Some((workload, lease)) = current.and_then(|w| w.lease().map(|lease| (w, lease))) else {
        return Ok((Vec::new(), id.to_string()));
    };
    let events = match seen {
        Observation::Started if lease.started_at.is_none() => vec![Event::LeaseStarted { id, epoch }],
        Observation::Started => Vec::new(),
        Observation::Ended { exit, outputs, at } => {
            let end = last_moment(state, now, lease, (exit, *at));
            ended(state, end, (id, workload, lease), (exit, outputs))
        }
    };
    Ok((events, id.to_string()))
}

/// Up to when a lease is billed: to its last process where somebody saw it go, also when the report comes late; and to
/// the last thing that this Sinew recorded where its supervisor was lost, because nobody knows how long it ran; a server that
/// comes back tells when that was, since by now it may have recorded more. What held failed cells is billed to their
/// failure.
fn last_moment(state: &State, now: Instant, lease: &Lease, seen: (&Exit, Option<Instant>)) -> Instant {
    let end = match seen {
        (Exit::Lost, at) => at.unwrap_or(state.at).min(state.at),
        (_, at) => at.unwrap_or(now),
    };
    end.min(lease.failed_at.unwrap_or(now)).min(now).max(lease.recorded_to)
}

fn ended(
    state: &State,
    end: Instant,
    which: (WorkloadId, &Workload, &Lease),
    how: (&Exit, &BTreeMap<String, Hash>),
) -> Vec<Event> {
    let (id, workload, lease) = which;
    let (exit, outputs) = how;
    let used = usage(state, id, end).map(|record| Event::UsageRecorded { record });
    let told = was_told(state, end, workload, lease);
    let next = next(workload, exit, told.as_ref());
    let at_limit = next == Next::Failed && told == Some(Why::Limit);
    let exit = if at_limit { Exit::Limit } else { exit.clone() };
    let outputs = outputs.clone();
    used.into_iter()
        .chain([Event::LeaseEnded { id, epoch: workload.epoch, exit, outputs, next, ended_at: end }])
        .collect()
}

/// Why a lease was told to leave, if it was: by a notice of the records, or by its supervisor alone because the contract
/// ended or the limit was up, which nobody may have lived to record.
fn was_told(state: &State, end: Instant, workload: &Workload, lease: &Lease) -> Option<Why> {
    let recorded = lease.notice.as_ref().map(|notice| notice.why.clone());
    recorded.or_else(|| {
        let last = last_moments(state, workload, lease.granted_at);
        last.filter(|(last, _)| last.notice_at <= end).map(|(_, why)| why)
    })
}

/// Status 0 means finished, except for an endpoint, which never is. After a notice anything else means "go on later",
/// except where its limit was up; without one it is a failure. What was lost goes on later, a few times.
fn next(workload: &Workload, exit: &Exit, told: Option<&Why>) -> Next {
    let finished = *exit == Exit::Code { code: 0 } && workload.spec.serves.is_none();
    match (told, exit) {
        (Some(Why::Cancel), _) => Next::Cancelled,
        _ if finished => Next::Done,
        (Some(Why::Limit), _) => Next::Failed,
        (Some(_), _) => Next::Again,
        (None, Exit::Lost) if workload.losses < LOSSES_MAX => Next::Again,
        (None, _) => Next::Failed,
    }
}
