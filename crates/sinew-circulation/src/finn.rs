//! Finn's cycling index, from the ecology of nutrients: which part of all throughflow has been at its place before.
//!
//! Throughflow T(i) = max(in, out), G = W / T, N = (I - G)^-1, index = sum T(i) (N(i,i) - 1) / N(i,i) over sum T(i).
//! (N - 1) / N is the chance to come back, so only strongly connected components count, and of those only the
//! diagonal of N. Small components are solved. In large ones the first powers of G are counted exactly and the rest
//! is estimated from random signs, with its error stated.

mod estimate;

use crate::Graph;
use crate::components::groups;

/// Up to this size a component is solved.
const SOLVED_MOST: usize = 256;

/// The index and how sure it is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Finn {
    /// Between 0, nothing comes back, and 1.
    pub index: f64,
    /// Four standard errors of what was estimated; nothing where all was solved.
    pub error: f64,
    /// Whether what was estimated came to rest. If not, the index says little.
    pub settled: bool,
}

/// Works out the index.
#[must_use]
pub fn finn(graph: &Graph) -> Finn {
    let through: Vec<f64> =
        (0..graph.parties()).map(|party| graph.pays(party).max(graph.gets(party)) as f64).collect();
    let all: f64 = through.iter().sum();
    let mut found = Finn { index: 0.0, error: 0.0, settled: true };
    if all == 0.0 {
        return found;
    }
    let mut local = vec![usize::MAX; graph.parties()];
    for group in groups(graph, |_| true) {
        for (at, party) in group.iter().enumerate() {
            local[*party] = at;
        }
        let part = Part::new(graph, &group, &local, &through);
        let (cycled, error, settled) = part.cycled();
        found.index += cycled / all;
        found.error += error / all;
        found.settled &= settled;
        for party in &group {
            local[*party] = usize::MAX;
        }
    }
    found
}

/// A strongly connected component with the shares of G inside it.
struct Part {
    through: Vec<f64>,
    /// For each party: whom it pays, and that payment's share of its throughflow.
    forward: Vec<Vec<(usize, f64)>>,
    /// The same edges by who is paid.
    backward: Vec<Vec<(usize, f64)>>,
    /// Whether nothing ever leaves: everybody passes on all that it has, to members.
    is_closed: bool,
}

impl Part {
    fn new(graph: &Graph, group: &[usize], local: &[usize], through: &[f64]) -> Self {
        let mut part = Self {
            through: group.iter().map(|party| through[*party]).collect(),
            forward: vec![Vec::new(); group.len()],
            backward: vec![Vec::new(); group.len()],
            is_closed: true,
        };
        for (from, party) in group.iter().enumerate() {
            let mut inside = 0;
            for edge in graph.paid_by(*party) {
                let to = local[edge.to];
                if to != usize::MAX {
                    let share = edge.amount as f64 / through[*party];
                    part.forward[from].push((to, share));
                    part.backward[to].push((from, share));
                    inside += edge.amount;
                }
            }
            part.is_closed &= inside == graph.pays(*party).max(graph.gets(*party));
        }
        part
    }

    /// How much of the throughflow comes back, the error of that, and whether it came to rest.
    fn cycled(&self) -> (f64, f64, bool) {
        if self.is_closed {
            return (self.through.iter().sum(), 0.0, true);
        }
        if self.through.len() > SOLVED_MOST {
            return estimate::cycled(self);
        }
        let returns = |(through, visits): (&f64, f64)| through * (visits - 1.0) / visits;
        (self.through.iter().zip(self.solved()).map(returns).sum(), 0.0, true)
    }

    /// The diagonal of (I - G)^-1 by elimination. Rows of G sum to at most one, so no pivots are looked for.
    fn solved(&self) -> Vec<f64> {
        let size = self.through.len();
        let mut matrix = vec![vec![0.0; 2 * size]; size];
        for (row, edges) in self.forward.iter().enumerate() {
            matrix[row][row] = 1.0;
            matrix[row][size + row] = 1.0;
            for (column, share) in edges {
                matrix[row][*column] -= share;
            }
        }
        for pivot in 0..size {
            let scale = matrix[pivot][pivot];
            for value in &mut matrix[pivot] {
                *value /= scale;
            }
            let row = matrix[pivot].clone();
            for (at, other) in matrix.iter_mut().enumerate() {
                let factor = other[pivot];
                if at != pivot && factor != 0.0 {
                    for (value, pivot_value) in other[pivot..].iter_mut().zip(&row[pivot..]) {
                        *value -= factor * pivot_value;
                    }
                }
            }
        }
        (0..size).map(|at| matrix[at][size + at]).collect()
    }
}

#[cfg(test)]
mod tests;
