//! What a witness keeps of a log: the checkpoint that it cosigned last, and what contradicts it.

use super::Seen;
use crate::error::{At, CliError};
use sinew_proof::Note;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A witness's memory of one log. Nobody else can change it while this is held.
pub(crate) struct Memory {
    file: PathBuf,
    seen: Option<Seen>,
    // Two witnesses that read the same memory at once could cosign two histories.
    _lock: File,
}

impl Memory {
    /// Opens what a folder holds of a log; waits until no other process has it open.
    pub(crate) fn open(folder: &Path, log: &str) -> Result<Self, CliError> {
        let file = folder.join(file_name(log));
        let lock_path = beside(&file, "lock");
        let lock = File::options().write(true).create(true).truncate(false).open(&lock_path);
        let lock = lock.and_then(|lock| lock.lock().map(|()| lock)).at("lock", &lock_path)?;
        take_over(&folder.join(log.replace('/', "-")), &file, log)?;
        let seen = match fs::read_to_string(&file) {
            Ok(text) => Some(Seen { note: text.parse().map_err(|error| damaged(&file, &error))? }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).at("read", &file),
        };
        Ok(Self { file, seen, _lock: lock })
    }

    /// What was cosigned last.
    pub(crate) fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    /// Remembers a checkpoint, durably. Called before anybody gets the signature: a witness must never forget what it
    /// cosigned.
    pub(crate) fn keep(&self, note: &Note) -> Result<(), CliError> {
        let partial = beside(&self.file, "tmp");
        write_durably(&partial, &note.to_string())?;
        fs::rename(&partial, &self.file).at("put in place", &self.file)?;
        let folder = self.file.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).at("make durable", folder)
    }

    /// Keeps what was seen beside what contradicts it; says where. Nothing where nothing was seen.
    pub(crate) fn keep_evidence(&self, shown: &Note, now_s: u64) -> Result<Option<PathBuf>, CliError> {
        let Some(seen) = &self.seen else { return Ok(None) };
        let path = beside(&self.file, &format!("evidence-{now_s}"));
        write_durably(&path, &format!("{}\n{shown}", seen.note))?;
        Ok(Some(path))
    }
}

/// A file's name for a log's: different for different logs, and without a point, so that endings can tell files apart.
fn file_name(log: &str) -> String {
    let keeps = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let letter = |byte: u8| if keeps(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    log.bytes().map(letter).collect()
}

/// The file of the same name with an ending.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    PathBuf::from(name)
}

/// Goes on with what earlier versions kept under a name that two logs could share, where it is of this log: a witness must
/// never forget what it cosigned.
fn take_over(earlier: &Path, file: &Path, log: &str) -> Result<(), CliError> {
    if earlier == file || file.exists() {
        return Ok(());
    }
    let text = match fs::read_to_string(earlier) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).at("read", earlier),
    };
    let note: Note = text.parse().map_err(|error| damaged(earlier, &error))?;
    if note.text.lines().next() == Some(log) {
        fs::rename(earlier, file).at("put in place", file)?;
    }
    Ok(())
}

fn write_durably(path: &Path, text: &str) -> Result<(), CliError> {
    fs::write(path, text).at("write", path)?;
    File::open(path).and_then(|file| file.sync_all()).at("make durable", path)
}

fn damaged(file: &Path, error: &sinew_proof::ProofError) -> CliError {
    let why = "this witness no longer knows what it cosigned, and must not go on as if it had seen nothing";
    CliError::NotAccepted(format!(
        "{} cannot be read ({error}): {why}; bring it back from a copy",
        file.display()
    ))
}

#[cfg(test)]
mod tests;
