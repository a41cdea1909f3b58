//! Models and their releases, as values.
//!
//! A release ties weights to the run that made them and to the gate that they passed. This crate
//! never opens a file: it knows artefacts by their hashes.

use sinew_types::{Hash, Instant, Name, OrgId, ReleaseRef, WorkloadId, canonical_struct};
use std::collections::BTreeMap;

/// A model that passed its gate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    /// Its name and version.
    pub reference: ReleaseRef,
    /// Its files by path, such as `model.safetensors`.
    pub files: BTreeMap<String, Hash>,
    /// The workload that trained it.
    pub trained_by: WorkloadId,
    /// The workload that ran its gate.
    pub gated_by: WorkloadId,
    /// When it was released.
    pub released_at: Instant,
}

canonical_struct!(Release { reference, files, trained_by, gated_by, released_at });

/// All releases, by organisation, model and version.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Registry {
    releases: BTreeMap<OrgId, BTreeMap<Name, Vec<Release>>>,
}

canonical_struct!(Registry { releases });

/// The file that a model's identity hangs on.
pub const WEIGHTS: &str = "model.safetensors";
/// The same for a model that others published in one file with all that belongs to it.
pub const WEIGHTS_IN_GGUF: &str = "model.gguf";

impl Registry {
    /// The version that the next release of a model gets.
    #[must_use]
    pub fn next_version(&self, org: OrgId, model: &Name) -> u32 {
        let known = self.releases.get(&org).and_then(|models| models.get(model)).map_or(0, Vec::len);
        u32::try_from(known).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Adds a release; its version is the next one.
    pub fn add(&mut self, org: OrgId, release: Release) {
        self.releases
            .entry(org)
            .or_default()
            .entry(release.reference.model.clone())
            .or_default()
            .push(release);
    }

    /// A release of an organisation, by name and version.
    #[must_use]
    pub fn release(&self, org: OrgId, reference: &ReleaseRef) -> Option<&Release> {
        self.releases.get(&org)?.get(&reference.model)?.iter().find(|release| release.reference == *reference)
    }

    /// An organisation's releases, by model, oldest first.
    pub fn of(&self, org: OrgId) -> impl Iterator<Item = &Release> {
        self.releases.get(&org).into_iter().flat_map(|models| models.values().flatten())
    }
}

#[cfg(test)]
mod tests;
