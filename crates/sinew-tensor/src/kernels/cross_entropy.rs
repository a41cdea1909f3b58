//! Cross-entropy of rows of logits: loss = w (log Σ exp(z) - z[target]), dz = w (softmax(z) - onehot(target)).
//!
//! The gradient replaces the logits, so that a block of rows is held once.

use super::lanes::{exp_and_sum, largest};
use crate::dispatch::vectorised;

/// Replaces each row of `logits` by its gradient and returns the weighted loss of all rows.
pub fn cross_entropy(logits: &mut [f32], targets: &[u32], weights: &[f32]) -> f64 {
    let width = logits.len() / targets.len().max(1);
    let mut total = 0.0;
    for ((row, target), weight) in logits.chunks_exact_mut(width.max(1)).zip(targets).zip(weights) {
        total += f64::from(row_loss(row, *target as usize, *weight));
    }
    total
}

vectorised! {
    fn row_loss(row: &mut [f32], target: usize, weight: f32) -> f32 {
        let wanted = row[target];
        let top = largest(row);
        let sum = exp_and_sum(row, 1.0, top);
        let factor = weight / sum;
        for value in row.iter_mut() {
            *value *= factor;
        }
        row[target] -= weight;
        weight * (sum.ln() + top - wanted)
    }
}

vectorised! {
    /// The natural logarithm of the probability of `target`; the row becomes the numerators of the softmax.
    pub fn log_probability(row: &mut [f32], target: usize) -> f32 {
        let wanted = row[target];
        let (top, rest) = log_normaliser(row);
        wanted - top - rest
    }
}

vectorised! {
    /// What a row's logits lose on their way to log-probabilities, in two parts: the largest logit, and the natural
    /// logarithm of the sum of exp(z - largest). The row becomes the numerators of the softmax.
    pub fn log_normaliser(row: &mut [f32]) -> (f32, f32) {
        let top = largest(row);
        let sum = exp_and_sum(row, 1.0, top);
        (top, sum.ln())
    }
}
