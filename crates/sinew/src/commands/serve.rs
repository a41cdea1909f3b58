//! `sinew serve`: a workload that answers chats with a released model.

use crate::client::{Client, encoded};
use crate::context::Context;
use crate::draw;
use crate::error::CliError;
use crate::follow::is_over;
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
    let release = find(&client, &args.release)?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => free_name(&client, format!("serve-{}-{}", release.model, release.version))?,
    };
    let mut request = request(&release, name, &args.shape);
    request.pools = args.pools.clone();
    request.priority = args.priority;
    let submitted: WorkloadView = client.post("/api/workloads", &request)?;
    super::run::show(context, &submitted)
}

/// This name, or with six digits behind it where a workload that is over has it: names are one of a kind.
pub(crate) fn free_name(client: &Client, name: String) -> Result<String> {
    let earlier = client.get::<WorkloadView>(&format!("/api/workloads/{}", encoded(&name)));
    Ok(if earlier.is_ok_and(|view| is_over(&view)) { format!("{name}-{}", draw::suffix()?) } else { name })
}

/// The release of this reference.
pub(crate) fn find(client: &Client, reference: &str) -> Result<ReleaseView> {
    let releases: Vec<ReleaseView> = client.list("/api/releases")?;
    let known: Vec<String> = releases.iter().map(|release| release.reference.clone()).collect();
    let missing = || {
        let known = if known.is_empty() { "there are none yet".to_owned() } else { known.join(", ") };
        CliError::Usage(format!("there is no release `{reference}` ({known}): `sinew release` makes one"))
    };
    Ok(releases.into_iter().find(|release| release.reference == reference).ok_or_else(missing)?)
}

/// The workload that serves a release, in any pool.
pub(crate) fn request(release: &ReleaseView, name: String, shape: &str) -> WorkloadRequest {
    let model = format!("$(SINEW_INPUTS)/{MODEL_FOLDER}");
    let argv = ["sinew", "engine", "serve", "--name", &release.reference, "--model", &model];
    let file = |(path, hash): (&String, &String)| (format!("{MODEL_FOLDER}/{path}"), hash.clone());
    WorkloadRequest {
        name,
        least: shape.to_owned(),
        most: None,
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        env: BTreeMap::new(),
        bundle: None,
        inputs: release.files.iter().map(file).collect(),
        network: None,
        priority: 0,
        checkpoint_every: None,
        limit: None,
        pools: Vec::new(),
        serves: Some(release.reference.clone()),
    }
}
