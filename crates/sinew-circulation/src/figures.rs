//! All figures of a graph at once.

use crate::{Balanced, Circular, Cycles, Finn, Graph, Netting, balanced, cycles, finn, netting};

/// How much work the two searches that have no natural end may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// How many cycles are listed at most.
    pub cycles: usize,
    /// How many looks at an edge the search for cycles takes at most.
    pub cycle_steps: u64,
    /// How many looks at an edge the balanced form takes at most.
    pub balanced_steps: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { cycles: 1_000, cycle_steps: 1_000_000, balanced_steps: 50_000_000 }
    }
}

/// What can be said about the flows of a graph.
#[derive(Clone, PartialEq, Debug)]
pub struct Figures {
    /// What netting leaves.
    pub netting: Netting,
    /// The most that circulates. The rest, gross less this, is what netting of all with all leaves when everybody
    /// still pays only those whom it paid before.
    pub circular: Circular,
    /// What circulates by equal shares.
    pub balanced: Balanced,
    /// The cycling index.
    pub finn: Finn,
    /// Elementary cycles.
    pub cycles: Cycles,
}

/// Works out all that is not given: the largest circulation takes as long as the others together, and a caller with a second
/// thread finds it beside them.
#[must_use]
pub fn figures(graph: &Graph, bounds: Bounds, circular: impl FnOnce() -> Circular) -> Figures {
    Figures {
        netting: netting(graph),
        balanced: balanced(graph, bounds.balanced_steps),
        finn: finn(graph),
        cycles: cycles(graph, bounds.cycles, bounds.cycle_steps),
        circular: circular(),
    }
}
