//! Snapshots: the state after a record, kept in the journal's file so that both are of one piece.

use rusqlite::{Connection, TransactionBehavior};
use sha2::{Digest, Sha256};

/// How many stay: the newest, and one to fall back on.
const KEPT: i64 = 2;

/// The state after record `seq`, in a form that only the caller knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last record that is part of it; a replay goes on with the next.
    pub seq: u64,
    /// The version of the body's form. A caller that cannot read it replays from the first record.
    pub version: u32,
    /// The state.
    pub body: Vec<u8>,
}

/// What a search for a snapshot found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotSearch {
    /// The newest one that is whole; without one, replay from the first record.
    pub snapshot: Option<Snapshot>,
    /// Newer ones that are damaged or ahead of the journal, so that the caller can say so.
    pub damaged_seqs: Vec<u64>,
}

pub(crate) fn put(connection: &mut Connection, snapshot: &Snapshot) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "INSERT OR REPLACE INTO snapshots (seq, version, body, sha256) VALUES (?1, ?2, ?3, ?4)";
    let seq = snapshot.seq.cast_signed();
    transaction.execute(sql, (seq, snapshot.version, &snapshot.body, digest(snapshot)))?;
    let sql = "DELETE FROM snapshots WHERE seq NOT IN (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT ?1)";
    transaction.execute(sql, [KEPT])?;
    transaction.commit()
}

pub(crate) fn latest(connection: &Connection, last_seq: u64) -> rusqlite::Result<SnapshotSearch> {
    let mut statement = connection.prepare("SELECT seq FROM snapshots ORDER BY seq DESC")?;
    let seqs = statement.query_map((), |row| row.get::<_, i64>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut search = SnapshotSearch::default();
    for seq in seqs {
        // A page that SQLite itself cannot read makes one snapshot unusable, not the search.
        match load(connection, seq) {
            Ok(Some(snapshot)) if snapshot.seq <= last_seq => {
                search.snapshot = Some(snapshot);
                break;
            }
            _ => search.damaged_seqs.push(seq.cast_unsigned()),
        }
    }
    Ok(search)
}

fn load(connection: &Connection, seq: i64) -> rusqlite::Result<Option<Snapshot>> {
    let sql = "SELECT version, body, sha256 FROM snapshots WHERE seq = ?1";
    let (version, body, sha256) =
        connection.query_row(sql, [seq], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?)))?;
    let snapshot = Snapshot { seq: seq.cast_unsigned(), version, body };
    Ok((digest(&snapshot)[..] == sha256[..]).then_some(snapshot))
}

/// Over the number and version as well: a row under a wrong number is as bad as a wrong body.
fn digest(snapshot: &Snapshot) -> [u8; 32] {
    let hasher = Sha256::new_with_prefix(snapshot.seq.to_be_bytes());
    hasher.chain_update(snapshot.version.to_be_bytes()).chain_update(&snapshot.body).finalize().into()
}
