//! Products of rows of activations with matrices: out = input · matrixᵀ.
//!
//! A row's sums run over the blocks from left to right, whatever other rows there are, however many threads, and on
//! whatever processor: inside a block the sums are exact, and between blocks each path does the same fused steps.

use super::activations::{Activations, BLOCK};
use super::dense::Dense;
use super::packed::{Kind, Packed, TILE_ROWS};
use crate::crew::Crew;
use crate::dispatch::vectorised;
use crate::shared_mut::SharedMut;

#[cfg(target_arch = "x86_64")]
mod vnni;

/// Rows of activations that share each tile's bytes.
const TOGETHER: usize = 8;

/// A matrix for products.
#[derive(Clone, Debug)]
pub enum Matrix {
    /// Of few bits; takes 8-bit activations.
    Few(Packed),
    /// Of 32-bit floats; takes activations as they are.
    Full(Dense),
}

/// What matrices are multiplied with.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// How many rows.
    pub rows: usize,
    /// The rows as they are, for [`Matrix::Full`].
    pub full: &'a [f32],
    /// The rows as 8-bit numbers, for [`Matrix::Few`].
    pub few: &'a Activations,
}

/// A product: its matrix, and where its rows go.
pub struct Product<'a> {
    /// The matrix.
    pub matrix: &'a Matrix,
    /// One row of the matrix's rows for each row of the input; nothing between them.
    pub out: &'a mut [f32],
}

/// Whether results are written or added to what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Written.
    Replace,
    /// Added.
    Add,
}

impl Matrix {
    /// Rows of the matrix: the numbers of a row of the result.
    pub fn rows(&self) -> usize {
        match self {
            Matrix::Few(packed) => packed.rows(),
            Matrix::Full(dense) => dense.rows,
        }
    }

    /// Columns of the matrix: the numbers of a row of the input.
    pub fn columns(&self) -> usize {
        match self {
            Matrix::Few(packed) => packed.columns(),
            Matrix::Full(dense) => dense.columns,
        }
    }
}

/// Multiplies the same input with several matrices.
///
/// # Panics
/// If the input's or a result's length is not that of its matrix.
pub fn multiply(crew: &Crew, products: &mut [Product<'_>], input: Input<'_>, put: Put) {
    let mut strips = 0;
    let mut jobs = Vec::with_capacity(products.len());
    for product in products {
        let matrix = product.matrix;
        match matrix {
            Matrix::Few(packed) => {
                assert_eq!(
                    (input.few.rows, input.few.blocks),
                    (input.rows, packed.blocks),
                    "input of few bits"
                );
            }
            Matrix::Full(dense) => assert_eq!(input.full.len(), input.rows * dense.columns, "input"),
        }
        assert_eq!(product.out.len(), input.rows * matrix.rows(), "result");
        let first = strips;
        strips += matrix.rows().div_ceil(TILE_ROWS);
        jobs.push((first..strips, matrix, SharedMut::of(&mut *product.out)));
    }
    // A part is small enough that a late thread finds work left, and large enough to be worth taking.
    let step = (strips / (crew.threads() * 8)).max(1);
    crew.for_parts(strips.div_ceil(step), |part| {
        for strip in part * step..((part + 1) * step).min(strips) {
            let (range, matrix, out) =
                jobs.iter().find(|job| job.0.contains(&strip)).expect("a strip of a job");
            multiply_strip(matrix, strip - range.start, *out, (input, put));
        }
    });
}

fn multiply_strip(matrix: &Matrix, strip: usize, out: SharedMut<'_, f32>, (input, put): (Input<'_>, Put)) {
    let rows = matrix.rows();
    let width = TILE_ROWS.min(rows - strip * TILE_ROWS);
    let mut row = 0;
    while row < input.rows {
        let mut sums = [[0.0; TILE_ROWS]; TOGETHER];
        let count = match matrix {
            Matrix::Few(packed) => strip_of_few(packed, strip, (input.few, row), &mut sums),
            Matrix::Full(dense) => {
                let rows = (input.rows - row).min(TOGETHER);
                for (index, sum) in sums.iter_mut().enumerate().take(rows) {
                    full_row(
                        sum,
                        dense.strip(strip),
                        &input.full[(row + index) * dense.columns..][..dense.columns],
                    );
                }
                rows
            }
        };
        for (index, sums) in sums.iter().enumerate().take(count) {
            // SAFETY: this part alone writes these sixteen numbers of each row.
            let target = unsafe { out.slice((row + index) * rows + strip * TILE_ROWS, width) };
            match put {
                Put::Replace => target.copy_from_slice(&sums[..width]),
                Put::Add => target.iter_mut().zip(sums).for_each(|(target, sum)| *target += sum),
            }
        }
        row += count;
    }
}

