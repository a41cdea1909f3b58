//! Matrix products: out = left · right, or out += left · right.
//!
//! The products go through the `gemm` crate on the caller's thread. A single row goes through [`rows_times_matrix`],
//! because for one row the crate sums in another order; here each element of the result is one chain of fused
//! multiply-adds along the inner dimension, whatever the number of rows, so a trainer that has 256 rows and a server
//! that has one get the same bits.

use crate::dispatch::{Level, level};
use gemm::Parallelism;

/// What happens with the numbers that are in the result already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// They are overwritten.
    Replace,
    /// The product is added to them.
    Add,
}

/// A matrix to read: a slice and the steps from one row and one column to the next.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub(super) data: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_step: usize,
    pub(super) column_step: usize,
}

impl<'a> View<'a> {
    /// A row-major matrix that fills the slice's start.
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> View<'a> {
        View::strided(data, rows, columns, columns)
    }

    /// A row-major matrix whose rows begin `row_step` numbers apart.
    ///
    /// # Panics
    /// If the slice is too short for it.
    pub fn strided(data: &'a [f32], rows: usize, columns: usize, row_step: usize) -> View<'a> {
        check_reach(data.len(), rows, columns, row_step);
        View { data, rows, columns, row_step, column_step: 1 }
    }

    /// The same numbers with rows and columns exchanged.
    pub fn transposed(self) -> View<'a> {
        View {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
        }
    }
}

/// A row-major matrix to write.
#[derive(Debug)]
pub struct ViewMut<'a> {
    pub(super) data: &'a mut [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_step: usize,
}

impl<'a> ViewMut<'a> {
    /// A row-major matrix that fills the slice's start.
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize) -> ViewMut<'a> {
        ViewMut::strided(data, rows, columns, columns)
    }

    /// A row-major matrix whose rows begin `row_step` numbers apart.
    ///
    /// # Panics
    /// If the slice is too short for it, or if its rows would overlap.
    pub fn strided(data: &'a mut [f32], rows: usize, columns: usize, row_step: usize) -> ViewMut<'a> {
        check_reach(data.len(), rows, columns, row_step);
        assert!(rows <= 1 || row_step >= columns, "rows that are written must not overlap");
        ViewMut { data, rows, columns, row_step }
    }
}

fn check_reach(length: usize, rows: usize, columns: usize, row_step: usize) {
    if rows > 0 && columns > 0 {
        let reach = (rows - 1) * row_step + columns;
        assert!(
            reach <= length,
            "a {rows} x {columns} matrix with step {row_step} needs {reach} numbers, not {length}"
        );
    }
}

/// The inner dimension that one call of the crate never divides. Longer ones are divided here, in the same way for any
/// number of rows.
pub(super) const DEPTH: usize = 512;

/// Computes out = left · right, or adds it to out.
///
/// # Panics
/// If the three shapes do not fit each other.
pub fn matmul(mut out: ViewMut<'_>, left: View<'_>, right: View<'_>, mix: Mix) {
    assert_eq!((out.rows, out.columns), (left.rows, right.columns), "the result has another shape");
    assert_eq!(left.columns, right.rows, "the inner dimensions differ");
    if out.rows == 0 || out.columns == 0 {
        return;
    }
    for from in (0..left.columns.max(1)).step_by(DEPTH) {
        let depth = DEPTH.min(left.columns - from);
        let left = View { data: &left.data[from * left.column_step..], columns: depth, ..left };
        let right = View { data: &right.data[from * right.row_step..], rows: depth, ..right };
        multiply(&mut out, left, right, if from == 0 { mix } else { Mix::Add });
    }
}

fn multiply(out: &mut ViewMut<'_>, left: View<'_>, right: View<'_>, mix: Mix) {
    let step = |step: usize| isize::try_from(step).expect("a slice is shorter than isize::MAX");
    // SAFETY: each view was checked against the length of its slice when it was made, the result's rows do not overlap,
    // and the borrow rules keep the result apart from the operands.
    unsafe {
        gemm::gemm(
            out.rows,
            out.columns,
            left.columns,
            out.data.as_mut_ptr(),
            1,
            step(out.row_step),
            mix == Mix::Add,
            left.data.as_ptr(),
            step(left.column_step),
            step(left.row_step),
            right.data.as_ptr(),
            step(right.column_step),
            step(right.row_step),
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Computes out = rows · matrix for a row-major `matrix`, with the same bits for one row as for many.
///
/// # Panics
/// If the shapes do not fit each other, or if one row meets a transposed view.
pub fn rows_times_matrix(out: ViewMut<'_>, rows: View<'_>, matrix: View<'_>, mix: Mix) {
    if out.rows != 1 {
        return matmul(out, rows, matrix, mix);
    }
    assert_eq!(matrix.column_step, 1, "a single row needs a row-major matrix");
    assert_eq!((rows.rows, rows.columns), (1, matrix.rows), "the inner dimensions differ");
    assert_eq!(out.columns, matrix.columns, "the result has another shape");
    assert_eq!(rows.column_step, 1, "a single row needs neighbouring numbers");
    let row = Row { values: &rows.data[..rows.columns], matrix, mix };
    let out = &mut out.data[..out.columns];
    match level() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level says that this processor has these features.
        Level::Avx512 => unsafe { row_avx512(out, &row) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level says that this processor has these features.
        Level::Avx2 => unsafe { row_avx2(out, &row) },
        Level::Portable => row_body(out, &row, |a, b, c| a * b + c),
    }
}

struct Row<'a> {
    values: &'a [f32],
    matrix: View<'a>,
    mix: Mix,
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
fn row_avx512(out: &mut [f32], row: &Row<'_>) {
    row_body(out, row, f32::mul_add);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn row_avx2(out: &mut [f32], row: &Row<'_>) {
    row_body(out, row, f32::mul_add);
}

/// Columns whose sums are held in registers while the inner dimension runs.
const STRIP: usize = 64;

#[inline(always)]
fn row_body(out: &mut [f32], row: &Row<'_>, chain: impl Fn(f32, f32, f32) -> f32 + Copy) {
    let mut start = 0;
    while start + STRIP <= out.len() {
        strip::<STRIP>(out, row, start, chain);
        start += STRIP;
    }
    while start + 16 <= out.len() {
        strip::<16>(out, row, start, chain);
        start += 16;
    }
    while start < out.len() {
        strip::<1>(out, row, start, chain);
        start += 1;
    }
}

#[inline(always)]
fn strip<const WIDTH: usize>(
    out: &mut [f32],
    row: &Row<'_>,
    start: usize,
    chain: impl Fn(f32, f32, f32) -> f32,
) {
    let place = &mut out[start..start + WIDTH];
    if row.mix == Mix::Replace {
        place.fill(0.0);
    }
    for (values, first) in row.values.chunks(DEPTH).zip((0..).step_by(DEPTH)) {
        let mut sums = [0.0_f32; WIDTH];
        for (value, index) in values.iter().zip(first..) {
            let from = index * row.matrix.row_step + start;
            let line: &[f32; WIDTH] =
                row.matrix.data[from..from + WIDTH].try_into().expect("a slice of WIDTH numbers");
            for lane in 0..WIDTH {
                sums[lane] = chain(*value, line[lane], sums[lane]);
            }
        }
        place.iter_mut().zip(sums).for_each(|(old, sum)| *old += sum);
    }
}
