//! GGUF, versions 2 and 3: a head of named values, a list of tensors, then their bytes.

use super::tensors::{Mapped, TensorPlace, Tensors};
use crate::error::ModelError;
use cursor::Cursor;
use sinew_tensor::quant::Format;
use std::collections::BTreeMap;

mod cursor;
mod write;

pub use write::{GgufTensor, write_gguf};

/// A value of a GGUF file's head.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Whole(i128),
    /// A number.
    Number(f64),
    /// Yes or no.
    Truth(bool),
    /// A text.
    Text(String),
    /// A row of texts.
    Texts(Vec<String>),
    /// A row of numbers or truths, whole or not.
    Numbers(Vec<f64>),
}

/// A GGUF file: what its head says, and its tensors.
#[derive(Clone, Debug)]
pub struct Gguf {
    /// The head.
    pub values: BTreeMap<String, Value>,
    /// The tensors.
    pub tensors: Tensors,
}

/// The most bytes of a key or a tensor's name.
const NAME_BYTES_MOST: usize = 256;
/// The least bytes of a named value and of a tensor's line: so many of them fit in what is left, and no more.
const VALUE_BYTES_LEAST: usize = 13;
const LINE_BYTES_LEAST: usize = 28;
/// What the specification says where a file names no alignment.
const ALIGNMENT: i128 = 32;

impl Gguf {
    /// Checks a file's bytes.
    pub fn read(file: Mapped) -> Result<Gguf, ModelError> {
        let path = file.path().to_owned();
        let malformed = |reason| ModelError::Malformed { path: path.clone(), reason };
        let (values, places) = read(file.bytes()).map_err(malformed)?;
        let mut tensors = Tensors::default();
        tensors.add(file, places).map_err(malformed)?;
        Ok(Gguf { values, tensors })
    }

    /// A whole number of the head.
    pub fn whole(&self, key: &str) -> Option<i128> {
        match self.values.get(key)? {
            Value::Whole(whole) => Some(*whole),
            _ => None,
        }
    }

    /// A number of the head.
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.values.get(key)? {
            Value::Number(number) => Some(*number),
            Value::Whole(whole) => Some(*whole as f64),
            _ => None,
        }
    }

    /// A text of the head.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A truth of the head.
    pub fn truth(&self, key: &str) -> Option<bool> {
        match self.values.get(key)? {
            Value::Truth(truth) => Some(*truth),
            _ => None,
        }
    }

    /// A row of texts of the head.
    pub fn texts(&self, key: &str) -> Option<&[String]> {
        match self.values.get(key)? {
            Value::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    /// A row of numbers of the head.
    pub fn numbers(&self, key: &str) -> Option<&[f64]> {
        match self.values.get(key)? {
            Value::Numbers(numbers) => Some(numbers),
            _ => None,
        }
    }
}

type Head = (BTreeMap<String, Value>, Vec<(String, TensorPlace)>);

fn read(bytes: &[u8]) -> Result<Head, String> {
    let mut cursor = Cursor::new(bytes);
    if cursor.take(4)? != b"GGUF" {
        return Err("it does not begin with GGUF".to_owned());
    }
    let version = cursor.u32()?;
    if !(2..=3).contains(&version) {
        return Err(format!("it is GGUF version {version}; versions 2 and 3 are known"));
    }
    let tensor_count = cursor.u64()?;
    let value_count = cursor.count(VALUE_BYTES_LEAST)?;
    let mut values = BTreeMap::new();
    for _ in 0..value_count {
        let key = cursor.text(NAME_BYTES_MOST)?;
        let kind = cursor.u32()?;
        let value = read_value(&mut cursor, kind).map_err(|reason| format!("value {key}: {reason}"))?;
        if values.insert(key.clone(), value).is_some() {
            return Err(format!("value {key} is there twice"));
        }
    }
    if tensor_count > (cursor.left() / LINE_BYTES_LEAST) as u64 {
        return Err(format!("it promises {tensor_count} tensors and has {} bytes for them", cursor.left()));
    }
    let lines = (0..tensor_count).map(|_| read_line(&mut cursor)).collect::<Result<Vec<Line>, _>>()?;
    let alignment = match values.get("general.alignment") {
        None => ALIGNMENT,
        Some(Value::Whole(whole)) if (8..=1 << 20).contains(whole) && whole & (whole - 1) == 0 => *whole,
        Some(other) => return Err(format!("its alignment is {other:?}, not a power of two from 8 to 2^20")),
    };
    let alignment = usize::try_from(alignment).expect("at most 2^20");
    let start = cursor.place().next_multiple_of(alignment);
    let place = |line: Line| line.place(start, alignment, bytes.len());
    Ok((values, lines.into_iter().map(place).collect::<Result<_, _>>()?))
}

struct Line {
    name: String,
    shape: (usize, usize),
    kind: u32,
    offset: u64,
}

/// A tensor's line: its name, its dimensions with the fastest first, its format and its place.
fn read_line(cursor: &mut Cursor<'_>) -> Result<Line, String> {
    let name = cursor.text(NAME_BYTES_MOST)?;
    let dimensions = cursor.u32()?;
    if !(1..=4).contains(&dimensions) {
        return Err(format!("tensor {name} has {dimensions} dimensions"));
    }
    let too_large = || format!("tensor {name} is larger than any file");
    let columns = usize::try_from(cursor.u64()?).map_err(|_| too_large())?;
    let mut rows = 1_usize;
    for _ in 1..dimensions {
        let factor = usize::try_from(cursor.u64()?).map_err(|_| too_large())?;
        rows = rows.checked_mul(factor).ok_or_else(too_large)?;
    }
    Ok(Line { shape: (rows, columns), kind: cursor.u32()?, offset: cursor.u64()?, name })
}

impl Line {
    fn place(self, start: usize, alignment: usize, length: usize) -> Result<(String, TensorPlace), String> {
        let Line { name, shape, kind, offset } = self;
        let format = format_of(kind).ok_or_else(|| {
            format!(
                "tensor {name} is of kind {kind}; F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K and Q6_K are known"
            )
        })?;
        let begin = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(start));
        let begin = begin.filter(|begin| (begin - start).is_multiple_of(alignment));
        let begin =
            begin.ok_or_else(|| format!("tensor {name} begins at offset {offset}, which cannot be"))?;
        match TensorPlace::new(format, shape, begin, length) {
            Ok(place) => Ok((name, place)),
            Err(reason) => Err(format!("tensor {name} {reason}")),
        }
    }
}

