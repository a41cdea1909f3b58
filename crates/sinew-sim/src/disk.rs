//! What lies on a fake disk: each file as it is seen, and as it would be after the power went.
//!
//! A write is seen at once and is durable when its file is synced. A power cut keeps, drops or tears what is not
//! durable, in pieces of a sector, as the seed says; the death of a process alone loses nothing.

use crate::chance::Chance;
use std::collections::BTreeMap;

/// What a disk writes whole.
pub(crate) const SECTOR_BYTES: usize = 512;

/// Why the disk did not do something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// No space is left. What fitted was written.
    Full,
    /// A flush did not come through; nobody knows what is durable.
    NotFlushed,
    /// The power is off.
    Off,
    /// There is no such file.
    Missing,
}

/// What goes wrong with a disk.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// All files together hold no more than this.
    pub capacity_bytes: Option<u64>,
    /// What a flush costs in fake time.
    pub flush_ms: u64,
    /// The power goes before this many more writes, truncations or flushes are done.
    pub power_lasts: Option<u64>,
    /// This flush from now on fails.
    pub flush_fails_in: Option<u64>,
    /// Decides what a flush that fails leaves on the plates.
    pub flush_chance: u64,
    /// What a process that dies has written and not flushed is lost when the power goes before anybody flushes it, also
    /// when the next process has read it. Without this the system writes it back before the next process starts.
    pub no_write_back: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Length(usize),
}

/// A file as it is seen (`live`), as it surely is after a power cut (`durable`), and what lies between. None where
/// it is not there.
#[derive(Clone, Debug, Default)]
struct File {
    live: Option<Vec<u8>>,
    durable: Option<Vec<u8>>,
    pending: Vec<Change>,
}

impl File {
    /// As Linux does it: what could not be flushed counts as flushed, is still seen, and may be on the plates or not.
    fn half_flushed(&mut self, chance: &mut Chance) {
        let durable = self.durable.get_or_insert_default();
        let pieces = self.pending.drain(..).flat_map(|change| sectors(&change));
        pieces.filter(|_| chance.percent(50)).for_each(|piece| make(durable, &piece));
    }
}

/// The content of a disk.
#[derive(Debug, Default)]
pub(crate) struct Plates {
    files: BTreeMap<String, File>,
    pub(crate) faults: Faults,
    off: bool,
    /// The process is dead, so that nothing that its connections still try does anything.
    stopped: bool,
    /// Grows with every death of the process that had files open; their handles are worth nothing then.
    pub(crate) generation: u64,
    /// In which generation the database was opened for the one connection it may have.
    pub(crate) opened_in: Option<u64>,
    spent_ms: u64,
    temporary: u64,
    flush_failed: bool,
}

impl Plates {
    /// Refuses everything while the power is off, and to those whose process is dead.
    fn answering(&self, generation: u64) -> Result<(), Failure> {
        if self.off || self.stopped || generation != self.generation { Err(Failure::Off) } else { Ok(()) }
    }

    /// The same for what changes the disk, which may be the thing that the power does not last for.
    fn changing(&mut self, generation: u64) -> Result<(), Failure> {
        self.answering(generation)?;
        if let Some(lasts) = &mut self.faults.power_lasts {
            if *lasts == 0 {
                self.off = true;
                return Err(Failure::Off);
            }
            *lasts -= 1;
        }
        Ok(())
    }

    fn file(&mut self, name: &str) -> Result<&mut File, Failure> {
        self.files.get_mut(name).filter(|file| file.live.is_some()).ok_or(Failure::Missing)
    }

    /// A name that no file has.
    pub(crate) fn temporary_name(&mut self) -> String {
        self.temporary += 1;
        format!("temporary-{}", self.temporary)
    }

    /// Whether the power is off.
    pub(crate) fn is_off(&self) -> bool {
        self.off
    }

    /// The process that has files open dies; nothing answers until `crash`.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether something that was set to go wrong may be why it does not answer as it should.
    pub(crate) fn is_faulty(&self) -> bool {
        self.flush_failed || self.faults.capacity_bytes.is_some()
    }

    /// Fake time that flushes took since the last question.
    pub(crate) fn take_spent_ms(&mut self) -> u64 {
        std::mem::take(&mut self.spent_ms)
    }

