//! Measures from the waits themselves by how much guaranteed capacity came too late.

use sinew_core::{Event, State};
use sinew_sched::{Account, Wait, shape_chips};
use sinew_types::{ContractId, Instant, WorkloadId};
use std::collections::BTreeMap;

/// A workload whose cells are being taken back for it.
struct Waits {
    contract: ContractId,
    milli: u64,
    /// From when on it is late and not counted.
    late_from: Instant,
}

/// All that wait for cells of their guarantee, and what was late.
#[derive(Default)]
pub(super) struct Lateness {
    waits: BTreeMap<WorkloadId, Waits>,
    /// Thousandths of a chip, times milliseconds.
    late: BTreeMap<ContractId, u128>,
}

impl Lateness {
    /// Follows an event. `state` is the state before it.
    pub(super) fn follow(&mut self, state: &State, at: Instant, event: &Event) {
        let Some(id) = event.workload() else { return };
        match event {
            Event::WaitChanged { why: Wait::Recalling { .. }, .. } => self.begin(state, at, id),
            Event::WaitChanged { .. }
            | Event::LeaseGranted { .. }
            | Event::WorkloadAdjusted { .. }
            | Event::WorkloadCancelled { .. } => {
                self.count(id, at);
                self.waits.remove(&id);
            }
            _ => {}
        }
    }

    /// What was late under a contract since the last time, up to now.
    pub(super) fn bill(&mut self, contract: ContractId, at: Instant) -> u128 {
        let waits = self.waits.iter().filter(|(_, waits)| waits.contract == contract);
        for id in waits.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.count(id, at);
        }
        self.late.remove(&contract).unwrap_or(0)
    }

    fn begin(&mut self, state: &State, at: Instant, id: WorkloadId) {
        let Some(workload) = state.workloads.get(&id) else { return };
        let Account::Contract(contract) = workload.account else { return };
        let topology = state.pools.get(&workload.pool).map(|pool| &pool.topology);
        let (Some(topology), Some(known)) = (topology, state.contracts.get(&contract)) else { return };
        let least = workload.spec.parts.first().map(|part| part.least);
        let chips = least.and_then(|least| shape_chips(topology, &least)).unwrap_or(0);
        let milli = u64::from(chips).saturating_mul(topology.each().chip_milli);
        let late_from = at.plus(known.terms.recall_bound());
        self.waits.entry(id).or_insert(Waits { contract, milli, late_from });
    }

    fn count(&mut self, id: WorkloadId, at: Instant) {
        let Some(waits) = self.waits.get_mut(&id).filter(|waits| waits.late_from < at) else { return };
        let more = u128::from(waits.milli) * u128::from(at.since(waits.late_from).ms());
        waits.late_from = at;
        let late = self.late.entry(waits.contract).or_default();
        *late = late.saturating_add(more);
    }
}
