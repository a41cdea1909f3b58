//! Who pays whom: parties by number, and for each pair the sum of its flows.

/// Sums are kept below a quarter of the largest integer, so that no sum of a few of them overflows.
const MOST: i128 = i128::MAX / 4;

/// All flows from one party to another, added up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// Who pays.
    pub from: usize,
    /// Who is paid.
    pub to: usize,
    /// How much, in the asset's smallest unit; more than nothing.
    pub amount: i128,
}

/// Why flows make no graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoGraph {
    /// They add up to more than can be counted.
    TooLarge,
    /// One of them is below zero. What flows back is a flow of its own, the other way.
    Negative {
        /// Who would pay.
        from: usize,
        /// Who would be paid.
        to: usize,
    },
}

/// Parties and what flows between them, ordered by payer and then by who is paid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Graph {
    edges: Vec<Edge>,
    /// Where each party's edges begin, and after the last one where they end.
    first: Vec<usize>,
    out: Vec<i128>,
    into: Vec<i128>,
    gross: i128,
}

impl Graph {
    /// Adds up flows between `parties` parties. What a party pays itself does not count.
    pub fn new(
        parties: usize,
        flows: impl IntoIterator<Item = (usize, usize, i128)>,
    ) -> Result<Self, NoGraph> {
        let mut kept: Vec<(usize, usize, i128)> = Vec::new();
        let mut gross = 0_i128;
        for (from, to, amount) in flows {
            if amount < 0 {
                return Err(NoGraph::Negative { from, to });
            }
            if amount > 0 && from != to {
                gross = gross.checked_add(amount).filter(|sum| *sum <= MOST).ok_or(NoGraph::TooLarge)?;
                kept.push((from, to, amount));
            }
        }
        kept.sort_unstable();
        let mut edges: Vec<Edge> = Vec::with_capacity(kept.len());
        for (from, to, amount) in kept {
            match edges.last_mut().filter(|edge| (edge.from, edge.to) == (from, to)) {
                Some(edge) => edge.amount += amount,
                None => edges.push(Edge { from, to, amount }),
            }
        }
        let mut graph =
            Self { edges, first: vec![0; parties + 1], out: vec![0; parties], into: vec![0; parties], gross };
        for Edge { from, to, amount } in graph.edges.iter().copied() {
            graph.first[from + 1] += 1;
            graph.out[from] += amount;
            graph.into[to] += amount;
        }
        for party in 0..parties {
            graph.first[party + 1] += graph.first[party];
        }
        Ok(graph)
    }

    /// How many parties there are, also those without flows.
    #[must_use]
    pub fn parties(&self) -> usize {
        self.out.len()
    }

    /// Every pair with a flow.
    #[must_use]
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// What one party pays, by who is paid.
    #[must_use]
    pub fn paid_by(&self, party: usize) -> &[Edge] {
        &self.edges[self.edges_of(party)]
    }

    /// The places of one party's edges among all edges.
    pub(crate) fn edges_of(&self, party: usize) -> std::ops::Range<usize> {
        self.first[party]..self.first[party + 1]
    }

    /// What flows from one party to another.
    #[must_use]
    pub fn between(&self, from: usize, to: usize) -> i128 {
        let edges = self.paid_by(from);
        edges.binary_search_by_key(&to, |edge| edge.to).map_or(0, |at| edges[at].amount)
    }

    /// All that a party pays.
    #[must_use]
    pub fn pays(&self, party: usize) -> i128 {
        self.out[party]
    }

    /// All that a party is paid.
    #[must_use]
    pub fn gets(&self, party: usize) -> i128 {
        self.into[party]
    }

    /// The sum of all flows.
    #[must_use]
    pub fn gross(&self) -> i128 {
        self.gross
    }
}
