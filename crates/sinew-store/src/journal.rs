//! The journal: records in the order in which they were acknowledged, in one SQLite file.
//!
//! One writer, many readers, in this process or another. A start stays quick however old the journal is: it
//! looks at the header and the last record only. SQLite's own checksums repair a write that a kill cut off;
//! damage by the disk itself is found while reading (numbers have to follow each other) and by `check`, which
//! reads everything and which `verify` and `backup` run.

use std::{
    fmt::Write as _,
    ops::{ControlFlow, Range},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, ffi};

use crate::{
    error::{At, StoreError},
    files,
    folder::DataFolder,
    ids::{InstanceId, parse_id},
    snapshot::{self, Snapshot, SnapshotSearch},
};

/// The journal's file in the data folder.
pub(crate) const FILE: &str = "journal.sqlite";

/// `SNEW`: tells `file` and us whose database it is.
const APPLICATION_ID: i64 = 0x534e_4557;

/// Step N upgrades version N to N + 1; the first makes an empty file a journal.
const UPGRADES: &[&str] = &[include_str!("journal/1.sql")];

/// SQLite's own bound.
const PAGES_MOST: u64 = u32::MAX as u64 - 1;
const BUSY_MS: u64 = 5_000;
const WAL_KEPT_BYTES: i64 = 64 << 20;

/// What the journal keeps of one event; only the caller knows what is inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The version of the body's form.
    pub version: u32,
    /// The event.
    pub body: String,
}

/// One record as it is read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its place: 1 for the first, without gaps.
    pub seq: u64,
    /// When it was recorded, in milliseconds UTC, as the caller said.
    pub at_ms: u64,
    /// The version of the body's form.
    pub version: u32,
    /// The event.
    pub body: &'a str,
}

/// How the journal is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct JournalOptions {
    /// The file may not grow beyond this; `None` for what the disk holds.
    pub max_bytes: Option<u64>,
}

/// The one writer.
#[derive(Debug)]
pub struct Journal {
    reader: JournalReader,
    last_seq: u64,
    unconfirmed: bool,
}

/// Reads the journal, also while another thread or process writes it.
#[derive(Debug)]
pub struct JournalReader {
    connection: Connection,
    path: PathBuf,
}

impl Journal {
    /// Opens the journal of a data folder, and makes or upgrades it where that is needed.
    pub fn open(folder: &DataFolder, options: JournalOptions) -> Result<Journal, StoreError> {
        let path = folder.path().join(FILE);
        let reader = JournalReader::connect(&path, &path, read_write())?;
        let mut journal = Journal::over(reader, folder.identity().instance)?;
        // Each time: a first start that was killed may have left a removed rollback journal that could still come back.
        files::sync_dir(folder.path())?;
        journal.set_max_bytes(options.max_bytes)?;
        Ok(journal)
    }

    /// Opens or makes a journal at `path` on the disk that SQLite knows as `vfs`: the same code on a simulated disk.
    pub fn open_on(vfs: &str, path: &Path, instance: InstanceId) -> Result<Journal, StoreError> {
        let connection = Connection::open_with_flags_and_vfs(path, read_write(), vfs);
        Journal::over(JournalReader::around(connection, path)?, instance)
    }

    fn over(mut reader: JournalReader, instance: InstanceId) -> Result<Journal, StoreError> {
        let version = reader.version()?;
        reader.make_durable().map_err(|error| reader.failed("open", error))?;
        reader.upgrade(version, instance)?;
        reader.refuse_other_instance(instance)?;
        reader.confirm_all().map_err(|error| reader.failed("open", error))?;
        let last_seq = reader.last_seq()?;
        Ok(Journal { reader, last_seq, unconfirmed: false })
    }

    /// Records a group as one transaction and one flush to disk, and returns when it is durable. The group is
    /// there whole or not at all. An empty group records nothing.
    pub fn append(&mut self, at_ms: u64, records: &[Record]) -> Result<Range<u64>, StoreError> {
        self.refuse_unconfirmed()?;
        let first = self.last_seq + 1;
        let written = write_group(&mut self.reader.connection, first, at_ms, records);
        written.map_err(|error| self.write_failed("append to", error))?;
        self.last_seq += records.len() as u64;
        Ok(first..self.last_seq + 1)
    }

