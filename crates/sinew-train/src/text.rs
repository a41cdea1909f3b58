//! Anybody's own text: a plain file, a gzip file, or a folder of such files in the order of their paths.

use crate::error::TrainError;
use flate2::read::MultiGzDecoder;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// The most bytes of text that are taken, so that a small archive cannot fill the memory.
const BYTES_MOST: usize = 256 << 20;
/// The fewest bytes of text that can be learnt from and measured on.
const BYTES_LEAST: usize = 4096;

/// Reads the text at `path` and checks that it is text.
pub fn load_text(path: &Path) -> Result<String, TrainError> {
    let mut files = Vec::new();
    walk(path, &mut files)?;
    let mut text = String::new();
    for file in &files {
        let piece = read_file(file, BYTES_MOST - text.len())?;
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&piece);
    }
    if text.trim().is_empty() {
        return Err(refuse(path, "it is empty; give a file or folder with text"));
    }
    if text.len() < BYTES_LEAST {
        let reason = format!("it has only {} bytes; give at least {BYTES_LEAST} bytes of text", text.len());
        return Err(refuse(path, &reason));
    }
    Ok(text)
}

/// The files at and below `path`, sorted; hidden ones and links inside a folder are left out.
fn walk(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), TrainError> {
    let failed = |source| TrainError::Read { path: path.to_owned(), source };
    let kind = fs::metadata(path).map_err(failed)?;
    if kind.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    if !kind.is_dir() {
        return Err(refuse(path, "it is neither a file nor a folder; give one of these"));
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let linked = entry.file_type().map_err(failed)?.is_symlink();
        if !linked && !entry.file_name().to_string_lossy().starts_with('.') {
            entries.push(entry.path());
        }
    }
    entries.sort();
    entries.iter().try_for_each(|entry| walk(entry, files))
}

fn read_file(path: &Path, room: usize) -> Result<String, TrainError> {
    let failed = |source| TrainError::Read { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let mut bytes = Vec::new();
    let zipped = io::BufRead::fill_buf(&mut reader).map_err(failed)?.starts_with(&[0x1f, 0x8b]);
    let most = room as u64 + 1;
    if zipped {
        let unzipped = MultiGzDecoder::new(reader).take(most).read_to_end(&mut bytes);
        unzipped
            .map_err(|error| refuse(path, &format!("it is a damaged gzip file ({error}); copy it again")))?;
    } else {
        reader.take(most).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() > room {
        let most = BYTES_MOST >> 20;
        return Err(refuse(path, &format!("there are more than {most} MiB of text; give a part of it")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        refuse(path, &format!("byte {place} is not UTF-8 text; leave this file out or convert it to UTF-8"))
    })?;
    match text.bytes().position(|byte| byte == 0) {
        Some(place) => {
            Err(refuse(path, &format!("byte {place} is zero, so it is not text; leave this file out")))
        }
        None => Ok(text),
    }
}

fn refuse(path: &Path, reason: &str) -> TrainError {
    TrainError::Text { path: path.to_owned(), reason: reason.to_owned() }
}
