//! Slow and obvious versions of the figures.

use crate::*;

/// Every elementary cycle, by walking every way from each party through later ones only.
pub(super) fn cycles(graph: &Graph) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    for start in 0..graph.parties() {
        walk(graph, &mut vec![start], &mut found);
    }
    found.sort();
    found
}

fn walk(graph: &Graph, way: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
    for edge in graph.paid_by(way[way.len() - 1]) {
        if edge.to == way[0] {
            found.push(way.clone());
        } else if edge.to > way[0] && !way.contains(&edge.to) {
            way.push(edge.to);
            walk(graph, way, found);
            way.pop();
        }
    }
}

/// The largest circulation: begin with none and, as long as some change along a circle adds to the sum, make the
/// change (negative-cycle cancelling, Bellman and Ford).
pub(super) fn circular(graph: &Graph) -> i128 {
    let mut carried: Vec<i128> = vec![0; graph.edges().len()];
    while let Some((circle, amount)) = gaining_circle(graph, &carried) {
        for (edge, is_forward) in circle {
            carried[edge] += if is_forward { amount } else { -amount };
        }
    }
    carried.iter().sum()
}

type Circle = Vec<(usize, bool)>;

fn gaining_circle(graph: &Graph, carried: &[i128]) -> Option<(Circle, i128)> {
    let mut arcs = Vec::new();
    for (place, edge) in graph.edges().iter().enumerate() {
        if carried[place] < edge.amount {
            arcs.push((edge.from, edge.to, -1, (place, true), edge.amount - carried[place]));
        }
        if carried[place] > 0 {
            arcs.push((edge.to, edge.from, 1, (place, false), carried[place]));
        }
    }
    let (mut cost, mut before) = (vec![0; graph.parties()], vec![None; graph.parties()]);
    let mut last = None;
    for _ in 0..graph.parties() {
        last = None;
        for (at, (from, to, step, ..)) in arcs.iter().enumerate() {
            if cost[*from] + step < cost[*to] {
                cost[*to] = cost[*from] + step;
                before[*to] = Some(at);
                last = Some(*to);
            }
        }
    }
    let mut party = last?;
    for _ in 0..graph.parties() {
        party = arcs[before[party]?].0;
    }
    let (mut circle, mut most, start) = (Vec::new(), i128::MAX, party);
    loop {
        let arc = &arcs[before[party]?];
        circle.push(arc.3);
        most = most.min(arc.4);
        party = arc.0;
        if party == start {
            return Some((circle, most));
        }
    }
}

/// Payments of everybody by repeating p = min(owed, means + what is received), in floats.
pub(super) fn clearing(graph: &Graph, means: &[i128], stopped: Option<usize>) -> Vec<f64> {
    let owed: Vec<f64> = (0..graph.parties()).map(|party| graph.pays(party) as f64).collect();
    let mut paid = owed.clone();
    for _ in 0..20_000 {
        let mut received: Vec<f64> = means.iter().map(|means| *means as f64).collect();
        for edge in graph.edges() {
            received[edge.to] += paid[edge.from] * edge.amount as f64 / owed[edge.from];
        }
        paid = (0..graph.parties()).map(|party| received[party].min(owed[party])).collect();
        if let Some(party) = stopped {
            paid[party] = 0.0;
        }
    }
    paid
}

/// The cycling index from the sum of many powers of G.
pub(super) fn finn(graph: &Graph) -> f64 {
    let through: Vec<f64> =
        (0..graph.parties()).map(|party| graph.pays(party).max(graph.gets(party)) as f64).collect();
    let mut cycled = 0.0;
    for start in 0..graph.parties() {
        // The chance to come back: what is at the start is counted and taken out, until nothing is under way.
        let mut under_way = vec![0.0; graph.parties()];
        under_way[start] = 1.0;
        let mut back = 0.0;
        for _ in 0..20_000 {
            let mut next = vec![0.0; graph.parties()];
            for edge in graph.edges() {
                next[edge.to] += under_way[edge.from] * edge.amount as f64 / through[edge.from];
            }
            back += std::mem::take(&mut next[start]);
            under_way = next;
        }
        cycled += through[start] * back;
    }
    cycled / through.iter().sum::<f64>()
}
