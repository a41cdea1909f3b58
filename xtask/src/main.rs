//! The workshop of Sinew: `cargo xtask tidy`, `cargo xtask test`, `cargo xtask sim` and `cargo xtask bench`.
//!
//! It runs here what CI runs there, in the same order, and keeps the rules of the repository that no compiler
//! keeps. It never ships with the product and depends on no crate of it, so that it builds first and quickly.

mod args;
mod bench;
mod exports;
mod layers;
mod licences;
mod live;
mod purity;
mod repository;
mod shell;
mod sim;
mod sources;
mod steps;
mod tally;
mod test_run;
mod tidy;
mod tools;
mod web;

use crate::args::Task;
use crate::repository::Repository;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = args::parse(&arguments).and_then(perform);
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}

fn perform(task: Task) -> anyhow::Result<ExitCode> {
    let repository = Repository::here()?;
    match task {
        Task::Help => {
            print!("{}", args::HELP);
            Ok(ExitCode::SUCCESS)
        }
        Task::Tidy => {
            let tally = tidy::run(&repository)?;
            println!("{tally}");
            Ok(tally.exit_code())
        }
        Task::Test(options) => {
            let tally = test_run::run(&repository, &options)?;
            println!("{tally}");
            Ok(tally.exit_code())
        }
        Task::Sim(options) => {
            let tally = sim::run(&repository, &options)?;
            println!("{tally}");
            Ok(tally.exit_code())
        }
        Task::BenchList => {
            bench::list();
            Ok(ExitCode::SUCCESS)
        }
        Task::Bench { name, json } => {
            bench::run(&repository, &name, json.as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
