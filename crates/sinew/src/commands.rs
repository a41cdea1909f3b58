//! The commands, one file each, and the way from what was typed to one of them.

pub(crate) mod adjust;
pub(crate) mod artefact;
pub(crate) mod backup;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod contract;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod invoice;
pub(crate) mod logs;
pub(crate) mod machine;
pub(crate) mod model;
pub(crate) mod money;
pub(crate) mod org;
pub(crate) mod payment;
pub(crate) mod pool;
pub(crate) mod ps;
pub(crate) mod release;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod sim;
pub(crate) mod up;
pub(crate) mod verify;
pub(crate) mod what_if;
pub(crate) mod witness;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::print;
use anyhow::Result;
use std::process::ExitCode;

/// Does what was typed.
pub(crate) fn run(typed: Cli) -> Result<ExitCode> {
    let variable = |name: &str| std::env::var(name).ok();
    let context = || Context::new(&typed.flags, &variable);
    match typed.command {
        // These two run as workloads, where nobody has settings.
        Command::Train { arguments } => {
            return Ok(sinew_engine::main(std::iter::once("train".into()).chain(arguments)));
        }
        Command::Engine { arguments } => return Ok(sinew_engine::main(arguments.into_iter())),
        Command::Openapi => print::line(sinew_server::openapi_json().trim_end())?,
        Command::Completions(args) => completions::run(&args)?,
        Command::Demo(args) => return crate::demo::run(&context()?, &args),
        Command::Up(args) => up::run(&context()?, args)?,
        Command::Org(command) => org::run(&context()?, command)?,
        Command::Pool(command) => pool::run(&context()?, command)?,
        Command::Contract(command) => contract::run(&context()?, command)?,
        Command::Run(args) => run::run(&context()?, &args)?,
        Command::Ps(args) => ps::run(&context()?, &args)?,
        Command::Logs(args) => logs::run(&context()?, &args)?,
        Command::WhatIf(command) => what_if::run(&context()?, &command)?,
        Command::Machine(_) => machine::run(&context()?)?,
        Command::Explain(args) => explain::run(&context()?, &args)?,
        Command::Adjust(args) => adjust::run(&context()?, &args)?,
        Command::Stop(args) => explain::stop(&context()?, &args)?,
        Command::Invoice(command) => invoice::run(&context()?, command)?,
        Command::Payment(command) => payment::run(&context()?, command)?,
        Command::Statement(args) => payment::statement(&context()?, &args)?,
        Command::Money(args) => money::run(&context()?, &args)?,
        Command::Witness(command) => witness::run(&context()?, &command)?,
        Command::Verify(args) => verify::run(&context()?, &args)?,
        Command::Chat(args) => chat::run(&context()?, &args)?,
        Command::Model(command) => model::run(&context()?, command)?,
        Command::Release(args) => release::run(&context()?, args)?,
        Command::Serve(args) => serve::run(&context()?, &args)?,
        Command::Eval(args) => eval::run(&context()?, &args)?,
        Command::Artefact(command) => artefact::run(&context()?, command)?,
        Command::Sim(command) => sim::run(&context()?, command)?,
        Command::Config(command) => config::run(&context()?, &command)?,
        Command::Backup(args) => backup::backup(&context()?, &args)?,
        Command::Restore(args) => backup::restore(&context()?, &args)?,
    }
    Ok(ExitCode::SUCCESS)
}
