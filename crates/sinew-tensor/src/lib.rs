//! The kernels of the model lane, on slices of `f32`: for each subject a fast form and, in [`reference`], a slow and
//! obvious one that the tests hold it against.
//!
//! Letters mean the same everywhere: B batch, T positions, C channels, H heads, D channels of a head, F feed-forward
//! width, V vocabulary. A matrix is row-major unless a [`kernels::View`] says otherwise.
//!
//! This crate never reads a clock, a file or the environment, and no result depends on how many threads there are.

mod buffer;
mod crew;
mod dispatch;
pub mod kernels;
pub mod paged;
pub mod quant;
pub mod reference;
mod shared_mut;
mod team;

pub use buffer::Buffer;
pub use crew::Crew;
pub use shared_mut::SharedMut;
pub use team::Team;

#[cfg(test)]
mod tests;
