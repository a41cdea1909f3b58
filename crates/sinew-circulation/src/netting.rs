//! What is left to pay when debts are set against each other.

use crate::Graph;

/// What three kinds of netting leave of the gross.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Netting {
    /// The sum of all flows: sum W(i,j).
    pub gross: i128,
    /// What is left when each pair pays only its difference: sum over pairs of |W(i,j) - W(j,i)|.
    pub pairwise: i128,
    /// What is left when everybody pays only its balance into one pot: sum of max(0, out(i) - in(i)).
    pub central: i128,
}

/// Nets the flows by pairs and through one pot.
#[must_use]
pub fn netting(graph: &Graph) -> Netting {
    let both = |edge: &&crate::Edge| graph.between(edge.to, edge.from).min(edge.amount);
    // Each side of a pair counts the smaller amount once, so together they take away twice that.
    let offset: i128 = graph.edges().iter().map(|edge| both(&edge)).sum();
    let owes = |party| (graph.pays(party) - graph.gets(party)).max(0);
    Netting {
        gross: graph.gross(),
        pairwise: graph.gross() - offset,
        central: (0..graph.parties()).map(owes).sum(),
    }
}
