//! What is replayed: pools, labs with their contracts, and jobs.

use super::read::TraceError;
use sinew_types::{Fabric, Level, Resources, Shape, Span, Tier, Topology};

/// A pool of a trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pool {
    /// Its cells.
    pub topology: Topology,
    /// Chips that the trace gives to nobody: its owner holds them from the first moment to the last.
    pub kept_chips: u32,
}

/// An organisation and its one contract.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lab {
    /// What reports call it.
    pub name: String,
    /// Its pool's place in the trace.
    pub pool: usize,
    /// What it is guaranteed.
    pub guarantee: Shape,
    /// The most chips of others that it may hold.
    pub borrow_chips: u32,
    /// The most of its own chips that others may hold.
    pub lend_chips: u32,
}

/// A job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// Its lab's place in the trace.
    pub lab: usize,
    /// When it comes.
    pub submit_ms: u64,
    /// How long it runs, in all.
    pub runtime_ms: u64,
    /// What it needs.
    pub shape: Shape,
    /// Higher goes first.
    pub priority: i32,
    /// Whether the trace wants all of it in one rack.
    pub in_one_rack: bool,
}

/// A trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// All pools.
    pub pools: Vec<Pool>,
    /// All labs.
    pub labs: Vec<Lab>,
    /// All jobs, in order of their submission.
    pub jobs: Vec<Job>,
    /// How long a borrower may stay after a recall; kill grace and hand-over come on top.
    pub notice: Span,
}

/// After the notice, until what is left is killed.
pub(super) const KILL_GRACE: Span = Span::from_ms(1_000);
/// After that, until the cells are in the next holder's hands.
pub(super) const HAND_OVER: Span = Span::from_ms(1_000);

impl Trace {
    /// The longest time from a demand inside a guarantee to its possession.
    #[must_use]
    pub fn recall_bound(&self) -> Span {
        self.notice.plus(KILL_GRACE).plus(HAND_OVER)
    }

    /// How many chips a shape has in a pool.
    pub(super) fn chips(&self, pool: usize, shape: &Shape) -> u32 {
        if let Some(chips) = shape.loose_chips() {
            return chips;
        }
        sinew_sched::shape_chips(&self.pools[pool].topology, shape).unwrap_or(0)
    }

    /// Chips of all pools that the trace gives to somebody.
    #[must_use]
    pub fn capacity_chips(&self) -> u64 {
        let given = |pool: &Pool| u64::from(pool.topology.chip_count().saturating_sub(pool.kept_chips));
        self.pools.iter().map(given).sum()
    }
}

/// A pool of equal chips in these tiers.
pub(super) fn topology(model: &str, tiers: &[(Level, u32)]) -> Result<Topology, TraceError> {
    let each = Resources { chip_milli: 1_000, cpu_milli: 0, memory_bytes: 0 };
    let listed = tiers.iter().map(|(level, count)| Tier { level: *level, count: *count }).collect();
    let flawed = |flaw| TraceError::NoPool { why: format!("{flaw:?}") };
    Topology::regular(model, each, listed, Fabric::Switched).map_err(flawed)
}
