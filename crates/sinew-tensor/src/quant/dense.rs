//! A matrix of 32-bit floats, laid out for products as [`super::Packed`] is: sixteen rows side by side.

use super::format::{Format, dequantise};
use super::packed::TILE_ROWS;
use crate::crew::Crew;
use crate::shared_mut::SharedMut;

/// A matrix of 32-bit floats.
#[derive(Clone, Debug)]
pub struct Dense {
    pub(super) rows: usize,
    pub(super) columns: usize,
    numbers: Vec<f32>,
}

impl Dense {
    /// Lays out the numbers that a file's bytes stand for; row `i` is the file's row `source(i)`.
    pub fn new(
        format: Format,
        bytes: &[u8],
        (rows, columns): (usize, usize),
        source: &(dyn Fn(usize) -> usize + Sync),
        crew: &Crew,
    ) -> Dense {
        let row_bytes = format.row_bytes(columns).expect("the columns are whole blocks");
        assert_eq!(bytes.len(), rows * row_bytes, "the bytes fit the shape");
        let strip = columns * TILE_ROWS;
        let strips = rows.div_ceil(TILE_ROWS);
        let mut numbers = vec![0.0; strips * strip];
        let target = SharedMut::of(&mut numbers);
        crew.for_parts(strips, |index| {
            // SAFETY: each strip is made by one part, and strips do not overlap.
            let strip = unsafe { target.slice(index * strip, strip) };
            let mut line = vec![0.0; columns];
            for row in 0..TILE_ROWS.min(rows - index * TILE_ROWS) {
                let from = source(index * TILE_ROWS + row) * row_bytes;
                dequantise(&mut line, &bytes[from..from + row_bytes], format);
                for (slots, number) in strip.chunks_exact_mut(TILE_ROWS).zip(&line) {
                    slots[row] = *number;
                }
            }
        });
        Dense { rows, columns, numbers }
    }

    /// The sixteen-row columns of one strip.
    pub(super) fn strip(&self, index: usize) -> &[[f32; TILE_ROWS]] {
        let length = self.columns * TILE_ROWS;
        self.numbers[index * length..(index + 1) * length].as_chunks().0
    }
}
