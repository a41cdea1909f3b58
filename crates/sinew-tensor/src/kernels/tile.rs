//! One tile of a matrix product: as many sums as the registers hold, carried along K.
//!
//! sum[r][c] = Σ over k of left[r][k] · right[k][c] as one chain for each sum, then out = sum or out += sum. A form for
//! each level; those with fused multiply-adds have the same bits, because no form divides a chain.

use crate::dispatch::{Level, level};

/// Columns of a panel: four vectors of 512 bits.
pub(super) const PANEL: usize = 64;

/// What a tile reads, and where it stands in its result.
pub(super) struct Tile<'a> {
    /// The left side from the tile's first element on.
    pub(super) left: &'a [f32],
    /// From a row of the left side to the next.
    pub(super) left_row: usize,
    /// From an element of a row to the next.
    pub(super) left_inner: usize,
    /// Rows of a panel, one for each step along K.
    pub(super) right: &'a [f32],
    /// From a row of the result to the next.
    pub(super) out_row: usize,
    /// Rows of the tile.
    pub(super) rows: usize,
    /// Columns of the panel that the result has.
    pub(super) columns: usize,
    /// Whether the sums are added to what the result holds.
    pub(super) add: bool,
    /// Which tile of its panel this is: the first four fetch a quarter of the next panel each.
    pub(super) turn: usize,
}

/// The most rows that a tile may have: the sums fill the registers but for the operands.
pub(super) fn tile_rows(level: Level) -> usize {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => 6,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => 6,
        Level::Portable => 4,
    }
}

/// Computes a tile of the result that begins where `out` begins.
///
/// # Panics
/// If a slice is too short for the tile.
pub(super) fn run_tile(level: Level, out: &mut [f32], tile: &Tile<'_>) {
    let depth = tile.right.len() / PANEL;
    assert!((1..=tile_rows(level)).contains(&tile.rows), "a tile of {} rows", tile.rows);
    assert!((1..=PANEL).contains(&tile.columns), "a tile of {} columns", tile.columns);
    assert!((tile.rows - 1) * tile.out_row + tile.columns <= out.len(), "the result is too short");
    let reach = (tile.rows - 1) * tile.left_row + depth.saturating_sub(1) * tile.left_inner;
    assert!(depth == 0 || reach < tile.left.len(), "the left side is too short");
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level says that this processor has the features, and the reach of each side is checked above.
        Level::Avx512 => unsafe { avx512::run(out, tile, depth) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx2 => unsafe { avx2::run(out, tile, depth) },
        Level::Portable => portable(out, tile),
    }
}

/// Multiplies and adds in registers for `rounds` rounds and returns how many operations that were: timed by the caller,
/// the most that this processor does for one thread. The number that comes with them is of no use but to be looked at.
pub fn burst(rounds: usize) -> (f64, f32) {
    let (lanes, sum) = match level() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level says that this processor has the features.
        Level::Avx512 => (16, unsafe { avx512::burst(rounds) }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx2 => (8, unsafe { avx2::burst(rounds) }),
        Level::Portable => {
            let mut sums = [0.5_f32; 4 * CHAINS];
            for _ in 0..rounds {
                sums.iter_mut().for_each(|sum| *sum = *sum * std::hint::black_box(0.5) + 0.25);
            }
            (4, sums[0])
        }
    };
    ((2 * lanes * CHAINS * rounds) as f64, sum)
}

/// Sums that [`burst`] carries side by side: enough to fill two pipes of four steps.
const CHAINS: usize = 12;

/// Plain loops over rows: what every processor can do.
fn portable(out: &mut [f32], tile: &Tile<'_>) {
    for row in 0..tile.rows {
        let mut sums = [0.0_f32; PANEL];
        for (line, k) in tile.right.as_chunks::<PANEL>().0.iter().zip(0..) {
            let value = tile.left[row * tile.left_row + k * tile.left_inner];
            for (sum, number) in sums.iter_mut().zip(line) {
                *sum += value * number;
            }
        }
        finish(&mut out[row * tile.out_row..][..tile.columns], &sums, tile.add);
    }
}

/// Writes or adds the sums of a row.
fn finish(out: &mut [f32], sums: &[f32], add: bool) {
    for (out, sum) in out.iter_mut().zip(sums) {
        *out = if add { *out + sum } else { *sum };
    }
}

