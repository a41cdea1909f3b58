//! The bytes of a GGUF file, version 3.

use super::{ALIGNMENT, FORMATS, Value};
use sinew_tensor::quant::Format;
use std::collections::BTreeMap;

/// A tensor to write.
#[derive(Clone, Debug)]
pub struct GgufTensor<'a> {
    /// Its name.
    pub name: String,
    /// How its numbers are written.
    pub format: Format,
    /// Its dimensions, the slowest first, as Hugging Face says them.
    pub shape: Vec<usize>,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// The bytes of a file with these values and tensors. The same ones give the same file.
///
/// # Panics
/// If a tensor's bytes are not as many as its format and shape need.
pub fn write_gguf(values: &BTreeMap<String, Value>, tensors: &[GgufTensor<'_>]) -> Vec<u8> {
    let mut file = b"GGUF".to_vec();
    file.extend(3_u32.to_le_bytes());
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend((values.len() as u64).to_le_bytes());
    for (key, value) in values {
        put_text(&mut file, key);
        put_value(&mut file, value);
    }
    let alignment = match values.get("general.alignment") {
        Some(Value::Whole(whole)) => usize::try_from(*whole).unwrap_or(32),
        _ => usize::try_from(ALIGNMENT).expect("a small number"),
    };
    let mut offset = 0_usize;
    for tensor in tensors {
        let columns = tensor.shape.last().copied().unwrap_or(1);
        let rows: usize = tensor.shape.iter().rev().skip(1).product();
        let bytes = tensor.format.row_bytes(columns).map(|row| row * rows);
        assert_eq!(bytes, Some(tensor.bytes.len()), "tensor {} has the bytes of its shape", tensor.name);
        put_text(&mut file, &tensor.name);
        file.extend((tensor.shape.len() as u32).to_le_bytes());
        for length in tensor.shape.iter().rev() {
            file.extend((*length as u64).to_le_bytes());
        }
        file.extend(kind_of(tensor.format).to_le_bytes());
        file.extend((offset as u64).to_le_bytes());
        offset = (offset + tensor.bytes.len()).next_multiple_of(alignment);
    }
    for tensor in tensors {
        file.resize(file.len().next_multiple_of(alignment), 0);
        file.extend(tensor.bytes);
    }
    file.resize(file.len().next_multiple_of(alignment), 0);
    file
}

fn kind_of(format: Format) -> u32 {
    FORMATS.iter().find(|(_, known)| *known == format).map_or(0, |(kind, _)| *kind)
}

fn put_text(file: &mut Vec<u8>, text: &str) {
    file.extend((text.len() as u64).to_le_bytes());
    file.extend(text.as_bytes());
}

/// Whole numbers become the kind that readers ask for: 32 bits without a sign where they fit.
fn put_value(file: &mut Vec<u8>, value: &Value) {
    let mut kind = |kind: u32| file.extend(kind.to_le_bytes());
    match value {
        Value::Whole(whole) => {
            if let Ok(whole) = u32::try_from(*whole) {
                kind(4);
                file.extend(whole.to_le_bytes());
            } else {
                kind(11);
                file.extend(i64::try_from(*whole).unwrap_or(i64::MAX).to_le_bytes());
            }
        }
        Value::Number(number) => {
            kind(6);
            file.extend((*number as f32).to_le_bytes());
        }
        Value::Truth(truth) => {
            kind(7);
            file.push(u8::from(*truth));
        }
        Value::Text(text) => {
            kind(8);
            put_text(file, text);
        }
        Value::Texts(texts) => {
            kind(9);
            kind_and_count(file, 8, texts.len());
            texts.iter().for_each(|text| put_text(file, text));
        }
        Value::Numbers(numbers) => {
            kind(9);
            let whole = numbers.iter().all(|number| number.fract() == 0.0 && number.abs() < 2e9);
            kind_and_count(file, if whole { 5 } else { 6 }, numbers.len());
            for number in numbers {
                let bytes =
                    if whole { (*number as i32).to_le_bytes() } else { (*number as f32).to_le_bytes() };
                file.extend(bytes);
            }
        }
    }
}

fn kind_and_count(file: &mut Vec<u8>, kind: u32, count: usize) {
    file.extend(kind.to_le_bytes());
    file.extend((count as u64).to_le_bytes());
}
