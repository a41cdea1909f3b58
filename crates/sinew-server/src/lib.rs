//! The shell around the core: HTTP, keys, the journal, the executor and the pages.
//!
//! One thread owns the state (`driver`); everybody else sends it requests and reads snapshots. Nothing
//! is answered before it is durable. Decisions are never made here: this crate moves bytes, converts,
//! and says no to what has no form.

mod app;
mod auth;
mod body;
mod calendar;
mod driver;
mod error;
mod gateway;
mod journal;
mod machine;
mod metrics;
mod openapi;
mod pages;
mod proving;
mod references;
mod rehearsal;
mod reply;
mod routes;
mod runner;
mod server;
mod settings;
mod strip;
mod workplace;

pub use calendar::expand;
pub use error::ServerError;
pub use journal::{JOURNAL_VERSION, read_event};
pub use openapi::openapi_json;
pub use proving::{Bundle, Item, Unproven, contract_of, leaf, origin, prove, read_leaf};
pub use server::{FirstKey, Server};
pub use settings::{Sandboxed, Settings};

#[cfg(test)]
mod tests;
