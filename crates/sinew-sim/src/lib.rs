//! The whole lending lane on fake time, disk, network and executors, from one seed.
//!
//! The core, the store and the order of the loop are the real ones; the world around them is made of chance that the
//! seed decides: crashes, torn pages, full disks, lost and repeated messages, clock jumps, labs that lie. After every
//! turn a naive model recomputes everything from the journal's records and checks the seven invariants. It also replays
//! traces of real clusters through the same core. This crate never
//! reads a clock, never starts a thread and is never part of the product.

mod chance;
mod cycle;
mod disk;
mod log;
mod machine;
mod model;
mod queue;
pub mod replay;
mod run;
mod script;
mod vfs;
mod world;

pub use chance::Chance;
pub use cycle::{Cycle, Decided, Told, Turn};
pub use disk::Faults;
pub use log::{EventLog, LogError, record};
pub use model::Violation;
pub use run::{Failed, Passed, Plan, run, shrink};
pub use script::{Action, Layout, Point, Step, layout, script};
pub use vfs::{Disk, VFS};
pub use world::Counts;
