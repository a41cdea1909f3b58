//! What comes back to a payer, straight or through others.

use crate::network::Network;
use crate::{Edge, Graph};

/// What comes back of what one party gave another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trip {
    /// Who gave.
    pub from: usize,
    /// Who got it.
    pub to: usize,
    /// How much was given.
    pub given: i128,
    /// How much of it comes back: never more than was given.
    pub back: i128,
}

/// What can come back of `given` through parties that lie on a way of at most `hops` payments: the largest flow
/// there. With one hop it is min(given, W(to,from)).
#[must_use]
pub fn trip(graph: &Graph, (from, to): (usize, usize), given: i128, hops: usize) -> Trip {
    trips(graph, &[Edge { from, to, amount: given }], hops)[0]
}

/// The trips of many gifts, in their order.
#[must_use]
pub fn trips(graph: &Graph, gifts: &[Edge], hops: usize) -> Vec<Trip> {
    let mut payers = vec![Vec::new(); graph.parties()];
    for edge in graph.edges() {
        payers[edge.to].push(edge.from);
    }
    gifts.iter().map(|gift| one_trip(graph, &payers, gift, hops)).collect()
}

fn one_trip(graph: &Graph, payers: &[Vec<usize>], gift: &Edge, hops: usize) -> Trip {
    let Edge { from, to, amount: given } = *gift;
    let nearby = Nearby::new(graph, payers, (to, from), hops);
    let mut network = Network::new(nearby.parties.len());
    for edge in nearby.edges(graph) {
        network.arc(nearby.local(edge.from), nearby.local(edge.to), edge.amount);
    }
    let back = match nearby.parties.is_empty() {
        true => 0,
        false => {
            let everything = network.part(|_, _, _| true);
            network.send(&everything, (nearby.local(to), nearby.local(from)), given)
        }
    };
    Trip { from, to, given, back }
}

/// The parties on ways of at most so many hops from a start to an end, ascending.
struct Nearby {
    parties: Vec<usize>,
    hops: usize,
    after: Vec<usize>,
    before: Vec<usize>,
}

impl Nearby {
    fn new(graph: &Graph, payers: &[Vec<usize>], (start, end): (usize, usize), hops: usize) -> Self {
        let after = reach(graph.parties(), start, hops, |party, met| {
            graph.paid_by(party).iter().for_each(|edge| met(edge.to));
        });
        let before = reach(graph.parties(), end, hops, |party, met| {
            payers[party].iter().for_each(|payer| met(*payer));
        });
        let on_the_way = |party: &usize| after[*party].saturating_add(before[*party]) <= hops;
        let parties: Vec<usize> = (0..graph.parties()).filter(on_the_way).collect();
        Self { parties, hops, after, before }
    }

    /// The edges that lie on such a way themselves.
    fn edges(&self, graph: &Graph) -> Vec<Edge> {
        let fits = |edge: &&Edge| {
            let length = self.after[edge.from].saturating_add(self.before[edge.to]);
            length.saturating_add(1) <= self.hops
        };
        let near = self.parties.iter().flat_map(|party| graph.paid_by(*party));
        near.filter(fits).copied().collect()
    }

    fn local(&self, party: usize) -> usize {
        self.parties.binary_search(&party).expect("the ends of an edge on a way lie on it")
    }
}

/// How many hops each party is away, at most `hops`. `next` names the parties that are one hop further.
fn reach(
    parties: usize,
    start: usize,
    hops: usize,
    next: impl Fn(usize, &mut dyn FnMut(usize)),
) -> Vec<usize> {
    let mut away = vec![usize::MAX; parties];
    away[start] = 0;
    let mut edge = vec![start];
    for hop in 1..=hops {
        let mut beyond = Vec::new();
        for party in edge {
            next(party, &mut |met| {
                if away[met] == usize::MAX {
                    away[met] = hop;
                    beyond.push(met);
                }
            });
        }
        edge = beyond;
    }
    away
}
