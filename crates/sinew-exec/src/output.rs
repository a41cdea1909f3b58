//! A program's output on disk: the beginning, and the newest of the rest.
//!
//! The output is one stream of bytes, cut into segments that are named by the place of their first byte:
//! `output-0.log`, `output-8388608.log`, … The first segment stays. Of the others the two newest stay. So a
//! reader needs no index: it reads from any place on, and sees by the name where a gap is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A piece of a program's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputChunk {
    /// The place of the first byte in the whole output. Larger than what was asked for where output was dropped.
    pub start: u64,
    /// The output from there on. Empty at the end of what was written so far.
    pub bytes: Vec<u8>,
}

/// Writes a program's output within its limit.
pub(crate) struct OutputWriter {
    folder: PathBuf,
    limit_bytes: u64,
    segment: Option<File>,
    segment_start: u64,
    written: u64,
    failed_bytes: u64,
}

impl OutputWriter {
    /// Starts an empty output. What an older epoch wrote is removed.
    pub(crate) fn create(folder: &Path, limit_bytes: u64) -> io::Result<Self> {
        for (_, path) in segments(folder)? {
            fs::remove_file(path)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            limit_bytes,
            // Made with the first byte: many programs say nothing.
            segment: None,
            segment_start: 0,
            written: 0,
            failed_bytes: 0,
        })
    }

    /// Takes output. What the disk refuses is counted and dropped: a full disk must not stop the program.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = (self.segment_start + self.segment_most()).saturating_sub(self.written);
            if room == 0 {
                self.rotate();
                continue;
            }
            let count = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(count);
            if self.written == 0 {
                self.segment = create_segment(&self.folder, 0).ok();
            }
            let stored = self.segment.as_mut().is_some_and(|file| file.write_all(now).is_ok());
            if !stored {
                // A segment with a hole would show bytes at the wrong place, so it ends here.
                self.segment = None;
                self.failed_bytes += count as u64;
            }
            self.written += count as u64;
            bytes = later;
        }
    }

    /// Bytes that the program wrote, and those of them that are not kept.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let kept: u64 = segments(&self.folder)
            .unwrap_or_default()
            .iter()
            .filter_map(|(_, path)| fs::metadata(path).ok())
            .map(|metadata| metadata.len())
            .sum();
        (self.written, self.written.saturating_sub(kept).max(self.failed_bytes))
    }

    /// The first segment has half of the limit, the two newest a quarter each.
    fn segment_most(&self) -> u64 {
        if self.segment_start == 0 { self.limit_bytes / 2 } else { self.limit_bytes / 4 }.max(1)
    }

    fn rotate(&mut self) {
        self.segment_start = self.written;
        let tail = segments(&self.folder).unwrap_or_default();
        // One old segment of the tail stays beside the one that starts now.
        let old = tail.iter().filter(|(start, _)| *start > 0).rev().skip(1);
        for (_, path) in old {
            let _ = fs::remove_file(path);
        }
        self.segment = create_segment(&self.folder, self.segment_start).ok();
    }
}

fn create_segment(folder: &Path, start: u64) -> io::Result<File> {
    let path = folder.join(format!("output-{start}.log"));
    OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)
}

/// All segments, in the order of the output.
fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let start = name.strip_prefix("output-").and_then(|rest| rest.strip_suffix(".log"));
        if let Some(start) = start.and_then(|start| start.parse().ok()) {
            found.push((start, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Reads output from a place on, at most so many bytes, and never across a gap.
pub(crate) fn read(folder: &Path, from: u64, most_bytes: usize) -> io::Result<OutputChunk> {
    for (start, path) in segments(folder)? {
        let mut file = match File::open(&path) {
            Ok(file) => file,
            // It was rotated away between the listing and now; the next segment says where output goes on.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let end = start + file.metadata()?.len();
        if from >= end {
            continue;
        }
        let start_here = from.max(start);
        file.seek(SeekFrom::Start(start_here - start))?;
        let mut bytes = Vec::new();
        file.take(most_bytes as u64).read_to_end(&mut bytes)?;
        return Ok(OutputChunk { start: start_here, bytes });
    }
    Ok(OutputChunk { start: from, bytes: Vec::new() })
}

#[cfg(test)]
mod tests;