    /// Keeps the state as it was after record `seq`, so that a start need not replay what came before. The
    /// newest two are kept: the older one serves if the newer one is damaged.
    pub fn put_snapshot(&mut self, seq: u64, version: u32, body: &[u8]) -> Result<(), StoreError> {
        self.refuse_unconfirmed()?;
        if seq > self.last_seq {
            let path = self.reader.path.clone();
            return Err(StoreError::SnapshotAhead { path, seq, last_seq: self.last_seq });
        }
        let snapshot = Snapshot { seq, version, body: body.to_vec() };
        let written = snapshot::put(&mut self.reader.connection, &snapshot);
        written.map_err(|error| self.write_failed("keep a snapshot in", error))
    }

    /// Changes how far the file may grow. Less than it has now stops growth and removes nothing.
    pub fn set_max_bytes(&mut self, max_bytes: Option<u64>) -> Result<(), StoreError> {
        self.reader.set_max_bytes(max_bytes).map_err(|error| self.reader.failed("limit", error))
    }

    /// The number of the last record; 0 when there is none.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Everything that reads.
    pub fn reader(&self) -> &JournalReader {
        &self.reader
    }

    fn refuse_unconfirmed(&self) -> Result<(), StoreError> {
        if !self.unconfirmed {
            return Ok(());
        }
        Err(StoreError::Unconfirmed { path: self.reader.path.clone(), source: None })
    }

    /// A write that found no space never reached its commit frame, so it is not recorded. After a failed
    /// flush the frame may lie in the file and come back at the next start, so nothing more may be appended
    /// on top of it here.
    fn write_failed(&mut self, doing: &'static str, error: rusqlite::Error) -> StoreError {
        let path = self.reader.path.clone();
        match kind_of(&error) {
            Some(Trouble::Full) if self.reader.connection.is_autocommit() => StoreError::Full { path },
            Some(_) => {
                self.unconfirmed = true;
                StoreError::Unconfirmed { path, source: Some(error) }
            }
            None => self.reader.failed(doing, error),
        }
    }
}

impl JournalReader {
    /// Opens the journal of a data folder for reading; the server may be running.
    pub fn open(folder: &Path) -> Result<JournalReader, StoreError> {
        let path = folder.join(FILE);
        if !path.is_file() {
            return Err(StoreError::NoSinew { path: folder.to_path_buf() });
        }
        let reader = JournalReader::connect(&path, &path, read_only())?;
        reader.refuse_other_version()?;
        Ok(reader)
    }

    /// Opens a journal that nobody writes and that lies there whole, such as a backup's: leaves no file
    /// beside it.
    pub(crate) fn open_still(path: &Path) -> Result<JournalReader, StoreError> {
        let absolute = std::path::absolute(path).at("find", path)?;
        let mut uri = "file:".to_owned();
        for &byte in absolute.as_os_str().as_bytes() {
            match byte {
                b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(byte.into()),
                _ => write!(uri, "%{byte:02x}").expect("a string has room"),
            }
        }
        uri.push_str("?immutable=1");
        let flags = read_only() | OpenFlags::SQLITE_OPEN_URI;
        let reader = JournalReader::connect(path, Path::new(&uri), flags)?;
        reader.refuse_other_version()?;
        Ok(reader)
    }

    /// Shows each record from `from_seq` on, in order, until the visitor breaks off.
    pub fn read(
        &self,
        from_seq: u64,
        visit: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (mut expected, mut gap) = (from_seq.max(1), false);
        let run = self.each_row(expected, &mut |row| {
            if row.seq != expected {
                gap = true;
                return ControlFlow::Break(());
            }
            expected += 1;
            visit(row)
        });
        run.map_err(|error| self.failed("read", error))?;
        if gap { Err(StoreError::Gap { path: self.path.clone(), expected }) } else { Ok(()) }
    }

    /// The number of the last record; 0 when there is none.
    pub fn last_seq(&self) -> Result<u64, StoreError> {
        self.number("SELECT coalesce(max(seq), 0) FROM records").map(i64::cast_unsigned)
    }

