//! Releasing models: weights, the run that made them and the gate they passed must fit together.

use super::Decision;
use crate::event::Event;
use crate::refusal::{Refusal, Thing};
use crate::state::{End, Phase, State, Workload};
use sinew_registry::{Release, WEIGHTS, WEIGHTS_IN_GGUF};
use sinew_types::{Hash, Instant, Name, OrgId, ReleaseRef, WorkloadId};
use std::collections::BTreeMap;

/// The folder in a training run's outputs that holds the model.
const MODEL_FOLDER: &str = "model/";

pub(super) fn release(
    state: &State,
    now: Instant,
    org: OrgId,
    what: (&Name, WorkloadId, WorkloadId),
) -> Decision {
    let (model, trained_by, gated_by) = what;
    let training = finished(state, org, trained_by)?;
    let gate = finished(state, org, gated_by)?;
    if !matches!(training.phase, Phase::Ended { end: End::Done, .. }) {
        return Err(Refusal::NotTrained { name: training.spec.name.clone() });
    }
    let files =
        training.outputs.iter().filter_map(|(path, hash)| path.strip_prefix(MODEL_FOLDER).map(|p| (p, hash)));
    let files: BTreeMap<String, Hash> = files.map(|(path, hash)| (path.to_owned(), *hash)).collect();
    let weights = files.get(WEIGHTS).or_else(|| files.get(WEIGHTS_IN_GGUF));
    let weights = weights.ok_or_else(|| Refusal::NoWeights { name: training.spec.name.clone() })?;
    if !matches!(gate.phase, Phase::Ended { end: End::Done, .. }) {
        return Err(Refusal::GateNotPassed { name: gate.spec.name.clone() });
    }
    let measured =
        gate.spec.parts.iter().flat_map(|part| part.program.inputs.values()).any(|hash| hash == weights);
    if !measured {
        return Err(Refusal::GateOfOtherWeights { name: gate.spec.name.clone() });
    }
    let reference = ReleaseRef { model: model.clone(), version: state.registry.next_version(org, model) };
    let subject = reference.to_string();
    let release = Release { reference, files, trained_by, gated_by, released_at: now };
    Ok((vec![Event::Released { org, release }], subject))
}

fn finished(state: &State, org: OrgId, id: WorkloadId) -> Result<&Workload, Refusal> {
    let found = state.workloads.get(&id).filter(|workload| workload.org == org);
    found.ok_or_else(|| Refusal::NotFound { thing: Thing::Workload, name: id.to_string() })
}
