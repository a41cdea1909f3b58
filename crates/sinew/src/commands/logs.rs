//! `sinew logs`: what a workload prints, and the files of its folder.

use crate::client::encoded;
use crate::context::Context;
use crate::follow::{self, What, workload_path};
use anyhow::Result;
use clap::Args;
use std::thread::sleep;
use std::time::Duration;

const FILE_EVERY: Duration = Duration::from_millis(500);

const AFTER_HELP: &str = "\
Examples:
  sinew logs train-1                           everything that is kept of its output
  sinew logs -f train-1                        and what comes, to its end; Ctrl-C leaves it running
  sinew logs -f --file metrics.jsonl train-1   a file of its work folder

Exit code with -f: 6 where the workload failed.";

/// What `sinew logs` takes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct LogsArgs {
    /// Its name or id
    workload: String,
    /// Go on until it is over
    #[arg(long, short)]
    follow: bool,
    /// A file of its work folder instead of its output
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
}

/// Prints output or a file.
pub(crate) fn run(context: &Context, args: &LogsArgs) -> Result<()> {
    let client = context.client()?;
    let path = workload_path(&args.workload);
    let Some(file) = &args.file else {
        if args.follow {
            let ended = follow::follow(context, &args.workload, What::Output, String::new())?;
            return follow::outcome(context, &ended);
        }
        follow::catch_up(context, &client, &format!("{path}/logs"), &mut 0)?;
        return Ok(());
    };
    let parts: Vec<String> = file.split('/').map(encoded).collect();
    let file = format!("{path}/files/{}", parts.join("/"));
    let mut from = 0;
    loop {
        // The state comes first: what a workload that is over has written is all there by then.
        let view = client.get(&path)?;
        follow::catch_up(context, &client, &file, &mut from)?;
        if !args.follow || follow::is_over(&view) {
            return if args.follow { follow::outcome(context, &view) } else { Ok(()) };
        }
        sleep(FILE_EVERY);
    }
}
