//! The whole control plane as a value.
//!
//! `decide` turns a request into events or a refusal, `apply` is the only place where state
//! changes, `settle` plans, and `orders` says what executors should do about it. Replay is `apply`
//! and nothing else, so a journal means the same to every later version. This crate never does IO:
//! time comes in as an argument, and whoever drives it makes events durable before anyone hears of
//! them.

mod apply;
mod billing;
mod bindings;
mod command;
mod control;
mod decide;
mod engines;
mod event;
mod health;
mod index;
mod kept;
mod late;
mod lent;
mod orders;
mod payments;
mod refusal;
mod settle;
mod shared;
mod state;
mod stuck;
mod what_if;

pub use billing::undelivered;
pub use bindings::Bindings;
pub use command::{Actor, Adjustment, Command, Observation, Principal, Request, RequestKey, Role};
pub use control::{Answer, Control, Recorded};
pub use decide::{ACTIVE_MAX, nth_after};
pub use event::{ChipMilli, Event, Next, Rehearsal};
pub use health::{Failed, Shortfall, Shortfalls};
pub use kept::{Kept, LOGS_KEPT, RESERVED, checkpoint_entry, log_entry};
pub use late::{Awaited, Late};
pub use lent::{Lent, LentOut};
pub use orders::{LastMoments, Order, all_orders, orders_after};
pub use payments::{PaymentKey, Payments};
pub use refusal::{Refusal, Thing};
pub use settle::usage;
pub use shared::{Records, Shared};
pub use state::{
    ApiKey, Done, End, Exit, Lease, Notice, Organisation, Phase, Place, PlannedStart, PoolState, State,
    Workload,
};
pub use stuck::Stuck;
pub use what_if::{Foreseen, Outcome, Promised, Recalled};

#[cfg(test)]
mod tests;
