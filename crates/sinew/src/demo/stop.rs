//! Ctrl-C and SIGTERM end the demo between two looks, never in the middle of something.

use anyhow::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Somebody ended the demo.
#[derive(Debug, thiserror::Error)]
#[error("the demo was ended")]
pub(crate) struct Stopped;

extern "C" fn note(_signal: libc::c_int) {
    STOPPED.store(true, Ordering::Relaxed);
}

/// From now on the two signals only set a flag.
pub(crate) fn listen() {
    let handler = note as extern "C" fn(libc::c_int);
    // SAFETY: the handler only stores to an atomic, which is safe in a signal handler.
    unsafe {
        libc::signal(libc::SIGINT, handler as libc::sighandler_t);
        libc::signal(libc::SIGTERM, handler as libc::sighandler_t);
    }
}

/// Pauses, or says that the demo was ended.
pub(crate) fn pause(for_ms: Duration) -> Result<()> {
    std::thread::sleep(for_ms);
    if STOPPED.load(Ordering::Relaxed) { Err(Stopped.into()) } else { Ok(()) }
}

/// Waits until somebody ends the demo.
pub(crate) fn wait() -> Result<()> {
    loop {
        pause(super::LOOK_EVERY)?;
    }
}
