//! safetensors: a JSON head with names, formats and places, then the bytes. Large models come in several files.

use super::tensors::{Mapped, TensorPlace, Tensors};
use crate::error::ModelError;
use safetensors::tensor::{Dtype, Metadata, SafeTensors};
use sinew_tensor::quant::Format;
use std::collections::BTreeSet;
use std::path::Path;

/// The most bytes of a list of files.
const INDEX_BYTES_MOST: u64 = 16 << 20;
/// The most files that one model may be in.
const FILES_MOST: usize = 1_000;

/// Maps and checks the weights in a folder: `model.safetensors`, or the files that `model.safetensors.index.json` names.
pub fn read_safetensors(folder: &Path) -> Result<Tensors, ModelError> {
    let mut tensors = Tensors::default();
    for name in file_names(folder)? {
        let path = folder.join(&name);
        let file = Mapped::open(&path)?;
        let malformed = |reason| ModelError::Malformed { path: path.clone(), reason };
        let places = read(file.bytes()).map_err(malformed)?;
        tensors.add(file, places).map_err(malformed)?;
    }
    Ok(tensors)
}

fn file_names(folder: &Path) -> Result<BTreeSet<String>, ModelError> {
    let single = "model.safetensors";
    let index = folder.join("model.safetensors.index.json");
    if folder.join(single).exists() || !index.exists() {
        return Ok(BTreeSet::from([single.to_owned()]));
    }
    let malformed = |reason: String| ModelError::Malformed { path: index.clone(), reason };
    let bytes = crate::files::read_limited(&index, INDEX_BYTES_MOST)?;
    let json: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    let map = json["weight_map"].as_object().ok_or_else(|| malformed("it has no weight_map".to_owned()))?;
    let mut names = BTreeSet::new();
    for file in map.values() {
        let name = file.as_str().ok_or_else(|| malformed("a file's name is not a text".to_owned()))?;
        // A list of files must not lead out of its folder.
        if name.contains(['/', '\\']) || !name.ends_with(".safetensors") {
            return Err(malformed(format!(
                "it names the file `{name}`, which is no safetensors file beside it"
            )));
        }
        names.insert(name.to_owned());
    }
    if names.is_empty() || names.len() > FILES_MOST {
        return Err(malformed(format!("it names {} files, not 1 to {FILES_MOST}", names.len())));
    }
    Ok(names)
}

fn read(bytes: &[u8]) -> Result<Vec<(String, TensorPlace)>, String> {
    let (head_bytes, metadata): (usize, Metadata) =
        SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let start = head_bytes.checked_add(8).ok_or("its head is longer than any file")?;
    let place = |(name, info): (String, &safetensors::tensor::TensorInfo)| {
        let format = match info.dtype {
            Dtype::F32 => Format::F32,
            Dtype::F16 => Format::F16,
            Dtype::BF16 => Format::Bf16,
            other => return Err(format!("tensor {name} is of kind {other}; F32, F16 and BF16 are known")),
        };
        let (columns, outer) = info.shape.split_last().map_or((1, &[][..]), |(last, outer)| (*last, outer));
        let rows = outer.iter().try_fold(1_usize, |product, factor| product.checked_mul(*factor));
        let rows = rows.ok_or_else(|| format!("tensor {name} is larger than any file"))?;
        let begin = start.checked_add(info.data_offsets.0);
        let begin = begin.ok_or_else(|| format!("tensor {name} begins after any file's end"))?;
        let found = TensorPlace::new(format, (rows, columns), begin, bytes.len());
        found.map(|place| (name.clone(), place)).map_err(|reason| format!("tensor {name} {reason}"))
    };
    metadata.tensors().into_iter().map(place).collect()
}

#[cfg(test)]
mod tests;
