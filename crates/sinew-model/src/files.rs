//! A model's folder: `model.safetensors`, `config.json`, `tokenizer.json`, `generation_config.json`.
//!
//! The files say nothing of when, where or with how many threads they were made, so equal weights are equal files.

use crate::config::Config;
use crate::error::ModelError;
use crate::layout::{Layout, Weights};
use crate::tokenizer::{Special, Tokenizer};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};
use sinew_tensor::Team;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

/// A model that can be measured or served.
#[derive(Clone)]
pub struct Model {
    /// Shape and weights.
    pub weights: Weights,
    /// The vocabulary that the weights were trained with.
    pub tokenizer: Tokenizer,
}

/// The most bytes that a file of text beside the weights may have.
const TEXT_BYTES_MOST: u64 = 64 << 20;
/// The most bytes that the head of a safetensors file adds to its numbers here.
const HEAD_BYTES_MOST: u64 = 16 << 20;

impl Model {
    /// Reads a model's folder and checks that its parts belong together.
    pub fn read(folder: &Path, team: &Team) -> Result<Model, ModelError> {
        let path = folder.join("config.json");
        let config =
            Config::from_json(&read_text(&path)?).map_err(|error| malformed(&path, &error.to_string()))?;
        let path = folder.join("tokenizer.json");
        let tokenizer =
            Tokenizer::from_json(&read_text(&path)?).map_err(|error| malformed(&path, &error.to_string()))?;
        if tokenizer.size() > config.vocabulary {
            let reason = format!("it has {} tokens, the model only {}", tokenizer.size(), config.vocabulary);
            return Err(malformed(&path, &reason));
        }
        let path = folder.join("model.safetensors");
        let layout = Layout::new(&config);
        let bytes = read_limited(&path, layout.length as u64 * 4 + HEAD_BYTES_MOST)?;
        let plain =
            weights_from_bytes(&bytes, &config, &layout).map_err(|reason| malformed(&path, &reason))?;
        Ok(Model { weights: Weights::new(config, plain, team), tokenizer })
    }

    /// Writes a model's folder and returns the hash of `model.safetensors`.
    pub fn write(&self, folder: &Path) -> Result<String, ModelError> {
        fs::create_dir_all(folder).map_err(|source| ModelError::Write { path: folder.to_owned(), source })?;
        let begin = self.tokenizer.special(Special::Begin);
        let end = self.tokenizer.special(Special::End);
        let generation = serde_json::json!({
            "bos_token_id": begin, "eos_token_id": end, "do_sample": true, "temperature": 0.7, "top_p": 0.9,
        });
        let generation = serde_json::to_string_pretty(&generation).expect("plain data") + "\n";
        write_whole(&folder.join("config.json"), self.weights.config.to_json(begin, end).as_bytes())?;
        write_whole(&folder.join("tokenizer.json"), self.tokenizer.to_json()?.as_bytes())?;
        write_whole(&folder.join("generation_config.json"), generation.as_bytes())?;
        let bytes = self.weights.to_bytes();
        write_whole(&folder.join("model.safetensors"), &bytes)?;
        Ok(sha256(&bytes))
    }
}

impl Weights {
    /// The bytes of `model.safetensors`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let named = self.layout.named(&self.config);
        let tensors: Vec<_> = named
            .into_iter()
            .map(|tensor| (tensor.name, tensor.shape, tensor_bytes(&self.plain[tensor.place])))
            .collect();
        let views = tensors.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("the bytes fit the shape");
            (name.as_str(), view)
        });
        // One entry only: several would come in the order of a hash map, another one in each run.
        let about = [("format".to_owned(), "pt".to_owned())].into_iter().collect();
        safetensors::serialize(views, Some(about)).expect("well-formed tensors")
    }
}

fn weights_from_bytes(bytes: &[u8], config: &Config, layout: &Layout) -> Result<Vec<f32>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let named = layout.named(config);
    if file.len() != named.len() {
        return Err(format!("it holds {} tensors where config.json asks for {}", file.len(), named.len()));
    }
    let mut plain = vec![0.0; layout.length];
    for tensor in named {
        let view = file.tensor(&tensor.name).map_err(|_| format!("tensor {} is missing", tensor.name))?;
        if view.dtype() != Dtype::F32 || view.shape() != tensor.shape {
            let found = (view.dtype(), view.shape());
            return Err(format!("tensor {} is {found:?}, not F32 {:?}", tensor.name, tensor.shape));
        }
        tensor_numbers(&mut plain[tensor.place], view.data());
    }
    match plain.iter().all(|weight| weight.is_finite()) {
        true => Ok(plain),
        false => Err("it holds weights that are not finite numbers".to_owned()),
    }
}

/// The little-endian bytes of numbers.
pub fn tensor_bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Fills `numbers` from their little-endian bytes.
///
/// # Panics
/// If there are not four bytes for each number.
pub fn tensor_numbers(numbers: &mut [f32], bytes: &[u8]) {
    let (chunks, rest) = bytes.as_chunks::<4>();
    assert!(chunks.len() == numbers.len() && rest.is_empty(), "four bytes for each number");
    for (number, chunk) in numbers.iter_mut().zip(chunks) {
        *number = f32::from_le_bytes(*chunk);
    }
}

/// The bytes of a file that must not have more than `most` bytes.
pub fn read_limited(path: &Path, most: u64) -> Result<Vec<u8>, ModelError> {
    let failed = |source| ModelError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if length > most {
        return Err(malformed(path, &format!("it has {length} bytes, more than the {most} it can need")));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn read_text(path: &Path) -> Result<String, ModelError> {
    let bytes = read_limited(path, TEXT_BYTES_MOST)?;
    String::from_utf8(bytes).map_err(|_| malformed(path, "it is not UTF-8 text"))
}

fn malformed(path: &Path, reason: &str) -> ModelError {
    ModelError::Malformed { path: path.to_owned(), reason: reason.to_owned() }
}

/// Writes a file so that after a crash at any instant either the old or the new one is there, whole.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let attempt = || {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".tmp");
        let partial = path.with_file_name(name);
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    attempt().map_err(|source| ModelError::Write { path: path.to_owned(), source })
}

/// The SHA-256 of bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
