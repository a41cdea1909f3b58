//! SIGTERM and SIGINT as a value that the work looks at between two steps.

use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Set once a notice came.
#[derive(Clone, Default)]
pub(crate) struct Notice {
    came: Arc<AtomicBool>,
}

impl Notice {
    /// Listens on a thread of its own, for work that has no async runtime.
    pub(crate) fn listen() -> Result<Notice> {
        let notice = Notice::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot start listening for signals")?;
        let mut signals = {
            let _guard = runtime.enter();
            Signals::new()?
        };
        let came = Arc::clone(&notice.came);
        std::thread::spawn(move || {
            runtime.block_on(signals.next());
            came.store(true, Ordering::Relaxed);
        });
        Ok(notice)
    }

    pub(crate) fn came(&self) -> bool {
        self.came.load(Ordering::Relaxed)
    }
}

/// The two signals that end a program politely.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn new() -> Result<Signals> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
