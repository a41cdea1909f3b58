//! Who runs where: from a pool's state to a plan, with a reason for every wait.
//!
//! This first scheduler knows pools of equal chips. Each chip of a pool belongs to somebody's
//! *entitlement*: a contract's guarantee, or what the owner has left. A chip that its holder does
//! not use may be lent, and the loan remembers whose chip it is. So a guarantee holds by
//! construction: what an account does not use is free or lent out under notice (the binding of
//! HiveD, OSDI '20, section 4, for one level of cells). This crate never reads a clock and never
//! changes state: it says what should happen.

mod book;
mod plan;
mod view;

pub use plan::plan;
pub use view::{Account, Action, Entitlement, Held, Holding, Plan, Pool, Queued, Wait, Why};

#[cfg(test)]
mod tests;
