//! Rotary positions: in each head, channels i and i + D/2 are a pair that position t turns by t · θ^(-2i/D).
//!
//! (a, b) becomes (a cos - b sin, b cos + a sin). Backward is the turn by the opposite angle.

use crate::dispatch::vectorised;

/// Sine and cosine of each position and pair.
#[derive(Clone, Debug)]
pub struct Rotary {
    half: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl Rotary {
    /// The turns of `positions` positions for heads of `head_width` channels.
    pub fn new(positions: usize, head_width: usize, theta: f64) -> Rotary {
        let half = head_width / 2;
        let angle = |index: usize| {
            let (position, pair) = (index / half, index % half);
            position as f64 * theta.powf(-(2.0 * pair as f64) / head_width as f64)
        };
        let angles = (0..positions * half).map(angle);
        Rotary {
            half,
            cosines: angles.clone().map(|angle| angle.cos() as f32).collect(),
            sines: angles.map(|angle| angle.sin() as f32).collect(),
        }
    }
}

/// Turns the heads at the start of each row, `width` channels in all, by the row's position.
pub fn rotary_forward(rows: &mut [f32], row_step: usize, width: usize, turns: &Rotary, positions: &[usize]) {
    for (row, position) in rows.chunks_exact_mut(row_step).zip(positions) {
        turn_row(&mut row[..width], turns, *position, 1.0);
    }
}

/// Turns the gradient back, in place.
pub fn rotary_backward(rows: &mut [f32], row_step: usize, width: usize, turns: &Rotary, positions: &[usize]) {
    for (row, position) in rows.chunks_exact_mut(row_step).zip(positions) {
        turn_row(&mut row[..width], turns, *position, -1.0);
    }
}

vectorised! {
    fn turn_row(row: &mut [f32], turns: &Rotary, position: usize, direction: f32) {
        let from = position * turns.half;
        let cosines = &turns.cosines[from..from + turns.half];
        let sines = &turns.sines[from..from + turns.half];
        for head in row.chunks_exact_mut(turns.half * 2) {
            let (low, high) = head.split_at_mut(turns.half);
            for (((a, b), cosine), sine) in low.iter_mut().zip(high).zip(cosines).zip(sines) {
                let sine = sine * direction;
                (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
            }
        }
    }
}
