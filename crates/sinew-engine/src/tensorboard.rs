//! TensorBoard's event files: records of length, data and their checksums, each an `Event` in protobuf.
//!
//! Only scalars are written. An event has wall_time = 1 (double), step = 2 (varint), and file_version = 3 (text) or
//! summary = 5, whose value = 1 has tag = 1 (text) and simple_value = 2 (float).

use anyhow::{Context, Result};
use std::fs::{File, create_dir_all};
use std::io::Write;
use std::path::Path;

/// One event file.
pub(crate) struct Events {
    file: File,
}

impl Events {
    /// A new file in `folder`, which TensorBoard puts together with those of earlier starts.
    pub(crate) fn open(folder: &Path, now_ms: u64) -> Result<Events> {
        let open = || -> std::io::Result<File> {
            create_dir_all(folder)?;
            File::create(folder.join(format!(
                "events.out.tfevents.{:010}.{:03}.sinew",
                now_ms / 1000,
                now_ms % 1000
            )))
        };
        let file = open().with_context(|| format!("cannot write into `{}`", folder.display()))?;
        let mut events = Events { file };
        events.write(&event(now_ms, 0, |out| text(out, 3, "brain.Event:2")))?;
        Ok(events)
    }

    /// Writes the scalars of a step.
    pub(crate) fn scalars(&mut self, now_ms: u64, step: u64, scalars: &[(&str, f64)]) -> Result<()> {
        let mut summary = Vec::new();
        for (tag, value) in scalars {
            let mut entry = Vec::new();
            text(&mut entry, 1, tag);
            entry.push(2 << 3 | 5);
            entry.extend((*value as f32).to_le_bytes());
            bytes(&mut summary, 1, &entry);
        }
        self.write(&event(now_ms, step, |out| bytes(out, 5, &summary)))
    }

    fn write(&mut self, event: &[u8]) -> Result<()> {
        self.file.write_all(&record(event)).context("cannot write an event file; is the disk full?")
    }
}

fn event(now_ms: u64, step: u64, what: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![1 << 3 | 1];
    out.extend((now_ms as f64 / 1000.0).to_le_bytes());
    out.push(2 << 3);
    varint(&mut out, step);
    what(&mut out);
    out
}

fn text(out: &mut Vec<u8>, field: u8, value: &str) {
    bytes(out, field, value.as_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let sums = [masked(&length).to_le_bytes(), masked(data).to_le_bytes()];
    [length.as_slice(), &sums[0], data, &sums[1]].concat()
}

/// CRC-32C, turned and shifted so that a checksum of data that holds checksums is no trivial one.
fn masked(data: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in data {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg());
        }
    }
    (!sum).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests;
