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
mod outside;
mod plot;
mod print;
mod profile;
mod proof;
mod settings;
mod size;
mod stop;
mod transfer;
mod words;

use clap::Parser;
use error::CliError;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(leases) = leases_to_supervise() {
        std::process::exit(sinew_exec::supervise(&leases));
    }
    let typed = args::Cli::parse();
    match commands::run(typed) {
        Ok(code) => code,
        Err(error) => report(&error),
    }
}

/// `sinew supervise DIR`, which a server starts and nobody types. All supervisors are copies of that process, and each
/// pays for the pages that it changes, so it begins before anything else has used the memory.
fn leases_to_supervise() -> Option<PathBuf> {
    let mut words = std::env::args_os().skip(1);
    let folder = words.next().filter(|word| word == "supervise").and_then(|_| words.next())?;
    words.next().is_none().then(|| folder.into())
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
