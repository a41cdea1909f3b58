//! One order of a lease at a time, while orders of different leases go on side by side.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError};

/// The leases that somebody is busy with.
#[derive(Default)]
pub(crate) struct Turns {
    busy: Mutex<BTreeSet<String>>,
    over: Condvar,
}

/// Somebody's turn at a lease. It ends when this is dropped.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    lease: &'a str,
}

impl Turns {
    /// Waits until nobody else is busy with this lease.
    pub(crate) fn take<'a>(&'a self, lease: &'a str) -> Turn<'a> {
        // The set is changed in one step, so a panic elsewhere leaves it whole.
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.over.wait_while(busy, |busy| busy.contains(lease));
        waited.unwrap_or_else(PoisonError::into_inner).insert(lease.to_owned());
        Turn { turns: self, lease }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(self.lease);
        self.turns.over.notify_all();
    }
}
