//! Who runs where: the state of a pool and what should happen next, with a reason for every wait.
//!
//! Every chip of a pool is *bound* to an account: a contract whose guaranteed shapes are made of bound cells, or the
//! owner, who has the rest. What an account does not use is free or lent under notice, and a loan is always on cells
//! that are bound to its lender. So a guarantee holds in shape by construction, and a change is checked where it
//! happens (the binding of virtual to physical cells of HiveD, OSDI '20, section 4, carried to contracts that lend and
//! borrow). This crate never reads a clock and never changes anything but its own picture of the pool: it says what
//! should happen, and is told what did.

mod account;
mod adjust;
mod binding;
mod booking;
mod calendar;
mod cells;
mod claims;
mod engine;
mod follow;
mod ground;
mod health;
mod holes;
mod lend;
mod limits;
mod lists;
mod next;
mod pages;
mod parts;
mod past;
mod pick;
mod plan;
mod recall;
mod region;
mod sharing;
mod unit;
mod view;
mod why;

pub use cells::{Bound, Cells, Run};
pub use engine::Engine;
pub use ground::{Demand, Item, NoShape, shape_chips};
pub use parts::Rule;
pub use past::{HALF_LIFE, PastUse};
pub use region::{CellSum, Share};
pub use sharing::Weighted;
pub use view::{Account, Action, Entitlement, Holding, Near, Reason, Request, Unplanned, Wait, Why};

#[cfg(test)]
mod tests;
