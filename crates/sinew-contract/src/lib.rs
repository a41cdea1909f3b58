//! What a contract allows, what it costs, and who signed it.
//!
//! A value in, a value out: this crate never reads a clock and never decides who runs; it answers
//! what two organisations agreed on.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

mod calendar;
mod clause;
mod sign;
mod terms;

pub use calendar::{Calendar, Expanded, Window};
pub use clause::{Capacity, Clause, ClauseFlaw, Clauses, Owing, PARTS};
pub use sign::{PublicKey, SecretKey, Signature};
pub use terms::{Contract, Flaw, InForce, Standing, Terms};

#[cfg(test)]
mod tests;
