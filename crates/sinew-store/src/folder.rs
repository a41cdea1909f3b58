//! The data folder: whose it is, and that one process alone writes to it.

use std::{
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    error::{At, StoreError},
    files,
    ids::{InstanceId, parse_id},
};

const FORMAT: u64 = 1;
/// The file that says whose folder it is.
pub(crate) const IDENTITY: &str = "sinew.json";
const IDENTITY_TEMP: &str = ".sinew.json.tmp";
const LOCK: &str = "lock";

/// Whose folder it is and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Names this Sinew for its whole life.
    pub instance: InstanceId,
    /// When the folder was made, in milliseconds UTC.
    pub created_ms: u64,
}

/// A data folder that this process alone may write to, for as long as the value lives.
///
/// The lock belongs to the open file: a child made by `fork` without `exec` would share it.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    identity: Identity,
    _lock: File,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityFile {
    format: u64,
    instance: String,
    created_ms: u64,
}

/// Read before the rest, because a newer format may hold anything else.
#[derive(Deserialize)]
struct FormatOnly {
    format: u64,
}

impl DataFolder {
    /// Opens the folder, or makes it with the identity `founding`, which an existing folder ignores.
    pub fn open_or_create(path: &Path, founding: Identity) -> Result<DataFolder, StoreError> {
        make_folder(path)?;
        refuse_foreign(path)?;
        let lock = take_lock(path)?;
        let identity = match read_identity(path)? {
            Some(identity) => identity,
            None => write_identity(path, founding)?,
        };
        Ok(DataFolder { path: path.to_path_buf(), identity, _lock: lock })
    }

    /// Opens a folder that has to be there already.
    pub fn open(path: &Path) -> Result<DataFolder, StoreError> {
        let identity = DataFolder::inspect(path)?;
        Ok(DataFolder { path: path.to_path_buf(), identity, _lock: take_lock(path)? })
    }

    /// Whose folder it is, without the lock: for those who only read while the server runs.
    pub fn inspect(path: &Path) -> Result<Identity, StoreError> {
        read_identity(path)?.ok_or_else(|| StoreError::NoSinew { path: path.to_path_buf() })
    }

    /// Refuses to go on with the folder of another Sinew.
    pub fn expect_instance(&self, expected: InstanceId) -> Result<(), StoreError> {
        let found = self.identity.instance;
        if found == expected {
            return Ok(());
        }
        Err(StoreError::WrongInstance { path: self.path.clone(), found, expected })
    }

    /// Whose folder it is.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn make_folder(path: &Path) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(StoreError::NotAFolder { path: path.to_path_buf() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.map_err(|error| refused(path, error))?;
            files::sync_dir(files::parent(path))
        }
        Err(error) => Err(refused(path, error)),
    }
}

/// A folder without an identity is ours only if it is empty, or holds just what a crash of our first start
/// left.
fn refuse_foreign(path: &Path) -> Result<(), StoreError> {
    let mut empty = true;
    for entry in fs::read_dir(path).map_err(|error| refused(path, error))? {
        let name = entry.at("list", path)?.file_name();
        if name == IDENTITY {
            return Ok(());
        }
        empty &= name == IDENTITY_TEMP || name == LOCK && is_our_lock(&path.join(LOCK));
    }
    if empty { Ok(()) } else { Err(StoreError::Foreign { path: path.to_path_buf() }) }
}

fn is_our_lock(path: &Path) -> bool {
    matches!(fs::read_to_string(path), Ok(text) if text.is_empty() || holder(&text).is_some())
}

/// A Sinew that is just ending, or a process that it has just started, may hold the lock for a moment longer.
const LOCK_TRIES: u32 = 40;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(25);

fn take_lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(LOCK);
    let opened =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut lock = opened.map_err(|error| refused(folder, error))?;
    for patience in (0..LOCK_TRIES).rev() {
        match lock.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if patience > 0 => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(in_use(folder, lock)),
            Err(TryLockError::Error(error)) => return Err(error).at("lock", &path),
        }
    }
    lock.set_len(0).and_then(|()| lock.rewind()).at("write", &path)?;
    writeln!(lock, "sinew process {}", std::process::id()).at("write", &path)?;
    Ok(lock)
}

fn in_use(folder: &Path, mut lock: File) -> StoreError {
    let mut text = String::new();
    // Who holds it is a help, not a need: the holder may not have written its number yet.
    let holder = match lock.read_to_string(&mut text) {
        Ok(_) => holder(&text).map(str::to_owned),
        Err(_) => None,
    };
    StoreError::InUse {
        path: folder.to_path_buf(),
        holder: holder.unwrap_or_else(|| "its process number is not known yet".to_owned()),
    }
}

fn holder(text: &str) -> Option<&str> {
    text.trim_end().strip_prefix("sinew ").filter(|rest| rest.starts_with("process "))
}

fn read_identity(folder: &Path) -> Result<Option<Identity>, StoreError> {
    let path = folder.join(IDENTITY);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(StoreError::NotAFolder { path: folder.to_path_buf() });
        }
        Err(error) => return Err(error).at("read", &path),
    };
    let damaged = |source| StoreError::DamagedIdentity { path: path.clone(), source };
    let found = serde_json::from_slice::<FormatOnly>(&bytes).map_err(damaged)?.format;
    if found > FORMAT {
        return Err(StoreError::NewerFolder { path: folder.to_path_buf(), found, known: FORMAT });
    }
    let file: IdentityFile = serde_json::from_slice(&bytes).map_err(damaged)?;
    let instance = parse_id(&file.instance).ok_or_else(|| {
        damaged(serde::de::Error::custom("`instance` has to be 32 lower-case hexadecimal digits"))
    })?;
    Ok(Some(Identity { instance: InstanceId(instance), created_ms: file.created_ms }))
}

fn write_identity(folder: &Path, identity: Identity) -> Result<Identity, StoreError> {
    fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(|error| refused(folder, error))?;
    let file = IdentityFile {
        format: FORMAT,
        instance: identity.instance.to_string(),
        created_ms: identity.created_ms,
    };
    let mut bytes = serde_json::to_vec(&file).expect("numbers and text have a JSON form");
    bytes.push(b'\n');
    files::write_whole(&folder.join(IDENTITY), &bytes)?;
    Ok(identity)
}

fn refused(path: &Path, source: io::Error) -> StoreError {
    let path_owned = path.to_path_buf();
    match source.kind() {
        io::ErrorKind::NotADirectory => StoreError::NotAFolder { path: path_owned },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::NotWritable { path: path_owned, source }
        }
        _ => crate::error::from_io("open the folder", path, source),
    }
}

#[cfg(test)]
mod tests;
