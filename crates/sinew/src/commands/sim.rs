//! `sinew sim`: traces of real clusters, replayed through the real control plane on fake time. Needs no server.

use crate::context::Context;
use crate::error::CliError;
use crate::print;
use anyhow::Result;
use clap::{Args, Subcommand};
use sinew_sim::replay::{Asked, Family, Pauses, replay};
use std::path::PathBuf;
use std::time::Instant;

/// What `sinew sim` takes.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  sinew sim kueue traces/kueue                                      the time that each scenario takes, over its floor
  sinew sim itp traces/itp --hosts 25 --report lending.html         clusters alone and lending, with plots
  sinew sim deadlines traces/itp --cluster cluster01                the share of deadlines met under four policies
  sinew sim openb traces/openb --trace default                      the share of devices that is given out, in parts
  sinew sim pollux traces/pollux --workload workload-6 --json       completion times under three policies

Jobs, their times and their sizes come from the folder; who runs where is decided by the same code as on a server.")]
pub(crate) enum SimCommand {
    /// Kueue's performance scenarios: a folder with `generator.yaml`, or one of such folders
    Kueue {
        #[command(flatten)]
        files: Files,
    },
    /// Clusters of Microsoft's ITP as organisations, each alone and lending: `CLUSTER.csv[.gz]`, also in `raw/`
    Itp {
        #[command(flatten)]
        files: Files,
        /// How much of each cluster there is: less of it is more load
        #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        hosts: u32,
    },
    /// The same clusters with deadlines: `elasticflow/CLUSTER.csv[.gz]`, and step tables in `throughputs_A100/`
    Deadlines {
        #[command(flatten)]
        files: Files,
        /// Only this cluster, by its file's name without ending
        #[arg(long, value_name = "NAME")]
        cluster: Option<String>,
        /// Only this policy
        #[arg(long, value_parser = ["edf", "tiresias", "elasticflow", "ours"])]
        policy: Option<String>,
        /// Only jobs that get other cells lose time at a change, and not everybody as in the published simulation
        #[arg(long)]
        only_moved_pause: bool,
    },
    /// Requests for parts of devices that come one by one: `*node_list*.csv[.gz]`, `*pod_list_TRACE.csv[.gz]`
    Openb {
        #[command(flatten)]
        files: Files,
        /// Runs of each trace, each with its own order of arrival
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        seeds: u32,
        /// Only this trace, by what follows `pod_list_` in its file's name
        #[arg(long, value_name = "NAME")]
        trace: Option<String>,
        /// Let the memory of hosts bind too, and not only devices and processors as in the published study
        #[arg(long)]
        memory: bool,
    },
    /// Elastic training jobs: `workloads/*.csv`, and what was measured of each program in `traces/PROGRAM/`
    Pollux {
        #[command(flatten)]
        files: Files,
        /// Only this workload, by its file's name without `.csv`
        #[arg(long, value_name = "NAME")]
        workload: Option<String>,
        /// Only this policy
        #[arg(long, value_parser = ["tiresias", "optimus", "ours"])]
        policy: Option<String>,
    },
}

/// Where traces come from and where a report goes.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// The folder of the trace
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Write a page of plots: one picture where it ends with `.svg`
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Replays a folder and prints its figures.
pub(crate) fn run(context: &Context, command: SimCommand) -> Result<()> {
    let (family, files) = match command {
        SimCommand::Kueue { files } => (Family::Kueue, files),
        SimCommand::Itp { files, hosts } => (Family::Itp { hosts_percent: hosts }, files),
        SimCommand::Deadlines { files, cluster, policy, only_moved_pause } => {
            let pauses = if only_moved_pause { Pauses::Moved } else { Pauses::Everybody };
            (Family::Deadlines { cluster, policy, pauses }, files)
        }
        SimCommand::Openb { files, seeds, trace, memory } => {
            (Family::Openb { seeds, trace, with_memory: memory }, files)
        }
        SimCommand::Pollux { files, workload, policy } => (Family::Pollux { workload, policy }, files),
    };
    let begun = Instant::now();
    let asked = Asked { family, folder: files.folder, report: files.report };
    let figures = replay(&asked, &|| begun.elapsed().as_secs_f64());
    let figures = figures.map_err(|error| CliError::Usage(error.to_string()))?;
    if context.json {
        return Ok(print::line(figures.to_json())?);
    }
    let row = |(name, figure): (&str, f64)| vec![name.to_owned(), format!("{figure:.4}")];
    let rows: Vec<_> = figures.iter().map(row).collect();
    Ok(print::table(&["FIGURE", "VALUE"], &rows)?)
}
