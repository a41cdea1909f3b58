//! Products of few bits with AVX-512 VNNI: one instruction multiplies 64 unsigned bytes by 64 signed ones and adds them
//! by fours.

use super::super::activations::{Activations, BLOCK};
use super::super::packed::{Kind, Packed, TILE_ROWS};
use super::TOGETHER;
use std::arch::x86_64::{
    __m256i, __m512, __m512i, _mm256_loadu_si256, _mm512_add_epi32, _mm512_and_si512, _mm512_cvtepi32_ps,
    _mm512_cvtph_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_mul_ps, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_srli_epi16, _mm512_storeu_ps,
};
use std::sync::OnceLock;

/// Whether this processor has the instructions, asked once.
pub(super) fn known() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(|| {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
    })
}

const NIBBLES: u8 = 0;
const NIBBLES_LEAST: u8 = 1;
const NIBBLES_WIDE: u8 = 2;
const BYTES: u8 = 3;
const BYTES_HALVES: u8 = 4;

/// Multiplies up to eight rows from `row` on with a strip, and says how many.
pub(super) fn strip_of_few(
    packed: &Packed,
    strip: usize,
    (input, row): (&Activations, usize),
    sums: &mut [[f32; TILE_ROWS]; TOGETHER],
) -> usize {
    assert!(known() && input.blocks == packed.blocks && row < input.rows, "a row of the matrix's width");
    let tiles = packed.strip(strip);
    match input.rows - row {
        8.. => kinds::<8>(packed.kind, tiles, (input, row), sums),
        4.. => kinds::<4>(packed.kind, tiles, (input, row), sums),
        2.. => kinds::<2>(packed.kind, tiles, (input, row), sums),
        _ => kinds::<1>(packed.kind, tiles, (input, row), sums),
    }
}

fn kinds<const ROWS: usize>(
    kind: Kind,
    tiles: &[u8],
    from: (&Activations, usize),
    sums: &mut [[f32; TILE_ROWS]; TOGETHER],
) -> usize {
    // SAFETY: `strip_of_few` asked whether the instructions are there, and that there are so many rows.
    unsafe {
        match kind {
            Kind::Nibbles => strip_product::<ROWS, NIBBLES>(tiles, from, sums),
            Kind::NibblesLeast => strip_product::<ROWS, NIBBLES_LEAST>(tiles, from, sums),
            Kind::NibblesWide => strip_product::<ROWS, NIBBLES_WIDE>(tiles, from, sums),
            Kind::Bytes => strip_product::<ROWS, BYTES>(tiles, from, sums),
            Kind::BytesHalves => strip_product::<ROWS, BYTES_HALVES>(tiles, from, sums),
        }
    }
    ROWS
}

/// The kind that a number stands for.
const fn kind_of(kind: u8) -> Kind {
    match kind {
        NIBBLES => Kind::Nibbles,
        NIBBLES_LEAST => Kind::NibblesLeast,
        NIBBLES_WIDE => Kind::NibblesWide,
        BYTES => Kind::Bytes,
        _ => Kind::BytesHalves,
    }
}

