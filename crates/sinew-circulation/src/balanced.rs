//! What circulates when everybody passes on what it gets in its usual shares: circular directional flow
//! decomposition, balanced form (arXiv 2506.12546). It is unique, and never more than the largest circulation.
//!
//! In each strongly connected component: the stationary flow of the shares W(i,j) / out(i), scaled up until a party
//! has passed on all that it has; that is taken away, and so on with what is still connected. All that a party passes
//! on shrinks by one factor, so its shares stay and only one number for each party has to be kept.

use crate::Graph;
use crate::components::groups;

/// Up to this size a component's stationary flow is solved exactly (Grassmann, Taksar, Heyman 1985: no subtraction).
const EXACT_MOST: usize = 100;
/// Passes over a larger component's edges, at most, and the change between two that counts as none.
const PASSES: usize = 200;
const STILL: f64 = 1e-7;
/// In a larger component a party with less than this share left has passed on all: else there are as many rounds
/// as parties.
const RUN_OUT: f64 = 0.01;

/// What circulates by equal shares.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Balanced {
    /// Its sum, in the asset's smallest unit.
    pub total: f64,
    /// How often the components were solved.
    pub rounds: usize,
    /// Whether this is the whole. If not, at least so much circulates: components of more than 100 parties were
    /// followed until each party had passed on 99 in 100, or the work was bounded.
    pub complete: bool,
}

/// Follows the shares, for at most `steps` looks at an edge.
#[must_use]
pub fn balanced(graph: &Graph, steps: u64) -> Balanced {
    let mut shares = Shares { graph, left: vec![1.0; graph.parties()], flow: vec![1.0; graph.parties()] };
    let mut found = Balanced { total: 0.0, rounds: 0, complete: true };
    let mut steps = i64::try_from(steps).unwrap_or(i64::MAX);
    let mut local = vec![usize::MAX; graph.parties()];
    loop {
        let groups = groups(graph, |edge| shares.left[graph.edges()[edge].from] > 0.0);
        if groups.is_empty() {
            return found;
        }
        steps -= graph.edges().len() as i64;
        for group in groups {
            for (at, party) in group.iter().enumerate() {
                local[*party] = at;
            }
            let (total, work) = shares.round(&group, &local);
            for party in &group {
                local[*party] = usize::MAX;
            }
            found.total += total;
            found.complete &= group.len() <= EXACT_MOST;
            steps -= work as i64;
        }
        found.rounds += 1;
        if steps <= 0 {
            found.complete = false;
            return found;
        }
    }
}

struct Shares<'a> {
    graph: &'a Graph,
    /// Which part of what it pays each party still has to pass on.
    left: Vec<f64>,
    /// The stationary flow that was found last: a good guess of the next.
    flow: Vec<f64>,
}

/// An edge inside a component: from, to, amount.
type Inner = (usize, usize, f64);

impl Shares<'_> {
    /// Takes one circulation away. Answers its sum and the work that it was.
    fn round(&mut self, group: &[usize], local: &[usize]) -> (f64, usize) {
        let mut edges: Vec<Inner> = Vec::new();
        let mut out = vec![0.0; group.len()];
        for (at, party) in group.iter().enumerate() {
            for edge in self.graph.paid_by(*party) {
                if local[edge.to] != usize::MAX {
                    edges.push((at, local[edge.to], edge.amount as f64));
                    out[at] += edge.amount as f64;
                }
            }
        }
        for (from, _, amount) in &mut edges {
            *amount /= out[*from];
        }
        let (flow, work) = match group.len() <= EXACT_MOST {
            true => (solved(group.len(), &edges), group.len().pow(3) / 3),
            false => self.followed(group, &edges),
        };
        let fullness = |at: usize| flow[at] / (out[at] * self.left[group[at]]);
        let fullest = (0..group.len()).map(fullness).fold(0.0, f64::max);
        let run_out = if group.len() <= EXACT_MOST { 1e-12 } else { RUN_OUT };
        let shrunk: Vec<f64> = (0..group.len())
            .map(|at| self.left[group[at]] * (1.0 - fullness(at) / fullest))
            .map(|left| if left <= run_out { 0.0 } else { left })
            .collect();
        for (at, party) in group.iter().enumerate() {
            self.left[*party] = shrunk[at];
            self.flow[*party] = flow[at];
        }
        (flow.iter().sum::<f64>() / fullest, work + edges.len())
    }

    /// The stationary flow by passing on again and again. A tenth stays where it is, so that nothing swings.
    fn followed(&self, group: &[usize], edges: &[Inner]) -> (Vec<f64>, usize) {
        let mut flow: Vec<f64> = group.iter().map(|party| self.flow[*party]).collect();
        for pass in 1..=PASSES {
            let mut next: Vec<f64> = flow.iter().map(|amount| amount * 0.1).collect();
            for (from, to, share) in edges {
                next[*to] += 0.9 * flow[*from] * share;
            }
            let moved = |(old, new): (&f64, &f64)| (old - new).abs() > STILL * new.abs();
            let is_still = !flow.iter().zip(&next).any(moved);
            flow = next;
            if is_still {
                return (flow, pass * edges.len());
            }
        }
        (flow, PASSES * edges.len())
    }
}

/// The stationary flow of shares, by taking one party after the other out and putting it back.
fn solved(parties: usize, edges: &[Inner]) -> Vec<f64> {
    let mut share = vec![vec![0.0; parties]; parties];
    for (from, to, part) in edges {
        share[*from][*to] = *part;
    }
    for last in (1..parties).rev() {
        let onward: f64 = share[last][..last].iter().sum();
        let row = share[last][..last].to_vec();
        for before in &mut share[..last] {
            before[last] /= onward;
            let through = before[last];
            for (part, from_last) in before.iter_mut().zip(&row) {
                *part += through * from_last;
            }
        }
    }
    let mut flow = vec![1.0; parties];
    for party in 1..parties {
        flow[party] = (0..party).map(|before| flow[before] * share[before][party]).sum();
    }
    flow
}