/// The tile in registers, for vectors of one width.
#[cfg(target_arch = "x86_64")]
macro_rules! vector_tile {
    ($name:ident, $features:literal, $lanes:literal, $vectors:literal, [$($count:literal)*], $kinds:tt) => {
        mod $name {
            use super::{CHAINS, PANEL, Tile, finish};
            use std::arch::x86_64::*;

            /// Columns whose sums are carried together.
            const WIDTH: usize = $vectors * $lanes;

            vector_tile!(names $kinds);

            /// # Safety
            /// The processor must have the features, and all sides must reach as far as the tile says.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn run(out: &mut [f32], tile: &Tile<'_>, depth: usize) {
                for first in (0..tile.columns).step_by(WIDTH) {
                    let (out, narrow) = (&mut out[first..], tile.columns - first <= WIDTH / 2);
                    match tile.rows {
                        // SAFETY: the caller keeps the promise for the whole tile, of which this is a part.
                        $($count if narrow => unsafe { strip::<$count, { $vectors / 2 }, false>(out, tile, first, depth) },
                        // SAFETY: as above.
                        $count if tile.turn < 4 => unsafe { strip::<$count, $vectors, true>(out, tile, first, depth) },
                        // SAFETY: as above.
                        $count => unsafe { strip::<$count, $vectors, false>(out, tile, first, depth) },)*
                        _ => unreachable!("a tile has at most as many rows as `tile_rows` says"),
                    }
                }
            }

            /// Asks for the next panel on the way if `AHEAD`. Only then: each such question takes the place of a load,
            /// and the lines of this panel come by themselves.
            ///
            /// # Safety
            /// As for [`run`].
            #[target_feature(enable = $features)]
            unsafe fn strip<const ROWS: usize, const VECTORS: usize, const AHEAD: bool>(
                out: &mut [f32],
                tile: &Tile<'_>,
                first: usize,
                depth: usize,
            ) {
                fetch::<ROWS>(out, tile);
                let step = tile.left_row;
                let third = step.wrapping_mul(3);
                let mut right = tile.right.as_ptr().wrapping_add(first);
                let mut ahead = tile.right.as_ptr_range().end.wrapping_add(tile.turn.wrapping_mul(16 * depth));
                // Hidden from the compiler, which would otherwise derive all rows from each other in one chain of
                // additions that takes longer than the multiplications.
                let mut left = [tile.left.as_ptr(); 2];
                left[1] = std::hint::black_box(left[0].wrapping_add(third));
                let mut sums = [[zero(); VECTORS]; ROWS];
                let mut lines = |count: usize, sums: &mut [[Vector; VECTORS]; ROWS]| {
                    for _ in 0..count {
                        if AHEAD {
                            _mm_prefetch::<_MM_HINT_T1>(ahead.cast());
                            ahead = ahead.wrapping_add(16);
                        }
                        let mut line = [zero(); VECTORS];
                        for index in 0..VECTORS {
                            // SAFETY: `depth` lines of the panel were checked to be there.
                            line[index] = unsafe { load(right.wrapping_add(index * $lanes)) };
                        }
                        for row in 0..ROWS {
                            let place = left[row / 3].wrapping_add(step.wrapping_mul(row % 3));
                            // SAFETY: the left side was checked to reach so far.
                            let value = splat(unsafe { *place });
                            for index in 0..VECTORS {
                                sums[row][index] = multiply_add(value, line[index], sums[row][index]);
                            }
                        }
                        left = left.map(|place| place.wrapping_add(tile.left_inner));
                        right = right.wrapping_add(PANEL);
                    }
                };
                for _ in 0..depth / 2 {
                    lines(2, &mut sums);
                }
                lines(depth % 2, &mut sums);
                if tile.columns - first < VECTORS * $lanes {
                    // A copy, so that the sums themselves need no place in memory.
                    let sums = sums;
                    return write_part(out, tile, tile.columns - first, &sums);
                }
                for row in 0..ROWS {
                    let out = &mut out[row * tile.out_row..][..VECTORS * $lanes];
                    for index in 0..VECTORS {
                        let place = out[index * $lanes..].as_mut_ptr();
                        let sum = sums[row][index];
                        // SAFETY: the row has room for a whole vector in each place.
                        unsafe { store(place, if tile.add { add(load(place), sum) } else { sum }) };
                    }
                }
            }

            /// [`super::burst`] for this width.
            #[target_feature(enable = $features)]
            pub(super) fn burst(rounds: usize) -> f32 {
                let mut sums: [Vector; CHAINS] = std::array::from_fn(|chain| splat(chain as f32));
                let (factor, summand) = (splat(std::hint::black_box(0.999)), splat(std::hint::black_box(0.25)));
                for _ in 0..rounds {
                    for sum in &mut sums {
                        *sum = multiply_add(*sum, factor, summand);
                    }
                }
                let mut total = zero();
                for sum in sums {
                    total = add(total, sum);
                }
                let mut room = [0.0; $lanes];
                // SAFETY: the room holds one vector.
                unsafe { store(room.as_mut_ptr(), total) };
                room[0]
            }

            /// Asks for the tile's place in the result, which is needed when the sums are done.
            #[target_feature(enable = $features)]
            fn fetch<const ROWS: usize>(out: &[f32], tile: &Tile<'_>) {
                for row in 0..ROWS {
                    let place = out.as_ptr().wrapping_add(row.wrapping_mul(tile.out_row));
                    for fetched in (0..WIDTH).step_by(16) {
                        _mm_prefetch::<_MM_HINT_T0>(place.wrapping_add(fetched).cast());
                    }
                }
            }

            /// Writes the first `width` columns.
            #[target_feature(enable = $features)]
            fn write_part<const ROWS: usize, const VECTORS: usize>(
                out: &mut [f32],
                tile: &Tile<'_>,
                width: usize,
                sums: &[[Vector; VECTORS]; ROWS],
            ) {
                for row in 0..ROWS {
                    let mut room = [0.0; WIDTH];
                    for (index, sum) in sums[row].into_iter().enumerate() {
                        // SAFETY: the room holds all vectors of a row.
                        unsafe { store(room.as_mut_ptr().add(index * $lanes), sum) };
                    }
                    finish(&mut out[row * tile.out_row..][..width], &room, tile.add);
                }
            }
        }
    };
    (names [$vector:ident $zero:ident $splat:ident $load:ident $store:ident $add:ident $multiply_add:ident]) => {
        use {$vector as Vector, $zero as zero, $splat as splat, $load as load, $store as store, $add as add};
        use $multiply_add as multiply_add;
    };
}

#[cfg(target_arch = "x86_64")]
vector_tile!(avx512, "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma", 16, 4, [1 2 3 4 5 6],
    [__m512 _mm512_setzero_ps _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_fmadd_ps]);
#[cfg(target_arch = "x86_64")]
vector_tile!(avx2, "avx2,fma", 8, 2, [1 2 3 4 5 6],
    [__m256 _mm256_setzero_ps _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_fmadd_ps]);
