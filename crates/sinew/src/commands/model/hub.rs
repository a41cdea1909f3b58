//! Repositories on Hugging Face: what they hold, and what of it a model needs.

use super::download::Downloader;
use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use sinew_engine::PUBLISHED_NAMES;

/// What of a repository is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Listing {
    /// The commit that the revision stands for.
    pub(crate) sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

/// A file of a repository.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Sibling {
    #[serde(rename = "rfilename")]
    pub(crate) path: String,
    pub(crate) size: Option<u64>,
    lfs: Option<Large>,
}

/// What is known of a large file.
#[derive(Clone, Debug, Deserialize)]
struct Large {
    sha256: Option<String>,
}

impl Sibling {
    /// The SHA-256 that it must have, where the list says it.
    pub(crate) fn sha256(&self) -> Option<&str> {
        self.lfs.as_ref()?.sha256.as_deref()
    }
}

/// Asks what a repository holds at a revision.
pub(crate) fn list(from: &Downloader, endpoint: &str, what: (&str, &str)) -> Result<Listing> {
    let (repository, revision) = what;
    let url = format!("{endpoint}/api/models/{repository}/revision/{revision}?blobs=true");
    let text = from.text(&url)?;
    serde_json::from_str(&text).with_context(|| format!("the list at {url} cannot be read"))
}

/// The address of a file at the listed commit.
pub(crate) fn address(endpoint: &str, repository: &str, listing: &Listing, file: &Sibling) -> String {
    format!("{endpoint}/{repository}/resolve/{}/{}", listing.sha, file.path)
}

impl Listing {
    /// The files that a model needs: the one that was named, the folder in Hugging Face's form, or the only GGUF file.
    pub(crate) fn needed(&self, repository: &str, named: Option<&str>) -> Result<Vec<Sibling>> {
        let find = |path: &str| self.siblings.iter().find(|file| file.path == path);
        let has = |ending: &'static str| {
            self.siblings.iter().filter(move |file| file.path.ends_with(ending)).collect::<Vec<_>>()
        };
        if let Some(named) = named {
            let Some(file) = find(named) else {
                bail!("{repository} has no file `{named}`; it has {}", some(&has("")));
            };
            if !named.ends_with(".gguf") {
                bail!("`{named}` is no GGUF file: name none to fetch all that the model needs");
            }
            return Ok(vec![file.clone()]);
        }
        if find("model.safetensors").is_some() {
            return Ok(PUBLISHED_NAMES.iter().filter_map(|name| find(name).cloned()).collect());
        }
        if find("model.safetensors.index.json").is_some() {
            bail!("{repository} comes in several pieces, which cannot be read yet: take a GGUF file of it");
        }
        match has(".gguf").as_slice() {
            [only] => Ok(vec![(*only).clone()]),
            [] => bail!("{repository} holds neither model.safetensors nor a GGUF file"),
            many => bail!(
                "{repository} holds {} GGUF files: name one as hf:{repository}/FILE, such as {}",
                many.len(),
                some(many)
            ),
        }
    }
}

/// A few names, for a sentence.
fn some(files: &[&Sibling]) -> String {
    let few: Vec<&str> = files.iter().take(12).map(|file| file.path.as_str()).collect();
    let more = if files.len() > few.len() { ", …" } else { "" };
    format!("{}{more}", few.join(", "))
}
