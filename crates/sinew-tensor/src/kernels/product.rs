//! Matrix products against a packed right side: out = left · right, or out += left · right.
//!
//! A [`Packed`] matrix lies in panels of 64 columns, K rows each, so that a product runs along memory and what is used
//! often is packed once. Each element of the result is one chain of multiply-adds along K, cut every 512 as in
//! [`super::matmul`]; the chain depends neither on the rows beside it nor on how a product is cut into tiles.

use super::matmul::{DEPTH, Mix, View, ViewMut};
use super::tile::{PANEL, Tile, run_tile, tile_rows};
use crate::Buffer;
use crate::dispatch::{Level, level, vectorised};

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
    if source.column_step == 1 {
        return pack_lines(panel, source, first);
    }
    let width = PANEL.min(source.columns - first);
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

vectorised! {
    fn pack_lines(panel: &mut [f32], source: View<'_>, first: usize) {
        let width = PANEL.min(source.columns - first);
        for (line, row) in panel.chunks_exact_mut(PANEL).zip(0..) {
            let from = row * source.row_step + first;
            copy_line::<PANEL>(line, &source.data[from..from + width]);
        }
    }
}

vectorised! {
    /// Lays the columns of `left` from `first` on out, a line for each row.
    fn pack_band(band: &mut [f32], left: View<'_>, first: usize) {
        let width = BAND.min(left.columns - first);
        for (line, row) in band.chunks_exact_mut(BAND).zip(0..) {
            let from = row * left.row_step + first;
            copy_line::<BAND>(line, &left.data[from..from + width]);
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
    assert_eq!(out.columns, right.columns, "the result has another shape");
    assert_eq!(left.columns, right.inner, "the inner dimensions differ");
    corner_at(level, out, left, right, mix);
}

/// A product with the first rows and columns of a packed matrix: as many as the left side has columns and the result
/// has.
///
/// # Panics
/// If the packed matrix has fewer, or the rows differ.
pub(super) fn product_of_corner(out: ViewMut<'_>, left: View<'_>, right: &Packed, mix: Mix) {
    corner_at(level(), out, left, right, mix);
}

fn corner_at(level: Level, out: ViewMut<'_>, left: View<'_>, right: &Packed, mix: Mix) {
    assert_eq!(out.rows, left.rows, "the result has another shape");
    assert!(out.columns <= right.columns && left.columns <= right.inner, "the matrix is smaller");
    let columns = out.columns;
    let tiles = left.rows.div_ceil(tile_rows(level));
    for panel in 0..columns.div_ceil(PANEL) {
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
                    columns: PANEL.min(columns - panel * PANEL),
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
    right: Buffer,
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
    let (bands, panels) = (left.columns.div_ceil(BAND), right.columns.div_ceil(PANEL));
    let (band_length, panel_length) = (BAND * left.rows, PANEL * left.rows);
    // The longer side is run through once, packed piece by piece just before its use, while the shorter one is packed
    // whole and stays in the cache. No bit depends on this.
    let outer_bands = out.rows > out.columns;
    let (whole_bands, whole_panels) = if outer_bands { (1, panels) } else { (bands, 1) };
    room.left.resize(whole_bands * band_length);
    room.right.resize(whole_panels * panel_length);
    let mut turned = Turned { level, out, depth: left.rows, mix };
    if outer_bands {
        for (panel, index) in room.right.chunks_exact_mut(panel_length.max(1)).zip(0..) {
            pack_panel(panel, right, index * PANEL);
        }
        for band in 0..bands {
            pack_band(&mut room.left, left, band * BAND);
            for panel in 0..panels {
                turned.run((band, &room.left), (panel, &room.right[panel * panel_length..][..panel_length]));
            }
        }
        return;
    }
    for (band, index) in room.left.chunks_exact_mut(band_length.max(1)).zip(0..) {
        pack_band(band, left, index * BAND);
    }
    for panel in 0..panels {
        pack_panel(&mut room.right, right, panel * PANEL);
        for band in 0..bands {
            turned.run((band, &room.left[band * band_length..][..band_length]), (panel, &room.right));
        }
    }
}

/// Columns of the left side that lie together: three cache lines, and a whole number of tiles at every level.
const BAND: usize = 48;

/// A product of which one side is turned, while its tiles are run.
struct Turned<'a> {
    level: Level,
    out: ViewMut<'a>,
    depth: usize,
    mix: Mix,
}

impl Turned<'_> {
    /// Runs the tiles of one band and one panel.
    fn run(&mut self, (band, left): (usize, &[f32]), (panel, right): (usize, &[f32])) {
        let (top, first) = (band * BAND, panel * PANEL);
        let rows = BAND.min(self.out.rows - top);
        let columns = PANEL.min(self.out.columns - first);
        for from in (0..self.depth.max(1)).step_by(DEPTH) {
            let depth = DEPTH.min(self.depth - from);
            let right = &right[from * PANEL..][..depth * PANEL];
            for (offset, turn) in (0..rows).step_by(tile_rows(self.level)).zip(0..) {
                let tile = Tile {
                    left: left.get(from * BAND + offset..).unwrap_or_default(),
                    left_row: 1,
                    left_inner: BAND,
                    right,
                    out_row: self.out.row_step,
                    rows: tile_rows(self.level).min(rows - offset),
                    columns,
                    add: from > 0 || self.mix == Mix::Add,
                    turn,
                };
                run_tile(self.level, &mut self.out.data[(top + offset) * self.out.row_step + first..], &tile);
            }
        }
    }
}
