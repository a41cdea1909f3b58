//! Sees the end of a lease, also when its supervisor is killed.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::error::{ExecError, Result};
use crate::folder::LeaseFolder;
use crate::isolation::Namespaces;
use crate::process::ProcessHandle;
use crate::status::{ExitStatus, Observation, Observed, State, StatusRecord};
use crate::supervisor::now_ms;

/// Without namespaces the first process ends the others itself and may take this long; then it is killed.
const SWEEP_WITHIN_MS: u16 = 10_000;
/// How often the nursery's word is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A watcher does little and keeps little.
const STACK_BYTES: usize = 128 * 1024;

/// Watches one epoch of a lease and tells what happens to it.
pub(crate) struct Watcher {
    pub(crate) folder: LeaseFolder,
    pub(crate) lease: String,
    pub(crate) epoch: u64,
    pub(crate) namespaces: Namespaces,
    /// Whether the start is news. It is none after a restart of the server.
    pub(crate) announce: bool,
    pub(crate) sender: SyncSender<Observation>,
    /// The line to a supervisor that this server started: it closes when the supervisor ends.
    pub(crate) line: Option<UnixStream>,
}

impl Watcher {
    /// Watches in a thread of its own until the lease is over.
    pub(crate) fn spawn(self) -> Result<()> {
        let name = format!("lease {}", self.lease);
        let watch = move || self.watch();
        match thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(watch) {
            Ok(_) => Ok(()),
            Err(source) => {
                Err(ExecError::Step { step: "start a thread that watches the lease".into(), source })
            }
        }
    }

    fn watch(mut self) {
        if self.announce
            && let Some(at_ms) = self.started_at()
        {
            self.tell(Observed::Started { at_ms });
        }
        if let Some(mut line) = self.line.take() {
            while line.read(&mut [0; 16]).is_ok_and(|count| count > 0) {}
        }
        // It may be another one's: an earlier server's, which had the lease before ours.
        if let Some(supervisor) = living_supervisor(&self.folder) {
            supervisor.wait(None);
        }
        match self.status() {
            Some(StatusRecord { state: State::Ended(ending), .. }) => self.tell(Observed::Exited(ending)),
            status => {
                end_first_process(&self.folder, status.as_ref(), self.namespaces);
                self.tell(Observed::Lost { at_ms: now_ms() });
            }
        }
    }

    fn started_at(&self) -> Option<u64> {
        let status = self.status()?;
        match status.state {
            State::Taken => None,
            State::Ended(ending) if matches!(ending.status, ExitStatus::CouldNotStart(_)) => None,
            State::Running | State::Ended(_) => Some(status.started_at_ms),
        }
    }

    fn status(&self) -> Option<StatusRecord> {
        self.folder.read_status(self.epoch).ok().flatten()
    }

    fn tell(&self, what: Observed) {
        // Nobody listens any more when the executor is gone, and then nobody misses this.
        let _ = self.sender.send(Observation { lease: self.lease.clone(), epoch: self.epoch, what });
    }
}

/// A handle on the supervisor of a folder, if one lives.
pub(crate) fn living_supervisor(folder: &LeaseFolder) -> Option<ProcessHandle> {
    let pid = folder.supervisor_pid()?;
    let handle = ProcessHandle::open(pid).ok()?;
    // Asked again after opening: whoever holds the lock now is the process that the handle is for.
    (folder.supervisor_pid() == Some(pid)).then_some(handle)
}

/// The supervisor is dead, and its first process dies with it. "Lost" is told only when that is done.
pub(crate) fn end_first_process(folder: &LeaseFolder, status: Option<&StatusRecord>, namespaces: Namespaces) {
    let Some(status) = status.filter(|status| !matches!(status.state, State::Ended(_))) else { return };
    if let Some(first) = status.init.and_then(ProcessHandle::of) {
        end(&first, namespaces);
    }
    if namespaces == Namespaces::Bare {
        wait_until_swept(folder, status);
    }
}

/// The program itself dies with its supervisor; what it had started is ended by the nursery, which says so. Without a
/// nursery nobody knows those any more.
fn wait_until_swept(folder: &LeaseFolder, status: &StatusRecord) {
    let swept = folder.swept_path(status.epoch);
    let give_up = std::time::Instant::now() + Duration::from_millis(SWEEP_WITHIN_MS.into());
    while !swept.exists()
        && status.nursery.and_then(ProcessHandle::of).is_some()
        && std::time::Instant::now() < give_up
    {
        thread::sleep(LOOK_EVERY);
    }
}

fn end(first: &ProcessHandle, namespaces: Namespaces) {
    if namespaces == Namespaces::Without && first.wait(Some(SWEEP_WITHIN_MS)) {
        return;
    }
    first.signal(Signal::SIGKILL);
    first.wait(None);
}
