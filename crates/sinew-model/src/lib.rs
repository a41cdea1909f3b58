//! The model as a value: its shape, its weights, the decoder's forward and backward by hand, its tokenizer and its files.
//!
//! This crate never trains, samples or talks to anybody: it gives the forward and backward pass of one sequence, and
//! reads and writes a model folder in the names that other programs know (Hugging Face Llama, safetensors).

mod config;
mod decoder;
mod error;
mod files;
mod layout;
mod packs;
pub mod published;
mod random;
mod tokenizer;

pub use config::Config;
pub use decoder::{Example, Gradient, Learner, Pass};
pub use error::ModelError;
pub use files::{Model, hex, read_limited, sha256, tensor_bytes, tensor_numbers, write_whole};
pub use layout::{LayerPlaces, Layout, Weights};
pub use packs::Packs;
pub use random::Random;
pub use tokenizer::{Special, Tokenizer, Utf8Stream};

#[cfg(test)]
mod counted;
#[cfg(test)]
mod tests;
