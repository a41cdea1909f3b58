//! How much an organisation's artefacts take, and what is being written on top of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::StoreError;

/// One organisation's account. Its lock also orders putting in place against collection.
#[derive(Debug, Default)]
pub(crate) struct Space {
    state: Mutex<SpaceState>,
}

#[derive(Debug, Default)]
pub(crate) struct SpaceState {
    /// Unknown until somebody asks: it takes a walk through the folder.
    pub(crate) used_bytes: Option<u64>,
    /// `None` for the store's default.
    pub(crate) quota_bytes: Option<u64>,
    reserved_bytes: u64,
}

impl Space {
    pub(crate) fn lock(&self) -> MutexGuard<'_, SpaceState> {
        // The numbers are changed in single steps, so a panic elsewhere leaves them whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that one put is writing; given back when it ends either way.
pub(crate) struct Reservation {
    space: Arc<Space>,
    default_quota_bytes: u64,
    /// Bytes that this put will replace: an artefact put again needs no further space.
    credit_bytes: u64,
    written_bytes: u64,
}

impl Reservation {
    pub(crate) fn new(space: Arc<Space>, default_quota_bytes: u64, credit_bytes: u64) -> Reservation {
        Reservation { space, default_quota_bytes, credit_bytes, written_bytes: 0 }
    }

    /// Asks for more before it is written, so that the quota holds at every instant.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), StoreError> {
        let mut state = self.space.lock();
        let limit = state.quota_bytes.unwrap_or(self.default_quota_bytes);
        let used = state.used_bytes.unwrap_or(0);
        let more = self.charged(bytes as u64) - self.charged(0);
        let sum = used.saturating_add(state.reserved_bytes).saturating_add(more);
        if more > 0 && sum > limit {
            return Err(StoreError::QuotaExceeded { limit, used });
        }
        state.reserved_bytes += more;
        self.written_bytes += bytes as u64;
        Ok(())
    }

    fn charged(&self, more_bytes: u64) -> u64 {
        (self.written_bytes + more_bytes).saturating_sub(self.credit_bytes)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let charged = self.charged(0);
        self.space.lock().reserved_bytes -= charged;
    }
}
