//! Where money goes: who pays whom, how much of it comes back, and who fails if somebody stops paying.
//!
//! It reads flows between parties, from reported deals or from a ledger's own invoices, and derives figures from
//! them. Amounts are integers in an asset's smallest unit and stay exact. Shares and indices, which are ratios, are
//! floats, and no amount is ever made from one. It never posts, never pays, and adds nothing that has no source.
//!
//! Reading order: `graph` (who pays whom), `netting` (what netting leaves), `circular` (the most that circulates),
//! `balanced` (what circulates by equal shares), `finn` (the cycling index), `cycles`, `trips` (what comes back
//! to a payer), `clearing` (who fails), `deals` (flows read from a table), `figures` (all of it at once).

mod balanced;
mod circular;
mod clearing;
mod components;
mod cycles;
mod deals;
mod figures;
mod finn;
mod graph;
mod netting;
mod network;
mod parties;
mod table;
mod trips;

pub use balanced::{Balanced, balanced};
pub use circular::{Circular, circular};
pub use clearing::{Clearing, Failure, Shock, clear, least_means, stress};
pub use cycles::{Cycle, Cycles, cycles};
pub use deals::{Class, Complaint, Deal, Deals, KINDS, Kind, Set, Status, Wrong};
pub use figures::{Bounds, Figures, figures};
pub use finn::{Finn, finn};
pub use graph::{Edge, Graph, NoGraph};
pub use netting::{Netting, netting};
pub use parties::Parties;
pub use trips::{Trip, trip, trips};

#[cfg(test)]
mod tests;
