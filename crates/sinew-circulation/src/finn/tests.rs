use super::*;

/// A graph of one piece with some strong pairs in it, from a fixed seed.
fn tangle(parties: usize) -> Graph {
    let mut state = 7_u64;
    let mut draw = |most: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % most
    };
    let mut flows = Vec::new();
    for party in 0..parties {
        flows.push((party, (party + 1) % parties, 5));
        for _ in 0..6 {
            flows.push((party, draw(parties), 1 + draw(100) as i128));
        }
        if party % 9 == 0 {
            let other = draw(parties);
            flows.extend([(party, other, 3_000), (other, party, 2_500)]);
        }
    }
    Graph::new(parties, flows).expect("small sums")
}

#[test]
fn an_estimate_is_as_near_as_it_says() {
    let graph = tangle(600);
    let all: Vec<usize> = (0..600).collect();
    let through: Vec<f64> =
        all.iter().map(|party| graph.pays(*party).max(graph.gets(*party)) as f64).collect();
    let part = Part::new(&graph, &all, &all, &through);
    let exact: f64 =
        through.iter().zip(part.solved()).map(|(through, visits)| through * (visits - 1.0) / visits).sum();
    let (estimated, error, settled) = estimate::cycled(&part);
    let sum: f64 = through.iter().sum();
    assert!(settled, "a tenth of all leaves at every step");
    assert!(
        (estimated - exact).abs() <= error,
        "{} +- {} is not {}",
        estimated / sum,
        error / sum,
        exact / sum
    );
    assert!(error / sum < 1e-2, "{} is too vague", error / sum);
}
