//! The gate: measures a model on what it was never trained on and says whether it may be released.
//!
//! The same gate measures any weights in the same way, random ones as well. This crate never trains and never changes a
//! model.

mod bits;
mod gate;
mod sums;

pub use bits::{Baselines, bits_per_byte};
pub use gate::{Exam, Figure, Report, SUMS_THRESHOLD, run_gate};
pub use sums::{Question, right_share};

#[cfg(test)]
mod tests;