    /// Bytes of all files together.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.files.values().filter_map(|file| file.live.as_ref()).map(|live| live.len() as u64).sum()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.files.get(name).is_some_and(|file| file.live.is_some())
    }

    /// A file as it is seen.
    pub(crate) fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.files.get(name).and_then(|file| file.live.clone())
    }

    pub(crate) fn open(&mut self, generation: u64, name: &str, create: bool) -> Result<(), Failure> {
        self.answering(generation)?;
        if self.exists(name) {
            return Ok(());
        }
        if !create {
            return Err(Failure::Missing);
        }
        self.changing(generation)?;
        let file = self.files.entry(name.to_owned()).or_default();
        file.live = Some(Vec::new());
        file.pending = vec![Change::Length(0)];
        Ok(())
    }

    /// Fills `into` as far as the file goes and answers how far that is.
    pub(crate) fn read(
        &mut self,
        generation: u64,
        name: &str,
        at: usize,
        into: &mut [u8],
    ) -> Result<usize, Failure> {
        self.answering(generation)?;
        let live = self.file(name)?.live.as_deref().unwrap_or_default();
        let there = live.get(at..).unwrap_or_default();
        let count = there.len().min(into.len());
        into[..count].copy_from_slice(&there[..count]);
        Ok(count)
    }

    pub(crate) fn write(
        &mut self,
        generation: u64,
        name: &str,
        at: usize,
        bytes: &[u8],
    ) -> Result<(), Failure> {
        self.changing(generation)?;
        let room = self.faults.capacity_bytes.map(|most| most.saturating_sub(self.used_bytes()));
        let file = self.file(name)?;
        let length = file.live.as_ref().map_or(0, Vec::len);
        let grows = (at + bytes.len()).saturating_sub(length);
        let lacks = room.map_or(0, |room| grows.saturating_sub(usize::try_from(room).unwrap_or(usize::MAX)));
        let fitting = &bytes[..bytes.len().saturating_sub(lacks)];
        if !fitting.is_empty() {
            let change = Change::Write { at, bytes: fitting.to_vec() };
            make(file.live.get_or_insert_default(), &change);
            file.pending.push(change);
        }
        if lacks > 0 { Err(Failure::Full) } else { Ok(()) }
    }

    pub(crate) fn truncate(&mut self, generation: u64, name: &str, length: usize) -> Result<(), Failure> {
        self.changing(generation)?;
        let file = self.file(name)?;
        let change = Change::Length(length);
        make(file.live.get_or_insert_default(), &change);
        file.pending.push(change);
        Ok(())
    }

    pub(crate) fn sync(&mut self, generation: u64, name: &str) -> Result<(), Failure> {
        self.changing(generation)?;
        self.spent_ms += self.faults.flush_ms;
        if let Some(left) = self.faults.flush_fails_in {
            self.faults.flush_fails_in = left.checked_sub(1);
            if left == 0 {
                self.flush_failed = true;
                let mut chance = Chance::of(self.faults.flush_chance);
                self.file(name)?.half_flushed(&mut chance);
                return Err(Failure::NotFlushed);
            }
        }
        let file = self.file(name)?;
        let durable = file.durable.get_or_insert_default();
        file.pending.drain(..).for_each(|change| make(durable, &change));
        Ok(())
    }

    /// Removes a file. Without a flush of its folder it may come back after a power cut.
    pub(crate) fn delete(&mut self, generation: u64, name: &str, durably: bool) -> Result<(), Failure> {
        self.changing(generation)?;
        let file = self.file(name)?;
        file.live = None;
        file.pending.clear();
        if durably || file.durable.is_none() {
            self.files.remove(name);
        }
        Ok(())
    }

    /// Makes durable which files there are, as a flush of their folder does.
    pub(crate) fn sync_folder(&mut self) {
        self.files.retain(|_, file| file.live.is_some());
        self.files.values_mut().for_each(|file| {
            file.durable.get_or_insert_default();
        });
    }

    pub(crate) fn length(&mut self, generation: u64, name: &str) -> Result<usize, Failure> {
        self.answering(generation)?;
        Ok(self.file(name)?.live.as_ref().map_or(0, Vec::len))
    }

    /// The process that had files open is dead; with `power` the machine was too. The next one finds what is left.
    pub(crate) fn crash(&mut self, power: bool, chance: &mut Chance) {
        self.flush_failed = false;
        self.generation += 1;
        self.opened_in = None;
        if power || self.off {
            let torn = self.files.iter().filter_map(|(name, file)| Some((name.clone(), torn(file, chance)?)));
            let whole = |content: Vec<u8>| File {
                live: Some(content.clone()),
                durable: Some(content),
                pending: Vec::new(),
            };
            self.files = torn.map(|(name, content)| (name, whole(content))).collect();
        } else if !self.faults.no_write_back {
            self.files.retain(|_, file| file.live.is_some());
            for file in self.files.values_mut() {
                file.durable.clone_from(&file.live);
                file.pending.clear();
            }
        }
        self.off = false;
        self.stopped = false;
        self.faults.power_lasts = None;
        self.faults.flush_fails_in = None;
    }
}

fn make(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => content.resize(*length, 0),
        Change::Write { at, bytes } => {
            if content.len() < at + bytes.len() {
                content.resize(at + bytes.len(), 0);
            }
            content[*at..at + bytes.len()].copy_from_slice(bytes);
        }
    }
}

/// What a power cut leaves of a file.
fn torn(file: &File, chance: &mut Chance) -> Option<Vec<u8>> {
    if file.live.is_none() {
        // Its removal was not made durable.
        return file.durable.clone().filter(|_| chance.percent(50));
    }
    if file.durable.is_none() && chance.percent(50) {
        return None;
    }
    let mut content = file.durable.clone().unwrap_or_default();
    let pieces: Vec<Change> = file.pending.iter().flat_map(sectors).collect();
    let (how, kept) = (chance.below(4), chance.below(pieces.len() as u64 + 1));
    for (number, piece) in (0..).zip(&pieces) {
        let stays = match how {
            0 => false,
            1 => true,
            2 => number < kept,
            // A disk with a cache of its own writes in an order of its own.
            _ => chance.percent(50),
        };
        if stays {
            make(&mut content, piece);
        }
    }
    Some(content)
}

/// A change in parts that a disk does whole or not at all.
fn sectors(change: &Change) -> Vec<Change> {
    let Change::Write { at, bytes } = change else { return vec![change.clone()] };
    let (mut at, mut rest, mut parts) = (*at, &bytes[..], Vec::new());
    while !rest.is_empty() {
        let count = (SECTOR_BYTES - at % SECTOR_BYTES).min(rest.len());
        parts.push(Change::Write { at, bytes: rest[..count].to_vec() });
        (at, rest) = (at + count, &rest[count..]);
    }
    parts
}
