//! Transparency logs in public formats: RFC 6962 trees, C2SP signed notes, checkpoints, cosignatures and policies.
//!
//! It knows bytes and hashes, and *never* what a leaf means, who a key belongs to or what time it is. Whoever reads a
//! text here gets it whole or gets a sentence: every reader refuses what the writer beside it would not write.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

mod base64;
mod checkpoint;
mod error;
mod note;
mod policy;
mod proof;
mod tile;
mod tree;

pub use checkpoint::Checkpoint;
pub use error::ProofError;
pub use note::{Algorithm, Line, Note, Signer, Verifier};
pub use policy::{Policy, Quorum, Signed};
pub use proof::TlogProof;
pub use tile::{Tile, TileKind};
pub use tree::{Frontier, NodeHash, consistency, inclusion, root};

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails, as it should")]
mod tests;
