//! Strongly connected components: parties that money can come back to (Tarjan 1972, without recursion).

use crate::Graph;

const UNSEEN: usize = usize::MAX;

/// The component of each party, counting only the edges that `keep` keeps. Components are numbered so that an edge
/// between two of them goes to the lower number.
pub(crate) fn components(graph: &Graph, keep: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut search = Search::new(graph.parties());
    for party in 0..graph.parties() {
        if search.order[party] == UNSEEN {
            search.from(graph, &keep, party);
        }
    }
    search.component
}

/// The parties of each component that has at least two, in ascending order.
pub(crate) fn groups(graph: &Graph, keep: impl Fn(usize) -> bool) -> Vec<Vec<usize>> {
    let component = components(graph, keep);
    let count = component.iter().max().map_or(0, |most| most + 1);
    let mut groups = vec![Vec::new(); count];
    for (party, component) in component.iter().enumerate() {
        groups[*component].push(party);
    }
    groups.retain(|group| group.len() > 1);
    groups
}

struct Search {
    met: usize,
    count: usize,
    order: Vec<usize>,
    low: Vec<usize>,
    open: Vec<usize>,
    is_open: Vec<bool>,
    component: Vec<usize>,
}

impl Search {
    fn new(parties: usize) -> Self {
        Self {
            met: 0,
            count: 0,
            order: vec![UNSEEN; parties],
            low: vec![0; parties],
            open: Vec::new(),
            is_open: vec![false; parties],
            component: vec![0; parties],
        }
    }

    fn from(&mut self, graph: &Graph, keep: &impl Fn(usize) -> bool, start: usize) {
        let mut path = vec![(start, graph.edges_of(start))];
        self.meet(start);
        while let Some((party, edges)) = path.last_mut() {
            let party = *party;
            match edges.find(|edge| keep(*edge)) {
                Some(edge) => {
                    let next = graph.edges()[edge].to;
                    if self.order[next] == UNSEEN {
                        self.meet(next);
                        path.push((next, graph.edges_of(next)));
                    } else if self.is_open[next] {
                        self.low[party] = self.low[party].min(self.order[next]);
                    }
                }
                None => {
                    path.pop();
                    if let Some((before, _)) = path.last() {
                        self.low[*before] = self.low[*before].min(self.low[party]);
                    }
                    self.close(party);
                }
            }
        }
    }

    fn meet(&mut self, party: usize) {
        self.order[party] = self.met;
        self.low[party] = self.met;
        self.met += 1;
        self.open.push(party);
        self.is_open[party] = true;
    }

    /// A party that reaches nothing older closes its component.
    fn close(&mut self, party: usize) {
        if self.low[party] != self.order[party] {
            return;
        }
        while let Some(member) = self.open.pop() {
            self.is_open[member] = false;
            self.component[member] = self.count;
            if member == party {
                break;
            }
        }
        self.count += 1;
    }
}
