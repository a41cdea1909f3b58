//! The one binary that people run: server, client, lease supervisor and model engine in one.
//!
//! This crate parses what was typed, keeps keys and profiles in the user's own folder, speaks to a server over
//! HTTP, and words the answers. `verify` reads a journal without any server. It never decides who runs, never
//! changes a journal, and never keeps a key in a server's data folder.
//!
//! Reading order: `args` (what can be typed), `commands` (one file each), `context` and `settings` (where values
//! come from), `client` (HTTP), `profile` (keys on disk), `audit` (what `verify` checks).

mod args;
mod audit;
mod client;
mod clock;
mod commands;
mod context;
mod demo;
mod draft;
mod draw;
mod error;
mod follow;
mod plot;
mod print;
mod profile;
mod proof;
mod settings;
mod size;
mod transfer;
mod words;

use clap::Parser;
use error::CliError;
use std::process::ExitCode;

fn main() -> ExitCode {
    let typed = args::Cli::parse();
    match commands::run(typed) {
        Ok(code) => code,
        Err(error) => report(&error),
    }
}

/// Says the whole chain of causes once, and gives the code that the help promises.
fn report(error: &anyhow::Error) -> ExitCode {
    // Our own errors may stand below a context that says where they happened.
    let ours = error.chain().find_map(|cause| cause.downcast_ref::<CliError>());
    let code = ours.map_or(error::FAILED, CliError::exit_code);
    if !matches!(ours, Some(CliError::OutputClosed)) {
        print::note(format_args!("sinew: {error:#}"));
    }
    ExitCode::from(code)
}
