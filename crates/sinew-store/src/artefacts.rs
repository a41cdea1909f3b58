//! Artefacts: bytes named by their SHA-256, one store for each organisation.
//!
//! Stores share nothing, even where two organisations hold equal bytes: from the time or the space that a put
//! takes, a rival could otherwise learn what the other one has.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, Permissions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use sinew_types::{Hash, OrgId};

use crate::{
    error::{At, StoreError},
    files,
    folder::DataFolder,
    ids::parse_id,
    quota::{Reservation, Space},
};

const ORGS: &str = "orgs";
const ARTEFACTS: &str = "artefacts";
const TEMP: &str = "tmp";
const COLLECTION_LOCK: &str = "collection.lock";

/// Every organisation's artefacts. One value in the process that holds the data folder; threads share it.
#[derive(Debug)]
pub struct Artefacts {
    data: PathBuf,
    default_quota_bytes: u64,
    spaces: Mutex<BTreeMap<OrgId, Arc<Space>>>,
    temps: AtomicU64,
}

/// What a put did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Put {
    /// The artefact's name.
    pub hash: Hash,
    /// How long it is.
    pub bytes: u64,
    /// Whether the organisation did not have it before.
    pub new: bool,
}

/// One artefact in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub hash: Hash,
    /// How long it is.
    pub bytes: u64,
}

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// How many artefacts.
    pub count: u64,
    /// How long they were together.
    pub bytes: u64,
}

impl Artefacts {
    /// Opens the stores of a data folder, and removes what a crash left half written. The folder's lock is
    /// what says that nobody else is writing.
    pub fn open(folder: &DataFolder, default_quota_bytes: u64) -> Result<Artefacts, StoreError> {
        let data = folder.path().to_path_buf();
        files::make_dirs_durably(&data, &[ORGS])?;
        drop(collection_lock(&data)?);
        for org in organisations(&data)? {
            let temps = artefacts_dir(&data, org).join(TEMP);
            for name in files::names_in(&temps)? {
                files::remove_file_if_there(&temps.join(name))?;
            }
        }
        Ok(Artefacts { data, default_quota_bytes, spaces: Mutex::default(), temps: AtomicU64::new(0) })
    }

    /// Sets one organisation's quota; nothing for the default. Less than it uses now stops further puts and removes
    /// nothing. Looks at no file.
    pub fn set_quota(&self, org: OrgId, quota_bytes: Option<u64>) {
        self.account(org).lock().quota_bytes = quota_bytes;
    }

    /// How much an organisation may store.
    #[must_use]
    pub fn quota_bytes(&self, org: OrgId) -> u64 {
        self.account(org).lock().quota_bytes.unwrap_or(self.default_quota_bytes)
    }

    /// How much an organisation may still store.
    pub fn free_bytes(&self, org: OrgId) -> Result<u64, StoreError> {
        Ok(self.quota_bytes(org).saturating_sub(self.used_bytes(org)?))
    }

    /// Stores the reader's bytes, and returns when they are durable. With `expected`, other bytes are
    /// refused. Putting the same bytes again replaces them, which heals damage and keeps them from the next
    /// collection.
    pub fn put(&self, org: OrgId, reader: &mut dyn Read, expected: Option<Hash>) -> Result<Put, StoreError> {
        let space = self.space(org)?;
        let credit_bytes = match expected {
            Some(hash) => self.len(org, hash).unwrap_or(0),
            None => 0,
        };
        let mut reservation = Reservation::new(Arc::clone(&space), self.default_quota_bytes, credit_bytes);
        let mut temp = self.temp(org)?;
        let pumped = files::pump(reader, &|source| StoreError::Source { source }, &mut |chunk| {
            reservation.grow(chunk.len())?;
            temp.file.write_all(chunk).at("write", &temp.path)
        })?;
        match expected {
            Some(expected) if expected != pumped.hash => {
                Err(StoreError::WrongHash { expected, found: pumped.hash })
            }
            _ => self.keep(org, &space, temp, &pumped),
        }
    }

    /// Opens an artefact for reading from its start.
    pub fn open_artefact(&self, org: OrgId, hash: Hash) -> Result<File, StoreError> {
        let path = self.path(org, hash);
        File::open(&path).map_err(|error| missing(hash, &path, error))
    }

    /// How long an artefact is.
    pub fn len(&self, org: OrgId, hash: Hash) -> Result<u64, StoreError> {
        let path = self.path(org, hash);
        fs::metadata(&path).map(|found| found.len()).map_err(|error| missing(hash, &path, error))
    }

