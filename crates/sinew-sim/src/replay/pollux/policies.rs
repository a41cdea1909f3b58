//! Policies over training jobs: which of them should run, and on how many chips. Each is a file with its formula.

mod goodput;
mod optimus;
mod tiresias;

use super::application::Application;
use super::learned::Profile;
use super::training::Training;
pub(super) use goodput::Goodput;
pub(super) use optimus::Optimus;
pub(super) use tiresias::Tiresias;

/// A job that came and is not done, as a policy sees it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) job: usize,
    /// How many chips its user asked for.
    pub(super) asked_chips: u32,
    pub(super) app: &'a Application,
    pub(super) profile: &'a Profile,
    pub(super) training: &'a Training,
}

/// Says from time to time who should run, and on how many chips: an adviser that gives no orders itself.
pub(super) trait Adviser {
    /// The jobs that should run from now on, with their chips, in the order in which they choose places. All chips
    /// together are at most those of the pool.
    fn advise(&mut self, now_s: u64, pool_chips: u32, jobs: &[Seen<'_>]) -> Vec<(usize, u32)>;
}
