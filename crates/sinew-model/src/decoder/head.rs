//! The last part: logits = embedding · x, their loss, and the gradient of both. Logits are held for 256 positions.

use super::{Gradient, Shape, Work, blocks, linear, linear_backward, matrix_gradient, part};
use crate::config::Config;
use crate::packs::{Forward, Pair};
use sinew_tensor::Buffer;
use sinew_tensor::kernels::{Mix, cross_entropy, log_probability};

/// The rows that the loss looks at, gathered.
#[derive(Default)]
pub(super) struct Head {
    rows: Vec<usize>,
    targets: Vec<u32>,
    weights: Vec<f32>,
    normed: Buffer,
    gradient: Buffer,
    logits: Buffer,
}

/// Rows of logits that are held at a time.
const HEAD_ROWS: usize = 256;

impl Head {
    /// Takes the rows that count, so that no product is spent on the others.
    pub(super) fn gather(&mut self, (targets, weights): (&[u32], &[f32]), normed: &[f32], width: usize) {
        self.rows.clear();
        self.targets.clear();
        self.weights.clear();
        for (row, (target, weight)) in targets.iter().zip(weights).enumerate() {
            if *weight != 0.0 {
                self.rows.push(row);
                self.targets.push(*target);
                self.weights.push(*weight);
            }
        }
        self.normed.resize(self.rows.len() * width);
        for (row, line) in self.rows.iter().zip(self.normed.chunks_exact_mut(width)) {
            line.copy_from_slice(&normed[row * width..][..width]);
        }
        self.gradient.resize(self.normed.len());
    }

    /// Puts the gradient of the gathered rows in their places in `work.slope`, gives the embedding's gradient to
    /// `gradient` and returns the loss.
    pub(super) fn learn(
        &mut self,
        matrix: &Pair,
        config: &Config,
        work: &mut Work,
        mut gradient: Gradient<'_>,
    ) -> f64 {
        let (width, vocabulary) = (config.width, config.vocabulary);
        if self.rows.is_empty() && gradient.mix == Mix::Replace {
            gradient.values.fill(0.0);
        }
        let mut loss = 0.0;
        for first in (0..self.rows.len()).step_by(HEAD_ROWS) {
            let rows = HEAD_ROWS.min(self.rows.len() - first);
            self.logits.resize(rows * vocabulary);
            for block in blocks(rows, width * vocabulary) {
                let shape = Shape { rows: block.len(), inner: width, columns: vocabulary };
                let logits = part(&self.logits, &block, vocabulary);
                let logits = &mut self.logits[logits];
                let whole = first + block.start..first + block.end;
                let normed = part(&self.normed, &whole, width);
                linear(
                    logits,
                    &self.normed[normed.clone()],
                    Forward::Packed(&matrix.forward),
                    shape,
                    Mix::Replace,
                );
                loss += cross_entropy(logits, &self.targets[whole.clone()], &self.weights[whole]);
                linear_backward(&mut self.gradient[normed], logits, &matrix.backward, shape);
            }
            let shape = Shape { rows, inner: width, columns: vocabulary };
            let normed = &self.normed[first * width..][..rows * width];
            matrix_gradient(gradient.values, (&self.logits, normed), shape, (gradient.mix, &mut work.room));
            gradient.mix = Mix::Add;
        }
        work.slope.fill(0.0);
        for (row, line) in self.rows.iter().zip(self.gradient.chunks_exact(width)) {
            work.slope[row * width..][..width].copy_from_slice(line);
        }
        loss
    }

    /// log softmax of each gathered row at its target.
    pub(super) fn measure(&mut self, matrix: Forward<'_>, vocabulary: usize) -> Vec<f32> {
        let width = self.normed.len() / self.rows.len().max(1);
        let mut logs = Vec::with_capacity(self.rows.len());
        for first in (0..self.rows.len()).step_by(HEAD_ROWS) {
            let end = (first + HEAD_ROWS).min(self.rows.len());
            self.logits.resize((end - first) * vocabulary);
            let shape = Shape { rows: end - first, inner: width, columns: vocabulary };
            let normed = &self.normed[first * width..end * width];
            linear(&mut self.logits, normed, matrix, shape, Mix::Replace);
            let lines = self.logits.chunks_exact_mut(vocabulary).zip(&self.targets[first..end]);
            logs.extend(lines.map(|(line, target)| log_probability(line, *target as usize)));
        }
        logs
    }
}
