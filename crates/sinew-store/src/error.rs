use std::{
    io,
    path::{Path, PathBuf},
};

use sinew_types::Hash;

use crate::ids::InstanceId;

/// What the world does to the store; a variant for each thing that callers do differently.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data folder's path leads to a file.
    #[error("{} is a file, and Sinew needs a folder: choose another with --data", path.display())]
    NotAFolder {
        /// The path that was given.
        path: PathBuf,
    },
    /// The folder holds something that Sinew did not write.
    #[error("{} belongs to something else: choose an empty folder with --data", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// There is no data folder here.
    #[error("{} holds no Sinew data: choose its folder with --data, or start one with `sinew up`", path.display())]
    NoSinew {
        /// The folder.
        path: PathBuf,
    },
    /// Another process holds the folder.
    #[error("{} is in use by another Sinew ({holder}): stop it first, or choose another folder with --data", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// `process 123`, or words where the number is not known yet.
        holder: String,
    },
    /// The folder's format is newer than this program.
    #[error("{} was written by a newer Sinew (format {found}); this one reads up to {known}: use the newer binary", path.display())]
    NewerFolder {
        /// The folder.
        path: PathBuf,
        /// The format it has.
        found: u64,
        /// The newest format that this program reads.
        known: u64,
    },
    /// `sinew.json` cannot be understood.
    #[error("{} cannot be read as Sinew's identity file: restore the folder from a backup", path.display())]
    DamagedIdentity {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// The folder or file may not be written.
    #[error("{} cannot be written: give this user the right to write there, or choose another folder with --data", path.display())]
    NotWritable {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The folder or the journal is another Sinew's.
    #[error("{} belongs to the Sinew instance {found}, and {expected} was expected: choose the right folder with --data", path.display())]
    WrongInstance {
        /// The folder or file.
        path: PathBuf,
        /// Whose it is.
        found: InstanceId,
        /// Whose it should be.
        expected: InstanceId,
    },
    /// No space, or the configured limit is reached. What was being written is not there.
    #[error("the disk is full at {}: nothing was recorded; free space and retry", path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// The disk did not confirm a commit, so nobody knows whether it will be there after a restart.
    #[error("the disk did not confirm a write to {}: it may or may not be recorded; check the disk, then restart Sinew, which reads what is there", path.display())]
    Unconfirmed {
        /// The journal.
        path: PathBuf,
        /// What SQLite says; none for the appends refused afterwards.
        #[source]
        source: Option<rusqlite::Error>,
    },
    /// The journal's format is newer than this program.
    #[error("{} was written by a newer Sinew (journal version {found}); this one reads up to {known}: use the newer binary", path.display())]
    NewerJournal {
        /// The journal.
        path: PathBuf,
        /// The version it has.
        found: i64,
        /// The newest version that this program reads.
        known: i64,
    },
    /// The journal has to be upgraded by a writer first.
    #[error("{} was written by an older Sinew (journal version {found}): start `sinew up` once, which upgrades it", path.display())]
    OlderJournal {
        /// The journal.
        path: PathBuf,
        /// The version it has.
        found: i64,
    },
    /// The file is not a journal.
    #[error("{} is not a Sinew journal: move it away, or restore the folder from a backup", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// Records are missing or out of order.
    #[error("{} lacks record {expected}: restore the folder from a backup", path.display())]
    Gap {
        /// The journal.
        path: PathBuf,
        /// The first number that should be there and is not.
        expected: u64,
    },
    /// SQLite finds the file damaged.
    #[error("{} is damaged ({detail}): restore the folder from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A snapshot of records that the journal does not have.
    #[error("a snapshot at record {seq} cannot be kept, because {} ends at record {last_seq}: append first", path.display())]
    SnapshotAhead {
        /// The journal.
        path: PathBuf,
        /// The snapshot's record.
        seq: u64,
        /// The journal's last record.
        last_seq: u64,
    },
    /// Anything else that SQLite says.
    #[error("cannot {doing} {}: look at the cause, then try again", path.display())]
    Journal {
        /// What was being done.
        doing: &'static str,
        /// The journal.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The organisation's quota does not hold this artefact.
    #[error(
        "the artefact does not fit: {used} of {limit} bytes are used; remove old artefacts, or ask for a larger quota"
    )]
    QuotaExceeded {
        /// The quota in bytes.
        limit: u64,
        /// What the organisation's artefacts take now, in bytes.
        used: u64,
    },
    /// The bytes are not those that were announced.
    #[error(
        "the bytes have the hash {found}, and {expected} was announced: nothing was stored; send them again"
    )]
    WrongHash {
        /// The hash that was announced.
        expected: Hash,
        /// The hash that the bytes have.
        found: Hash,
    },
    /// The organisation has no such artefact.
    #[error("there is no artefact {hash}: check the hash, or put the artefact first")]
    NoArtefact {
        /// The hash that was asked for.
        hash: Hash,
    },
    /// The bytes on disk no longer have the hash in their name.
    #[error(
        "the artefact {hash} is damaged on disk: put the same bytes again, which heals it, or restore it from a backup"
    )]
    DamagedArtefact {
        /// The hash in its name.
        hash: Hash,
    },
    /// The sender's bytes broke off.
    #[error("the bytes to store broke off: nothing was stored; send them again")]
    Source {
        /// What the reader says.
        #[source]
        source: io::Error,
    },
    /// A backup is being written, which needs every artefact to stay.
    #[error("a backup is being written, so no artefact can be removed: collect again when it is done")]
    CollectionHeld,
    /// The folder cannot be packed as it is.
    #[error("{path} cannot be part of a bundle, because it {why}: change or remove it, then pack again")]
    UnfitBundle {
        /// The path inside the folder.
        path: String,
        /// `is a link that leaves the folder`.
        why: &'static str,
    },
    /// The bundle is larger than it may be.
    #[error(
        "the bundle has more than {limit} {what}: make it smaller, or put large data in an artefact of its own"
    )]
    BundleTooLarge {
        /// `files` or `bytes`.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// The manifest is not one that Sinew would write.
    #[error(
        "the bundle's manifest is refused, because {why}: pack the folder again with `sinew run --bundle`"
    )]
    BadManifest {
        /// What is wrong with it.
        why: String,
    },
    /// A target that has to be new or empty is not.
    #[error("{} is not empty: choose a new or an empty folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A backup cannot be restored as it is.
    #[error("the backup {} cannot be used, because {why}: nothing was restored; take another backup", path.display())]
    DamagedBackup {
        /// The backup's folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A text that no value has.
    #[error("the text cannot be read as a value: correct it at the place that the cause names")]
    NotAValue {
        /// What is wrong, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// Anything else that the file system says.
    #[error("cannot {doing} {}: look at the cause, then try again", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Says what was being done and where, when the file system says no.
pub(crate) trait At<T> {
    fn at(self, doing: &'static str, path: &Path) -> Result<T, StoreError>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, doing: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|error| from_io(doing, path, error.into()))
    }
}

/// The error for what the file system said.
pub(crate) fn from_io(doing: &'static str, path: &Path, source: io::Error) -> StoreError {
    let path = path.to_path_buf();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path },
        io::ErrorKind::ReadOnlyFilesystem => StoreError::NotWritable { path, source },
        _ => StoreError::Io { doing, path, source },
    }
}