fn read_value(cursor: &mut Cursor<'_>, kind: u32) -> Result<Value, String> {
    Ok(match kind {
        6 => Value::Number(f64::from(f32::from_bits(cursor.u32()?))),
        7 => Value::Truth(cursor.whole(0)? != 0),
        8 => Value::Text(cursor.text(usize::MAX)?),
        9 => return read_row(cursor),
        12 => Value::Number(f64::from_bits(cursor.u64()?)),
        _ => Value::Whole(cursor.whole(kind)?),
    })
}

fn read_row(cursor: &mut Cursor<'_>) -> Result<Value, String> {
    let kind = cursor.u32()?;
    let least = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        8 | 10..=12 => 8,
        9 => return Err("it is a row of rows, which nothing here reads".to_owned()),
        _ => return Err(format!("it is of kind {kind}, which is unknown")),
    };
    let count = cursor.count(least)?;
    if kind == 8 {
        let texts = (0..count).map(|_| cursor.text(usize::MAX));
        return texts.collect::<Result<_, _>>().map(Value::Texts);
    }
    let number = |_| match read_value(cursor, kind)? {
        Value::Whole(whole) => Ok(whole as f64),
        Value::Number(number) => Ok(number),
        Value::Truth(truth) => Ok(f64::from(u8::from(truth))),
        _ => Err("it mixes kinds".to_owned()),
    };
    (0..count).map(number).collect::<Result<_, _>>().map(Value::Numbers)
}

fn format_of(kind: u32) -> Option<Format> {
    FORMATS.iter().find(|(number, _)| *number == kind).map(|(_, format)| *format)
}

/// The numbers by which GGUF names formats.
const FORMATS: [(u32, Format); 8] = [
    (0, Format::F32),
    (1, Format::F16),
    (2, Format::Q4_0),
    (3, Format::Q4_1),
    (8, Format::Q8_0),
    (12, Format::Q4K),
    (14, Format::Q6K),
    (30, Format::Bf16),
];

#[cfg(test)]
mod tests;
