//! Matrix products against a packed right side: out = left · right, or out += left · right.
//!
//! A [`Packed`] matrix lies in panels of 64 columns, K rows each, so that a product runs along memory and what is used
//! often is packed once. Each element of the result is one chain of multiply-adds along K, cut every 512 as in
//! [`super::matmul`]; the chain depends neither on the rows beside it nor on how a product is cut into tiles.

use super::matmul::{DEPTH, Mix, View, ViewMut};
use super::tile::{PANEL, Tile, run_tile, tile_rows};
use crate::Buffer;
use crate::dispatch::{Level, level};

/// A matrix K x N that stands on the right of many products.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    data: Buffer,
    inner: usize,
    columns: usize,
}

impl Packed {
    /// Takes a matrix; its room is kept from one call to the next.
    pub fn pack(&mut self, source: View<'_>) {
        (self.inner, self.columns) = (source.rows, source.columns);
        self.data.resize(source.columns.div_ceil(PANEL) * PANEL * source.rows);
        for (panel, first) in self.panels_mut().zip((0..).step_by(PANEL)) {
            pack_panel(panel, source, first);
        }
    }

    fn panels_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.data.chunks_exact_mut((PANEL * self.inner).max(1))
    }

    /// Some rows of a panel.
    fn lines(&self, panel: usize, first: usize, rows: usize) -> &[f32] {
        &self.data[(panel * self.inner + first) * PANEL..][..rows * PANEL]
    }
}

/// Copies the numbers that there are and fills with zeros. A line of full length is copied without a call.
#[inline(always)]
fn copy_line<const LENGTH: usize>(line: &mut [f32], values: &[f32]) {
    match (line.first_chunk_mut::<LENGTH>(), values.first_chunk::<LENGTH>()) {
        (Some(line), Some(values)) => *line = *values,
        _ => {
            let (filled, rest) = line.split_at_mut(values.len());
            filled.copy_from_slice(values);
            rest.fill(0.0);
        }
    }
}

/// Copies the columns from `first` on; those past the end are zero.
fn pack_panel(panel: &mut [f32], source: View<'_>, first: usize) {
    let width = PANEL.min(source.columns - first);
    if source.column_step == 1 {
        for (line, row) in panel.chunks_exact_mut(PANEL).zip(0..) {
            let from = row * source.row_step + first;
            copy_line::<PANEL>(line, &source.data[from..from + width]);
        }
        return;
    }
    if width < PANEL {
        panel.fill(0.0);
    }
    // A few rows of the panel at a time, so that both sides stay in the nearest cache.
    for (lines, top) in panel.chunks_mut(PANEL * 16).zip((0..).step_by(16)) {
        for column in 0..width {
            let from = (first + column) * source.column_step + top * source.row_step;
            let values = source.data[from..].iter().step_by(source.row_step.max(1));
            for (value, slot) in values.zip(lines[column..].iter_mut().step_by(PANEL)) {
                *slot = *value;
            }
        }
    }
}

/// Computes out = left · right, or adds it to out.
///
/// # Panics
/// If the three shapes do not fit each other.
pub fn product(out: ViewMut<'_>, left: View<'_>, right: &Packed, mix: Mix) {
    product_at(level(), out, left, right, mix);
}

pub(crate) fn product_at(level: Level, out: ViewMut<'_>, left: View<'_>, right: &Packed, mix: Mix) {
    assert_eq!((out.rows, out.columns), (left.rows, right.columns), "the result has another shape");
    assert_eq!(left.columns, right.inner, "the inner dimensions differ");
    let tiles = left.rows.div_ceil(tile_rows(level));
    for panel in 0..right.columns.div_ceil(PANEL) {
        for from in (0..left.columns.max(1)).step_by(DEPTH) {
            let depth = DEPTH.min(left.columns - from);
            let lines = right.lines(panel, from, depth);
            for index in 0..tiles {
                let (first, end) = (index * left.rows / tiles, (index + 1) * left.rows / tiles);
                let tile = Tile {
                    left: &left.data[first * left.row_step + from * left.column_step..],
                    left_row: left.row_step,
                    left_inner: left.column_step,
                    right: lines,
                    out_row: out.row_step,
                    rows: end - first,
                    columns: PANEL.min(right.columns - panel * PANEL),
                    add: from > 0 || mix == Mix::Add,
                    turn: index,
                };
                run_tile(level, &mut out.data[first * out.row_step + panel * PANEL..], &tile);
            }
        }
    }
}

