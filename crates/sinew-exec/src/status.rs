//! What is known about a lease: what the supervisor writes, and what the server is told.

use serde::{Deserialize, Serialize};

/// How a lease stands, as its folder shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseStatus {
    /// The order is there, but no supervisor took it yet. Giving the order again starts it.
    NotStarted,
    /// The supervisor lives.
    Running {
        /// When the program started.
        started_at_ms: u64,
        /// When everything is killed, if a notice was given.
        deadline_unix_ms: Option<u64>,
    },
    /// The program is over and no process of it is left.
    Exited(Ending),
    /// The supervisor is gone without a final status, and everything under it with it.
    Lost,
}

/// How a program ended, and what it used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// When the last process was gone.
    pub at_ms: u64,
    /// How the program ended.
    pub status: ExitStatus,
    /// Processor time of the program and of all its children that were waited for. For people, not for bills.
    pub cpu_time_ms: u64,
    /// The largest resident size of one process.
    pub peak_memory_bytes: u64,
    /// Output that the program wrote.
    pub output_bytes: u64,
    /// Output that was dropped because of the limit or a full disk.
    pub output_dropped_bytes: u64,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitStatus {
    /// It exited by itself with this code.
    Code(i32),
    /// A signal ended it: its own, somebody else's, or the SIGTERM of its notice.
    Signal(i32),
    /// It was still there at the deadline of its notice.
    KilledAtDeadline,
    /// It was killed by an order.
    KilledByOrder,
    /// It never ran; the text says which step failed.
    CouldNotStart(String),
}

/// One thing that happened to a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The lease.
    pub lease: String,
    /// The epoch of the order that this is about.
    pub epoch: u64,
    /// What happened.
    pub what: Observed,
}

/// What happened to a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// The program runs.
    Started {
        /// Since when.
        at_ms: u64,
    },
    /// The program is over and no process of it is left.
    Exited(Ending),
    /// The supervisor died without a final status. No process of the lease is left.
    Lost {
        /// When the server saw it.
        at_ms: u64,
    },
}

/// What the supervisor keeps on disk about one epoch of a lease.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusRecord {
    pub(crate) version: u32,
    pub(crate) epoch: u64,
    pub(crate) started_at_ms: u64,
    pub(crate) deadline_unix_ms: Option<u64>,
    /// The first process of the sandbox, so that a server can see it go when the supervisor is lost.
    pub(crate) init: Option<ProcessMark>,
    /// The nursery of the supervisor, which ends what a lost supervisor leaves where nothing else does.
    #[serde(default)]
    pub(crate) nursery: Option<ProcessMark>,
    pub(crate) state: State,
}

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessMark {
    pub(crate) pid: i32,
    pub(crate) start_ticks: u64,
}

/// How far a supervisor came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum State {
    /// The sandbox is being built. Written before the program may start, so that nothing starts twice.
    Taken,
    Running,
    Ended(Ending),
}