/// # Safety
/// The processor has the instructions, and the input has `ROWS` rows from `first` on.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn strip_product<const ROWS: usize, const KIND: u8>(
    tiles: &[u8],
    (input, first): (&Activations, usize),
    sums: &mut [[f32; TILE_ROWS]; TOGETHER],
) {
    let kind = const { kind_of(KIND) };
    let blocks = input.blocks;
    assert!(tiles.len() == blocks * kind.tile_bytes() && (first + ROWS) * blocks <= input.scales.len());
    let mut lanes = [_mm512_setzero_ps(); ROWS];
    for block in 0..blocks {
        // SAFETY: the assertion says that all tiles are there, and that each row has all its blocks.
        unsafe {
            let tile = tiles.as_ptr().wrapping_add(block.wrapping_mul(kind.tile_bytes()));
            let weights = load_weights(tile, kind);
            let (scale, second) = load_scales(tile.add(kind.number_bytes()), kind);
            for (row, lanes) in lanes.iter_mut().enumerate() {
                let at = (first.wrapping_add(row)).wrapping_mul(blocks).wrapping_add(block);
                let numbers = input.numbers.as_ptr().wrapping_add(at.wrapping_mul(BLOCK)).cast::<i32>();
                let [low, high] = *input.sums.get_unchecked(at);
                let start = |sum: i32| _mm512_set1_epi32(sum.wrapping_mul(-kind.offset()));
                let (mut left, mut right) = match kind {
                    Kind::BytesHalves => (start(low), start(high)),
                    Kind::Nibbles | Kind::Bytes => (start(low.wrapping_add(high)), _mm512_setzero_si512()),
                    _ => (_mm512_setzero_si512(), _mm512_setzero_si512()),
                };
                for group in 0..4 {
                    let x = _mm512_set1_epi32(numbers.wrapping_add(group).read_unaligned());
                    left = _mm512_dpbusd_epi32(left, weights[group], x);
                    let x = _mm512_set1_epi32(numbers.wrapping_add(group + 4).read_unaligned());
                    right = _mm512_dpbusd_epi32(right, weights[group + 4], x);
                }
                let factor = _mm512_set1_ps(*input.scales.get_unchecked(at));
                if matches!(kind, Kind::BytesHalves) {
                    *lanes = _mm512_fmadd_ps(_mm512_cvtepi32_ps(left), _mm512_mul_ps(scale, factor), *lanes);
                    *lanes =
                        _mm512_fmadd_ps(_mm512_cvtepi32_ps(right), _mm512_mul_ps(second, factor), *lanes);
                } else {
                    let dot = _mm512_cvtepi32_ps(_mm512_add_epi32(left, right));
                    *lanes = _mm512_fmadd_ps(dot, _mm512_mul_ps(scale, factor), *lanes);
                }
                if matches!(kind, Kind::NibblesLeast | Kind::NibblesWide) {
                    let weighted = _mm512_set1_ps(*input.weighted.get_unchecked(at));
                    *lanes = _mm512_fmadd_ps(second, weighted, *lanes);
                }
            }
        }
    }
    for (sums, lanes) in sums.iter_mut().zip(lanes) {
        // SAFETY: sixteen floats are 64 bytes.
        unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), lanes) };
    }
}

/// The eight vectors of a tile: sixteen rows of four columns each.
///
/// # Safety
/// A tile of this kind lies at `tile`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn load_weights(tile: *const u8, kind: Kind) -> [__m512i; 8] {
    // SAFETY: the vectors lie one after the other at the tile's begin.
    let load = |index: usize| unsafe { _mm512_loadu_si512(tile.wrapping_add(64 * index).cast()) };
    if matches!(kind, Kind::Bytes | Kind::BytesHalves) {
        return [load(0), load(1), load(2), load(3), load(4), load(5), load(6), load(7)];
    }
    let mask = _mm512_set1_epi8(15);
    let pairs = [load(0), load(1), load(2), load(3)];
    let low = |index: usize| _mm512_and_si512(pairs[index], mask);
    let high = |index: usize| _mm512_and_si512(_mm512_srli_epi16::<4>(pairs[index]), mask);
    [low(0), low(1), low(2), low(3), high(0), high(1), high(2), high(3)]
}

/// The scales of a tile, and its least values or second scales.
///
/// # Safety
/// The scales of a tile of this kind lie at `place`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn load_scales(place: *const u8, kind: Kind) -> (__m512, __m512) {
    // SAFETY: sixteen 16-bit floats lie there.
    let short =
        |at: usize| unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(place.wrapping_add(at).cast::<__m256i>())) };
    // SAFETY: sixteen 32-bit floats lie there.
    let long = |at: usize| unsafe { _mm512_loadu_ps(place.wrapping_add(at).cast()) };
    match kind {
        Kind::Nibbles | Kind::Bytes => (short(0), _mm512_setzero_ps()),
        Kind::NibblesLeast => (short(0), short(32)),
        Kind::NibblesWide | Kind::BytesHalves => (long(0), long(64)),
    }
}
