//! Rows of activations as small whole numbers: each 32 of them become 8-bit q with a scale s, x ≈ s q, and the sums of
//! both halves of q.
//!
//! A product with weights d q' + m is then s (d Σ q q' + m Σ q): the inner sums are exact, in any order.

use crate::dispatch::vectorised;

/// Numbers that share a scale.
pub const BLOCK: usize = 32;

/// Rows of 8-bit numbers with their scales.
#[derive(Clone, Debug, Default)]
pub struct Activations {
    pub(super) rows: usize,
    pub(super) blocks: usize,
    pub(super) numbers: Vec<i8>,
    pub(super) scales: Vec<f32>,
    pub(super) sums: Vec<[i32; 2]>,
    /// Scale times both sums: what a least value is multiplied with.
    pub(super) weighted: Vec<f32>,
}

impl Activations {
    /// Makes room for rows of this width, which must be whole blocks.
    pub fn resize(&mut self, rows: usize, width: usize) {
        assert!(width.is_multiple_of(BLOCK), "whole blocks");
        (self.rows, self.blocks) = (rows, width / BLOCK);
        self.numbers.resize(rows * width, 0);
        self.scales.resize(rows * self.blocks, 0.0);
        self.sums.resize(rows * self.blocks, [0; 2]);
        self.weighted.resize(rows * self.blocks, 0.0);
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The parts of each row, so that several threads can fill different rows.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = ActivationRow<'_>> {
        let numbers = self.numbers.chunks_exact_mut((self.blocks * BLOCK).max(1));
        let scales = self.scales.chunks_exact_mut(self.blocks.max(1));
        let sums = self.sums.chunks_exact_mut(self.blocks.max(1));
        let weighted = self.weighted.chunks_exact_mut(self.blocks.max(1));
        let rows = numbers.zip(scales).zip(sums.zip(weighted));
        rows.map(|((numbers, scales), (sums, weighted))| ActivationRow { numbers, scales, sums, weighted })
    }
}

/// One row that can be filled.
pub struct ActivationRow<'a> {
    numbers: &'a mut [i8],
    scales: &'a mut [f32],
    sums: &'a mut [[i32; 2]],
    weighted: &'a mut [f32],
}

impl ActivationRow<'_> {
    /// Takes a row of numbers. A number that is not finite makes its whole block so.
    pub fn fill(&mut self, row: &[f32]) {
        quantise(self.numbers, self.scales, self.sums, row);
        for ((weighted, scale), [low, high]) in self.weighted.iter_mut().zip(&*self.scales).zip(&*self.sums) {
            *weighted = scale * (low + high) as f32;
        }
    }
}

vectorised! {
    fn quantise(numbers: &mut [i8], scales: &mut [f32], sums: &mut [[i32; 2]], row: &[f32]) {
        let (blocks, _) = row.as_chunks::<BLOCK>();
        let (targets, _) = numbers.as_chunks_mut::<BLOCK>();
        let slots = targets.iter_mut().zip(scales).zip(sums);
        for (((target, scale), sum), block) in slots.zip(blocks) {
            // Bits of sizes are in the order of sizes, with everything that is not finite at the end.
            let largest = block.iter().fold(0, |most, x| (x.to_bits() & 0x7fff_ffff).max(most));
            let largest = f32::from_bits(largest);
            *scale = largest / 127.0;
            let turned = if largest > 0.0 && largest.is_finite() { 127.0 / largest } else { 0.0 };
            // Below the least normal number the inverse is infinite: such a block counts as zero.
            let turned = if turned.is_finite() { turned } else { 0.0 };
            for (target, x) in target.iter_mut().zip(block) {
                const ROUNDER: f32 = 12_582_912.0;
                let rounded = (x * turned + ROUNDER).to_bits() as i32;
                let rounded = rounded.wrapping_sub(ROUNDER.to_bits() as i32);
                *target = rounded as i8;
            }
            let (low, high) = target.split_at(BLOCK / 2);
            *sum = [low.iter().map(|q| i32::from(*q)).sum(), high.iter().map(|q| i32::from(*q)).sum()];
            if !largest.is_finite() {
                // Zero times this is no number, as the sums that this block is part of must be.
                *scale = f32::NAN;
            }
        }
    }
}
