//! `prepare`: from a text to a folder of training data.

use crate::PrepareArgs;
use anyhow::{Context, Result};
use sinew_train::{corpus, load_text, prepare};
use std::path::PathBuf;
use std::process::ExitCode;

pub(crate) fn run(args: &PrepareArgs) -> Result<ExitCode> {
    let text = find_text(args)?;
    let manifest = prepare(&text, &args.out, args.vocabulary)?;
    println!(
        "{} bytes of text, sha256 {}, {} tokens to learn from, vocabulary {}",
        manifest.text_bytes, manifest.text_sha256, manifest.corpus_tokens, manifest.vocabulary
    );
    Ok(ExitCode::SUCCESS)
}

fn find_text(args: &PrepareArgs) -> Result<String> {
    if let Some(path) = &args.text {
        return Ok(load_text(path)?);
    }
    let packages = match &args.lock {
        Some(path) => {
            let lock =
                std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
            Some(corpus::locked_packages(&lock))
        }
        None => None,
    };
    if let Some(folder) = args.registry.clone().or_else(registry_folder)
        && let Some(text) = corpus::gather(&folder, packages.as_ref())?
    {
        return Ok(text);
    }
    let fallback = args.fallback.as_ref();
    let path =
        fallback.context("cargo's source folder has too little prose; give a text with --text PATH")?;
    Ok(load_text(path)?)
}

fn registry_folder() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    home.map(|home| home.join("registry").join("src"))
}
