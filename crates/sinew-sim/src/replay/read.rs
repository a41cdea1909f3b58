//! Reading the files of a trace, packed or not, and what can be wrong with them.

use flate2::read::GzDecoder;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The longest text of one file.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Why a trace was not replayed.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A file or folder cannot be read.
    #[error("cannot read `{}`: {why}; check the folder that was named", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// A report cannot be written.
    #[error("cannot write `{}`: {why}; choose a folder that exists", file.display())]
    Unwritable {
        /// Which.
        file: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// A line of a file makes no sense.
    #[error("{file}, line {line}: {what}")]
    Line {
        /// The file's name.
        file: String,
        /// Which line, from 1.
        line: usize,
        /// What is wrong and what would be right.
        what: String,
    },
    /// A folder holds nothing of that kind.
    #[error("`{}` holds no {wanted}; name the folder of the trace", folder.display())]
    Nothing {
        /// Which.
        folder: PathBuf,
        /// What should be there.
        wanted: &'static str,
    },
    /// The trace describes a pool that cannot be.
    #[error("the trace's pool cannot be: {why}; correct its topology or its quotas")]
    NoPool {
        /// What is wrong.
        why: String,
    },
    /// The control plane says no to what the trace wants.
    #[error("{what} was refused: {why}; the trace asks for more than its own pool holds")]
    Refused {
        /// What was asked.
        what: String,
        /// The refusal.
        why: String,
    },
    /// The control plane does not come to rest.
    #[error("at {at_ms} ms the control plane decides and takes back without end; please report this trace")]
    Restless {
        /// When.
        at_ms: u64,
    },
    /// Some jobs never run although nothing else is under way.
    #[error("{jobs} jobs wait for ever, the first of them job {first}; please report this trace")]
    Stuck {
        /// How many.
        jobs: usize,
        /// The first of them.
        first: usize,
    },
}

/// The text of a file; one whose name ends with `.gz` is unpacked.
pub(super) fn text(file: &Path) -> Result<String, TraceError> {
    let unreadable = |why| TraceError::Unreadable { file: file.to_owned(), why };
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    let mut text = String::new();
    if file.extension().is_some_and(|end| end == "gz") {
        GzDecoder::new(opened).take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    } else {
        opened.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    }
    Ok(text)
}

/// The files of a folder, in order.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, TraceError> {
    let unreadable = |why| TraceError::Unreadable { file: folder.to_owned(), why };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        files.push(entry.map_err(unreadable)?.path());
    }
    files.sort();
    Ok(files)
}

/// The named columns of a table with a head line, each line with its number, from 1.
pub(super) fn columns(
    file: &str,
    text: &str,
    names: &[&str],
) -> Result<Vec<(usize, Vec<String>)>, TraceError> {
    let mut lines = (1..).zip(text.lines());
    let head: Vec<&str> = lines.next().map(|(_, line)| line.trim().split(',').collect()).unwrap_or_default();
    let place = |name: &&str| {
        let what = || format!("there is no column `{name}`; the first line names the columns");
        let found = head.iter().position(|column| column == name);
        found.ok_or_else(|| TraceError::Line { file: file.to_owned(), line: 1, what: what() })
    };
    let places: Vec<usize> = names.iter().map(place).collect::<Result<_, _>>()?;
    let row = |(number, line): (usize, &str)| {
        let words: Vec<&str> = line.trim().split(',').collect();
        let word = |place: &usize| words.get(*place).copied().unwrap_or("").to_owned();
        (number, places.iter().map(word).collect())
    };
    Ok(lines.filter(|(_, line)| !line.trim().is_empty()).map(row).collect())
}
