//! Root-mean-square norm of each row: y = x · s · g with s = 1 / sqrt(mean(x²) + ε) and one gain g a channel.
//!
//! Backward, with a = dy · g:  dx += s · a - x · s³ · mean(a · x)  and  dg += Σ over rows of dy · x · s.

use super::lanes::sum_by;
use crate::dispatch::vectorised;

vectorised! {
    /// Writes the normed rows to `out` and each row's factor s to `factors`.
    pub fn rms_norm_forward(out: &mut [f32], factors: &mut [f32], input: &[f32], gain: &[f32], epsilon: f32) {
        let width = gain.len();
        let rows = out.chunks_exact_mut(width).zip(input.chunks_exact(width));
        for ((out, input), factor) in rows.zip(factors) {
            let mean = sum_by(input, input, |a, b| a * b) / width as f32;
            *factor = 1.0 / (mean + epsilon).sqrt();
            for ((out, x), gain) in out.iter_mut().zip(input).zip(gain) {
                *out = x * *factor * gain;
            }
        }
    }
}

vectorised! {
    /// Writes the normed rows to `out` once more, from the factors that [`rms_norm_forward`] left.
    pub fn rms_norm_again(out: &mut [f32], input: &[f32], factors: &[f32], gain: &[f32]) {
        let width = gain.len();
        let rows = out.chunks_exact_mut(width).zip(input.chunks_exact(width));
        for ((out, input), factor) in rows.zip(factors) {
            for ((out, x), gain) in out.iter_mut().zip(input).zip(gain) {
                *out = x * *factor * gain;
            }
        }
    }
}

/// What the backward pass reads: the gradient of the output and what the forward pass had.
#[derive(Clone, Copy, Debug)]
pub struct NormBackward<'a> {
    /// dy, a row for each row of the input.
    pub upstream: &'a [f32],
    /// x as the forward pass had it.
    pub input: &'a [f32],
    /// s of each row, as the forward pass wrote it.
    pub factors: &'a [f32],
    /// g.
    pub gain: &'a [f32],
}

vectorised! {
    /// Adds dx to `input_gradient` and dg to `gain_gradient`.
    pub fn rms_norm_backward(input_gradient: &mut [f32], gain_gradient: &mut [f32], pass: &NormBackward<'_>) {
        let width = pass.gain.len();
        let rows = pass.upstream.chunks_exact(width).zip(pass.input.chunks_exact(width));
        for (((dy, x), factor), dx) in rows.zip(pass.factors).zip(input_gradient.chunks_exact_mut(width)) {
            let mut scaled = 0.0;
            for from in (0..width).step_by(64) {
                let to = (from + 64).min(width);
                let mut product = [0.0_f32; 64];
                for ((slot, dy), gain) in product.iter_mut().zip(&dy[from..to]).zip(&pass.gain[from..to]) {
                    *slot = dy * gain;
                }
                scaled += sum_by(&product[..to - from], &x[from..to], |a, b| a * b);
            }
            let pull = factor * factor * factor * scaled / width as f32;
            let columns = dx.iter_mut().zip(gain_gradient.iter_mut()).zip(dy).zip(x).zip(pass.gain);
            for ((((dx, dg), dy), x), gain) in columns {
                *dx += dy * gain * factor - x * pull;
                *dg += dy * x * factor;
            }
        }
    }
}
