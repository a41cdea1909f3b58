//! What is kept of a workload's leases beside the program's own outputs: logs, and the newest checkpoint.
//!
//! They stand among the outputs that the end of a lease records, under paths that no program's output has, so that every
//! journal reads the same way.

use sinew_types::{Hash, canonical_struct};
use std::collections::BTreeMap;

/// Where Sinew's own entries stand among a lease's outputs. No output of a program begins like this.
pub const RESERVED: &str = ".sinew/";
/// The entry of the lease's log.
const LOG: &str = ".sinew/log";
/// What the entries of a checkpoint's files begin with.
const CHECKPOINT: &str = ".sinew/checkpoint/";

/// Of how many leases of a workload the logs are kept.
pub const LOGS_KEPT: usize = 32;

/// What is kept of a workload's leases, as artefacts of its organisation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    /// The logs of the last leases, by epoch.
    pub logs: BTreeMap<u64, Hash>,
    /// The files of the newest checkpoint, by their path in the checkpoint's folder.
    pub checkpoint: BTreeMap<String, Hash>,
}

canonical_struct!(Kept { logs, checkpoint });

/// The entry of a lease's log among its outputs.
#[must_use]
pub fn log_entry(hash: Hash) -> (String, Hash) {
    (LOG.to_owned(), hash)
}

/// The entry of a checkpoint's file among a lease's outputs.
#[must_use]
pub fn checkpoint_entry(path: &str, hash: Hash) -> (String, Hash) {
    (format!("{CHECKPOINT}{path}"), hash)
}

impl Kept {
    /// Takes what one lease left and answers the program's own outputs. A lease without a checkpoint leaves the one
    /// before in force.
    pub(crate) fn take(&mut self, epoch: u64, outputs: BTreeMap<String, Hash>) -> BTreeMap<String, Hash> {
        let (mut own, mut checkpoint) = (BTreeMap::new(), BTreeMap::new());
        for (path, hash) in outputs {
            if path == LOG {
                self.logs.insert(epoch, hash);
            } else if let Some(file) = path.strip_prefix(CHECKPOINT) {
                checkpoint.insert(file.to_owned(), hash);
            } else {
                own.insert(path, hash);
            }
        }
        if !checkpoint.is_empty() {
            self.checkpoint = checkpoint;
        }
        while self.logs.len() > LOGS_KEPT {
            self.logs.pop_first();
        }
        own
    }

    /// Everything that must stay in the store.
    pub fn hashes(&self) -> impl Iterator<Item = Hash> {
        self.logs.values().chain(self.checkpoint.values()).copied()
    }
}
