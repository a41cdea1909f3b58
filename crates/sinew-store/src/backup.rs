//! Backup and restore: a data folder copied whole or not at all, while the server runs.
//!
//! An artefact is durable before a record refers to it, so the journal is copied first and the artefacts
//! after it, with collection held off in between: everything that the copied journal refers to is then still
//! there. What was put in the meantime comes along and harms nobody. Access keys that other parts keep beside
//! are not copied.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};
use serde::{Deserialize, Serialize};
use sinew_types::Hash;

use crate::{
    artefacts,
    codec::hash_text,
    error::{At, StoreError},
    files::{self, Staging},
    folder::{DataFolder, IDENTITY},
    journal::{self, JournalReader},
};

const FORMAT: u64 = 1;
const ABOUT: &str = "backup.json";
/// In the form of `sha256sum`, so that anybody can check a backup without Sinew.
const SUMS: &str = "SHA256SUMS";

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupReport {
    /// The version of the backup's form.
    pub format: u64,
    /// Whose backup it is: 32 hexadecimal digits.
    pub instance: String,
    /// When it was taken, in milliseconds UTC.
    pub taken_ms: u64,
    /// The last record in it.
    pub last_seq: u64,
    /// How many files, the two that describe the backup not counted.
    pub files: u64,
    /// How long they are together.
    pub bytes: u64,
    /// The hash of `SHA256SUMS`.
    #[serde(with = "hash_text")]
    pub sums_sha256: Hash,
}

/// Read before the rest, because a newer format may hold anything else.
#[derive(Deserialize)]
struct FormatOnly {
    format: u64,
}

/// Copies the data folder `data` into the new or empty folder `to`.
pub fn backup(data: &Path, to: &Path, taken_ms: u64) -> Result<BackupReport, StoreError> {
    let identity = DataFolder::inspect(data)?;
    let source = JournalReader::open(data)?;
    let staging = Staging::beside(to)?;
    let collection = artefacts::hold_collection(data)?;

    let copy = staging.path().join(journal::FILE);
    copy_journal(&source, &copy)?;
    let mut list = FileList::default();
    list.add(journal::FILE, &files::hash_file(&copy)?);
    list.add(IDENTITY, &files::copy_file(&data.join(IDENTITY), &staging.path().join(IDENTITY))?);
    for (path, hash) in artefacts::all_paths(data)? {
        let copied = copy_into(&data.join(&path), &staging.path().join(&path))?;
        if copied.hash != hash {
            return Err(StoreError::DamagedArtefact { hash });
        }
        list.add(&path.to_string_lossy(), &copied);
    }
    drop(collection);

    let last_seq = check_journal(&copy)?;
    let sums = list.sums();
    let report = BackupReport {
        format: FORMAT,
        instance: identity.instance.to_string(),
        taken_ms,
        last_seq,
        files: list.lines.len() as u64,
        bytes: list.bytes,
        sums_sha256: files::hash_of(sums.as_bytes()),
    };
    files::write_whole(&staging.path().join(SUMS), sums.as_bytes())?;
    let about = serde_json::to_vec_pretty(&report).expect("numbers and text have a JSON form");
    files::write_whole(&staging.path().join(ABOUT), &about)?;
    staging.sync()?;
    staging.finish()?;
    Ok(report)
}

/// Copies a backup into the new or empty folder `to`. Each file is checked as it is copied, and `to` appears
/// only when all of them were right.
pub fn restore(from: &Path, to: &Path) -> Result<BackupReport, StoreError> {
    let damaged = |why: String| StoreError::DamagedBackup { path: from.to_path_buf(), why };
    let report = read_about(from)?;
    let lines = read_sums(from, &report)?;
    let staging = Staging::beside(to)?;
    for line in &lines {
        let source = from.join(&line.path);
        if !source.is_file() {
            return Err(damaged(format!("it lacks {}", line.path)));
        }
        let copied = copy_into(&source, &staging.path().join(&line.path))?;
        if copied.hash != line.hash {
            return Err(damaged(format!("{} is not what was backed up", line.path)));
        }
        if artefacts::hash_of_path(&line.path).is_some() {
            let path = staging.path().join(&line.path);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).at("protect", &path)?;
        }
    }
    let last_seq = check_journal(&staging.path().join(journal::FILE))?;
    if last_seq != report.last_seq {
        return Err(damaged(format!("its journal ends at record {last_seq}, not {}", report.last_seq)));
    }
    staging.sync()?;
    staging.finish()?;
    Ok(report)
}

