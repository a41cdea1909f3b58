//! Attention over keys and values in pages of 64 positions: y = Σ softmax(q · k) v, never stored as a whole.
//!
//! In a page, a head's keys lie channel by channel, so that 64 scores grow side by side; its values lie position by
//! position. Each page's scores become weights at once, and what came before is scaled to the new largest score. Where
//! pages begin depends on positions only, so a query has the same bits alone, in a batch and in a long prompt.

use crate::dispatch::vectorised;
use crate::kernels::exp_of_block;

#[cfg(target_arch = "x86_64")]
mod wide;

/// Positions of a page.
pub const PAGE: usize = 64;
/// Queries that share each load of keys and values.
const TOGETHER: usize = 4;

/// The numbers that a head's values take up in a page, for each position.
pub fn value_step(head_width: usize) -> usize {
    head_width.next_multiple_of(64)
}

/// The numbers of one head's keys and values in a page.
pub fn head_numbers(head_width: usize) -> usize {
    PAGE * (head_width + value_step(head_width))
}

/// Puts a position's key and value into a head's part of a page.
pub fn put(page: &mut [f32], slot: usize, key: &[f32], value: &[f32]) {
    let (keys, values) = page.split_at_mut(PAGE * key.len());
    for (column, number) in keys.chunks_exact_mut(PAGE).zip(key) {
        column[slot] = *number;
    }
    values[slot * value_step(value.len())..][..value.len()].copy_from_slice(value);
}

/// A query on its way through the pages.
#[derive(Clone, Debug)]
pub struct Query {
    /// Its channels, scaled already.
    channels: Vec<f32>,
    /// How many positions it sees.
    seen: usize,
    largest: f32,
    sum: f32,
    mixed: Vec<f32>,
}

impl Query {
    /// A query that sees the first `seen` positions; scores are its products with keys times `scale`.
    pub fn new(channels: &[f32], seen: usize, scale: f32) -> Query {
        Query {
            channels: channels.iter().map(|number| number * scale).collect(),
            seen,
            largest: f32::NEG_INFINITY,
            sum: 0.0,
            mixed: vec![0.0; value_step(channels.len())],
        }
    }

    /// Writes the result.
    pub fn finish(&self, out: &mut [f32]) {
        for (out, mixed) in out.iter_mut().zip(&self.mixed) {
            *out = mixed / self.sum;
        }
    }
}

/// Takes queries of one head through its part of page `index`.
pub fn visit(queries: &mut [Query], page: &[f32], index: usize) {
    for group in queries.chunks_mut(TOGETHER) {
        if group.iter().all(|query| query.seen <= index * PAGE) {
            continue;
        }
        match group {
            [a, b, c, d] => visit_some([a, b, c, d], page, index),
            [a, b, c] => visit_some([a, b, c], page, index),
            [a, b] => visit_some([a, b], page, index),
            [a] => visit_some([a], page, index),
            _ => {}
        }
    }
}

fn visit_some<const COUNT: usize>(mut queries: [&mut Query; COUNT], page: &[f32], index: usize) {
    let width = queries[0].channels.len();
    assert!(page.len() == head_numbers(width) && queries.iter().all(|query| query.channels.len() == width));
    let (keys, values) = page.split_at(PAGE * width);
    let mut weights = [[0.0; PAGE]; COUNT];
    score(&mut weights, &queries, keys);
    let mut most = 0;
    let mut factors = [1.0; COUNT];
    for ((weights, query), factor) in weights.iter_mut().zip(&mut queries).zip(&mut factors) {
        let valid = query.seen.saturating_sub(index * PAGE).min(PAGE);
        most = most.max(valid);
        *factor = soften(weights, valid, &mut query.largest, &mut query.sum);
    }
    mix(&mut queries, &weights, factors, &values[..most * value_step(width)]);
}

fn score<const COUNT: usize>(scores: &mut [[f32; PAGE]; COUNT], queries: &[&mut Query; COUNT], keys: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    if wide::known() {
        return wide::score(scores, queries, keys);
    }
    for (scores, query) in scores.iter_mut().zip(queries) {
        score_plain(scores, &query.channels, keys);
    }
}

fn mix<const COUNT: usize>(
    queries: &mut [&mut Query; COUNT],
    weights: &[[f32; PAGE]; COUNT],
    factors: [f32; COUNT],
    values: &[f32],
) {
    #[cfg(target_arch = "x86_64")]
    if wide::known() {
        return wide::mix(queries, weights, factors, values);
    }
    for ((query, weights), factor) in queries.iter_mut().zip(weights).zip(factors) {
        mix_plain(&mut query.mixed, weights, factor, values);
    }
}

vectorised! {
    fn score_plain(scores: &mut [f32; 64], channels: &[f32], keys: &[f32]) {
        for (keys, channel) in keys.chunks_exact(PAGE).zip(channels) {
            for (score, key) in scores.iter_mut().zip(keys) {
                *score = key.mul_add(*channel, *score);
            }
        }
    }
}

vectorised! {
    fn mix_plain(mixed: &mut [f32], weights: &[f32; 64], factor: f32, values: &[f32]) {
        mixed.iter_mut().for_each(|number| *number *= factor);
        for (values, weight) in values.chunks_exact(mixed.len()).zip(weights) {
            for (number, value) in mixed.iter_mut().zip(values) {
                *number = value.mul_add(*weight, *number);
            }
        }
    }
}

vectorised! {
    /// Makes weights of the first `valid` scores and zeros of the others; returns what all before is multiplied with.
    fn soften(scores: &mut [f32; 64], valid: usize, largest: &mut f32, sum: &mut f32) -> f32 {
        let mut top = *largest;
        for score in &scores[..valid] {
            top = if *score > top { *score } else { top };
        }
        let mut factor = [*largest - top];
        exp_of_block(&mut factor, 0.0);
        exp_of_block(scores, top);
        scores[valid..].fill(0.0);
        let mut lanes = [0.0_f32; 16];
        for chunk in scores.as_chunks::<16>().0 {
            for (lane, weight) in lanes.iter_mut().zip(chunk) {
                *lane += weight;
            }
        }
        let mut width = 8;
        while width > 0 {
            for lane in 0..width {
                lanes[lane] += lanes[lane + width];
            }
            width /= 2;
        }
        *largest = top;
        *sum = *sum * factor[0] + lanes[0];
        factor[0]
    }
}

#[cfg(test)]
mod tests;
