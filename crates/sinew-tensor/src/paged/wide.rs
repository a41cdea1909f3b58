//! Scores and mixtures with 512-bit vectors: four queries' sixteen accumulators stay in registers.

use super::{PAGE, Query};
use std::arch::x86_64::{
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};
use std::sync::OnceLock;

/// Whether this processor has the instructions, asked once.
pub(super) fn known() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(|| is_x86_feature_detected!("avx512f"))
}

pub(super) fn score<const COUNT: usize>(
    scores: &mut [[f32; PAGE]; COUNT],
    queries: &[&mut Query; COUNT],
    keys: &[f32],
) {
    assert!(
        known() && queries.iter().all(|query| query.channels.len() * PAGE == keys.len()),
        "a page's keys"
    );
    // SAFETY: the processor has the instructions, and there are 64 keys for each channel.
    unsafe { score_with(scores, queries, keys) };
}

/// # Safety
/// The processor has the instructions, and there are 64 keys for each channel of each query.
#[target_feature(enable = "avx512f")]
unsafe fn score_with<const COUNT: usize>(
    scores: &mut [[f32; PAGE]; COUNT],
    queries: &[&mut Query; COUNT],
    keys: &[f32],
) {
    let mut lanes = [[_mm512_setzero_ps(); 4]; COUNT];
    let starts: [*const f32; COUNT] = std::array::from_fn(|query| queries[query].channels.as_ptr());
    for (channel, keys) in keys.chunks_exact(PAGE).enumerate() {
        // SAFETY: a chunk has four vectors, and there are as many chunks as channels.
        unsafe {
            let keys: [_; 4] = std::array::from_fn(|part| keys.as_ptr().wrapping_add(16 * part));
            let keys = keys.map(|place| _mm512_loadu_ps(place));
            for (lanes, start) in lanes.iter_mut().zip(starts) {
                let factor = _mm512_set1_ps(*start.wrapping_add(channel));
                for (lane, keys) in lanes.iter_mut().zip(keys) {
                    *lane = _mm512_fmadd_ps(keys, factor, *lane);
                }
            }
        }
    }
    for (scores, lanes) in scores.iter_mut().zip(lanes) {
        for (target, lane) in scores.as_chunks_mut::<16>().0.iter_mut().zip(lanes) {
            // SAFETY: sixteen floats are 64 bytes.
            unsafe { _mm512_storeu_ps(target.as_mut_ptr(), lane) };
        }
    }
}

pub(super) fn mix<const COUNT: usize>(
    queries: &mut [&mut Query; COUNT],
    weights: &[[f32; PAGE]; COUNT],
    factors: [f32; COUNT],
    values: &[f32],
) {
    let step = queries[0].mixed.len();
    let same = queries.iter().all(|query| query.mixed.len() == step);
    assert!(known() && same && step.is_multiple_of(64) && values.len() <= PAGE * step, "a page's values");
    // SAFETY: the processor has the instructions, and the lengths are what was asserted.
    unsafe { mix_with(queries, weights, factors, values) };
}

/// # Safety
/// The processor has the instructions; results and values have the same step, a multiple of 64.
#[target_feature(enable = "avx512f")]
unsafe fn mix_with<const COUNT: usize>(
    queries: &mut [&mut Query; COUNT],
    weights: &[[f32; PAGE]; COUNT],
    factors: [f32; COUNT],
    values: &[f32],
) {
    let step = queries[0].mixed.len();
    for from in (0..step).step_by(64) {
        let mut lanes = [[_mm512_setzero_ps(); 4]; COUNT];
        for ((lanes, query), factor) in lanes.iter_mut().zip(queries.iter()).zip(factors) {
            for (part, lane) in lanes.iter_mut().enumerate() {
                // SAFETY: `from` and the 64 numbers after it are inside the step.
                let before = unsafe { _mm512_loadu_ps(query.mixed.as_ptr().wrapping_add(from + 16 * part)) };
                *lane = _mm512_mul_ps(before, _mm512_set1_ps(factor));
            }
        }
        for (slot, values) in values.chunks_exact(step).enumerate() {
            // SAFETY: as above, and there are at most as many slots as weights.
            unsafe {
                let values: [_; 4] =
                    std::array::from_fn(|part| values.as_ptr().wrapping_add(from).wrapping_add(16 * part));
                let values = values.map(|place| _mm512_loadu_ps(place));
                for (lanes, weights) in lanes.iter_mut().zip(weights) {
                    let weight = _mm512_set1_ps(*weights.get_unchecked(slot));
                    for (lane, value) in lanes.iter_mut().zip(values) {
                        *lane = _mm512_fmadd_ps(value, weight, *lane);
                    }
                }
            }
        }
        for (query, lanes) in queries.iter_mut().zip(lanes) {
            for (part, lane) in lanes.into_iter().enumerate() {
                // SAFETY: `from` and the 64 numbers after it are inside the step.
                unsafe { _mm512_storeu_ps(query.mixed.as_mut_ptr().wrapping_add(from + 16 * part), lane) };
            }
        }
    }
}
