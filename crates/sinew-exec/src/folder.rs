//! A lease's folder: which files it has, and how they are written so that a kill at any instant leaves them whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
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
        write_record(&self.status_path(status.epoch), status)
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

/// Reads a record, or nothing where no file is.
pub(crate) fn read_record<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ExecError::File { action: "read", path: path.to_owned(), source }),
    };
    let record = serde_json::from_slice(&text);
    record.map(Some).map_err(|source| ExecError::Record { path: path.to_owned(), source })
}

/// Writes a record so that a reader, and a machine that lost its power, finds the old one or the new one.
pub(crate) fn write_record<T: Serialize>(path: &Path, record: &T) -> Result<()> {
    let text =
        serde_json::to_vec(record).map_err(|source| ExecError::Record { path: path.to_owned(), source })?;
    replace_file(path, &text).map_err(|source| ExecError::File {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

fn replace_file(path: &Path, text: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("json.new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    let folder = path.parent().expect("a record lies in a folder");
    File::open(folder)?.sync_all()
}
