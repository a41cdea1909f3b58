//! How much somebody held lately: an average that forgets.
//!
//! Use counts half after [`HALF_LIFE`], a quarter after twice that, and so on, as in Slurm's fair share. Integers only,
//! in steps of a 1,024th of the half-life, so that every machine comes to the same.

use sinew_types::{Instant, Span, canonical_struct};

/// After this time use counts half.
pub const HALF_LIFE: Span = Span::from_ms(86_400_000);
const STEPS: u64 = 1_024;
/// One step. The half-life is a whole number of them.
const STEP_MS: u64 = 86_400_000 / STEPS;
/// A chip, in the unit of averages.
pub(crate) const CHIP: u64 = 1 << 16;
/// ln 2 in 2^-32.
const LN_2: u128 = 2_977_044_472;
/// 2^(-(2^i) / 1024) in 2^-32.
const FACTORS: [u128; 10] = [
    4_292_061_010,
    4_289_156_690,
    4_283_353_945,
    4_271_771_996,
    4_248_701_965,
    4_202_935_003,
    4_112_874_773,
    3_938_502_376,
    3_611_622_603,
    3_037_000_500,
];

/// An average of chips held, in 2^-16 chips, as it was at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PastUse {
    average: u64,
    step: i64,
}

canonical_struct!(PastUse { average, step });

/// The step that a moment lies in.
pub(crate) fn step(at: Instant) -> i64 {
    at.ms().div_euclid(i64::try_from(STEP_MS).expect("a short time"))
}

impl PastUse {
    /// Adds chips that were held from one moment to another. What is told late counts as if it had been told in time.
    pub fn add(&mut self, chips: u32, from: Instant, to: Instant) {
        let lasted_ms = to.since(from).ms();
        let held = u64::from(chips) * CHIP;
        // Whole steps by the table; within a step the exponential is a straight line.
        let whole = fade(held, lasted_ms / STEP_MS);
        let rest = u128::from(lasted_ms % STEP_MS) * LN_2 / u128::from(HALF_LIFE.ms());
        let gained = held - (whole - narrow((u128::from(whole) * rest) >> 32));
        let end = step(to);
        if self.average == 0 {
            self.step = end;
        }
        let late = fade(gained, u64::try_from(self.step.saturating_sub(end)).unwrap_or(0));
        *self = Self { average: self.at_step(end).saturating_add(late), step: self.step.max(end) };
    }

    /// The average at a moment, in 2^-16 chips.
    pub(crate) fn at(&self, now: Instant) -> u64 {
        self.at_step(step(now))
    }

    fn at_step(&self, step: i64) -> u64 {
        fade(self.average, u64::try_from(step.saturating_sub(self.step)).unwrap_or(0))
    }
}

/// What is left of a value after some steps.
fn fade(value: u64, steps: u64) -> u64 {
    let halvings = u32::try_from(steps / STEPS).unwrap_or(u32::MAX);
    let left = value.checked_shr(halvings).unwrap_or(0);
    let bits = (0..FACTORS.len()).filter(|bit| (steps >> bit) & 1 == 1);
    bits.fold(left, |left, bit| narrow((u128::from(left) * FACTORS[bit]) >> 32))
}

fn narrow(wide: u128) -> u64 {
    u64::try_from(wide).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
