//! The gated unit of the feed-forward part: y = silu(g) · u with silu(g) = g σ(g).
//!
//! A row of the input holds F gates g and then F values u. Backward: du = dy silu(g) and
//! dg = dy u σ(g) (1 + g (1 - σ(g))).

use super::lanes::exp;
use crate::dispatch::vectorised;

vectorised! {
    /// Writes y, F numbers a row, from `input` with 2 F numbers a row.
    pub fn swiglu_forward(out: &mut [f32], input: &[f32], width: usize) {
        for (out, row) in out.chunks_exact_mut(width).zip(input.chunks_exact(2 * width)) {
            let (gates, values) = row.split_at(width);
            for ((out, gate), value) in out.iter_mut().zip(gates).zip(values) {
                *out = gate / (1.0 + exp(-*gate)) * value;
            }
        }
    }
}

vectorised! {
    /// Writes the gradient of `input` to `input_gradient`, from dy in `upstream`.
    pub fn swiglu_backward(input_gradient: &mut [f32], upstream: &[f32], input: &[f32], width: usize) {
        let rows = input_gradient.chunks_exact_mut(2 * width).zip(upstream.chunks_exact(width));
        for ((gradient, upstream), row) in rows.zip(input.chunks_exact(2 * width)) {
            let (gate_gradient, value_gradient) = gradient.split_at_mut(width);
            let (gates, values) = row.split_at(width);
            let gradients = gate_gradient.iter_mut().zip(value_gradient);
            for (((dg, du), dy), (gate, value)) in gradients.zip(upstream).zip(gates.iter().zip(values)) {
                let sigma = 1.0 / (1.0 + exp(-*gate));
                let silu = gate * sigma;
                *du = dy * silu;
                *dg = dy * value * (sigma + silu * (1.0 - sigma));
            }
        }
    }
}
