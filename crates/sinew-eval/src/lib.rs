//! Measures models: the gate that one passes before its release, and suites of questions whose answers are known.
//!
//! The same gate measures any weights in the same way, random ones as well; a suite measures whatever answers, wherever
//! it runs. This crate never trains and never changes a model.

mod bits;
mod gate;
pub mod suite;
mod sums;

pub use bits::{Baselines, bits_per_byte};
pub use gate::{Exam, Figure, Report, SUMS_THRESHOLD, run_gate};
pub use sums::{Question, right_share};

#[cfg(test)]
mod tests;
