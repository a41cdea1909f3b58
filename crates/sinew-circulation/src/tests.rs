//! The oracle table of the shared figures, and random small graphs against slow and obvious versions.

mod naive;
mod random;

use crate::*;
use expect_test::expect;

/// One row of the oracle table, rounded as it is there: billions with two digits, shares with four.
fn row(graph: &Graph) -> String {
    let found = figures(graph, Bounds::default(), || circular(graph));
    let unit = 1e15;
    let gross = graph.gross() as f64;
    let billions = |amount: f64| format!("{:.2}", amount / unit);
    let share = |amount: f64| format!("{} ({:.4})", billions(amount), amount / gross);
    assert!(found.balanced.complete && found.cycles.all && found.finn.error == 0.0);
    format!(
        "{} | {} | {:.4} | {} | {} | {}",
        billions(gross),
        billions(found.netting.central as f64),
        found.finn.index,
        share(found.circular.total as f64),
        share(found.balanced.total),
        found.cycles.found.len()
    )
}

#[test]
fn the_toy_has_the_oracles_figures() {
    let billions = |from, to, amount: i128| (from, to, amount * 1_000_000_000_000_000);
    let flows = [billions(0, 2, 2), billions(1, 2, 4), billions(2, 0, 3), billions(2, 1, 4)];
    let shown = row(&Graph::new(3, flows).expect("small sums"));
    expect!["13.00 | 1.00 | 0.8000 | 12.00 (0.9231) | 12.00 (0.9231) | 2"].assert_eq(&shown);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the data beside the repository is a file")]
fn the_reported_deals_have_the_oracles_figures() {
    let Some(folder) = sinew_testkit::shared("money") else { return };
    let text = std::fs::read_to_string(folder.join("deals.csv")).expect("the deals can be read");
    let deals = Deals::read(&text).expect("every row is right");
    let graph = |set| deals.graph(|deal| deal.counts_in(set)).expect("trillions fit");
    let firm = row(&graph(Set::Firm));
    expect!["1847.93 | 1297.73 | 0.0262 | 242.80 (0.1314) | 228.30 (0.1235) | 13"].assert_eq(&firm);
    let all = row(&graph(Set::All));
    expect!["2026.20 | 1253.72 | 0.0519 | 429.40 (0.2119) | 428.74 (0.2116) | 17"].assert_eq(&all);
}

#[test]
fn a_flow_below_zero_says_between_whom_it_is() {
    let wrong = Graph::new(3, [(0, 1, 5), (2, 1, -1)]);
    assert_eq!(wrong, Err(NoGraph::Negative { from: 2, to: 1 }));
    assert_eq!(Graph::new(2, [(0, 1, i128::MAX)]), Err(NoGraph::TooLarge));
}
