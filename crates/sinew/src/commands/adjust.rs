//! `sinew adjust`: what a workload asks for, changed while it waits or runs.

use crate::context::Context;
use crate::follow::workload_path;
use anyhow::Result;
use clap::Args;
use sinew_api::{AdjustRequest, WorkloadView};

/// What `sinew adjust` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sinew adjust train-1 --hold                             it leaves by notice and waits until it is released
  sinew adjust train-1 --release --priority 5
  sinew adjust train-1 --shape \"4 chips\" --least \"1 chip\"   it comes back in that size, if it runs in another

A workload that runs saves itself within its notice, as after a recall, and goes on from there.")]
#[group(required = true, multiple = true, id = "change", args = ["hold", "release", "priority", "shape", "least"])]
pub(crate) struct AdjustArgs {
    /// Its name or id
    workload: String,
    /// Hold it back
    #[arg(long, conflicts_with = "release")]
    hold: bool,
    /// Let it go on
    #[arg(long)]
    release: bool,
    /// Higher goes first within the organisation
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    priority: Option<i32>,
    /// What it makes use of, such as \"4 chips\"; also the smallest that it runs on, unless --least says less
    #[arg(long, value_name = "SHAPE")]
    shape: Option<String>,
    /// The smallest shape that it runs on
    #[arg(long, value_name = "SHAPE")]
    least: Option<String>,
}

/// Changes a workload and says where it stands.
pub(crate) fn run(context: &Context, args: &AdjustArgs) -> Result<()> {
    let request = AdjustRequest {
        held: (args.hold || args.release).then_some(args.hold),
        priority: args.priority,
        least: args.least.clone().or_else(|| args.shape.clone()),
        most: args.shape.clone(),
        near: None,
    };
    let told: WorkloadView = context.client()?.patch(&workload_path(&args.workload), &request)?;
    super::run::show(context, &told)
}
