//! `sinew what-if`: what would follow, asked of a copy.

use crate::clock;
use crate::context::Context;
use crate::draft::Draft;
use crate::error::At;
use crate::print;
use anyhow::Result;
use clap::{Args, Subcommand};
use sinew_api::{ForeseenView, PromisedView, TermsWire, WorkloadRequest};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What `sinew what-if` takes.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  sinew what-if run --shape \"2 chips\" --least \"1 chip\"\n  sinew what-if contract lyra.toml"
)]
pub(crate) enum WhatIfCommand {
    /// Whether a workload would start now, on whose cells, and who of yours would have to leave
    Run(RunArgs),
    /// Whether a draft fits in shape beside the other contracts, its recall bound, and what it would earn
    Contract {
        /// A draft, as `sinew contract draft` writes it
        file: PathBuf,
    },
}

/// The workload that is asked about.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// What it would make use of
    #[arg(long, value_name = "SHAPE")]
    shape: Option<String>,
    /// The smallest shape that it would run on [default: --shape, or 1 chip]
    #[arg(long, value_name = "SHAPE")]
    least: Option<String>,
    /// A pool that it may run in; may be given more than once [default: any]
    #[arg(long = "pool", value_name = "NAME")]
    pools: Vec<String>,
    /// Higher goes first within your organisation
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    priority: i32,
    /// How long it would run at most
    #[arg(long, value_name = "TIME")]
    limit: Option<String>,
}

/// Asks, and says what would follow.
pub(crate) fn run(context: &Context, command: &WhatIfCommand) -> Result<()> {
    match command {
        WhatIfCommand::Run(args) => foresee(context, args),
        WhatIfCommand::Contract { file } => promise(context, file),
    }
}

fn foresee(context: &Context, args: &RunArgs) -> Result<()> {
    let least = args.least.clone().or_else(|| args.shape.clone()).unwrap_or_else(|| "1 chip".to_owned());
    let request = WorkloadRequest {
        // No workload drawn by chance has it; nothing is made under it.
        name: format!("what-if-{}", crate::draw::suffix()?),
        least,
        most: args.shape.clone(),
        argv: vec!["what-if".to_owned()],
        env: BTreeMap::new(),
        bundle: None,
        inputs: BTreeMap::new(),
        network: None,
        priority: args.priority,
        checkpoint_every: None,
        limit: args.limit.clone(),
        pools: args.pools.clone(),
        serves: None,
    };
    let view: ForeseenView = context.client()?.post("/api/what-if/run", &request)?;
    if context.json {
        return Ok(print::json(&view)?);
    }
    print::line(context.words.foreseen(&view))?;
    for leaves in &view.recalled {
        let deadline = clock::local(&leaves.deadline);
        print::line(context.words.would_leave(&leaves.workload, &deadline, leaves.lost_chip_s))?;
    }
    Ok(())
}

fn promise(context: &Context, file: &PathBuf) -> Result<()> {
    let text = std::fs::read_to_string(file).at("read", file)?;
    let draft = Draft::read(file, &text, context.words.0)?;
    let view: PromisedView = context.client()?.post("/api/what-if/contract", &TermsWire::of(&draft.terms))?;
    if context.json {
        return Ok(print::json(&view)?);
    }
    Ok(print::line(context.words.promised(&view))?)
}
