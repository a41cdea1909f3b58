//! A lease's folder: which files it has, and how they are written so that a kill at any instant leaves them whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{ExecError, Result};
use crate::isolation::Sandbox;
use crate::order::LeaseOrder;
use crate::status::StatusRecord;

/// The version of the records in this folder.
pub(crate) const RECORD_VERSION: u32 = 1;

/// What the executor hands to a supervisor.
#[derive(Clone, Debug, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderRecord {
    pub(crate) version: u32,
    pub(crate) order: LeaseOrder,
    pub(crate) sandbox: Sandbox,
}

/// The folder of one lease.
#[derive(Clone, Debug)]
pub(crate) struct LeaseFolder(PathBuf);

impl LeaseFolder {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn create(&self) -> Result<()> {
        create_private(&self.0)
    }

    pub(crate) fn order_path(&self) -> PathBuf {
        self.0.join("order.json")
    }

    /// Each epoch has a status of its own, so that a watcher of the old one never reads the new one's.
    pub(crate) fn status_path(&self, epoch: u64) -> PathBuf {
        self.0.join(format!("status-{epoch}.json"))
    }

    /// There once the nursery has ended all that a lost supervisor left of an epoch.
    pub(crate) fn swept_path(&self, epoch: u64) -> PathBuf {
        self.0.join(format!("swept-{epoch}"))
    }

    pub(crate) fn lock_path(&self) -> PathBuf {
        self.0.join("supervisor.lock")
    }

    /// Where the program's root is built. It is a mount point in the program's own namespace only.
    pub(crate) fn root_path(&self) -> PathBuf {
        self.0.join("root")
    }

    pub(crate) fn read_order(&self) -> Result<Option<OrderRecord>> {
        read_record(&self.order_path())
    }

    pub(crate) fn read_status(&self, epoch: u64) -> Result<Option<StatusRecord>> {
        read_record(&self.status_path(epoch))
    }

    pub(crate) fn write_status(&self, status: &StatusRecord) -> Result<()> {
        add_record(&self.status_path(status.epoch), status)
    }

    /// The process that holds the supervisor's lock, if one does.
    pub(crate) fn supervisor_pid(&self) -> Option<i32> {
        let file = File::open(self.lock_path()).ok()?;
        let mut lock = whole_file_lock();
        // SAFETY: the descriptor is open and `lock` is a valid flock that the kernel fills in.
        let asked = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut lock) };
        (asked == 0 && i32::from(lock.l_type) != libc::F_UNLCK).then_some(lock.l_pid)
    }

    /// Takes the supervisor's lock, or says that another process has it. The lock goes with the process.
    pub(crate) fn lock(&self) -> Result<Option<File>> {
        let path = self.lock_path();
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .read(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| ExecError::File { action: "open", path: path.clone(), source })?;
        let lock = whole_file_lock();
        // A record lock, unlike flock, is not inherited by children: it ends with the supervisor itself.
        // SAFETY: the descriptor is open and `lock` is a valid flock that the kernel only reads.
        if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) } == 0 {
            return Ok(Some(file));
        }
        let source = io::Error::last_os_error();
        match source.raw_os_error() {
            Some(libc::EACCES | libc::EAGAIN) => Ok(None),
            _ => Err(ExecError::File { action: "lock", path, source }),
        }
    }
}

fn whole_file_lock() -> libc::flock {
    // SAFETY: flock is plain integers, for which zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::c_short::try_from(libc::F_WRLCK).expect("a lock type fits its own field");
    lock
}

/// Creates a folder that only this user can enter, and its parents.
pub(crate) fn create_private(path: &Path) -> Result<()> {
    let create = DirBuilder::new().recursive(true).mode(0o700).create(path);
    create.map_err(|source| ExecError::File { action: "create", path: path.to_owned(), source })
}

/// Reads the newest record of a file, or nothing where none is whole: its writer was killed amid its first line.
pub(crate) fn read_record<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ExecError::File { action: "read", path: path.to_owned(), source }),
    };
    let Some(line) = newest_line(&text) else { return Ok(None) };
    let record = serde_json::from_slice(line);
    record.map(Some).map_err(|source| ExecError::Record { path: path.to_owned(), source })
}

/// The last line that was written to its end. A record of the version before is a file of one line without an end.
fn newest_line(text: &[u8]) -> Option<&[u8]> {
    match text.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => text[..end].rsplit(|byte| *byte == b'\n').next(),
        None => is_whole(text).then_some(text),
    }
}

fn is_whole(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

/// Adds a record to a file, as its newest line: a reader finds the one before or this one, also after the writer was
/// killed. A machine that lost its power may find neither; then nothing of any lease runs any more, and
/// [`crate::Executor`] trusts no record.
pub(crate) fn add_record<T: Serialize>(path: &Path, record: &T) -> Result<()> {
    let mut line =
        serde_json::to_vec(record).map_err(|source| ExecError::Record { path: path.to_owned(), source })?;
    line.push(b'\n');
    let opened = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path);
    let added = opened.and_then(|mut file| {
        end_torn_line(&mut file)?;
        file.write_all(&line)
    });
    added.map_err(|source| ExecError::File { action: "write", path: path.to_owned(), source })
}

/// What a kill or a full disk left of a line is cut off, so that it does not spoil the next one.
fn end_torn_line(file: &mut File) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    match (whole, text.len()) {
        (0, _) if is_whole(&text) => file.write_all(b"\n"),
        (whole, length) if whole < length => file.set_len(whole as u64),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
