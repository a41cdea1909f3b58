//! The epochs of leases that are over and forgotten, so that none of them runs again: a line each, in one file.
//!
//! Whoever gives orders knows as well what is over; this is the second look. So the newest are enough, and a line that
//! a power cut tore off is no loss.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How many are known.
const KEPT_MOST: usize = 100_000;

/// The newest ends.
pub(crate) struct EndedLog {
    path: PathBuf,
    known: Mutex<Known>,
}

struct Known {
    file: File,
    lines: usize,
    epochs: BTreeMap<String, u64>,
    /// Oldest first; a lease that ended again stands here once for each end.
    order: VecDeque<(String, u64)>,
}

impl EndedLog {
    /// Reads what is known.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().filter_map(|line| {
            let (epoch, lease) = line.split_once(' ')?;
            Some((lease.to_owned(), epoch.parse().ok()?))
        });
        let mut order: VecDeque<(String, u64)> = lines.collect();
        order.drain(..order.len().saturating_sub(KEPT_MOST));
        let epochs = order.iter().cloned().collect();
        let file = rewrite(&path, &order)?;
        let known = Known { file, lines: order.len(), epochs, order };
        Ok(Self { path, known: Mutex::new(known) })
    }

    /// The newest epoch of a lease that is over.
    pub(crate) fn of(&self, lease: &str) -> Option<u64> {
        // Memory and file are changed one after the other; what a panic leaves undone is one line.
        self.known.lock().unwrap_or_else(PoisonError::into_inner).epochs.get(lease).copied()
    }

    /// Adds one.
    pub(crate) fn add(&self, lease: &str, epoch: u64) -> io::Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.epochs.insert(lease.to_owned(), epoch);
        known.order.push_back((lease.to_owned(), epoch));
        if known.order.len() > KEPT_MOST
            && let Some((oldest, epoch)) = known.order.pop_front()
            && known.epochs.get(&oldest) == Some(&epoch)
        {
            known.epochs.remove(&oldest);
        }
        if known.lines >= 2 * KEPT_MOST {
            known.file = rewrite(&self.path, &known.order)?;
            known.lines = known.order.len();
            return Ok(());
        }
        known.lines += 1;
        known.file.write_all(line(lease, epoch).as_bytes())
    }
}

fn line(lease: &str, epoch: u64) -> String {
    format!("{epoch} {lease}\n")
}

/// Writes the file anew and opens it to append.
fn rewrite(path: &Path, order: &VecDeque<(String, u64)>) -> io::Result<File> {
    let fresh = path.with_extension("new");
    let text: String = order.iter().map(|(lease, epoch)| line(lease, *epoch)).collect();
    fs::write(&fresh, text)?;
    fs::rename(&fresh, path)?;
    OpenOptions::new().append(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests;
