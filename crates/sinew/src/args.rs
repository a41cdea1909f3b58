//! What can be typed: the commands and the flags that all of them take. Each command's own flags stand with it.

use crate::commands::{
    adjust, artefact, backup, chat, completions, config, contract, eval, explain, invoice, logs, machine,
    model, money, org, payment, pool, ps, release, run, serve, sim, up, verify, what_if, witness,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  sinew up                                            start a server in ./sinew-data
  sinew org add lyra                                  let a lab in; prints the command that it joins with
  sinew pool add north --cores 2                      make two cores of this machine lendable
  sinew contract draft lyra --pool north --guarantee \"1 chip\" --borrow \"1 chip\" \\
        --notice 5s --price \"1.90 USD/chip-hour\" --until 30d > lyra.toml
  sinew contract sign lyra.toml                       offer it; the lab then signs with its id
  sinew run -f --shape \"1 chip\" -- python3 train.py   run something and follow its output
  sinew explain train-3fa2c1                          why it waits, and what would change that
  sinew verify                                        recompute every invoice from the journal

Exit codes:
  0  done
  1  failed for a reason that no other code names
  2  wrong usage: the command line, a file that it names, or a setting
  3  refused by the server (HTTP 4xx)
  4  a verification found a difference
  5  the server cannot be reached
  6  the workload that was followed did not finish well

Each flag below stands above its variable in the environment, and that above the profile:
`sinew config show --origin` says where each value comes from.";

/// Compute is the sinew of war: lends accelerators, runs what labs train on them, serves it and proves the bill.
#[derive(Debug, Parser)]
#[command(name = "sinew", version, after_help = AFTER_HELP, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub(crate) flags: Flags,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Flags {
    /// The server's data folder [env: SINEW_DATA] [default: sinew-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The folder of your keys and profiles [env: SINEW_HOME] [default: ~/.config/sinew]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Which profile [env: SINEW_PROFILE] [default: the only one, or `default`]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The server's address [env: SINEW_SERVER] [default: the profile's]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The language of answers [env: SINEW_LANG, LC_ALL, LANG]
    #[arg(long, global = true, value_enum)]
    pub(crate) lang: Option<Language>,
    /// Print what the server answered, as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// A language of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// English
    En,
    /// French
    Fr,
}

impl Language {
    /// Its two letters.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch the whole path on this machine, from an offer to a chat
    Demo(crate::demo::DemoArgs),
    /// Start a server: API, console, chat, scheduler and executor
    Up(up::UpArgs),
    /// Organisations and their keys
    #[command(subcommand)]
    Org(org::OrgCommand),
    /// Pools of cores that can be lent
    #[command(subcommand)]
    Pool(pool::PoolCommand),
    /// Offers and contracts
    #[command(subcommand)]
    Contract(contract::ContractCommand),
    /// Run a program on leased cores
    Run(run::RunArgs),
    /// Workloads that wait or run
    Ps(ps::PsArgs),
    /// What a workload prints, or a file of its work folder
    Logs(logs::LogsArgs),
    /// Why a workload waits, and what would change that
    Explain(explain::ExplainArgs),
    /// What would follow if a workload came or a contract were signed; nothing changes
    #[command(subcommand, name = "what-if")]
    WhatIf(what_if::WhatIfCommand),
    /// Hold a workload back, release it, or change its priority or size
    Adjust(adjust::AdjustArgs),
    /// End a workload: it gets its notice, then it is gone
    Stop(explain::StopArgs),
    /// What the server's machine enforces on workloads, and what it cannot
    Machine(machine::MachineArgs),
    /// Invoices
    #[command(subcommand)]
    Invoice(invoice::InvoiceCommand),
    /// What labs paid
    #[command(subcommand)]
    Payment(payment::PaymentCommand),
    /// What was owed, asked for, credited and paid
    Statement(payment::StatementArgs),
    /// Where money goes: who pays whom, what comes back, and who fails if somebody stops
    Money(money::MoneyArgs),
    /// Remember what contracts' logs said, and cosign what goes on from there
    #[command(subcommand)]
    Witness(witness::WitnessCommand),
    /// Recompute invoices from the journal or from a proof, offline, and say what is equal
    Verify(verify::VerifyArgs),
    /// Chat with a released model
    Chat(chat::ChatArgs),
    /// Models that others published: fetch them, check them, release them
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Release a model whose gate has passed, or list releases
    Release(release::ReleaseArgs),
    /// Serve a released model to chats and OpenAI clients
    Serve(serve::ServeArgs),
    /// Measure a model: questions with known answers, from benchmarks or files of your own
    Eval(eval::EvalArgs),
    /// Bytes in your organisation's store
    #[command(subcommand)]
    Artefact(artefact::ArtefactCommand),
    /// Replay traces of real clusters through the real control plane, on fake time and without a server
    #[command(subcommand)]
    Sim(sim::SimCommand),
    /// Settings and where they come from
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Copy the data folder, also while the server runs
    Backup(backup::BackupArgs),
    /// Make a data folder from a backup
    Restore(backup::RestoreArgs),
    /// Completions for a shell
    Completions(completions::CompletionsArgs),
    /// Train a model on this machine, without a lease: --config run.toml
    #[command(disable_help_flag = true, after_help = "Example:\n  sinew train --config run.toml")]
    Train {
        /// What `sinew engine train` is told
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// The engine that trains, benchmarks and serves models, as workloads run it
    #[command(hide = true, disable_help_flag = true)]
    Engine {
        /// What the engine is told
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Print the API's description
    #[command(hide = true)]
    Openapi,
}

#[cfg(test)]
mod tests;
