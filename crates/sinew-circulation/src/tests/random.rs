//! Small random graphs: what is clever gives what is slow and obvious.

use super::naive;
use crate::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn graphs() -> impl Strategy<Value = Graph> {
    let flows = vec((0..7_usize, 0..7_usize, 1..40_i128), 1..25);
    flows.prop_map(|flows| Graph::new(7, flows).expect("small sums"))
}

fn leaves_everybody_even(graph: &Graph, found: &Circular) -> bool {
    let mut balance = vec![0; graph.parties()];
    for (edge, amount) in graph.edges().iter().zip(&found.on_edges) {
        assert!((0..=edge.amount).contains(amount));
        balance[edge.from] -= amount;
        balance[edge.to] += amount;
    }
    balance.iter().all(|balance| *balance == 0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_largest_circulation_is_the_one_that_nothing_can_add_to(graph in graphs()) {
        let found = circular(&graph);
        prop_assert!(leaves_everybody_even(&graph, &found));
        prop_assert_eq!(found.total, naive::circular(&graph));
        let netted = netting(&graph);
        prop_assert!(netted.central <= graph.gross() - found.total);
        prop_assert!(graph.gross() - found.total <= netted.pairwise);
    }

    #[test]
    fn what_circulates_by_shares_is_never_more(graph in graphs()) {
        let (most, shares) = (circular(&graph).total as f64, balanced(&graph, u64::MAX));
        prop_assert!(shares.complete);
        prop_assert!(shares.total <= most * (1.0 + 1e-9));
        prop_assert_eq!(shares.total > 0.0, most > 0.0);
    }

    #[test]
    fn all_cycles_are_found(graph in graphs()) {
        let found = cycles(&graph, usize::MAX, u64::MAX);
        let mut ways: Vec<Vec<usize>> = found.found.into_iter().map(|cycle| cycle.parties).collect();
        ways.sort();
        prop_assert_eq!(ways, naive::cycles(&graph));
    }

    #[test]
    fn a_bound_on_cycles_is_kept_and_said(graph in graphs(), most in 0..5_usize) {
        let all = naive::cycles(&graph).len();
        let found = cycles(&graph, most, u64::MAX);
        prop_assert_eq!(found.found.len(), all.min(most));
        prop_assert_eq!(found.all, all <= most);
    }

    #[test]
    fn the_index_is_the_chance_to_come_back(graph in graphs()) {
        prop_assume!(graph.gross() > 0);
        prop_assert!((finn(&graph).index - naive::finn(&graph)).abs() < 1e-3);
    }

    #[test]
    fn everybody_pays_what_the_fixed_point_says(
        graph in graphs(),
        means in vec(0..20_i128, 7),
        stopped in proptest::option::of(0..7_usize),
    ) {
        // A thousandth of a unit, so that rounding down is far below what is compared.
        let scaled = graph.edges().iter().map(|edge| (edge.from, edge.to, edge.amount * 1_000_000));
        let scaled = Graph::new(7, scaled).expect("small sums");
        let means: Vec<i128> = means.iter().map(|means| means * 1_000_000).collect();
        let found = clear(&scaled, &means, stopped);
        for (party, paid) in naive::clearing(&scaled, &means, stopped).iter().enumerate() {
            prop_assert!((found.paid[party] as f64 - paid).abs() < 1_000.0, "{} {:?} {}", party, found, paid);
        }
    }

    #[test]
    fn nobody_fails_with_the_least_means(graph in graphs()) {
        prop_assert!(clear(&graph, &least_means(&graph), None).failures.is_empty());
    }

    #[test]
    fn a_trip_of_one_hop_is_the_pairs_and_more_hops_bring_more(graph in graphs(), given in 1..60_i128) {
        let back = |hops| trip(&graph, (0, 1), given, hops).back;
        prop_assert_eq!(back(1), graph.between(1, 0).min(given));
        prop_assert!(back(1) <= back(2) && back(2) <= back(3) && back(3) <= back(7));
        prop_assert!(back(7) <= given.min(graph.pays(1)).min(graph.gets(0)));
    }
}
