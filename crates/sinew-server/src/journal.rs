//! Events to journal records and back; snapshots.

use crate::error::ServerError;
use sinew_core::{Control, Event, Recorded, State};
use sinew_store::{Journal, JournalReader, Record, Row, StoreError, codec};
use sinew_types::{Canonical, Instant};
use std::ops::ControlFlow;

/// The version that records are written in. Older ones stay readable for ever; newer ones are refused. Version 2 writes
/// pools as tiers, leases as runs of cells, and whose cells are whose.
pub const JOURNAL_VERSION: u32 = 2;

/// Reads a record's event.
pub fn read_event(row: &Row<'_>) -> Result<Recorded, ServerError> {
    let wrong = |why: String| ServerError::Record { seq: row.seq, why };
    if row.version > JOURNAL_VERSION {
        return Err(wrong(format!("version {} is newer than {JOURNAL_VERSION}", row.version)));
    }
    let value = codec::from_text(row.body).map_err(|error| wrong(error.to_string()))?;
    let event = Event::from_value(&value).map_err(|error| wrong(error.to_string()))?;
    let at = i64::try_from(row.at_ms).map_err(|error| wrong(error.to_string()))?;
    Ok(Recorded { at: Instant::from_ms(at), event })
}

/// The journal with the events' form.
pub(crate) struct EventLog {
    journal: Journal,
    snapshot_seq: u64,
}

/// After how many records a new snapshot is written at the soonest.
const SNAPSHOT_EVERY: u64 = 2_000;
/// And after how many for each workload that it holds: a snapshot writes all of them, and so costs a part of what their
/// records cost, however many there are.
const SNAPSHOT_EVERY_PER_WORKLOAD: u64 = 4;

impl EventLog {
    /// Brings back the state: the newest snapshot, then every record after it.
    pub(crate) fn load(journal: Journal) -> Result<(Self, Control), ServerError> {
        let (mut control, snapshot_seq) = newest_snapshot(journal.reader())?;
        replay(journal.reader(), snapshot_seq + 1, &mut |recorded| control.replay(&recorded))?;
        Ok((Self { journal, snapshot_seq }, control))
    }

    /// Makes a turn's events durable, all or none.
    pub(crate) fn append(&mut self, fresh: &[Recorded]) -> Result<(), StoreError> {
        let Some(first) = fresh.first() else { return Ok(()) };
        let record = |recorded: &Recorded| Record {
            version: JOURNAL_VERSION,
            body: recorded.event.to_value().to_json(),
        };
        let records: Vec<Record> = fresh.iter().map(record).collect();
        let at_ms = u64::try_from(first.at.ms()).unwrap_or(0);
        self.journal.append(at_ms, &records).map(|_| ())
    }

    /// Writes a snapshot when enough has happened since the last. A failed one costs start-up time only.
    pub(crate) fn snapshot_if_due(&mut self, state: &State) {
        let held = u64::try_from(state.workloads.len()).unwrap_or(u64::MAX);
        let every = SNAPSHOT_EVERY.max(held.saturating_mul(SNAPSHOT_EVERY_PER_WORKLOAD));
        if self.journal.last_seq() >= self.snapshot_seq.saturating_add(every) {
            self.snapshot(state);
        }
    }

    /// Writes a snapshot now.
    pub(crate) fn snapshot(&mut self, state: &State) {
        let seq = self.journal.last_seq();
        let body = state.to_value().to_json();
        if seq > self.snapshot_seq && self.journal.put_snapshot(seq, JOURNAL_VERSION, body.as_bytes()).is_ok()
        {
            self.snapshot_seq = seq;
        }
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.journal.last_seq()
    }

    pub(crate) fn reader(&self) -> &JournalReader {
        self.journal.reader()
    }

    /// The state as the journal alone tells it, after an append that failed.
    pub(crate) fn reload(&self) -> Result<Control, ServerError> {
        let (mut control, seq) = newest_snapshot(self.journal.reader())?;
        replay(self.journal.reader(), seq + 1, &mut |recorded| control.replay(&recorded))?;
        Ok(control)
    }
}

/// A snapshot that this version can read, or the very beginning.
fn newest_snapshot(reader: &JournalReader) -> Result<(Control, u64), ServerError> {
    let Some(snapshot) = reader.latest_snapshot()?.snapshot else { return Ok((Control::default(), 0)) };
    if snapshot.version != JOURNAL_VERSION {
        return Ok((Control::default(), 0));
    }
    let text = String::from_utf8_lossy(&snapshot.body);
    let state = codec::from_text(&text).ok().and_then(|value| State::from_value(&value).ok());
    Ok(state.map_or((Control::default(), 0), |state| (Control::new(state), snapshot.seq)))
}

/// Hands every record from `from_seq` on to `each`.
pub(crate) fn replay(
    reader: &JournalReader,
    from_seq: u64,
    each: &mut dyn FnMut(Recorded),
) -> Result<(), ServerError> {
    let mut failed = None;
    reader.read(from_seq, &mut |row| match read_event(&row) {
        Ok(recorded) => {
            each(recorded);
            ControlFlow::Continue(())
        }
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    })?;
    failed.map_or(Ok(()), Err)
}