/// Room for the operands of [`product_of_turned`], kept between calls.
#[derive(Clone, Debug, Default)]
pub struct TurnedRoom {
    right: Packed,
    left: Buffer,
}

/// Computes out = leftᵀ · right, or adds it to out: the gradient of a matrix from that of its result.
///
/// # Panics
/// If the three shapes do not fit each other.
pub fn product_of_turned(out: ViewMut<'_>, left: View<'_>, right: View<'_>, mix: Mix, room: &mut TurnedRoom) {
    turned_at(level(), out, (left, right), mix, room);
}

pub(crate) fn turned_at(
    level: Level,
    out: ViewMut<'_>,
    (left, right): (View<'_>, View<'_>),
    mix: Mix,
    room: &mut TurnedRoom,
) {
    assert_eq!((out.rows, out.columns), (left.columns, right.columns), "the result has another shape");
    assert_eq!(left.rows, right.rows, "the inner dimensions differ");
    assert_eq!(left.column_step, 1, "the left side lies row by row");
    room.right.pack(right);
    room.pack_left(left);
    let (rows, panels) = (out.rows, right.columns.div_ceil(PANEL));
    let tiles = rows.div_ceil(BAND) * BAND.div_ceil(tile_rows(level));
    // The longer side is run through once while the shorter one stays in the cache. No bit depends on this.
    let outer_tiles = rows > right.columns;
    let (outer, inner) = if outer_tiles { (tiles, panels) } else { (panels, tiles) };
    for slow in 0..outer {
        for fast in 0..inner {
            let (index, panel) = if outer_tiles { (slow, fast) } else { (fast, slow) };
            let place = TilePlace::new(level, index, rows);
            for from in (0..left.rows.max(1)).step_by(DEPTH) {
                if place.rows == 0 {
                    continue;
                }
                let depth = DEPTH.min(left.rows - from);
                let tile = Tile {
                    left: room.left.get(place.left(left.rows, from)..).unwrap_or_default(),
                    left_row: 1,
                    left_inner: BAND,
                    right: room.right.lines(panel, from, depth),
                    out_row: out.row_step,
                    rows: place.rows,
                    columns: PANEL.min(right.columns - panel * PANEL),
                    add: from > 0 || mix == Mix::Add,
                    turn: index,
                };
                run_tile(level, &mut out.data[place.first() * out.row_step + panel * PANEL..], &tile);
            }
        }
    }
}

/// Columns of the left side that lie together: three cache lines, and a whole number of tiles at every level.
const BAND: usize = 48;

/// Where a tile of [`product_of_turned`] stands.
struct TilePlace {
    band: usize,
    offset: usize,
    rows: usize,
}

impl TilePlace {
    fn new(level: Level, index: usize, rows: usize) -> TilePlace {
        let tiles = BAND.div_ceil(tile_rows(level));
        let (band, offset) = (index / tiles, index % tiles * tile_rows(level));
        let rows = tile_rows(level).min(rows.saturating_sub(band * BAND + offset));
        TilePlace { band, offset, rows }
    }

    /// The tile's first row in the result.
    fn first(&self) -> usize {
        self.band * BAND + self.offset
    }

    /// The tile's first number in the packed left side, which has `inner` lines a band.
    fn left(&self, inner: usize, from: usize) -> usize {
        (self.band * inner + from) * BAND + self.offset
    }
}

impl TurnedRoom {
    /// Lays the columns of `left` out in bands, a line for each row.
    fn pack_left(&mut self, left: View<'_>) {
        let bands = left.columns.div_ceil(BAND);
        self.left.resize(bands * BAND * left.rows);
        for (band, first) in self.left.chunks_exact_mut((BAND * left.rows).max(1)).zip((0..).step_by(BAND)) {
            let width = BAND.min(left.columns - first);
            for (line, row) in band.chunks_exact_mut(BAND).zip(0..) {
                let from = row * left.row_step + first;
                copy_line::<BAND>(line, &left.data[from..from + width]);
            }
        }
    }
}
