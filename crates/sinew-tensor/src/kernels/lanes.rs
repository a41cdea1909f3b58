//! Sums, maxima and `exp` that vectorise and have one fixed order.
//!
//! A sum goes into 16 lanes by position modulo 16 and the lanes are added as a tree, so trailing zeros change nothing:
//! a row of 70 numbers and the same row padded to 128 have the same sum, bit for bit.

use crate::dispatch::vectorised;

const LANES: usize = 16;

#[inline(always)]
pub(super) fn fold(mut lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = join(lanes[lane], lanes[lane + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// The sum of `map(a, b)` over two rows of the same length.
#[inline(always)]
pub(super) fn sum_by(left: &[f32], right: &[f32], map: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (left_whole, left_rest) = left.as_chunks::<LANES>();
    let (right_whole, right_rest) = right.as_chunks::<LANES>();
    for (a, b) in left_whole.iter().zip(right_whole) {
        for lane in 0..LANES {
            lanes[lane] += map(a[lane], b[lane]);
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(left_rest.iter().zip(right_rest)) {
        *lane += map(*a, *b);
    }
    fold(lanes, |a, b| a + b)
}

/// The largest number of a row, minus infinity for an empty one.
#[inline(always)]
pub(super) fn largest(row: &[f32]) -> f32 {
    let pick = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for chunk in whole {
        for lane in 0..LANES {
            lanes[lane] = pick(lanes[lane], chunk[lane]);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane = pick(*lane, *value);
    }
    fold(lanes, pick)
}

/// Replaces each number x by exp(x * scale - shift) and returns their sum.
#[inline(always)]
pub(super) fn exp_and_sum(row: &mut [f32], scale: f32, shift: f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (whole, rest) = row.as_chunks_mut::<LANES>();
    for chunk in whole {
        for lane in 0..LANES {
            chunk[lane] = exp(chunk[lane] * scale - shift);
            lanes[lane] += chunk[lane];
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *value = exp(*value * scale - shift);
        *lane += *value;
    }
    fold(lanes, |a, b| a + b)
}

/// e to the x, within 2 units in the last place between -87 and 88, and held at those ends outside.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; exp(r) is a polynomial and 2 to the n goes into the exponent bits. Adding
/// 1.5 * 2^23 rounds to a whole number without an instruction that old processors lack.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const ROUNDER: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUNDER;
    let n = shifted - ROUNDER;
    let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let mut tail = 1.987_569_1e-4;
    tail = tail * r + 1.398_2e-3;
    tail = tail * r + 8.333_452e-3;
    tail = tail * r + 4.166_579_6e-2;
    tail = tail * r + 1.666_666_5e-1;
    tail = tail * r + 0.5;
    let mantissa = tail * (r * r) + r + 1.0;
    let exponent = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    mantissa * exponent
}

vectorised! {
    /// The sum of the squares of a slice, in the fixed order of its lanes.
    pub fn sum_of_squares(values: &[f32]) -> f32 {
        sum_by(values, values, |a, b| a * b)
    }
}

/// Replaces each number x by exp(x - shift), with the polynomial that all kernels share.
#[inline(always)]
pub(crate) fn exp_of_block(block: &mut [f32], shift: f32) {
    for x in block {
        *x = exp(*x - shift);
    }
}
