//! The few things that everything here does with files.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use sinew_types::Hash;

use crate::error::{At, StoreError, from_io};

const CHUNK_BYTES: usize = 256 * 1024;

/// Makes a folder that only this user can enter; one that is there already is fine.
pub(crate) fn make_dir(path: &Path) -> Result<(), StoreError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.at("make the folder", path),
    }
}

/// Makes the folders below `base` one by one, each durable in its parent before anything is put into it.
pub(crate) fn make_dirs_durably(base: &Path, names: &[&str]) -> Result<PathBuf, StoreError> {
    let mut path = base.to_path_buf();
    for name in names {
        let parent = path.clone();
        path.push(name);
        if !path.is_dir() {
            make_dir(&path)?;
            sync_dir(&parent)?;
        }
    }
    Ok(path)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|dir| dir.sync_all()).at("make durable the folder", path)
}

/// A new file that only this user can read.
pub(crate) fn create_new(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).at("create", path)
}

/// Puts a small file there whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temp = sibling(path, ".tmp");
    remove_file_if_there(&temp)?;
    let mut file = create_new(&temp)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).at("write", &temp)?;
    fs::rename(&temp, path).at("put in place", path)?;
    sync_dir(parent(path))
}

/// `.NAME.tmp` beside `NAME`.
pub(crate) fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}

/// The folder that a path lies in; the current one for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Removes a file, if it is there.
pub(crate) fn remove_file_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.at("remove", path),
    }
}

/// The names in a folder, sorted; none where there is no folder. Names that are not text are not ours.
pub(crate) fn names_in(path: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at("list", path)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.at("list", path)?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// What `pump` moved.
pub(crate) struct Pumped {
    pub(crate) hash: Hash,
    pub(crate) bytes: u64,
}

/// Moves bytes from a reader to a sink and hashes them on the way, in bounded memory.
pub(crate) fn pump(
    reader: &mut dyn Read,
    read_error: &dyn Fn(io::Error) -> StoreError,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<Pumped, StoreError> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(Pumped { hash: Hash::from_bytes(hasher.finalize().into()), bytes }),
            Ok(count) => {
                hasher.update(&chunk[..count]);
                sink(&chunk[..count])?;
                bytes += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(read_error(error)),
        }
    }
}

/// Copies one file into a new one and says what the copy's bytes are. The bytes are copied, never linked: a
/// link would let a change of one be a change of both.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<Pumped, StoreError> {
    let mut source = File::open(from).at("read", from)?;
    let mut target = create_new(to)?;
    pump(&mut source, &|error| from_io("read", from, error), &mut |chunk| {
        target.write_all(chunk).at("write", to)
    })
}

/// The hash that these bytes have as an artefact.
pub fn hash_of(bytes: &[u8]) -> Hash {
    Hash::from_bytes(Sha256::digest(bytes).into())
}

/// The hash and length of a file's bytes.
pub(crate) fn hash_file(path: &Path) -> Result<Pumped, StoreError> {
    let mut file = File::open(path).at("read", path)?;
    pump(&mut file, &|error| from_io("read", path, error), &mut |_| Ok(()))
}

/// A folder that is filled beside its target and takes its place when it is whole. Dropped before, it goes
/// away.
pub(crate) struct Staging {
    path: PathBuf,
    target: PathBuf,
    finished: bool,
}

impl Staging {
    /// Refuses a target that holds anything. What a crash left of an earlier try is removed.
    pub(crate) fn beside(target: &Path) -> Result<Staging, StoreError> {
        refuse_full(target)?;
        let target = std::path::absolute(target).at("find", target)?;
        let path = sibling(&target, ".partial");
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.at("remove what an earlier try left in", &path)?,
        }
        DirBuilder::new().mode(0o700).create(&path).at("make the folder", &path)?;
        Ok(Staging { path, target, finished: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes everything inside durable: one call for the file system instead of one for each file.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let dir = File::open(&self.path).at("open", &self.path)?;
        rustix::fs::syncfs(&dir).at("make durable the folder", &self.path)
    }

    /// Puts the folder in its place. The system refuses this if the target is no longer empty.
    pub(crate) fn finish(mut self) -> Result<(), StoreError> {
        fs::rename(&self.path, &self.target).at("put in place the folder", &self.target)?;
        self.finished = true;
        sync_dir(parent(&self.target))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.finished {
            // The error that brought us here is the one to tell, and the next try removes the rest.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn refuse_full(target: &Path) -> Result<(), StoreError> {
    match fs::read_dir(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(StoreError::NotAFolder { path: target.to_path_buf() })
        }
        Err(error) => Err(error).at("list", target),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(StoreError::NotEmpty { path: target.to_path_buf() }),
        },
    }
}

#[cfg(test)]
mod tests;
