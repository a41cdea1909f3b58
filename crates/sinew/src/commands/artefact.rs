//! `sinew artefact`: bytes in the organisation's store.

use crate::context::Context;
use crate::draw;
use crate::error::{At, CliError};
use crate::print;
use crate::transfer;
use anyhow::Result;
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use sinew_api::{ArtefactView, CollectRequest};
use sinew_types::{Hash, Malformed};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What can be done with artefacts.
#[derive(Debug, Subcommand)]
pub(crate) enum ArtefactCommand {
    /// Send files; prints the hash of each
    #[command(after_help = "Example:\n  sinew artefact put corpus.txt")]
    Put {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// What your organisation stores
    Ls,
    /// Fetch an artefact and check its hash
    #[command(
        after_help = "Examples:\n  sinew artefact get HASH -o model.safetensors\n  sinew artefact get HASH | wc -c"
    )]
    Get {
        /// Its SHA-256
        hash: Hash,
        /// A new file for it [default: the standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Remove what nothing refers to
    #[command(after_help = "Example:\n  sinew artefact collect --older-than 7d")]
    Collect {
        /// Only what was stored longer ago than this
        #[arg(long, value_name = "TIME")]
        older_than: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Collected {
    count: u64,
    bytes: u64,
}

/// Does what was typed.
pub(crate) fn run(context: &Context, command: ArtefactCommand) -> Result<()> {
    match command {
        ArtefactCommand::Put { files } => put(context, &files),
        ArtefactCommand::Ls => list(context, &context.client()?.list::<ArtefactView>("/api/artefacts")?),
        ArtefactCommand::Get { hash, output } => get(context, hash, output.as_deref()),
        ArtefactCommand::Collect { older_than } => {
            let wrong = |wrong: Malformed| CliError::Usage(format!("--older-than: {wrong}"));
            older_than.parse::<sinew_types::Span>().map_err(wrong)?;
            let request = CollectRequest { older_than };
            let done: Collected = context.client()?.post("/api/artefacts/collect", &request)?;
            if context.json {
                return Ok(print::json(&done)?);
            }
            Ok(print::table(&["REMOVED", "BYTES"], &[vec![done.count.to_string(), done.bytes.to_string()]])?)
        }
    }
}

fn put(context: &Context, files: &[PathBuf]) -> Result<()> {
    let client = context.client()?;
    let mut stored = Vec::new();
    for file in files {
        let artefact = transfer::put(&client, file)?;
        if !context.json {
            print::line(format_args!("{}  {}", artefact.hash, file.display()))?;
        }
        stored.push(artefact);
    }
    if context.json { Ok(print::json(&stored)?) } else { Ok(()) }
}

fn list(context: &Context, stored: &[ArtefactView]) -> Result<()> {
    if context.json {
        return Ok(print::json(&stored)?);
    }
    let rows: Vec<_> = stored.iter().map(|a| vec![a.hash.clone(), a.bytes.to_string()]).collect();
    Ok(print::table(&["SHA-256", "BYTES"], &rows)?)
}

fn get(context: &Context, hash: Hash, output: Option<&Path>) -> Result<()> {
    let client = context.client()?;
    let Some(path) = output else {
        return transfer::get(&client, hash, &mut |piece| print::bytes(piece));
    };
    // Beside its place first, so that a file of this name is always whole.
    let partial = path.with_file_name(format!(".sinew-{}.tmp", draw::suffix()?));
    let mut file = File::create_new(&partial).at("create", &partial)?;
    let fetched = transfer::get(&client, hash, &mut |piece| file.write_all(piece).at("write", &partial))
        .and_then(|()| Ok(fs::rename(&partial, path).at("put in place", path)?));
    if fetched.is_err() {
        // The reason why the fetch failed is what counts.
        let _ = fs::remove_file(&partial);
    }
    fetched
}
