//! The tensors of a file that is mapped into memory, not read: the system brings in what is used.

use crate::error::ModelError;
use memmap2::Mmap;
use sinew_tensor::quant::Format;
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file's bytes, without a copy of them.
#[derive(Clone, Debug)]
pub struct Mapped {
    path: PathBuf,
    bytes: Bytes,
}

#[derive(Clone, Debug)]
enum Bytes {
    Mapped(Arc<Mmap>),
    Owned(Arc<[u8]>),
}

impl Mapped {
    /// Maps a file. Whoever shortens the file while it is mapped ends this process, as with any mapped file.
    pub fn open(path: &Path) -> Result<Mapped, ModelError> {
        let failed = |source| ModelError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() {
            let reason = "it is not a plain file".to_owned();
            return Err(ModelError::Malformed { path: path.to_owned(), reason });
        }
        if about.len() == 0 {
            // An empty file cannot be mapped, and has no bytes either way.
            return Ok(Mapped::own(path, Vec::new()));
        }
        // SAFETY: the map is read only; that nobody shortens the file is what the documentation asks for.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Ok(Mapped { path: path.to_owned(), bytes: Bytes::Mapped(Arc::new(map)) })
    }

    /// Bytes in memory, under the name of a file.
    pub fn own(path: &Path, bytes: Vec<u8>) -> Mapped {
        Mapped { path: path.to_owned(), bytes: Bytes::Owned(bytes.into()) }
    }

    /// All bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Where a tensor lies: rows of `columns` numbers, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorPlace {
    /// How its numbers are written.
    pub format: Format,
    /// Rows; a tensor of one dimension is one row.
    pub rows: usize,
    /// Numbers of a row.
    pub columns: usize,
    /// Its bytes in the file. Readers make only places that are inside it.
    pub place: Range<usize>,
}

impl TensorPlace {
    /// A place that was checked: the bytes are as many as the format needs, and inside a file of `length` bytes.
    pub(super) fn new(
        format: Format,
        (rows, columns): (usize, usize),
        start: usize,
        length: usize,
    ) -> Result<TensorPlace, String> {
        let row = format.row_bytes(columns);
        let row =
            row.ok_or_else(|| format!("has rows of {columns} numbers, which {format:?} cannot hold"))?;
        let end = rows.checked_mul(row).and_then(|bytes| bytes.checked_add(start));
        let end = end.ok_or("is longer than any file")?;
        if rows == 0 || columns == 0 {
            return Err("is empty".to_owned());
        }
        if end > length {
            return Err(format!("ends at byte {end} of a file that has {length}"));
        }
        Ok(TensorPlace { format, rows, columns, place: start..end })
    }
}

/// The named tensors of one or several files.
#[derive(Clone, Debug, Default)]
pub struct Tensors {
    files: Vec<Mapped>,
    places: BTreeMap<String, (usize, TensorPlace)>,
}

impl Tensors {
    /// Adds a file and what lies in it; a name that is there already is refused.
    pub(super) fn add(&mut self, file: Mapped, places: Vec<(String, TensorPlace)>) -> Result<(), String> {
        let index = self.files.len();
        self.files.push(file);
        for (name, place) in places {
            if self.places.contains_key(&name) {
                return Err(format!("tensor {name} is there twice"));
            }
            self.places.insert(name, (index, place));
        }
        Ok(())
    }

    /// A tensor's form and bytes.
    pub fn get(&self, name: &str) -> Option<(&TensorPlace, &[u8])> {
        let (file, place) = self.places.get(name)?;
        Some((place, &self.files[*file].bytes()[place.place.clone()]))
    }

    /// All names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }
}
