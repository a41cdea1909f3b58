//! Flow through a network: the most that can pass (Dinic 1970), also only along arcs that somebody allows.

/// Arcs with what they can still carry. Arc `2k + 1` is the way back of arc `2k`.
pub(crate) struct Network {
    nodes: usize,
    ends: Vec<usize>,
    left: Vec<i128>,
}

/// Some arcs of a network, by the node that they leave.
pub(crate) struct Part {
    first: Vec<usize>,
    hops: Vec<Hop>,
}

/// An arc and where it leads, side by side: searches look at many more ends than they look at what is left.
#[derive(Clone, Copy)]
pub(crate) struct Hop {
    arc: u32,
    end: u32,
}

impl Hop {
    pub(crate) fn arc(self) -> usize {
        self.arc as usize
    }

    pub(crate) fn end(self) -> usize {
        self.end as usize
    }
}

const FAR: usize = usize::MAX;

impl Part {
    pub(crate) fn of(&self, node: usize) -> &[Hop] {
        &self.hops[self.first[node]..self.first[node + 1]]
    }
}

impl Network {
    pub(crate) fn new(nodes: usize) -> Self {
        Self { nodes, ends: Vec::new(), left: Vec::new() }
    }

    /// Adds an arc and answers its number.
    pub(crate) fn arc(&mut self, from: usize, to: usize, most: i128) -> usize {
        let arc = self.ends.len();
        self.ends.extend([to, from]);
        self.left.extend([most, 0]);
        arc
    }

    pub(crate) fn nodes(&self) -> usize {
        self.nodes
    }

    /// The arcs, with their ways back, that `keep` keeps. It is asked for one of the two: number, from, to.
    pub(crate) fn part(&self, keep: impl Fn(usize, usize, usize) -> bool) -> Part {
        let kept = |arc: &usize| keep(*arc, self.ends[arc ^ 1], self.ends[*arc]);
        let kept: Vec<usize> =
            (0..self.ends.len()).step_by(2).filter(kept).flat_map(|arc| [arc, arc + 1]).collect();
        let mut first = vec![0; self.nodes + 1];
        for arc in &kept {
            first[self.ends[arc ^ 1] + 1] += 1;
        }
        for node in 0..self.nodes {
            first[node + 1] += first[node];
        }
        let (mut next, mut hops) = (first.clone(), vec![Hop { arc: 0, end: 0 }; kept.len()]);
        let small = |number: usize| u32::try_from(number).expect("fewer than 2^32 nodes and arcs");
        for arc in kept {
            let node = self.ends[arc ^ 1];
            hops[next[node]] = Hop { arc: small(arc), end: small(self.ends[arc]) };
            next[node] += 1;
        }
        Part { first, hops }
    }

    pub(crate) fn is_open(&self, arc: usize) -> bool {
        self.left[arc] > 0
    }

    /// What an arc carries: all that its way back can take.
    pub(crate) fn carried(&self, arc: usize) -> i128 {
        self.left[arc ^ 1]
    }

    /// Sends as much as passes from `source` to `sink` along arcs of a part, at most `most`.
    pub(crate) fn send(&mut self, part: &Part, (source, sink): (usize, usize), most: i128) -> i128 {
        let mut sent = 0;
        while sent < most {
            let level = self.levels(part, source, sink);
            if level[sink] == FAR {
                break;
            }
            sent += self.block(part, (source, sink), most - sent, level);
        }
        sent
    }

    fn levels(&self, part: &Part, source: usize, sink: usize) -> Vec<usize> {
        let mut level = vec![FAR; self.nodes];
        level[source] = 0;
        let mut reached = vec![source];
        let mut at = 0;
        while at < reached.len() && level[sink] == FAR {
            let node = reached[at];
            at += 1;
            for hop in part.of(node) {
                if level[hop.end()] == FAR && self.is_open(hop.arc()) {
                    level[hop.end()] = level[node] + 1;
                    reached.push(hop.end());
                }
            }
        }
        level
    }

    /// Fills shortest ways until each has a full arc.
    fn block(
        &mut self,
        part: &Part,
        (source, sink): (usize, usize),
        most: i128,
        mut level: Vec<usize>,
    ) -> i128 {
        let mut tried = part.first.clone();
        let mut way: Vec<usize> = Vec::new();
        let mut sent = 0;
        loop {
            let node = way.last().map_or(source, |arc| self.ends[*arc]);
            if node == sink {
                sent += self.fill(&mut way, most - sent);
                if sent == most {
                    return sent;
                }
                continue;
            }
            let leads_on = |hop: &Hop| level[hop.end()] == level[node] + 1 && self.is_open(hop.arc());
            match part.hops[tried[node]..part.first[node + 1]].iter().position(leads_on) {
                Some(offset) => {
                    tried[node] += offset;
                    way.push(part.hops[tried[node]].arc());
                }
                None => {
                    level[node] = FAR;
                    if way.pop().is_none() {
                        return sent;
                    }
                }
            }
        }
    }

    /// Sends what fits along a way and goes back to before its first full arc.
    fn fill(&mut self, way: &mut Vec<usize>, most: i128) -> i128 {
        let fits = way.iter().map(|arc| self.left[*arc]).min().unwrap_or(0).min(most);
        for arc in way.iter() {
            self.left[*arc] -= fits;
            self.left[*arc ^ 1] += fits;
        }
        let full = way.iter().position(|arc| self.left[*arc] == 0).unwrap_or(0);
        way.truncate(full);
        fits
    }
}
