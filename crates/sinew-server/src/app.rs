//! What every handler may use.

use crate::driver::DriverHandle;
use crate::machine::OwnUse;
use crate::runner::Runner;
use sinew_store::{Artefacts, InstanceId};
use std::sync::Arc;

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) driver: DriverHandle,
    pub(crate) artefacts: Arc<Artefacts>,
    pub(crate) runner: Arc<Runner>,
    pub(crate) own_use: OwnUse,
    pub(crate) instance: InstanceId,
}
