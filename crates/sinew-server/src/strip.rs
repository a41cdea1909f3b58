//! Who held what lately: a bounded history of holds, made from the events as they pass.

use imbl::{OrdMap, Vector};
use sinew_core::{Event, Recorded, State};
use sinew_sched::{Cells, Holding};
use sinew_types::{CellIndex, Instant, OrgId, PoolId, WorkloadId};
use std::sync::Arc;

/// How many ended holds are remembered.
const ENDED_KEPT: usize = 4_000;

/// A hold on one cell.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) pool: PoolId,
    pub(crate) cell: CellIndex,
    pub(crate) from: Instant,
    pub(crate) to: Option<Instant>,
    pub(crate) holding: Holding,
    pub(crate) org: OrgId,
    pub(crate) workload: String,
}

/// The history. Its copies share what neither changes: one is made each turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strip {
    ended: Vector<Arc<Hold>>,
    current: OrdMap<WorkloadId, Arc<Vec<Hold>>>,
}

impl Strip {
    /// Follows an event; `state` is the state after it, or later.
    pub(crate) fn follow(&mut self, state: &State, recorded: &Recorded) {
        match &recorded.event {
            Event::LeaseGranted { id, cells, .. } | Event::LeaseRebound { id, cells, .. } => {
                self.end(*id, recorded.at);
                self.begin(state, *id, recorded.at, cells);
            }
            Event::LeaseEnded { id, .. } => self.end(*id, recorded.at),
            _ => {}
        }
    }

    fn begin(&mut self, state: &State, id: WorkloadId, at: Instant, cells: &Cells) {
        let Some(workload) = state.workloads.get(&id) else { return };
        let hold = |(cell, holding): (CellIndex, Holding)| Hold {
            pool: workload.pool,
            cell,
            from: at,
            to: None,
            holding,
            org: workload.org,
            workload: workload.spec.name.to_string(),
        };
        self.current.insert(id, Arc::new(cells.iter().map(hold).collect()));
    }

    fn end(&mut self, id: WorkloadId, at: Instant) {
        for hold in self.current.remove(&id).iter().flat_map(|holds| holds.iter()) {
            if hold.from < at {
                self.ended.push_back(Arc::new(Hold { to: Some(at), ..hold.clone() }));
            }
        }
        while self.ended.len() > ENDED_KEPT {
            self.ended.pop_front();
        }
    }

    /// The holds of a pool that reach past `from`, oldest first.
    pub(crate) fn since(&self, pool: PoolId, from: Instant) -> impl Iterator<Item = &Hold> {
        let ended =
            self.ended.iter().map(Arc::as_ref).filter(move |hold| hold.to.is_some_and(|to| to > from));
        ended
            .chain(self.current.values().flat_map(|holds| holds.iter()))
            .filter(move |hold| hold.pool == pool)
    }
}
