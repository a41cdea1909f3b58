//! `sinew release`: models that passed their gate.

use crate::clock;
use crate::context::Context;
use crate::error::CliError;
use crate::print;
use anyhow::Result;
use clap::{Args, Subcommand};
use sinew_api::{ReleaseRequest, ReleaseView};

const AFTER_HELP: &str = "\
Examples:
  sinew release ls
  sinew release chat-nano --trained-by train-1 --gated-by gate-1

The gate must have passed (status 0) on the very weights that the training run left.";

/// What `sinew release` takes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct ReleaseArgs {
    #[command(subcommand)]
    command: Option<ReleaseCommand>,
    /// The model's name; its version counts up by itself
    model: Option<String>,
    /// The workload that trained it, by name or id
    #[arg(long, value_name = "WORKLOAD")]
    trained_by: Option<String>,
    /// The workload that ran its gate, by name or id
    #[arg(long, value_name = "WORKLOAD")]
    gated_by: Option<String>,
}

/// What else can be done with releases.
#[derive(Debug, Subcommand)]
pub(crate) enum ReleaseCommand {
    /// Your releases
    Ls,
}

/// Releases a model, or lists releases.
pub(crate) fn run(context: &Context, args: ReleaseArgs) -> Result<()> {
    let client = context.client()?;
    if let Some(ReleaseCommand::Ls) = args.command {
        return list(context, &client.list::<ReleaseView>("/api/releases")?);
    }
    let (Some(model), Some(trained_by), Some(gated_by)) = (args.model, args.trained_by, args.gated_by) else {
        let why =
            "a release needs a model's name, --trained-by and --gated-by; `sinew release ls` lists releases";
        return Err(CliError::Usage(why.to_owned()).into());
    };
    let made: ReleaseView = client.post("/api/releases", &ReleaseRequest { model, trained_by, gated_by })?;
    if context.json {
        return Ok(print::json(&made)?);
    }
    Ok(print::line(format_args!("{}  sinew serve {}", made.reference, made.reference))?)
}

fn list(context: &Context, releases: &[ReleaseView]) -> Result<()> {
    if context.json {
        return Ok(print::json(&releases)?);
    }
    let row = |release: &ReleaseView| {
        let files = release.files.len().to_string();
        vec![release.reference.clone(), clock::local(&release.released_at), release.trained_by.clone(), files]
    };
    let rows: Vec<_> = releases.iter().map(row).collect();
    Ok(print::table(&["RELEASE", "RELEASED", "TRAINED BY", "FILES"], &rows)?)
}
