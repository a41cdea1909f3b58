//! The most that circulates: circular directional flow decomposition, maximum form (arXiv 2506.12546).
//!
//! Of all c with 0 <= c <= W that enter and leave each party in equal amounts, one with the largest sum. What is
//! left, W - c, then carries everybody's balance in the smallest sum, so it is a minimum-cost flow in which each unit
//! costs 1 for each payment that it passes: the primal-dual method, one step for each length of a way.

use crate::components::groups;
use crate::network::{Network, Part};
use crate::{Edge, Graph};
use std::collections::BTreeMap;

/// A largest circulation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Circular {
    /// Its sum over all edges.
    pub total: i128,
    /// Its amount on each edge, in the order of `Graph::edges`.
    pub on_edges: Vec<i128>,
}

/// Finds a largest circulation. Its sum is unique; where it runs may not be.
#[must_use]
pub fn circular(graph: &Graph) -> Circular {
    let mut on_edges = vec![0; graph.edges().len()];
    let mut local = vec![usize::MAX; graph.parties()];
    for group in groups(graph, |_| true) {
        for (at, party) in group.iter().enumerate() {
            local[*party] = at;
        }
        for (edge, amount) in Group::new(graph, &group, &local).circulation(graph) {
            on_edges[edge] = amount;
        }
        for party in &group {
            local[*party] = usize::MAX;
        }
    }
    Circular { total: on_edges.iter().sum(), on_edges }
}

/// The network of one strongly connected component: nothing circulates between two of them.
struct Group {
    network: Network,
    /// Each edge of the graph with its arc.
    arcs: Vec<(usize, usize)>,
    source: usize,
    sink: usize,
    supply: i128,
}

impl Group {
    fn new(graph: &Graph, group: &[usize], local: &[usize]) -> Self {
        let (source, sink) = (group.len(), group.len() + 1);
        let mut network = Network::new(group.len() + 2);
        let mut arcs = Vec::new();
        let mut balance = vec![0_i128; group.len()];
        for party in group {
            for place in graph.edges_of(*party) {
                let Edge { from, to, amount } = graph.edges()[place];
                if local[to] != usize::MAX {
                    arcs.push((place, network.arc(local[from], local[to], amount)));
                    balance[local[from]] += amount;
                    balance[local[to]] -= amount;
                }
            }
        }
        let mut supply = 0;
        for (node, balance) in balance.iter().enumerate() {
            if *balance > 0 {
                network.arc(source, node, *balance);
                supply += balance;
            } else if *balance < 0 {
                network.arc(node, sink, -balance);
            }
        }
        Self { network, arcs, source, sink, supply }
    }

    fn circulation(mut self, graph: &Graph) -> Vec<(usize, i128)> {
        let everything = self.network.part(|_, _, _| true);
        let ends = (self.source, self.sink);
        let mut potential = vec![0_i64; self.network.nodes()];
        let mut sent = 0;
        while sent < self.supply {
            let distance = self.distances(&everything, &potential);
            let farthest = distance[self.sink];
            for (potential, distance) in potential.iter_mut().zip(&distance) {
                *potential += (*distance).min(farthest);
            }
            let no_detour = self
                .network
                .part(|arc, from, to| cost(ends, arc, from.max(to)) + potential[from] - potential[to] == 0);
            let more = self.network.send(&no_detour, ends, self.supply - sent);
            assert!(more > 0, "all edges together carry every balance, so a way is left");
            sent += more;
        }
        let left =
            |(edge, arc): &(usize, usize)| (*edge, graph.edges()[*edge].amount - self.network.carried(*arc));
        self.arcs.iter().map(left).collect()
    }

    /// How far each node is from the source, in costs reduced by the potentials: small whole numbers, so the nodes
    /// of each distance wait in a list of their own (Dial 1969).
    fn distances(&self, part: &Part, potential: &[i64]) -> Vec<i64> {
        let ends = (self.source, self.sink);
        let mut distance = vec![i64::MAX; self.network.nodes()];
        distance[self.source] = 0;
        let mut reached = BTreeMap::from([(0_i64, vec![self.source])]);
        while let Some((far, nodes)) = reached.pop_first() {
            let mut nodes = nodes;
            while let Some(node) = nodes.pop() {
                if distance[node] < far {
                    continue;
                }
                for hop in part.of(node).iter().filter(|hop| self.network.is_open(hop.arc())) {
                    let next = hop.end();
                    let step = cost(ends, hop.arc(), node.max(next)) + potential[node] - potential[next];
                    if far + step < distance[next] {
                        distance[next] = far + step;
                        match step {
                            0 => nodes.push(next),
                            _ => reached.entry(far + step).or_default().push(next),
                        }
                    }
                }
            }
        }
        distance
    }
}

/// A payment costs 1, its way back earns that again, and the arcs of source and sink, the last nodes, are free.
fn cost(ends: (usize, usize), arc: usize, last: usize) -> i64 {
    match arc % 2 {
        _ if last >= ends.0 => 0,
        0 => 1,
        _ => -1,
    }
}
