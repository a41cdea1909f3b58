//! `sinew ps`: workloads at a glance.

use crate::clock;
use crate::context::Context;
use crate::print;
use anyhow::Result;
use clap::Args;
use sinew_api::WorkloadView;

/// What `sinew ps` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sinew ps\n  sinew ps --all --json\n  sinew ps --pool north")]
pub(crate) struct PsArgs {
    /// Also those that have ended
    #[arg(long, short)]
    all: bool,
    /// Only those in this pool
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
}

/// Lists workloads, oldest first.
pub(crate) fn run(context: &Context, args: &PsArgs) -> Result<()> {
    let path = if args.all { "/api/workloads" } else { "/api/workloads?state=active" };
    let mut all: Vec<WorkloadView> = context.client()?.list(path)?;
    all.retain(|workload| args.pool.as_ref().is_none_or(|pool| *pool == workload.pool));
    all.sort_by(|one, other| (&one.submitted_at, &one.id).cmp(&(&other.submitted_at, &other.id)));
    if context.json {
        return Ok(print::json(&all)?);
    }
    let rows: Vec<_> = all.iter().map(row).collect();
    Ok(print::table(&["NAME", "STATE", "CHIPS", "WANTS", "POOL", "SUBMITTED", "WHY"], &rows)?)
}

fn row(workload: &WorkloadView) -> Vec<String> {
    let reason = workload.reason.as_ref().map(|reason| reason.text.clone());
    vec![
        format!("{}/{}", workload.organisation, workload.name),
        workload.state.clone(),
        workload.chips.to_string(),
        wants(workload),
        workload.pool.clone(),
        clock::local(&workload.submitted_at),
        reason.or_else(|| workload.exit.clone()).or_else(|| workload.serves.clone()).unwrap_or_default(),
    ]
}

/// The shapes that it runs on.
pub(crate) fn wants(workload: &WorkloadView) -> String {
    let (least, most) = (&workload.least, &workload.most);
    if least == most { least.clone() } else { format!("{least} to {most}") }
}
