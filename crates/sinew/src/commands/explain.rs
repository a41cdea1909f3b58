//! `sinew explain` and `sinew stop`: why a workload waits, and ending it.

use crate::clock;
use crate::commands::ps::wants;
use crate::context::Context;
use crate::follow::workload_path;
use crate::print;
use anyhow::Result;
use clap::Args;
use sinew_api::{ExplainView, WorkloadView};

/// What `sinew explain` takes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sinew explain train-1")]
pub(crate) struct ExplainArgs {
    /// Its name or id
    workload: String,
}

/// What `sinew stop` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  sinew stop train-1      it gets SIGTERM now, and SIGKILL when its notice is over"
)]
pub(crate) struct StopArgs {
    /// Its name or id
    workload: String,
}

/// Says where a workload stands, why, and what would change that.
pub(crate) fn run(context: &Context, args: &ExplainArgs) -> Result<()> {
    let explained: ExplainView =
        context.client()?.get(&format!("{}/explain", workload_path(&args.workload)))?;
    if context.json {
        return Ok(print::json(&explained)?);
    }
    let view = &explained.workload;
    print::line(context.words.workload(view))?;
    let (wants, since) = (wants(view), clock::local(&view.submitted_at));
    print::line(format_args!("  {wants} in {}, since {since}, lease {}", view.pool, view.epoch))?;
    for hint in &explained.hints {
        print::line(format_args!("  {hint}"))?;
    }
    for (path, hash) in &view.outputs {
        print::line(format_args!("  out/{path}  {hash}"))?;
    }
    Ok(())
}

/// Ends a workload.
pub(crate) fn stop(context: &Context, args: &StopArgs) -> Result<()> {
    let client = context.client()?;
    let path = workload_path(&args.workload);
    let told: WorkloadView = client.value(&path, client.delete(&path)?)?;
    super::run::show(context, &told)
}
