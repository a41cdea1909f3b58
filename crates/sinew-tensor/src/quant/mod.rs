//! Weights of few bits: how files write them, the numbers that they stand for, and products with them.
//!
//! A row of such a matrix is cut into blocks; a block has small whole numbers and a scale. The forms are llama.cpp's.

mod activations;
mod dense;
mod format;
mod packed;
mod product;

pub use activations::{ActivationRow, Activations, BLOCK};
pub use dense::Dense;
pub use format::{Format, dequantise};
pub use packed::Packed;
pub use product::{Input, Matrix, Product, Put, multiply};
