//! The control plane under random histories, and in small stories.

mod adjust;
mod batch;
mod billing;
mod calendar;
mod failures;
mod history;
mod invariants;
mod limits;
mod payments;
mod stories;
mod what_if;
mod world;
