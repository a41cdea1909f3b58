//! Which artefacts are still referred to: a collection spares them.

use sinew_core::{Phase, State, Workload};
use sinew_store::Artefacts;
use sinew_types::{Hash, OrgId};
use std::collections::BTreeSet;

/// Everything that an organisation's workloads and releases refer to.
pub(crate) fn referred_to(state: &State, artefacts: &Artefacts, org: OrgId) -> BTreeSet<Hash> {
    let mut keep: BTreeSet<Hash> =
        state.registry.of(org).flat_map(|release| release.files.values().copied()).collect();
    for workload in state.workloads.values().filter(|workload| workload.org == org) {
        keep.extend(refers_to(artefacts, org, workload));
    }
    keep
}

fn refers_to(artefacts: &Artefacts, org: OrgId, workload: &Workload) -> Vec<Hash> {
    let programs = workload.spec.parts.iter().map(|part| &part.program);
    let mut hashes: Vec<Hash> = workload.outputs.values().copied().collect();
    hashes.extend(workload.kept.iter().flat_map(|kept| kept.hashes()));
    for program in programs.filter(|_| !matches!(workload.phase, Phase::Ended { .. })) {
        hashes.extend(program.inputs.values());
        if let Some(bundle) = program.bundle {
            hashes.push(bundle);
            hashes.extend(artefacts.manifest(org, bundle).into_iter().flat_map(|manifest| manifest.hashes()));
        }
    }
    hashes
}
