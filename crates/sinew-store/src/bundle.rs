//! A bundle is a folder as an artefact: a manifest that names each file's path and hash. The manifest has one
//! canonical form, so equal folders have equal hashes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sinew_types::Hash;

use crate::{codec::hash_text, error::StoreError};

const FORMAT: u64 = 1;
const PATH_BYTES_MOST: usize = 4_096;
const NAME_BYTES_MOST: usize = 255;

/// A manifest is read into memory, so it has a bound of its own.
pub(crate) const MANIFEST_BYTES_MOST: u64 = 64 << 20;

/// How large a bundle may be. It bounds unpacking too, where a short manifest could name one long artefact
/// often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleLimits {
    /// How many files, and while packing also how many folders.
    pub files_most: u64,
    /// How long all files are together.
    pub bytes_most: u64,
}

impl Default for BundleLimits {
    fn default() -> BundleLimits {
        BundleLimits { files_most: 100_000, bytes_most: 64 << 30 }
    }
}

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// How long it is.
    pub bytes: u64,
    /// Whether its owner may execute it.
    pub executable: bool,
    /// Where it lies inside the folder, with `/` between names.
    pub path: String,
    /// What its bytes are.
    #[serde(with = "hash_text")]
    pub sha256: Hash,
}

/// A checked list of files: sorted by path, each inside the folder, none inside another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    files: Vec<ManifestFile>,
}

/// The fields stand in the order of their names, as canonical JSON (RFC 8785) wants it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestForm {
    files: Vec<ManifestFile>,
    format: u64,
}

impl Manifest {
    /// Checks and sorts a list of files.
    pub fn of(mut files: Vec<ManifestFile>) -> Result<Manifest, StoreError> {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        check(&files)?;
        Ok(Manifest { files })
    }

    /// Reads a manifest that anybody may have written.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, StoreError> {
        let bad = |why: String| StoreError::BadManifest { why };
        let form: ManifestForm = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
        if form.format != FORMAT {
            return Err(bad(format!("it has format {}, and this program reads {FORMAT}", form.format)));
        }
        check(&form.files)?;
        let manifest = Manifest { files: form.files };
        if manifest.to_json() != bytes {
            return Err(bad("it is not in its canonical form".to_owned()));
        }
        Ok(manifest)
    }

    /// The canonical form, whose hash names the bundle.
    pub fn to_json(&self) -> Vec<u8> {
        let form = ManifestForm { files: self.files.clone(), format: FORMAT };
        serde_json::to_vec(&form).expect("numbers and text have a JSON form")
    }

    /// The files, sorted by path.
    pub fn files(&self) -> &[ManifestFile] {
        &self.files
    }

    /// What has to stay as long as the bundle does, next to the manifest itself.
    pub fn hashes(&self) -> BTreeSet<Hash> {
        self.files.iter().map(|file| file.sha256).collect()
    }

    /// How long all files are together.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add)
    }

    pub(crate) fn refuse_larger(&self, limits: BundleLimits) -> Result<(), StoreError> {
        refuse_larger(self.files.len() as u64, self.total_bytes(), limits)
    }
}

pub(crate) fn refuse_larger(files: u64, bytes: u64, limits: BundleLimits) -> Result<(), StoreError> {
    if files > limits.files_most {
        return Err(StoreError::BundleTooLarge { what: "files", limit: limits.files_most });
    }
    if bytes > limits.bytes_most {
        return Err(StoreError::BundleTooLarge { what: "bytes", limit: limits.bytes_most });
    }
    Ok(())
}

/// Why a path must not be part of a bundle, if so.
pub(crate) fn unfit(path: &str) -> Option<&'static str> {
    if path.len() > PATH_BYTES_MOST {
        return Some("has too long a path");
    }
    path.split('/').find_map(|name| match name {
        "" | "." | ".." => Some("has a path that is not plain and inside the folder"),
        name if name.len() > NAME_BYTES_MOST => Some("has too long a name"),
        name if name.chars().any(char::is_control) => Some("has a control character in its name"),
        _ => None,
    })
}

fn check(files: &[ManifestFile]) -> Result<(), StoreError> {
    let bad = |file: &ManifestFile, why: &str| {
        Err(StoreError::BadManifest { why: format!("{:?} {why}", file.path) })
    };
    for file in files {
        if let Some(why) = unfit(&file.path) {
            return bad(file, why);
        }
    }
    for pair in files.windows(2) {
        if pair[0].path >= pair[1].path {
            return bad(&pair[1], "is listed twice or out of order");
        }
    }
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    for file in files {
        let mut folders = file.path.match_indices('/').map(|(at, _)| &file.path[..at]);
        if folders.any(|folder| paths.contains(folder)) {
            return bad(file, "lies inside another file");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
