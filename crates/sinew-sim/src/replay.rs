//! Traces of real clusters through the real control plane, on fake time.
//!
//! A trace is pools, labs and jobs. Its jobs are submitted at their times to a [`Control`](sinew_core::Control); fake
//! executors run each for its runtime, and leave at once when they are told to, to go on later with what was left. Who
//! runs where and when is decided by `decide`, `apply` and the scheduler alone: there is no second packer here.

mod advised;
mod command;
mod deadlines;
mod drive;
mod figures;
mod itp;
mod kueue;
mod openb;
mod outcome;
mod owed;
mod pollux;
mod read;
mod report;
mod setup;
mod svg;
mod trace;
mod yaml;

pub use command::{Asked, Family, replay};
pub use deadlines::Pauses;
pub use drive::drive;
pub use figures::Figures;
pub use itp::{Cluster, organisations, read_clusters};
pub use kueue::{Generator, read_generator};
pub use outcome::{Outcome, Queueing, Ran, Sample};
pub use read::TraceError;
pub use report::{Page, Plot};
pub use trace::{Job, Lab, Pool, Trace};

#[cfg(test)]
mod tests;