    /// The newest whole snapshot, and those that were passed over because they are damaged.
    pub fn latest_snapshot(&self) -> Result<SnapshotSearch, StoreError> {
        let last_seq = self.last_seq()?;
        snapshot::latest(&self.connection, last_seq).map_err(|error| self.failed("find a snapshot in", error))
    }

    /// Reads everything: SQLite's structures, and that no record is missing. Takes as long as the journal is
    /// old.
    pub fn check(&self) -> Result<(), StoreError> {
        let mut found: Vec<String> = Vec::new();
        let run = self.connection.pragma_query(None, "quick_check", |row| {
            found.push(row.get(0)?);
            Ok(())
        });
        run.map_err(|error| self.failed("check", error))?;
        if found != ["ok"] {
            return Err(StoreError::Damaged { path: self.path.clone(), detail: found.join("; ") });
        }
        self.read(1, &mut |_| ControlFlow::Continue(()))
    }

    /// The instance that the journal belongs to.
    pub fn instance(&self) -> Result<InstanceId, StoreError> {
        let text =
            self.connection.query_row("SELECT instance FROM identity", (), |row| row.get::<_, String>(0));
        let text = text.map_err(|error| self.failed("read", error))?;
        parse_id(&text).map(InstanceId).ok_or_else(|| StoreError::NotAJournal { path: self.path.clone() })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn connect(path: &Path, target: &Path, flags: OpenFlags) -> Result<JournalReader, StoreError> {
        JournalReader::around(Connection::open_with_flags(target, flags), path)
    }

    fn around(opened: rusqlite::Result<Connection>, path: &Path) -> Result<JournalReader, StoreError> {
        let wrap = |source| StoreError::Journal { doing: "open", path: path.to_path_buf(), source };
        let connection = opened.map_err(wrap)?;
        connection.busy_timeout(Duration::from_millis(BUSY_MS)).map_err(wrap)?;
        // What the file's own schema could make SQLite run is not trusted: it may come from a backup.
        connection.pragma_update(None, "trusted_schema", false).map_err(wrap)?;
        connection.pragma_update(None, "cell_size_check", true).map_err(wrap)?;
        Ok(JournalReader { connection, path: path.to_path_buf() })
    }

    /// The version that the file has; 0 for one that is empty.
    fn version(&self) -> Result<i64, StoreError> {
        let version = self.number("PRAGMA user_version")?;
        let application = self.number("PRAGMA application_id")?;
        let tables = self.number("SELECT count(*) FROM sqlite_schema")?;
        if application == APPLICATION_ID && version > CURRENT {
            return Err(StoreError::NewerJournal { path: self.path.clone(), found: version, known: CURRENT });
        }
        let empty = application == 0 && version == 0 && tables == 0;
        if !empty && (application != APPLICATION_ID || version < 1) {
            return Err(StoreError::NotAJournal { path: self.path.clone() });
        }
        Ok(version)
    }

    fn refuse_other_version(&self) -> Result<(), StoreError> {
        match self.version()? {
            CURRENT => Ok(()),
            0 => Err(StoreError::NotAJournal { path: self.path.clone() }),
            found => Err(StoreError::OlderJournal { path: self.path.clone(), found }),
        }
    }

    fn refuse_other_instance(&self, expected: InstanceId) -> Result<(), StoreError> {
        let found = self.instance()?;
        if found == expected {
            return Ok(());
        }
        Err(StoreError::WrongInstance { path: self.path.clone(), found, expected })
    }

    fn make_durable(&self) -> rusqlite::Result<()> {
        self.connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        self.connection.pragma_update(None, "synchronous", "full")?;
        // A long reader lets the write-ahead log grow; afterwards it gives the space back.
        self.connection.pragma_update_and_check(None, "journal_size_limit", WAL_KEPT_BYTES, |_| Ok(()))
    }

    /// A process that died amid a commit, or whose flush failed, leaves records that are seen and not durable. They are
    /// copied into the file itself and flushed before anybody builds on them, and the write-ahead log is emptied: what
    /// the next power cut leaves of it would hide the newer pages. Emptying is not flushed by itself, so a commit
    /// follows that writes the log's beginning anew. Refused while another program reads the log.
    fn confirm_all(&self) -> rusqlite::Result<()> {
        let checkpoint = |how: &str| {
            let sql = format!("PRAGMA wal_checkpoint({how})");
            self.connection.query_row(&sql, (), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
        };
        if let (0, 0) = checkpoint("PASSIVE")? {
            return Ok(());
        }
        if let (1.., _) = checkpoint("TRUNCATE")? {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            let why = "another program reads the journal; wait for it or end it, then start again";
            return Err(rusqlite::Error::SqliteFailure(busy, Some(why.to_owned())));
        }
        let version: i64 = self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        self.connection.pragma_update(None, "user_version", version)
    }

    /// All steps in one transaction: a kill leaves the old version or the new one.
    fn upgrade(&mut self, from: i64, instance: InstanceId) -> Result<(), StoreError> {
        let steps = &UPGRADES[usize::try_from(from).expect("version() refuses versions below 0")..];
        if steps.is_empty() {
            return Ok(());
        }
        let run = |connection: &mut Connection| -> rusqlite::Result<()> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for step in steps {
                transaction.execute_batch(step)?;
            }
            if from == 0 {
                transaction.execute("INSERT INTO identity (instance) VALUES (?1)", [instance.to_string()])?;
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            }
            transaction.pragma_update(None, "user_version", CURRENT)?;
            transaction.commit()
        };
        run(&mut self.connection).map_err(|error| self.failed("upgrade", error))
    }

    fn set_max_bytes(&self, max_bytes: Option<u64>) -> rusqlite::Result<()> {
        let page_bytes: u32 = self.connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = max_bytes.map_or(PAGES_MOST, |bytes| bytes / u64::from(page_bytes));
        let pages = pages.clamp(1, PAGES_MOST).cast_signed();
        self.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
    }

    /// Shows rows as they are until the visitor breaks off.
    fn each_row(
        &self,
        from_seq: u64,
        visit: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> rusqlite::Result<()> {
        let sql = "SELECT seq, at_ms, version, body FROM records WHERE seq >= ?1 ORDER BY seq";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([from_seq.cast_signed()])?;
        while let Some(row) = rows.next()? {
            let seq = row.get::<_, i64>(0)?.cast_unsigned();
            let at_ms = row.get::<_, i64>(1)?.cast_unsigned();
            let body = row.get_ref(3)?.as_str()?;
            if visit(Row { seq, at_ms, version: row.get(2)?, body }).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn number(&self, sql: &str) -> Result<i64, StoreError> {
        self.connection.query_row(sql, (), |row| row.get(0)).map_err(|error| self.failed("read", error))
    }

    fn failed(&self, doing: &'static str, error: rusqlite::Error) -> StoreError {
        let path = self.path.clone();
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => StoreError::NotAJournal { path },
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
                StoreError::Damaged { path, detail: error.to_string() }
            }
            Some(rusqlite::ErrorCode::DiskFull) => StoreError::Full { path },
            _ => StoreError::Journal { doing, path, source: error },
        }
    }
}

/// The version that this program writes.
const CURRENT: i64 = UPGRADES.len() as i64;

enum Trouble {
    Full,
    Unconfirmed,
}

fn kind_of(error: &rusqlite::Error) -> Option<Trouble> {
    let code = error.sqlite_error()?.extended_code;
    match code & 0xff {
        ffi::SQLITE_FULL => Some(Trouble::Full),
        // A disk quota shows as a failed write instead of a full disk.
        ffi::SQLITE_IOERR if matches!(code, ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE) => {
            Some(Trouble::Full)
        }
        ffi::SQLITE_IOERR => Some(Trouble::Unconfirmed),
        _ => None,
    }
}

fn read_write() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE
}

fn read_only() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE
}

fn write_group(
    connection: &mut Connection,
    first: u64,
    at_ms: u64,
    records: &[Record],
) -> rusqlite::Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let sql = "INSERT INTO records (seq, at_ms, version, body) VALUES (?1, ?2, ?3, ?4)";
        let mut insert = transaction.prepare_cached(sql)?;
        for (seq, record) in (first..).zip(records) {
            insert.execute((seq.cast_signed(), at_ms.cast_signed(), record.version, &record.body))?;
        }
    }
    transaction.commit()
}

#[cfg(test)]
mod tests;
