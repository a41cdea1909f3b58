//! The folder of pulled models: each has a folder of its own, whole and checked, with a note of what it is.

use crate::error::{At, CliError};
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sinew_types::{Hash, Name};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The note beside a model's files.
const NOTE: &str = "sinew-model.json";
const CHUNK_BYTES: usize = 1 << 20;

/// The folder of pulled models.
pub(crate) struct Shelf {
    folder: PathBuf,
}

/// What is known of a model that was pulled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    /// Where it came from.
    pub(crate) source: String,
    /// What it is, in one line.
    pub(crate) model: String,
    /// Its files.
    pub(crate) files: BTreeMap<String, KnownFile>,
}

/// A file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownFile {
    /// Its length.
    pub(crate) bytes: u64,
    /// Its SHA-256.
    pub(crate) sha256: String,
}

/// A model on the shelf.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Pulled {
    /// What it is called here.
    pub(crate) name: String,
    /// What is known of it.
    #[serde(flatten)]
    pub(crate) about: About,
}

/// A folder in which a model is put together; nobody else works there meanwhile.
pub(crate) struct Bench {
    /// The folder, without its lock.
    pub(crate) files: PathBuf,
    _lock: File,
}

impl Shelf {
    /// A shelf in a folder that need not be there yet.
    pub(crate) fn new(folder: &Path) -> Shelf {
        Shelf { folder: folder.to_owned() }
    }

    /// Where a model lies, if it is here.
    pub(crate) fn find(&self, name: &Name) -> Result<Option<(PathBuf, Pulled)>> {
        let folder = self.folder.join(name.as_str());
        let note = folder.join(NOTE);
        let text = match fs::read(&note) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CliError::File { doing: "read", path: note, source }.into()),
        };
        let unread = || format!("{} cannot be read: remove {}", note.display(), folder.display());
        let about: About = serde_json::from_slice(&text).with_context(unread)?;
        Ok(Some((folder, Pulled { name: name.to_string(), about })))
    }

    /// All models that are here, by name.
    pub(crate) fn models(&self) -> Result<Vec<Pulled>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            error => error.at("list", &self.folder)?,
        };
        let mut names: Vec<Name> = Vec::new();
        for entry in entries {
            let name = entry.at("list", &self.folder)?.file_name();
            names.extend(name.to_str().and_then(|name| name.parse().ok()));
        }
        names.sort_unstable();
        let found = names.iter().map(|name| Ok(self.find(name)?.map(|(_, pulled)| pulled)));
        found.filter_map(Result::transpose).collect()
    }

    /// Removes a model.
    pub(crate) fn remove(&self, name: &Name) -> Result<()> {
        let Some((folder, _)) = self.find(name)? else {
            bail!(CliError::Usage(format!("there is no model `{name}` here: `sinew model ls` lists them")));
        };
        // Without its note first: what is left of a removal that is cut short is no model.
        let note = folder.join(NOTE);
        fs::remove_file(&note).at("remove", &note)?;
        Ok(fs::remove_dir_all(&folder).at("remove", &folder)?)
    }

    /// Where something is fetched to, with what an earlier try left there.
    pub(crate) fn bench(&self, key: &str) -> Result<Bench> {
        let folder = self.folder.join(format!(".pull-{key}"));
        let files = folder.join("files");
        fs::create_dir_all(&files).at("make the folder", &files)?;
        let path = folder.join("lock");
        let lock = File::create(&path).at("create", &path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Bench { files, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!("another `sinew model pull` of this model is running: let it end, then try again")
            }
            Err(TryLockError::Error(source)) => Err(CliError::File { doing: "lock", path, source }.into()),
        }
    }

    /// Puts what lies on a bench on the shelf, whole.
    pub(crate) fn place(&self, bench: Bench, pulled: &Pulled) -> Result<()> {
        let note = bench.files.join(NOTE);
        let text = serde_json::to_vec_pretty(&pulled.about)?;
        fs::write(&note, text).at("write", &note)?;
        let folder = self.folder.join(&pulled.name);
        if folder.exists() {
            // Without a note it is what a removal left.
            fs::remove_dir_all(&folder).at("remove", &folder)?;
        }
        fs::rename(&bench.files, &folder).at("put in place", &folder)?;
        let around = bench.files.parent().map(Path::to_owned);
        drop(bench);
        // The model is here; a lock that is left over harms nobody.
        let _ = around.map(fs::remove_dir_all);
        Ok(())
    }
}

/// The length and the SHA-256 of a file.
pub(crate) fn known(path: &Path) -> Result<KnownFile, CliError> {
    let mut file = File::open(path).at("open", path)?;
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut chunk).at("read", path)?;
        if read == 0 {
            let sha256 = Hash::from_bytes(digest.finalize().into()).to_string();
            return Ok(KnownFile { bytes, sha256 });
        }
        digest.update(&chunk[..read]);
        bytes += u64::try_from(read).unwrap_or(u64::MAX);
    }
}
