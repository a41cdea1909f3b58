//! Which start of the machine the records of leases belong to.
//!
//! Records of leases are not flushed to disk one by one: a kill of this program leaves them whole, and after a power cut
//! nothing runs whatever they say. This is how the two are told apart.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{ExecError, Result};

/// The kernel's own name for this start of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The boot that a folder of leases was last used in, against this one.
pub(crate) struct Boot {
    path: PathBuf,
    now: String,
    is_new: bool,
    is_known: bool,
}

impl Boot {
    pub(crate) fn of(run_dir: &Path) -> Self {
        let path = run_dir.join("boot");
        let now = fs::read_to_string(BOOT_ID).unwrap_or_default();
        let known = fs::read_to_string(&path).ok();
        Self {
            is_new: known.as_ref().is_some_and(|known| *known != now),
            is_known: known.is_some(),
            path,
            now,
        }
    }

    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Writes down this boot where none was. Records of a time before boots were written down were all flushed.
    pub(crate) fn begin(&self) -> Result<()> {
        if self.is_known { Ok(()) } else { self.confirm() }
    }

    /// Writes down this boot, durably: what follows is trusted because of it.
    pub(crate) fn confirm(&self) -> Result<()> {
        let write = || -> io::Result<()> {
            let fresh = self.path.with_extension("new");
            let mut file = File::create(&fresh)?;
            file.write_all(self.now.as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, &self.path)?;
            File::open(self.path.parent().expect("a record lies in a folder"))?.sync_all()
        };
        write().map_err(|source| ExecError::File { action: "write", path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests;