#[derive(Default)]
struct FileList {
    lines: Vec<Line>,
    bytes: u64,
}

struct Line {
    path: String,
    hash: Hash,
}

impl FileList {
    fn add(&mut self, path: &str, file: &files::Pumped) {
        self.lines.push(Line { path: path.to_owned(), hash: file.hash });
        self.bytes += file.bytes;
    }

    fn sums(&self) -> String {
        let mut sums = String::new();
        for line in &self.lines {
            writeln!(sums, "{}  {}", line.hash, line.path).expect("a string has room");
        }
        sums
    }
}

/// In one step: the source's read transaction then lasts for the whole copy, so writers go on and the copy is
/// of one instant. In several steps, each write in between would make it start again.
fn copy_journal(source: &JournalReader, to: &Path) -> Result<(), StoreError> {
    let wrap = |source| StoreError::Journal { doing: "copy the journal to", path: to.to_path_buf(), source };
    drop(files::create_new(to)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(to, flags).map_err(wrap)?;
    let step =
        Backup::new(source.connection(), &mut target).and_then(|backup| backup.step(-1)).map_err(wrap)?;
    match step {
        StepResult::Done => target.close().map_err(|(_, error)| wrap(error)),
        _ => {
            Err(StoreError::Damaged { path: to.to_path_buf(), detail: "the copy did not finish".to_owned() })
        }
    }
}

fn check_journal(path: &Path) -> Result<u64, StoreError> {
    let journal = JournalReader::open_still(path)?;
    journal.check()?;
    journal.last_seq()
}

fn copy_into(from: &Path, to: &Path) -> Result<files::Pumped, StoreError> {
    make_private_dirs(files::parent(to))?;
    files::copy_file(from, to)
}

fn make_private_dirs(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).at("make the folder", path)
}

fn read_about(from: &Path) -> Result<BackupReport, StoreError> {
    let damaged = |why: String| StoreError::DamagedBackup { path: from.to_path_buf(), why };
    let bytes = read_part(from, ABOUT)?;
    let unreadable = |error: serde_json::Error| damaged(format!("{ABOUT} cannot be read ({error})"));
    let found = serde_json::from_slice::<FormatOnly>(&bytes).map_err(unreadable)?.format;
    if found > FORMAT {
        return Err(StoreError::NewerFolder { path: from.to_path_buf(), found, known: FORMAT });
    }
    serde_json::from_slice(&bytes).map_err(unreadable)
}

/// Only paths that a backup writes: a list from elsewhere must not make us write elsewhere.
fn read_sums(from: &Path, report: &BackupReport) -> Result<Vec<Line>, StoreError> {
    let damaged = |why: String| StoreError::DamagedBackup { path: from.to_path_buf(), why };
    let bytes = read_part(from, SUMS)?;
    if files::hash_of(&bytes) != report.sums_sha256 {
        return Err(damaged(format!("{SUMS} is not what was backed up")));
    }
    let mut lines = Vec::new();
    for text in String::from_utf8_lossy(&bytes).lines() {
        let line = text.split_once("  ").and_then(|(hash, path)| {
            let hash: Hash = hash.parse().ok()?;
            let ours =
                path == journal::FILE || path == IDENTITY || artefacts::hash_of_path(path) == Some(hash);
            ours.then(|| Line { path: path.to_owned(), hash })
        });
        lines
            .push(line.ok_or_else(|| damaged(format!("{SUMS} has a line that no backup writes: {text:?}")))?);
    }
    for needed in [journal::FILE, IDENTITY] {
        if !lines.iter().any(|line| line.path == needed) {
            return Err(damaged(format!("it lacks {needed}")));
        }
    }
    Ok(lines)
}

fn read_part(from: &Path, name: &str) -> Result<Vec<u8>, StoreError> {
    let path: PathBuf = from.join(name);
    fs::read(&path).map_err(|error| StoreError::DamagedBackup {
        path: from.to_path_buf(),
        why: format!("{name} cannot be read ({error})"),
    })
}

#[cfg(test)]
mod tests;
