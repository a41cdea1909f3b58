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
                *out = gate * (1.0 / (1.0 + exp(-*gate))) * value;
            }
        }
    }
}

vectorised! {
    /// Replaces each row of `input` by its gradient and each row of `upstream`, which holds dy, by y.
    pub fn swiglu_turn(input: &mut [f32], upstream: &mut [f32], width: usize) {
        for (row, upstream) in input.chunks_exact_mut(2 * width).zip(upstream.chunks_exact_mut(width)) {
            let (gates, values) = row.split_at_mut(width);
            let (gates, gates_rest) = gates.as_chunks_mut::<16>();
            let (values, values_rest) = values.as_chunks_mut::<16>();
            let (slopes, slopes_rest) = upstream.as_chunks_mut::<16>();
            for ((gate, value), dy) in gates.iter_mut().zip(values).zip(slopes) {
                // Through copies, because the compiler cannot see that the three places never overlap.
                let (mut g, mut u, mut y) = (*gate, *value, *dy);
                for lane in 0..16 {
                    (g[lane], u[lane], y[lane]) = turn(g[lane], u[lane], y[lane]);
                }
                (*gate, *value, *dy) = (g, u, y);
            }
            for ((gate, value), dy) in gates_rest.iter_mut().zip(values_rest).zip(slopes_rest) {
                (*gate, *value, *dy) = turn(*gate, *value, *dy);
            }
        }
    }
}

/// (dg, du, y) from (g, u, dy).
#[inline(always)]
fn turn(gate: f32, value: f32, dy: f32) -> (f32, f32, f32) {
    let sigma = 1.0 / (1.0 + exp(-gate));
    let silu = gate * sigma;
    (dy * value * (sigma + silu * (1.0 - sigma)), dy * silu, silu * value)
}
