//! Runs one lease's program as a local sandboxed process on Linux.
//!
//! Each lease gets a folder and a supervisor: a small process of the same binary, forked from a nursery of such, that
//! outlives the server.
//! The supervisor holds the epoch, the deadline, the exit status and the output, and keeps the deadline alone.
//! The program sees its own files, its own processes and the cores of its lease, and nothing of anybody else.
//!
//! This crate never decides who may run, never speaks HTTP, never touches the journal, and never runs a program
//! with less isolation than the order needs: what the machine cannot enforce is an error or stands in [`Isolation`].
//!
//! Reading order: [`LeaseOrder`] (what is asked), [`Executor`] (the server's side), `nursery`, `supervisor` (the loop),
//! `init` (the first process of the sandbox), then `tree`, `confine` and `filter` (what the program may touch).

mod boot;
mod chown;
mod confine;
mod control;
mod cpuset;
mod ended;
mod error;
mod executor;
mod filter;
mod folder;
mod init;
mod isolation;
mod nursery;
mod order;
mod output;
mod process;
mod status;
mod supervisor;
mod sweep;
mod tree;
mod turns;
mod watch;

pub use error::ExecError;
pub use executor::{Executor, ExecutorSettings};
pub use isolation::{Isolation, Support};
pub use nursery::supervise;
pub use order::{LastMoments, LeaseOrder, Limits, Network};
pub use output::OutputChunk;
pub use status::{Ending, ExitStatus, LeaseStatus, Observation, Observed};
