//! Bits for each byte of a text: how well a model foretells it, beside two simple models fitted on the training part.
//!
//! A byte's chance is (count + k) / (all + 256 k) with k = 0.1: counted alone in the unigram, and after the byte before it
//! in the bigram, whose chance is mixed from nothing else.

use sinew_model::{Model, Pass, Special};
use sinew_tensor::Team;

/// Byte models counted on the training text.
pub struct Baselines {
    single: Vec<u64>,
    pairs: Vec<u64>,
}

/// k of the smoothing.
const SMOOTHING: f64 = 0.1;

impl Baselines {
    /// Counts the bytes of the training text.
    pub fn fit(text: &[u8]) -> Baselines {
        let mut baselines = Baselines { single: vec![0; 256], pairs: vec![0; 256 * 256] };
        for byte in text {
            baselines.single[usize::from(*byte)] += 1;
        }
        for pair in text.windows(2) {
            baselines.pairs[usize::from(pair[0]) * 256 + usize::from(pair[1])] += 1;
        }
        baselines
    }

    /// Bits for each byte of `text` by the counts of single bytes.
    pub fn unigram(&self, text: &[u8]) -> f64 {
        let bits = text.iter().map(|byte| bits(&self.single, usize::from(*byte)));
        bits.sum::<f64>() / text.len().max(1) as f64
    }

    /// Bits for each byte of `text` by the counts of pairs; the first byte by those of single bytes.
    pub fn bigram(&self, text: &[u8]) -> f64 {
        let first = text.first().map_or(0.0, |byte| bits(&self.single, usize::from(*byte)));
        let row = |before: u8| &self.pairs[usize::from(before) * 256..][..256];
        let others: f64 = text.windows(2).map(|pair| bits(row(pair[0]), usize::from(pair[1]))).sum();
        (first + others) / text.len().max(1) as f64
    }
}

fn bits(counts: &[u64], byte: usize) -> f64 {
    let all: u64 = counts.iter().sum();
    -((counts[byte] as f64 + SMOOTHING) / (all as f64 + 256.0 * SMOOTHING)).log2()
}

/// Tokens that are measured, with those before them that the model may see.
struct Window {
    tokens: Vec<u32>,
    measured_from: usize,
    nats: f64,
}

/// Bits for each byte of `text` by the model. Windows overlap by half, so that nearly every token has at least half a
/// context before it.
pub fn bits_per_byte(model: &Model, text: &str, team: &Team) -> Result<f64, sinew_model::ModelError> {
    let mut tokens = vec![model.tokenizer.special(Special::Begin)];
    tokens.extend(model.tokenizer.encode(text)?);
    let mut windows = windows(&tokens, model.weights.config.context);
    let groups = team.threads() * 4;
    let size = windows.len().div_ceil(groups).max(1);
    let mut chunks: Vec<&mut [Window]> = windows.chunks_mut(size).collect();
    team.for_each(&mut chunks, |_, chunk| {
        let mut pass = Pass::new(&model.weights.config);
        for window in chunk.iter_mut() {
            let last = window.tokens.len() - 1;
            let logs = pass.log_probabilities(&model.weights, &window.tokens[..last], &window.tokens[1..]);
            window.nats = logs[window.measured_from..].iter().map(|log| -f64::from(*log)).sum();
        }
    });
    let nats: f64 = windows.iter().map(|window| window.nats).sum();
    Ok(nats / std::f64::consts::LN_2 / text.len().max(1) as f64)
}

fn windows(tokens: &[u32], context: usize) -> Vec<Window> {
    let step = (context / 2).max(1);
    let mut windows = Vec::new();
    let mut done = 0;
    while done + 1 < tokens.len() {
        let from = if done == 0 { 0 } else { done - (context - step) };
        let end = (from + context + 1).min(tokens.len());
        windows.push(Window { tokens: tokens[from..end].to_vec(), measured_from: done - from, nats: 0.0 });
        done = end - 1;
    }
    windows
}
