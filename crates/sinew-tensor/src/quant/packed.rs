//! A matrix of few bits, laid out for products: sixteen rows and 32 columns make a tile, and a tile's bytes are together.
//!
//! In a tile, the numbers of four columns and sixteen rows are one vector of 64 bytes, row by row: one instruction
//! multiplies it by four activations. With 4 bits, a vector holds columns of the first half in its low bits and of the
//! second half in its high bits. Then come sixteen scales, and sixteen least values where the format has them.

use super::format::{Format, half, q6k_number, scale_and_least};
use crate::crew::Crew;
use crate::shared_mut::SharedMut;

/// Rows of a tile.
pub(super) const TILE_ROWS: usize = 16;
/// Columns of a tile.
pub(super) const TILE_COLUMNS: usize = 32;

/// How a tile's numbers and scales are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// 4 bits, a 16-bit scale; x = d (q - 8).
    Nibbles,
    /// 4 bits, a 16-bit scale and least value; x = d q + m.
    NibblesLeast,
    /// 4 bits, a 32-bit scale and least value; x = d q + m.
    NibblesWide,
    /// 8 bits, a 16-bit scale; x = d (q - 128).
    Bytes,
    /// 8 bits, 32-bit scales for the first and the second 16 columns; x = d (q - 32).
    BytesHalves,
}

impl Kind {
    pub(super) fn number_bytes(self) -> usize {
        match self {
            Kind::Nibbles | Kind::NibblesLeast | Kind::NibblesWide => 256,
            Kind::Bytes | Kind::BytesHalves => 512,
        }
    }

    pub(super) fn tile_bytes(self) -> usize {
        self.number_bytes()
            + match self {
                Kind::Nibbles | Kind::Bytes => 32,
                Kind::NibblesLeast => 64,
                Kind::NibblesWide | Kind::BytesHalves => 128,
            }
    }

    /// What is taken off each number.
    pub(super) fn offset(self) -> i32 {
        match self {
            Kind::Nibbles => 8,
            Kind::Bytes => 128,
            Kind::BytesHalves => 32,
            Kind::NibblesLeast | Kind::NibblesWide => 0,
        }
    }
}

/// A matrix of few bits.
#[derive(Clone, Debug)]
pub struct Packed {
    pub(super) rows: usize,
    pub(super) blocks: usize,
    pub(super) kind: Kind,
    pub(super) lines: Vec<Line>,
}

/// 64 bytes that begin where a line of the cache begins.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Line([u8; 64]);

impl Packed {
    /// Lays out a matrix of `rows` rows; row `i` is the file's row `source(i)`. None if the format has no small numbers.
    pub fn new(
        format: Format,
        bytes: &[u8],
        (rows, columns): (usize, usize),
        source: &(dyn Fn(usize) -> usize + Sync),
        crew: &Crew,
    ) -> Option<Packed> {
        let kind = match format {
            Format::Q4_0 => Kind::Nibbles,
            Format::Q4_1 => Kind::NibblesLeast,
            Format::Q4K => Kind::NibblesWide,
            Format::Q8_0 => Kind::Bytes,
            Format::Q6K => Kind::BytesHalves,
            Format::F32 | Format::F16 | Format::Bf16 => return None,
        };
        let row_bytes = format.row_bytes(columns)?;
        assert_eq!(bytes.len(), rows * row_bytes, "the bytes fit the shape");
        let blocks = columns / TILE_COLUMNS;
        let strip = blocks * kind.tile_bytes();
        let strips = rows.div_ceil(TILE_ROWS);
        let mut lines = vec![Line([0; 64]); (strips * strip).div_ceil(64)];
        let target = SharedMut::new(lines.as_mut_ptr().cast::<u8>(), strips * strip);
        crew.for_parts(strips, |index| {
            // SAFETY: each strip is made by one part, and strips do not overlap.
            let strip = unsafe { target.slice(index * strip, strip) };
            for row in 0..TILE_ROWS.min(rows - index * TILE_ROWS) {
                let from = source(index * TILE_ROWS + row) * row_bytes;
                put_row(strip, row, &bytes[from..from + row_bytes], (format, kind));
            }
        });
        Some(Packed { rows, blocks, kind, lines })
    }

    /// Rows of the matrix.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the matrix.
    pub fn columns(&self) -> usize {
        self.blocks * TILE_COLUMNS
    }

    /// The tiles of one strip of sixteen rows, from left to right.
    pub(super) fn strip(&self, index: usize) -> &[u8] {
        let length = self.blocks * self.kind.tile_bytes();
        // SAFETY: the lines are plain bytes without gaps, and `new` made room for all strips.
        let all =
            unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast::<u8>(), self.lines.len() * 64) };
        &all[index * length..(index + 1) * length]
    }
}

/// Puts one row of a file into its place in each tile of a strip.
fn put_row(strip: &mut [u8], row: usize, bytes: &[u8], (format, kind): (Format, Kind)) {
    let tiles_a_block = format.block_numbers() / TILE_COLUMNS;
    let tiles = strip.chunks_exact_mut(kind.tile_bytes() * tiles_a_block);
    for (tiles, block) in tiles.zip(bytes.chunks_exact(format.block_bytes())) {
        for (part, tile) in tiles.chunks_exact_mut(kind.tile_bytes()).enumerate() {
            let (numbers, scales) = tile.split_at_mut(kind.number_bytes());
            match format {
                Format::Q4_0 => {
                    put_nibbles(numbers, row, |column| block[2 + column % 16] >> (4 * (column / 16)));
                    scales[2 * row..2 * row + 2].copy_from_slice(&block[..2]);
                }
                Format::Q4_1 => {
                    put_nibbles(numbers, row, |column| block[4 + column % 16] >> (4 * (column / 16)));
                    scales[2 * row..2 * row + 2].copy_from_slice(&block[..2]);
                    scales[32 + 2 * row..34 + 2 * row].copy_from_slice(&block[2..4]);
                }
                Format::Q8_0 => {
                    put_bytes(numbers, row, |column| block[2 + column] ^ 128);
                    scales[2 * row..2 * row + 2].copy_from_slice(&block[..2]);
                }
                Format::Q4K => {
                    let pairs = &block[16 + 32 * (part / 2)..][..32];
                    put_nibbles(numbers, row, |column| pairs[column] >> (4 * (part % 2)));
                    let (s, t) = scale_and_least(&block[4..16], part);
                    put_f32(scales, row, half(block, 0) * f32::from(s));
                    put_f32(scales, 16 + row, -half(block, 2) * f32::from(t));
                }
                Format::Q6K => {
                    put_bytes(numbers, row, |column| q6k_number(block, part * 32 + column));
                    for side in 0..2 {
                        let s = block[192 + 2 * part + side].cast_signed();
                        put_f32(scales, 16 * side + row, half(block, 208) * f32::from(s));
                    }
                }
                Format::F32 | Format::F16 | Format::Bf16 => {}
            }
        }
    }
}

fn put_nibbles(numbers: &mut [u8], row: usize, nibble: impl Fn(usize) -> u8) {
    for column in 0..16 {
        let place = 64 * (column / 4) + 4 * row + column % 4;
        numbers[place] = (nibble(column) & 15) | (nibble(column + 16) << 4);
    }
}

fn put_bytes(numbers: &mut [u8], row: usize, number: impl Fn(usize) -> u8) {
    for column in 0..32 {
        numbers[64 * (column / 4) + 4 * row + column % 4] = number(column);
    }
}

fn put_f32(scales: &mut [u8], index: usize, value: f32) {
    scales[4 * index..4 * index + 4].copy_from_slice(&value.to_le_bytes());
}
