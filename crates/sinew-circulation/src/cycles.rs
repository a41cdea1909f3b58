//! Elementary cycles (Johnson 1975), bounded: a dense graph has more of them than anybody can list.

use crate::Graph;
use crate::components::groups;
use std::collections::BTreeSet;

/// A way that money can take back to where it began, through nobody twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cycle {
    /// Who pays, in order; the last one pays the first.
    pub parties: Vec<usize>,
    /// The smallest flow on the way.
    pub least: i128,
}

/// The cycles that were found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cycles {
    /// The largest first, by their smallest flow.
    pub found: Vec<Cycle>,
    /// Whether these are all: a bound was not met.
    pub all: bool,
}

/// Lists elementary cycles, at most `most`, in at most `steps` looks at an edge.
#[must_use]
pub fn cycles(graph: &Graph, most: usize, steps: u64) -> Cycles {
    let mut search = Search {
        graph,
        most,
        steps,
        found: Vec::new(),
        blocked: vec![false; graph.parties()],
        waiting: vec![BTreeSet::new(); graph.parties()],
        inside: vec![false; graph.parties()],
    };
    let mut left = groups(graph, |_| true);
    while let Some(group) = left.pop() {
        if !search.through_first(&group) {
            return Cycles { found: search.sorted(), all: false };
        }
        search.remaining(&group[1..], &mut left);
    }
    Cycles { found: search.sorted(), all: true }
}

struct Search<'a> {
    graph: &'a Graph,
    most: usize,
    steps: u64,
    found: Vec<Cycle>,
    blocked: Vec<bool>,
    /// Who becomes free when a party does.
    waiting: Vec<BTreeSet<usize>>,
    inside: Vec<bool>,
}

impl Search<'_> {
    /// Finds the cycles through the first party of a group. False where a bound was met.
    fn through_first(&mut self, group: &[usize]) -> bool {
        for party in group {
            self.inside[*party] = true;
            self.blocked[*party] = false;
            self.waiting[*party].clear();
        }
        let done = self.from(group[0]);
        for party in group {
            self.inside[*party] = false;
        }
        done
    }

    fn from(&mut self, start: usize) -> bool {
        // A party, its edges that are still to be tried, and whether a cycle was closed beyond it.
        let mut path = vec![(start, self.graph.edges_of(start), false)];
        self.blocked[start] = true;
        while let Some((party, edges, closed)) = path.last_mut() {
            let (party, is_closed) = (*party, *closed);
            let Some(edge) = edges.next() else {
                path.pop();
                self.leave(party, is_closed);
                if let Some((.., before)) = path.last_mut() {
                    *before |= is_closed;
                }
                continue;
            };
            let Some(steps) = self.steps.checked_sub(1) else { return false };
            self.steps = steps;
            let next = self.graph.edges()[edge].to;
            if next == start {
                *closed = true;
                if self.found.len() == self.most {
                    return false;
                }
                self.steps = self.steps.saturating_sub(path.len() as u64);
                let parties: Vec<usize> = path.iter().map(|(party, ..)| *party).collect();
                self.found.push(self.cycle(parties));
            } else if self.inside[next] && !self.blocked[next] {
                self.blocked[next] = true;
                path.push((next, self.graph.edges_of(next), false));
            }
        }
        true
    }

    fn leave(&mut self, party: usize, closed: bool) {
        if closed {
            return self.free(party);
        }
        for edge in self.graph.paid_by(party) {
            if self.inside[edge.to] {
                self.waiting[edge.to].insert(party);
            }
        }
    }

    fn free(&mut self, party: usize) {
        let mut freed = vec![party];
        while let Some(party) = freed.pop() {
            if std::mem::take(&mut self.blocked[party]) {
                freed.extend(std::mem::take(&mut self.waiting[party]));
            }
        }
    }

    fn cycle(&self, parties: Vec<usize>) -> Cycle {
        let next = parties.iter().cycle().skip(1);
        let flows = parties.iter().zip(next).map(|(from, to)| self.graph.between(*from, *to));
        Cycle { least: flows.min().unwrap_or(0), parties }
    }

    /// What is still strongly connected of a group without its first party.
    fn remaining(&mut self, rest: &[usize], left: &mut Vec<Vec<usize>>) {
        let edges: usize = rest.iter().map(|party| self.graph.edges_of(*party).len()).sum();
        self.steps = self.steps.saturating_sub(edges as u64);
        let number = |party: &usize| rest.binary_search(party).ok();
        let inner = rest.iter().enumerate().flat_map(|(from, party)| {
            let edges = self.graph.paid_by(*party).iter();
            edges.filter_map(move |edge| Some((from, number(&edge.to)?, 1)))
        });
        let part = Graph::new(rest.len(), inner).expect("ones add up to the number of edges");
        for group in groups(&part, |_| true) {
            left.push(group.into_iter().map(|party| rest[party]).collect());
        }
    }

    fn sorted(&mut self) -> Vec<Cycle> {
        let mut found = std::mem::take(&mut self.found);
        found.sort_by(|one, other| other.least.cmp(&one.least).then(one.parties.cmp(&other.parties)));
        found
    }
}
