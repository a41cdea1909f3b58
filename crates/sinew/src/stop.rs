//! Ctrl-C and SIGTERM end what takes long between two looks, never in the middle of something.

use anyhow::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often what waits for nothing else looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Somebody ended it.
#[derive(Debug, thiserror::Error)]
#[error("ended before it was done")]
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

/// Pauses, or says that it was ended.
pub(crate) fn pause(for_ms: Duration) -> Result<()> {
    std::thread::sleep(for_ms);
    look()
}

/// Says whether it was ended, as an error.
pub(crate) fn look() -> Result<()> {
    if STOPPED.load(Ordering::Relaxed) { Err(Stopped.into()) } else { Ok(()) }
}

/// Waits until somebody ends it.
pub(crate) fn wait() -> Result<()> {
    loop {
        pause(LOOK_EVERY)?;
    }
}
