//! What every handler may use.

use crate::driver::DriverHandle;
use crate::machine::OwnUse;
use crate::proving::Prover;
use crate::runner::Runner;
use sinew_store::{Artefacts, InstanceId};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How many uploads are taken at once; more wait their turn.
pub(crate) const UPLOADS_MAX: usize = 64;

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) driver: DriverHandle,
    pub(crate) artefacts: Arc<Artefacts>,
    pub(crate) runner: Arc<Runner>,
    pub(crate) prover: Arc<Prover>,
    pub(crate) own_use: OwnUse,
    /// Uploads under way; each holds a thread.
    pub(crate) uploads: Arc<Semaphore>,
    pub(crate) instance: InstanceId,
}
