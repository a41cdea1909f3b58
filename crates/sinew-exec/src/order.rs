//! What the server asks of the executor for one lease, and what makes it unusable.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{ExecError, Result};

/// The longest name of a lease's folder.
const LEASE_NAME_MOST: usize = 128;

/// Everything the executor needs to run the program of one lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseOrder {
    /// Names the lease's folder: letters, digits, `-`, `_` and `.`, not starting with a dot.
    pub lease: String,
    /// Grows with every change. The executor ignores orders with an older one.
    pub epoch: u64,
    /// The program and its arguments. A name without `/` is looked up in the program's `PATH`.
    pub program: Vec<OsString>,
    /// What the program's environment holds beside `PATH`, `HOME`, `TMPDIR` and `LANG`; may replace these.
    pub environment: BTreeMap<String, String>,
    /// The program's own folder, readable and writable. It stays when the lease ends.
    pub work_dir: PathBuf,
    /// The workload's bundle, read-only.
    pub bundle_dir: Option<PathBuf>,
    /// More files and folders that the program may read and execute, beside the system's own programs.
    pub read_only: Vec<PathBuf>,
    /// The real numbers of the cores that the program is bound to.
    pub cores: Vec<u32>,
    /// What the program may reach over the network.
    pub network: Network,
    /// How much the program may use.
    pub limits: Limits,
    /// Without a sandbox, with all rights of the server's user: only for programs of whoever runs the server.
    #[serde(default)]
    pub bare: bool,
    /// When its contract ends it, kept by the supervisor alone. Orders of earlier versions name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastMoments>,
}

/// The end that a contract sets to a lease from the start, whether or not a server lives to tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastMoments {
    /// When the program is told to end, unless it was told before.
    pub notice_unix_ms: u64,
    /// When what still runs is killed, whatever later deadline a notice named.
    pub kill_unix_ms: u64,
}

/// What a program may reach over the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// Unix sockets in its own folder, and nothing else.
    None,
    /// A loopback of its own, which reaches only this lease's processes.
    Loopback,
}

/// How much one program may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The memory of each process of the program.
    pub memory_bytes: Option<u64>,
    /// The output that is kept: its first half, and the newest of the rest.
    pub output_bytes: u64,
    /// The size of each file that the program writes.
    pub file_bytes: Option<u64>,
    /// Open files of each process.
    pub open_files: u64,
    /// Processes and threads together.
    pub processes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: None,
            output_bytes: 16 << 20,
            file_bytes: None,
            open_files: 4096,
            processes: 4096,
        }
    }
}

impl LeaseOrder {
    /// Says what is wrong with the order itself, whatever the machine can do.
    pub(crate) fn check(&self) -> Result<()> {
        check_lease_name(&self.lease)?;
        let wrong = |what: String| Err(ExecError::InvalidOrder { lease: self.lease.clone(), what });
        if self.program.is_empty() {
            return wrong("it names no program; give at least one word".into());
        }
        if self.cores.is_empty() {
            return wrong("it names no core; a program runs on at least one".into());
        }
        for (name, value) in &self.environment {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return wrong(format!(
                    "`{name}` cannot stand in an environment; leave out `=` and zero bytes"
                ));
            }
        }
        for path in std::iter::once(&self.work_dir).chain(self.shared_paths()) {
            if !path.is_absolute() {
                return wrong(format!("`{}` is not absolute; write it from `/` on", path.display()));
            }
        }
        Ok(())
    }

    /// Paths that the program may read but not change.
    pub(crate) fn shared_paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.bundle_dir.iter().chain(&self.read_only)
    }

    /// A read-only path below the work folder could be turned into a link to anywhere by the program of an
    /// earlier lease, and a work folder below a read-only path would be hidden by it.
    pub(crate) fn check_apart(&self) -> Result<()> {
        let work_dir = resolved(&self.work_dir)?;
        for path in self.shared_paths() {
            let shared = resolved(path)?;
            if shared.starts_with(&work_dir) || work_dir.starts_with(&shared) {
                return Err(ExecError::InvalidOrder {
                    lease: self.lease.clone(),
                    what: format!(
                        "`{}` and the work folder `{}` lie one in the other; keep them apart",
                        path.display(),
                        self.work_dir.display()
                    ),
                });
            }
        }
        Ok(())
    }
}

/// A lease's name becomes a folder's name, so it must not lead anywhere else.
pub(crate) fn check_lease_name(lease: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if lease.is_empty()
        || lease.len() > LEASE_NAME_MOST
        || lease.starts_with('.')
        || !lease.chars().all(plain)
    {
        return Err(ExecError::InvalidOrder {
            lease: lease.to_owned(),
            what: format!(
                "the name of a lease has 1 to {LEASE_NAME_MOST} letters, digits, `-`, `_` or `.`, and no dot in front"
            ),
        });
    }
    Ok(())
}

fn resolved(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|source| ExecError::File { action: "find", path: path.to_owned(), source })
}
