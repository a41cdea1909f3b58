//! Letting a published model into the organisation: sent, run once on leased cores, released.

use super::file_name;
use super::shelf::{Shelf, known};
use super::source::name_from;
use crate::client::Client;
use crate::context::Context;
use crate::draw;
use crate::error::CliError;
use crate::follow::{self, What};
use crate::print;
use crate::transfer;
use anyhow::Result;
use clap::Args;
use sinew_api::{ArtefactView, ReleaseRequest, ReleaseView, WorkloadRequest, WorkloadView};
use sinew_types::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The folder of the inputs, and of the outputs, that holds the model's files.
const MODEL_FOLDER: &str = "model";

/// What `sinew model admit` takes.
#[derive(Debug, Args)]
pub(crate) struct AdmitArgs {
    /// The name of a model that was pulled, or the path of a GGUF file or of a model's folder
    model: String,
    /// The release's name [default: the model's]
    #[arg(long)]
    name: Option<Name>,
    /// What it runs on meanwhile
    #[arg(long, default_value = "1 chip")]
    shape: String,
    /// A pool that it may run in; may be given more than once [default: any]
    #[arg(long = "pool", value_name = "NAME")]
    pools: Vec<String>,
}

/// A file that is sent: where it is, what it is called in the release, its SHA-256.
struct Sent {
    path: PathBuf,
    name: &'static str,
    hash: String,
}

/// Sends a model, has it run, and releases it, unless that was done.
pub(super) fn run(context: &Context, shelf: &Shelf, args: &AdmitArgs) -> Result<()> {
    let (path, called) = find(shelf, &args.model)?;
    let name = args.name.clone().or(called).ok_or_else(|| {
        CliError::Usage(format!("`{}` has no name that could be a model's: give one with --name", args.model))
    })?;
    // What cannot be read is refused before anything is sent.
    let about = sinew_engine::check_published(&path)?;
    print::note(format_args!("{name}: {about}"));
    let client = context.client()?;
    let files = sinew_engine::published_files(&path)?;
    let hashed = |(path, name): (PathBuf, &'static str)| {
        let hash = known(&path)?.sha256;
        Ok(Sent { path, name, hash })
    };
    let files: Vec<Sent> = files.into_iter().map(hashed).collect::<Result<_, CliError>>()?;
    if let Some(release) = released(&client, &name, &files)? {
        return tell(context, &release);
    }
    send(&client, &files)?;
    let submitted: WorkloadView = client.post("/api/workloads", &request(args, &name, &files)?)?;
    let said = context.words.workload(&submitted);
    print::note(&said);
    let ended = follow::follow(context, &submitted.id, What::States, said)?;
    follow::outcome(context, &ended)?;
    let asked = ReleaseRequest {
        model: name.to_string(),
        trained_by: submitted.id.clone(),
        gated_by: submitted.id.clone(),
    };
    tell(context, &client.post("/api/releases", &asked)?)
}

/// A model's files, and what it is called where it lies.
fn find(shelf: &Shelf, typed: &str) -> Result<(PathBuf, Option<Name>)> {
    if let Ok(name) = typed.parse::<Name>()
        && let Some((folder, _)) = shelf.find(&name)?
    {
        return Ok((folder, Some(name)));
    }
    let path = PathBuf::from(typed);
    if !path.exists() {
        let why = format!(
            "there is no model `{typed}` here, and no file or folder of that path: `sinew model ls` lists what was pulled"
        );
        return Err(CliError::Usage(why).into());
    }
    let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
    Ok((path, name_from(&file_name(&whole))))
}

/// A release of that name with the same files.
fn released(client: &Client, name: &Name, files: &[Sent]) -> Result<Option<ReleaseView>> {
    let same: BTreeMap<String, String> =
        files.iter().map(|file| (file.name.to_owned(), file.hash.clone())).collect();
    let releases: Vec<ReleaseView> = client.list("/api/releases")?;
    Ok(releases.into_iter().find(|release| release.model == name.as_str() && release.files == same))
}

/// Sends the files that the server does not have.
fn send(client: &Client, files: &[Sent]) -> Result<()> {
    let stored: Vec<ArtefactView> = client.list("/api/artefacts")?;
    let there: BTreeSet<String> = stored.into_iter().map(|artefact| artefact.hash).collect();
    let mut missing = files.iter().filter(|file| !there.contains(&file.hash));
    missing.try_for_each(|file| transfer::put(client, &file.path).map(drop))
}

/// The workload that reads the model and hands it on.
fn request(args: &AdmitArgs, name: &Name, files: &[Sent]) -> Result<WorkloadRequest> {
    let (inputs, outputs) =
        (format!("$(SINEW_INPUTS)/{MODEL_FOLDER}"), format!("$(SINEW_OUT)/{MODEL_FOLDER}"));
    let argv = ["sinew", "engine", "admit", "--model", &inputs, "--out", &outputs];
    let called: String = name.as_str().chars().take(48).collect();
    Ok(WorkloadRequest {
        name: format!("admit-{called}-{}", draw::suffix()?),
        least: args.shape.clone(),
        most: None,
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        env: BTreeMap::new(),
        bundle: None,
        inputs: files
            .iter()
            .map(|file| (format!("{MODEL_FOLDER}/{}", file.name), file.hash.clone()))
            .collect(),
        network: None,
        priority: 0,
        checkpoint_every: None,
        limit: None,
        pools: args.pools.clone(),
        serves: None,
    })
}

fn tell(context: &Context, release: &ReleaseView) -> Result<()> {
    if context.json {
        return Ok(print::json(release)?);
    }
    Ok(print::line(format_args!("{}  sinew serve {}", release.reference, release.reference))?)
}
