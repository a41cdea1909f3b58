//! Generation: token ids in, token ids and text out, with a key-value cache and several conversations at a time.
//!
//! The forward pass is the trainer's: the same kernels in the same order, so that a log-probability has the same bits
//! here and there. This crate never opens a file or a socket, and never starts a thread.

mod chat;
mod decode;
mod error;
mod forward;
mod generate;
pub mod published;
mod sample;
mod stop;

pub use chat::{Message, Role, chat_prompt};
pub use decode::{Cache, Decoder, New};
pub use error::InferError;
pub use forward::{Forward, Own, Reading, room};
pub use generate::{Finish, Generator, Piece, Request, Telling, Told};
pub use sample::{Sampler, Sampling};

#[cfg(test)]
mod tests;
