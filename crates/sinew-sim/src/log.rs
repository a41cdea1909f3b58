//! Events to journal records and back, and snapshots, as the server writes them.

use sinew_core::{Control, Event, Recorded, State};
use sinew_store::{InstanceId, Journal, JournalReader, Record, Row, StoreError, codec};
use sinew_types::{Canonical, Instant};
use std::ops::ControlFlow;

/// The version that records and snapshots are written in.
const VERSION: u32 = 1;

/// What the journal could not do.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The store says no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record that was written cannot be read.
    #[error("record {seq} cannot be read back, because {why}: look at what wrote it")]
    Record {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// The journal with the events' form.
#[derive(Debug)]
pub struct EventLog {
    journal: Journal,
    snapshot_seq: u64,
}

impl EventLog {
    /// Opens the journal at `path` on the disk `vfs`, and brings back the state: the newest snapshot, then every record
    /// after it.
    pub fn open(
        vfs: &str,
        path: &std::path::Path,
        instance: InstanceId,
    ) -> Result<(Self, Control), LogError> {
        let journal = Journal::open_on(vfs, path, instance)?;
        let (control, snapshot_seq) = load(journal.reader())?;
        Ok((Self { journal, snapshot_seq }, control))
    }

    /// Makes a turn's events durable, all or none.
    pub fn append(&mut self, fresh: &[Recorded]) -> Result<(), StoreError> {
        let Some(first) = fresh.first() else { return Ok(()) };
        let records: Vec<Record> = fresh.iter().map(record).collect();
        let at_ms = u64::try_from(first.at.ms()).unwrap_or(0);
        self.journal.append(at_ms, &records).map(|_| ())
    }

    /// Keeps the state, if at least `every` records came since the last time. A failure costs start-up time only.
    pub fn snapshot(&mut self, state: &State, every: u64) {
        let seq = self.journal.last_seq();
        let body = || state.to_value().to_json();
        if seq >= self.snapshot_seq + every
            && self.journal.put_snapshot(seq, VERSION, body().as_bytes()).is_ok()
        {
            self.snapshot_seq = seq;
        }
    }

    /// The number of the last record.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.journal.last_seq()
    }

    /// The state as the journal alone tells it.
    pub fn reload(&self) -> Result<Control, LogError> {
        load(self.journal.reader()).map(|(control, _)| control)
    }

    /// The state after all records, without any snapshot.
    pub fn replayed(&self) -> Result<Control, LogError> {
        let mut control = Control::default();
        self.read(1, &mut |_, recorded| control.replay(&recorded))?;
        Ok(control)
    }

    /// Hands each record from `from_seq` on to `each`, as its row and as its event.
    pub fn read(&self, from_seq: u64, each: &mut dyn FnMut(Row<'_>, Recorded)) -> Result<(), LogError> {
        replay(self.journal.reader(), from_seq, each)
    }
}

/// A record as the journal keeps it.
#[must_use]
pub fn record(recorded: &Recorded) -> Record {
    Record { version: VERSION, body: recorded.event.to_value().to_json() }
}

fn read_event(row: &Row<'_>) -> Result<Recorded, LogError> {
    let wrong = |why: String| LogError::Record { seq: row.seq, why };
    let value = codec::from_text(row.body).map_err(|error| wrong(error.to_string()))?;
    let event = Event::from_value(&value).map_err(|error| wrong(error.to_string()))?;
    let at = i64::try_from(row.at_ms).map_err(|error| wrong(error.to_string()))?;
    Ok(Recorded { at: Instant::from_ms(at), event })
}

fn load(reader: &JournalReader) -> Result<(Control, u64), LogError> {
    let (mut control, seq) = newest_snapshot(reader)?;
    replay(reader, seq + 1, &mut |_, recorded| control.replay(&recorded))?;
    Ok((control, seq))
}

fn newest_snapshot(reader: &JournalReader) -> Result<(Control, u64), LogError> {
    let Some(snapshot) = reader.latest_snapshot()?.snapshot else { return Ok((Control::default(), 0)) };
    let text = String::from_utf8_lossy(&snapshot.body);
    let state = codec::from_text(&text).ok().and_then(|value| State::from_value(&value).ok());
    Ok(state.map_or((Control::default(), 0), |state| (Control::new(state), snapshot.seq)))
}

fn replay(
    reader: &JournalReader,
    from_seq: u64,
    each: &mut dyn FnMut(Row<'_>, Recorded),
) -> Result<(), LogError> {
    let mut failed = None;
    reader.read(from_seq, &mut |row| match read_event(&row) {
        Ok(recorded) => {
            each(row, recorded);
            ControlFlow::Continue(())
        }
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    })?;
    failed.map_or(Ok(()), Err)
}
