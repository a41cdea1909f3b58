//! From usage records to invoices and postings: double entry, checked integers.
//!
//! A usage record is a fact; what it costs is derived here from the contract and never stored in
//! it. This crate never reads a clock and never rounds except once, on an invoice line.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

mod invoice;
mod payment;
mod posting;
mod rate;
mod rating;
mod statement;
mod usage;

pub use invoice::{Invoice, InvoiceKey, Line, LineKind, invoice};
pub use payment::{Payment, Reference};
pub use posting::{Account, AccountKind, Balances, Posting, Transaction};
pub use rate::{Owed, Past, Period, Used, promised, rate};
pub use rating::{Month, Opening, Rating, Unrated};
pub use statement::{Booked, Entry, Statement, statement};
pub use usage::UsageRecord;

#[cfg(test)]
mod tests;