    /// Whether the organisation has it.
    pub fn contains(&self, org: OrgId, hash: Hash) -> Result<bool, StoreError> {
        match self.len(org, hash) {
            Ok(_) => Ok(true),
            Err(StoreError::NoArtefact { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads an artefact through and compares its bytes with its name.
    pub fn verify(&self, org: OrgId, hash: Hash) -> Result<(), StoreError> {
        self.len(org, hash)?;
        let found = files::hash_file(&self.path(org, hash))?.hash;
        if found == hash { Ok(()) } else { Err(StoreError::DamagedArtefact { hash }) }
    }

    /// All artefacts of an organisation, sorted by hash.
    pub fn list(&self, org: OrgId) -> Result<Vec<Stored>, StoreError> {
        list(&artefacts_dir(&self.data, org))
    }

    /// The organisations that have a store.
    pub fn organisations(&self) -> Result<Vec<OrgId>, StoreError> {
        organisations(&self.data)
    }

    /// How much an organisation's artefacts take.
    pub fn used_bytes(&self, org: OrgId) -> Result<u64, StoreError> {
        Ok(self.space(org)?.lock().used_bytes.expect("space() knows it"))
    }

    /// Removes artefacts that are not in `keep` and were last put before `put_before_ms` (UTC). Whoever puts
    /// an artefact and then records it needs that time in between: choose an instant well in the past.
    /// Refused during a backup.
    pub fn collect(
        &self,
        org: OrgId,
        keep: &BTreeSet<Hash>,
        put_before_ms: u64,
    ) -> Result<Collected, StoreError> {
        let stored = self.list(org)?.into_iter().map(|stored| stored.hash);
        let unkept: BTreeSet<Hash> = stored.filter(|hash| !keep.contains(hash)).collect();
        self.remove(org, &unkept, put_before_ms)
    }

    /// Removes these artefacts where they were last put before `put_before_ms` (UTC). Refused during a backup.
    pub fn remove(
        &self,
        org: OrgId,
        which: &BTreeSet<Hash>,
        put_before_ms: u64,
    ) -> Result<Collected, StoreError> {
        let lock = collection_lock(&self.data)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::CollectionHeld),
            Err(TryLockError::Error(error)) => return Err(error).at("lock", &self.data.join(ORGS)),
        }
        let space = self.space(org)?;
        let put_before = SystemTime::UNIX_EPOCH + Duration::from_millis(put_before_ms);
        let mut collected = Collected::default();
        for hash in which {
            // Under the lock, or a put of the same bytes could be told "stored" just before they go.
            let mut state = space.lock();
            if let Some(bytes) = remove_if_older(&self.path(org, *hash), put_before)? {
                collected.count += 1;
                collected.bytes += bytes;
                state.used_bytes = state.used_bytes.map(|used| used.saturating_sub(bytes));
            }
        }
        Ok(collected)
    }

    pub(crate) fn path(&self, org: OrgId, hash: Hash) -> PathBuf {
        path_in(&artefacts_dir(&self.data, org), hash)
    }

    fn account(&self, org: OrgId) -> Arc<Space> {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(spaces.entry(org).or_default())
    }

    fn space(&self, org: OrgId) -> Result<Arc<Space>, StoreError> {
        let space = self.account(org);
        let mut state = space.lock();
        if state.used_bytes.is_none() {
            state.used_bytes = Some(self.list(org)?.iter().map(|stored| stored.bytes).sum());
        }
        drop(state);
        Ok(space)
    }

    fn temp(&self, org: OrgId) -> Result<Temp, StoreError> {
        let dir = files::make_dirs_durably(&self.data, &[ORGS, &org_name(org), ARTEFACTS, TEMP])?;
        let path = dir.join(self.temps.fetch_add(1, Ordering::Relaxed).to_string());
        Ok(Temp { file: files::create_new(&path)?, path })
    }

    fn keep(&self, org: OrgId, space: &Space, temp: Temp, pumped: &files::Pumped) -> Result<Put, StoreError> {
        let (hash, bytes) = (pumped.hash, pumped.bytes);
        let root = artefacts_dir(&self.data, org);
        let dir = files::make_dirs_durably(&root, &[&hash.to_string()[..2]])?;
        let path = path_in(&root, hash);
        temp.finish()?;
        let new = {
            let mut state = space.lock();
            let before_bytes = fs::metadata(&path).map(|found| found.len()).ok();
            fs::rename(&temp.path, &path).at("put in place", &path)?;
            let used = state.used_bytes.unwrap_or(0).saturating_sub(before_bytes.unwrap_or(0));
            state.used_bytes = Some(used + bytes);
            before_bytes.is_none()
        };
        files::sync_dir(&dir)?;
        Ok(Put { hash, bytes, new })
    }
}

/// Holds collection off, in this process and in others, while a backup reads.
pub(crate) fn hold_collection(data: &Path) -> Result<File, StoreError> {
    let lock = collection_lock(data)?;
    lock.lock_shared().at("lock", &data.join(ORGS))?;
    Ok(lock)
}

/// The paths, relative to the data folder, of all artefacts of all organisations.
pub(crate) fn all_paths(data: &Path) -> Result<Vec<(PathBuf, Hash)>, StoreError> {
    let mut paths = Vec::new();
    for org in organisations(data)? {
        for stored in list(&artefacts_dir(data, org))? {
            paths.push((path_in(&artefacts_dir(Path::new(""), org), stored.hash), stored.hash));
        }
    }
    Ok(paths)
}

/// The hash that a path relative to the data folder names, if it is one that a store writes.
pub(crate) fn hash_of_path(path: &str) -> Option<Hash> {
    let mut names = path.split('/');
    let mut next = || names.next();
    (next()? == ORGS).then_some(())?;
    parse_id(next()?)?;
    (next()? == ARTEFACTS).then_some(())?;
    let (start, rest) = (next()?, next()?);
    (start.len() == 2 && next().is_none()).then_some(())?;
    format!("{start}{rest}").parse().ok()
}

fn collection_lock(data: &Path) -> Result<File, StoreError> {
    files::make_dir(&data.join(ORGS))?;
    let path = data.join(ORGS).join(COLLECTION_LOCK);
    let opened = fs::OpenOptions::new().read(true).append(true).create(true).open(&path);
    opened.at("open", &path)
}

/// Without the prefix of an identity's text: below `orgs` there is nothing else to tell apart.
fn org_name(org: OrgId) -> String {
    format!("{:032x}", org.bits())
}

fn artefacts_dir(data: &Path, org: OrgId) -> PathBuf {
    data.join(ORGS).join(org_name(org)).join(ARTEFACTS)
}

fn path_in(artefacts: &Path, hash: Hash) -> PathBuf {
    let name = hash.to_string();
    artefacts.join(&name[..2]).join(&name[2..])
}

fn organisations(data: &Path) -> Result<Vec<OrgId>, StoreError> {
    let names = files::names_in(&data.join(ORGS))?;
    Ok(names.iter().filter_map(|name| parse_id(name)).map(OrgId::from_bits).collect())
}

fn list(artefacts: &Path) -> Result<Vec<Stored>, StoreError> {
    let mut list = Vec::new();
    for start in files::names_in(artefacts)?.iter().filter(|name| name.len() == 2) {
        let dir = artefacts.join(start);
        for rest in files::names_in(&dir)? {
            let Ok(hash) = format!("{start}{rest}").parse() else { continue };
            match fs::metadata(dir.join(&rest)) {
                Ok(found) => list.push(Stored { hash, bytes: found.len() }),
                // Collected since the folder was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).at("read", &dir.join(rest)),
            }
        }
    }
    Ok(list)
}

fn remove_if_older(path: &Path, put_before: SystemTime) -> Result<Option<u64>, StoreError> {
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found.at("read", path)?,
    };
    if found.modified().at("read", path)? >= put_before {
        return Ok(None);
    }
    files::remove_file_if_there(path)?;
    Ok(Some(found.len()))
}

fn missing(hash: Hash, path: &Path, error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::NotFound => StoreError::NoArtefact { hash },
        _ => crate::error::from_io("read", path, error),
    }
}

/// A file being written; gone when dropped, unless it was renamed to its place.
struct Temp {
    file: File,
    path: PathBuf,
}

impl Temp {
    /// Read-only from here on, and as old as this instant: a slow sender's bytes are not old when they
    /// arrive.
    fn finish(&self) -> Result<(), StoreError> {
        let file = &self.file;
        let done = file.set_permissions(Permissions::from_mode(0o400));
        let done = done.and_then(|()| file.set_modified(SystemTime::now())).and_then(|()| file.sync_all());
        done.at("write", &self.path)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        // After the rename there is nothing to remove; after an error, `open` removes what stays here.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests;