/// Multiplies up to eight rows with a strip, and says how many.
fn strip_of_few(
    packed: &Packed,
    strip: usize,
    (input, row): (&Activations, usize),
    sums: &mut [[f32; TILE_ROWS]; TOGETHER],
) -> usize {
    #[cfg(target_arch = "x86_64")]
    if vnni::known() {
        return vnni::strip_of_few(packed, strip, (input, row), sums);
    }
    let blocks = row * packed.blocks..(row + 1) * packed.blocks;
    let row = FewRow {
        numbers: &input.numbers[blocks.start * BLOCK..blocks.end * BLOCK],
        scales: &input.scales[blocks.clone()],
        sums: &input.sums[blocks.clone()],
        weighted: &input.weighted[blocks],
    };
    few_row(&mut sums[0], packed.strip(strip), packed.kind, &row);
    1
}

/// One row of activations.
struct FewRow<'a> {
    numbers: &'a [i8],
    scales: &'a [f32],
    sums: &'a [[i32; 2]],
    weighted: &'a [f32],
}

vectorised! {
    fn full_row(sums: &mut [f32; 16], strip: &[[f32; 16]], row: &[f32]) {
        let mut lanes = [0.0_f32; TILE_ROWS];
        for (numbers, x) in strip.iter().zip(row) {
            for (lane, number) in lanes.iter_mut().zip(numbers) {
                *lane = number.mul_add(*x, *lane);
            }
        }
        *sums = lanes;
    }
}

vectorised! {
    fn few_row(out: &mut [f32; 16], strip: &[u8], kind: Kind, row: &FewRow<'_>) {
        let tiles = strip.chunks_exact(kind.tile_bytes()).zip(row.numbers.chunks_exact(BLOCK));
        let factors = row.scales.iter().zip(row.sums).zip(row.weighted);
        let mut lanes = [0.0_f32; TILE_ROWS];
        for ((tile, numbers), ((scale, sums), weighted)) in tiles.zip(factors) {
            let (weights, scales) = tile.split_at(kind.number_bytes());
            let mut dots = [[0_i32; TILE_ROWS]; 2];
            for (group, x) in numbers.chunks_exact(4).enumerate() {
                let (nibbles, shift) = match kind {
                    Kind::Bytes | Kind::BytesHalves => (&weights[64 * group..64 * group + 64], None),
                    _ => (&weights[64 * (group % 4)..64 * (group % 4) + 64], Some(4 * (group / 4))),
                };
                for (dot, four) in dots[group / 4].iter_mut().zip(nibbles.as_chunks::<4>().0) {
                    for (byte, x) in four.iter().zip(x) {
                        let number = shift.map_or(*byte, |shift| (byte >> shift) & 15);
                        *dot = dot.wrapping_add(i32::from(number) * i32::from(*x));
                    }
                }
            }
            for lane in 0..TILE_ROWS {
                let f16 = |at: usize| super::format::half(scales, at + 2 * lane);
                let f32 = |at: usize| {
                    f32::from_le_bytes(*scales[at + 4 * lane..at + 4 * lane + 4].as_array().expect("four bytes"))
                };
                let first = dots[0][lane] - kind.offset() * sums[0];
                let second = dots[1][lane] - kind.offset() * sums[1];
                let mut add = |dot: i32, weight: f32| lanes[lane] = (dot as f32).mul_add(weight * scale, lanes[lane]);
                match kind {
                    Kind::BytesHalves => {
                        add(first, f32(0));
                        add(second, f32(64));
                    }
                    Kind::NibblesWide => add(first + second, f32(0)),
                    _ => add(first + second, f16(0)),
                }
                match kind {
                    Kind::NibblesLeast => lanes[lane] = f16(32).mul_add(*weighted, lanes[lane]),
                    Kind::NibblesWide => lanes[lane] = f32(64).mul_add(*weighted, lanes[lane]),
                    _ => {}
                }
            }
        }
        *out = lanes;
    }
}

#[cfg(test)]
mod tests;
