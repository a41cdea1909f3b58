//! Training: the data and its order, the optimiser's step, and a state that a run can be taken up from.
//!
//! The same data, recipe and seed give the same weights file, byte for byte, with any number of threads and after any
//! number of interruptions. This crate never reads a clock or the environment and never talks to anybody.

mod batch;
mod checkpoint;
pub mod corpus;
mod dialogues;
mod error;
mod prepared;
mod recipe;
mod sums;
mod text;
mod trainer;

pub use batch::Sequence;
pub use checkpoint::{Checkpoints, Found};
pub use error::TrainError;
pub use prepared::{HeldOutSum, Manifest, Prepared, VOCABULARY, prepare};
pub use recipe::{Recipe, RowKind};
pub use text::load_text;
pub use trainer::Trainer;

#[cfg(test)]
mod tests;
