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
use std::path::{Path, PathBuf};

/// The folder of the inputs, and of the outputs, that holds the model's files.
const MODEL_FOLDER: &str = "model";
/// How much of a model's name stands in a workload's.
const NAME_SHOWN: usize = 48;

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
    let candidate = Candidate::read(&path, name)?;
    if let Some(release) = candidate.released(&client)? {
        return tell(context, &release);
    }
    candidate.send(&client)?;
    let called: String = candidate.name.as_str().chars().take(NAME_SHOWN).collect();
    let mut request = candidate.request(format!("admit-{called}-{}", draw::suffix()?), &args.shape);
    request.pools.clone_from(&args.pools);
    let submitted: WorkloadView = client.post("/api/workloads", &request)?;
    let said = context.words.workload(&submitted);
    print::note(&said);
    let ended = follow::follow(context, &submitted.id, What::States, said)?;
    follow::outcome(context, &ended)?;
    let asked = ReleaseRequest {
        model: candidate.name.to_string(),
        trained_by: submitted.id.clone(),
        gated_by: submitted.id,
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

/// A model that may become a release: its name there, and its files with their hashes.
pub(crate) struct Candidate {
    name: Name,
    /// Where each file is; what it is called in the release, and its SHA-256.
    files: Vec<(PathBuf, &'static str, String)>,
}

impl Candidate {
    /// Hashes the files of a model.
    pub(crate) fn read(path: &Path, name: Name) -> Result<Candidate> {
        let files = sinew_engine::published_files(path)?.into_iter().map(|(path, called)| {
            let hash = known(&path)?.sha256;
            Ok((path, called, hash))
        });
        Ok(Candidate { name, files: files.collect::<Result<_, CliError>>()? })
    }

    /// The release of this name that has the same files.
    pub(crate) fn released(&self, client: &Client) -> Result<Option<ReleaseView>> {
        let files = self.files.iter().map(|(_, called, hash)| ((*called).to_owned(), hash.clone()));
        let same: BTreeMap<String, String> = files.collect();
        let releases: Vec<ReleaseView> = client.list("/api/releases")?;
        Ok(releases.into_iter().find(|found| found.model == self.name.as_str() && found.files == same))
    }

    /// Sends the files that the server does not have.
    pub(crate) fn send(&self, client: &Client) -> Result<()> {
        let stored: Vec<ArtefactView> = client.list("/api/artefacts")?;
        let there: BTreeSet<String> = stored.into_iter().map(|artefact| artefact.hash).collect();
        let mut missing = self.files.iter().filter(|(_, _, hash)| !there.contains(hash));
        missing.try_for_each(|(path, _, _)| transfer::put(client, path).map(drop))
    }

    /// The workload that reads the model and hands it on.
    pub(crate) fn request(&self, name: String, shape: &str) -> WorkloadRequest {
        let (inputs, outputs) =
            (format!("$(SINEW_INPUTS)/{MODEL_FOLDER}"), format!("$(SINEW_OUT)/{MODEL_FOLDER}"));
        let argv = ["sinew", "engine", "admit", "--model", &inputs, "--out", &outputs];
        let input = |(_, called, hash): &(PathBuf, &'static str, String)| {
            (format!("{MODEL_FOLDER}/{called}"), hash.clone())
        };
        WorkloadRequest {
            name,
            least: shape.to_owned(),
            most: None,
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            env: BTreeMap::new(),
            bundle: None,
            inputs: self.files.iter().map(input).collect(),
            network: None,
            priority: 0,
            checkpoint_every: None,
            limit: None,
            pools: Vec::new(),
            serves: None,
        }
    }
}

fn tell(context: &Context, release: &ReleaseView) -> Result<()> {
    if context.json {
        return Ok(print::json(release)?);
    }
    Ok(print::line(format_args!("{}  sinew serve {}", release.reference, release.reference))?)
}
