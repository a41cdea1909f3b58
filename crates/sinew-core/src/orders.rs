//! What executors should do. Orders repeat safely: each carries its lease's epoch.

use crate::control::Recorded;
use crate::engines::RecallBound;
use crate::event::Event;
use crate::state::{Lease, State, Workload};
use sinew_sched::{Account, Why};
use sinew_types::{Hash, Instant, OrgId, Part, ReleaseRef, Resources, WorkloadId};
use std::collections::{BTreeMap, BTreeSet};

/// An order to an executor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Run a gang's program, unless this epoch already runs or a newer one was seen.
    Start {
        /// Whose lease.
        id: WorkloadId,
        /// Which lease.
        epoch: u64,
        /// Whose program and files.
        org: OrgId,
        /// What runs.
        part: Box<Part>,
        /// On which devices of the machine.
        devices: Vec<u32>,
        /// All it may use.
        resources: Resources,
        /// The release that it serves, for an endpoint.
        serves: Option<ReleaseRef>,
        /// When its contract ends it; nothing on an owner's own account.
        last: Option<LastMoments>,
        /// The files of its newest checkpoint, for a machine that has none of its own.
        checkpoint: BTreeMap<String, Hash>,
    },
    /// Tell it to leave, and kill what is left at the deadline.
    Stop {
        /// Whose lease.
        id: WorkloadId,
        /// Which lease.
        epoch: u64,
        /// When.
        deadline: Instant,
    },
}

/// The end of a lease that its contract or its limit sets from the start: it holds also where nobody lives to order it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastMoments {
    /// When it is told to leave at the latest.
    pub notice_at: Instant,
    /// When what still runs is killed at the latest.
    pub kill_at: Instant,
}

/// The last moments of a lease and what sets them: the notice that `settle` would give, and its deadline.
pub(crate) fn last_moments(
    state: &State,
    workload: &Workload,
    granted_at: Instant,
) -> Option<(LastMoments, Why)> {
    let closes = match workload.account {
        Account::Contract(id) => state.contracts.get(&id).map(|contract| {
            let notice_at = contract.closes_after(granted_at);
            LastMoments { notice_at, kill_at: notice_at.plus(contract.terms.notice) }
        }),
        Account::Owner => None,
    };
    let limit = workload.spec.limit.map(|limit| {
        let notice = RecallBound::of(state, workload.account, workload.pool).notice;
        let kill_at = granted_at.plus(limit);
        LastMoments { notice_at: kill_at.minus(notice).max(granted_at), kill_at }
    });
    let both = [closes.map(|last| (last, Why::ContractEnds)), limit.map(|last| (last, Why::Limit))];
    both.into_iter().flatten().min_by_key(|(last, _)| last.kill_at)
}

/// The orders that follow from fresh records, against the state after them.
#[must_use]
pub fn orders_after(state: &State, fresh: &[Recorded]) -> Vec<Order> {
    let order = |record: &Recorded| match &record.event {
        Event::LeaseGranted { id, epoch, .. } => {
            current(state, *id, *epoch).map(|(w, lease)| start(state, *id, w, lease))
        }
        Event::LeaseNotified { id, epoch, .. } => {
            current(state, *id, *epoch).and_then(|(w, lease)| stop(*id, w, lease))
        }
        _ => None,
    };
    fresh.iter().filter_map(order).collect()
}

/// Every order that stands, for an executor that may have missed some.
#[must_use]
pub fn all_orders(state: &State) -> Vec<Order> {
    let holding = state.workloads.iter().filter_map(|(id, w)| w.lease().map(|lease| (*id, w, lease)));
    holding
        .flat_map(|(id, w, lease)| [Some(start(state, id, w, lease)), stop(id, w, lease)])
        .flatten()
        .collect()
}

/// A workload's lease, if it is still the one of that epoch.
fn current(state: &State, id: WorkloadId, epoch: u64) -> Option<(&Workload, &Lease)> {
    let workload = state.workloads.get(&id).filter(|workload| workload.epoch == epoch)?;
    workload.lease().map(|lease| (workload, lease))
}

fn start(state: &State, id: WorkloadId, workload: &Workload, lease: &Lease) -> Order {
    let topology = state.pools.get(&workload.pool).map(|pool| &pool.topology);
    let each = topology.map_or(Resources::default(), sinew_types::Topology::each);
    let chips = u64::from(lease.cells.chips());
    let resources = Resources {
        chip_milli: each.chip_milli.saturating_mul(chips),
        cpu_milli: each.cpu_milli.saturating_mul(chips),
        memory_bytes: each.memory_bytes.saturating_mul(chips),
    };
    let part = workload.spec.parts.first().cloned().expect("a workload that was admitted has a part");
    // Several shares of one device are one device.
    let devices: BTreeSet<u32> =
        lease.cells.iter().filter_map(|(cell, _)| topology.and_then(|t| t.device(cell))).collect();
    Order::Start {
        id,
        epoch: workload.epoch,
        org: workload.org,
        part: Box::new(part),
        devices: devices.into_iter().collect(),
        resources,
        serves: workload.spec.serves.clone(),
        last: last_moments(state, workload, lease.granted_at).map(|(last, _)| last),
        checkpoint: workload.kept.as_ref().map(|kept| kept.checkpoint.clone()).unwrap_or_default(),
    }
}

fn stop(id: WorkloadId, workload: &Workload, lease: &Lease) -> Option<Order> {
    lease.notice.as_ref().map(|notice| Order::Stop { id, epoch: workload.epoch, deadline: notice.deadline })
}
