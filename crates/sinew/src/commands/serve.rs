//! `sinew serve`: a workload that answers chats with a released model.

use crate::context::Context;
use crate::error::CliError;
use anyhow::Result;
use clap::Args;
use sinew_api::{ReleaseView, WorkloadRequest, WorkloadView};
use std::collections::BTreeMap;

/// The folder of the inputs that holds the model's files.
const MODEL_FOLDER: &str = "model";

const AFTER_HELP: &str = "\
Examples:
  sinew serve chat-nano@1
  sinew serve chat-nano@1 --shape \"1 chip\" --pool north
  OPENAI_BASE_URL=http://127.0.0.1:7390/v1 OPENAI_API_KEY=sk-sinew-… any-openai-client";

/// What `sinew serve` takes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ServeArgs {
    /// The release, such as chat-nano@1
    release: String,
    /// What it runs on
    #[arg(long, default_value = "1 chip")]
    shape: String,
    /// The workload's name [default: serve-MODEL-VERSION]
    #[arg(long)]
    name: Option<String>,
    /// A pool that it may run in; may be given more than once [default: any]
    #[arg(long = "pool", value_name = "NAME")]
    pools: Vec<String>,
    /// Higher goes first within your organisation
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    priority: i32,
}

/// Submits the workload.
pub(crate) fn run(context: &Context, args: &ServeArgs) -> Result<()> {
    let client = context.client()?;
    let releases: Vec<ReleaseView> = client.list("/api/releases")?;
    let missing = || {
        let known: Vec<&str> = releases.iter().map(|release| release.reference.as_str()).collect();
        let known = if known.is_empty() { "there are none yet".to_owned() } else { known.join(", ") };
        CliError::Usage(format!(
            "there is no release `{}` ({known}): `sinew release` makes one",
            args.release
        ))
    };
    let release = releases.iter().find(|release| release.reference == args.release).ok_or_else(missing)?;
    let submitted: WorkloadView = client.post("/api/workloads", &request(args, release))?;
    super::run::show(context, &submitted)
}

/// The workload that serves a release.
fn request(args: &ServeArgs, release: &ReleaseView) -> WorkloadRequest {
    let name = args.name.clone().unwrap_or_else(|| format!("serve-{}-{}", release.model, release.version));
    let model = format!("$(SINEW_INPUTS)/{MODEL_FOLDER}");
    let argv = ["sinew", "engine", "serve", "--name", &release.reference, "--model", &model];
    let file = |(path, hash): (&String, &String)| (format!("{MODEL_FOLDER}/{path}"), hash.clone());
    WorkloadRequest {
        name,
        least: args.shape.clone(),
        most: None,
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        env: BTreeMap::new(),
        bundle: None,
        inputs: release.files.iter().map(file).collect(),
        network: None,
        priority: args.priority,
        checkpoint_every: None,
        limit: None,
        pools: args.pools.clone(),
        serves: Some(release.reference.clone()),
    }
}
