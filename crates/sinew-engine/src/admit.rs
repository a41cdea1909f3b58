//! `admit`: a model that others published is read whole, asked for a few tokens, and handed on as it came.
//!
//! It is training and gate in one for models that nobody here trained: what it was given and what it leaves have the same
//! hashes, and it ends well only if the model can be read and its numbers are numbers.

use crate::served_model::{Foreign, ServedModel};
use crate::{AdmitArgs, EXIT_NOT_PASSED};
use anyhow::{Context as _, Result, bail};
use sinew_infer::published::{Addition, PagedCache, Reader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Tokens that the model is asked for.
const TOKENS: usize = 8;
/// Files that a published model's folder may have; others are left out.
pub const PUBLISHED_NAMES: [&str; 6] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "generation_config.json",
    "model.safetensors",
];
/// What a GGUF file is called from here on.
const GGUF: &str = "model.gguf";

/// The files of a published model: where each is, and what it is called in a release.
pub fn published_files(path: &Path) -> Result<Vec<(PathBuf, &'static str)>> {
    let about = std::fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    if !about.is_dir() {
        return Ok(vec![(path.to_owned(), GGUF)]);
    }
    let here = |name: &&'static str| path.join(name).is_file();
    let files: Vec<_> =
        PUBLISHED_NAMES.into_iter().filter(here).map(|name| (path.join(name), name)).collect();
    if files.iter().any(|(_, name)| *name == "model.safetensors") {
        return Ok(files);
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let ends = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "gguf");
    let found: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| ends(path)).collect();
    match found.as_slice() {
        [file] => Ok(vec![(file.clone(), GGUF)]),
        [] => {
            bail!("`{}` has neither model.safetensors nor a GGUF file; name the file itself", path.display())
        }
        _ => bail!("`{}` has {} GGUF files; name one of them", path.display(), found.len()),
    }
}

/// Says what is wrong with a published model, if anything is, and otherwise what it is in one line.
pub fn check_published(path: &Path) -> Result<String> {
    match ServedModel::open(path, 1)? {
        ServedModel::Own(_) => {
            bail!("`{}` was trained here; `sinew release` releases it", path.display())
        }
        ServedModel::Published(foreign) => Ok(about(&foreign)),
    }
}

pub(crate) fn run(args: &AdmitArgs, threads: usize) -> Result<ExitCode> {
    let ServedModel::Published(foreign) = ServedModel::open(&args.model, threads)? else {
        bail!("`{}` was trained here; its own gate measures it", args.model.display());
    };
    println!("{}", about(&foreign));
    if !speaks(&foreign) {
        eprintln!("not passed: its logits are not finite numbers");
        return Ok(ExitCode::from(EXIT_NOT_PASSED));
    }
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder `{}`", args.out.display()))?;
    for (from, name) in published_files(&args.model)? {
        let to = args.out.join(name);
        std::fs::copy(&from, &to)
            .with_context(|| format!("cannot copy `{}` to `{}`", from.display(), to.display()))?;
    }
    println!("passed: it was read whole and goes on with a text");
    Ok(ExitCode::SUCCESS)
}

fn about(foreign: &Foreign) -> String {
    let config = foreign.loaded.config();
    format!(
        "{} layers of width {}, {} tokens, contexts of {}, {}",
        config.layers,
        config.width,
        config.vocabulary,
        config.context,
        if foreign.chats() { "chats" } else { "goes on with texts, has no chat template" }
    )
}

/// Whether the likeliest tokens after the first one come with finite numbers.
fn speaks(foreign: &Foreign) -> bool {
    let mut reader = Reader::new(&foreign.loaded, &foreign.crew);
    let mut cache = PagedCache::default();
    let mut next = foreign.first_token();
    for _ in 0..TOKENS.min(foreign.loaded.config().context) {
        let logits = reader.extend(&mut [Addition { cache: &mut cache, tokens: &[next], logits: 1 }]);
        if !logits.iter().all(|logit| logit.is_finite()) {
            return false;
        }
        let best = (0..).zip(&logits).max_by(|left, right| left.1.total_cmp(right.1));
        next = best.map_or(0, |(token, _)| token);
    }
    true
}
