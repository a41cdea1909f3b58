//! Models that other people published: a GGUF file, or a folder with safetensors.
//!
//! What is read is believed only as far as it was checked: every length against what is there, every place against the
//! file's end, every name against a list. A file that lies ends in one sentence.

mod gguf;
mod llama2c;
mod parts;
mod safe;
mod shape;
mod tensors;
mod vocabulary;

pub use gguf::{Gguf, GgufTensor, Value, write_gguf};
pub use llama2c::gguf_from_llama2c;
pub use parts::{LayerPart, Part};
pub use safe::read_safetensors;
pub use shape::{Shape, Turned};
pub use tensors::{Mapped, TensorPlace, Tensors};
pub use vocabulary::{BREAK, Vocabulary};

use crate::error::ModelError;
use crate::files::read_limited;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The most bytes that a file of text beside the weights may have.
const TEXT_BYTES_MOST: u64 = 64 << 20;

/// A model as it was published.
pub struct Published {
    /// Its shape.
    pub shape: Shape,
    /// Its vocabulary, where it has one.
    pub vocabulary: Option<Vocabulary>,
    /// How it wants conversations written, as a Jinja template.
    pub template: Option<String>,
    tensors: Tensors,
    name: fn(Part) -> String,
}

impl Published {
    /// Opens a GGUF file, a folder that has one, or a folder with `config.json` and safetensors.
    pub fn open(path: &Path) -> Result<Published, ModelError> {
        let published = match gguf_in(path)? {
            Some(file) => return Published::from_gguf(Gguf::read(Mapped::open(&file)?)?),
            None => Published::open_folder(path)?,
        };
        published.check()?;
        Ok(published)
    }

    /// The model in a GGUF file that was read.
    pub fn from_gguf(gguf: Gguf) -> Result<Published, ModelError> {
        let has_tokens = gguf.values.contains_key("tokenizer.ggml.tokens");
        let published = Published {
            shape: Shape::from_gguf(&gguf)?,
            vocabulary: has_tokens.then(|| Vocabulary::from_gguf(&gguf)).transpose()?,
            template: gguf.text("tokenizer.chat_template").map(str::to_owned),
            tensors: gguf.tensors,
            name: Part::gguf_name,
        };
        published.check()?;
        Ok(published)
    }

    fn open_folder(folder: &Path) -> Result<Published, ModelError> {
        let config = text_of(&folder.join("config.json"))?;
        let shape = Shape::from_json(&config)?;
        let tokens = folder.join("tokenizer.json");
        let ends = end_tokens(&config);
        let vocabulary = match tokens.exists() {
            true => Some(Vocabulary::from_json(&text_of(&tokens)?, &ends)?),
            false => None,
        };
        let tensors = read_safetensors(folder)?;
        Ok(Published { shape, vocabulary, template: template_in(folder)?, tensors, name: Part::hf_name })
    }

    /// A tensor's form and bytes; none if the file has no such tensor.
    pub fn tensor(&self, part: Part) -> Option<(&TensorPlace, &[u8])> {
        self.tensors.get(&(self.name)(part))
    }

    /// Whether the matrix from the residual stream to logits is the embedding.
    pub fn tied(&self) -> bool {
        self.tensor(Part::Output).is_none()
    }

    /// Checks that each tensor is there and has the rows and columns that the shape asks for.
    fn check(&self) -> Result<(), ModelError> {
        let config = &self.shape.config;
        self.check_names(config.layers)?;
        if let Some(vocabulary) = self.vocabulary.as_ref().filter(|words| words.size() > config.vocabulary) {
            let reason = format!("it has {} tokens, the model only {}", vocabulary.size(), config.vocabulary);
            return Err(ModelError::Tokenizer { task: "read", reason });
        }
        self.check_part(Part::Embedding, (config.vocabulary, config.width), true)?;
        self.check_part(Part::LastNorm, (1, config.width), true)?;
        self.check_part(Part::Output, (config.vocabulary, config.width), false)?;
        let queries = config.heads * config.head_width;
        let keys = config.kv_heads * config.head_width;
        for layer in 0..config.layers {
            for part in LayerPart::ALL {
                let (shape, needed) = match part {
                    LayerPart::AttentionNorm | LayerPart::InnerNorm => ((1, config.width), true),
                    LayerPart::Query => ((queries, config.width), true),
                    LayerPart::Key | LayerPart::Value => ((keys, config.width), true),
                    LayerPart::QueryBias => ((1, queries), false),
                    LayerPart::KeyBias | LayerPart::ValueBias => ((1, keys), false),
                    LayerPart::QueryNorm | LayerPart::KeyNorm => ((1, config.head_width), false),
                    LayerPart::Out => ((config.width, queries), true),
                    LayerPart::Gate | LayerPart::Up => ((config.inner_width, config.width), true),
                    LayerPart::Down => ((config.width, config.inner_width), true),
                };
                self.check_part(Part::Layer(layer, part), shape, needed)?;
            }
        }
        Ok(())
    }

    /// A tensor of a layer that nobody reads here, such as a bias, would be left out in silence: that is another model.
    fn check_names(&self, layers: usize) -> Result<(), ModelError> {
        let prefix = (self.name)(Part::Layer(0, LayerPart::Query));
        let prefix = prefix.split_once("0.").map_or("", |(prefix, _)| prefix);
        let parts = (0..layers).flat_map(|layer| LayerPart::ALL.map(|part| Part::Layer(layer, part)));
        let known: BTreeSet<String> = parts.map(self.name).collect();
        let stranger = |name: &&str| {
            // Speeds of turning are worked out here.
            name.starts_with(prefix) && !known.contains(*name) && !name.ends_with("rotary_emb.inv_freq")
        };
        match self.tensors.names().find(stranger) {
            Some(name) => Err(ModelError::Foreign {
                reason: format!("it has a tensor {name}, which is not known in its family"),
            }),
            None => Ok(()),
        }
    }

    fn check_part(&self, part: Part, shape: (usize, usize), needed: bool) -> Result<(), ModelError> {
        let name = (self.name)(part);
        match self.tensors.get(&name) {
            Some((place, _)) if (place.rows, place.columns) == shape => Ok(()),
            Some((place, _)) => Err(ModelError::Shape {
                reason: format!(
                    "tensor {name} has {} rows of {}, where {} rows of {} are needed",
                    place.rows, place.columns, shape.0, shape.1
                ),
            }),
            None if needed => Err(ModelError::Shape { reason: format!("tensor {name} is missing") }),
            None => Ok(()),
        }
    }
}

/// The GGUF file that a path means: itself, or the only one in a folder without `config.json`.
fn gguf_in(path: &Path) -> Result<Option<PathBuf>, ModelError> {
    let failed = |source| ModelError::Read { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(Some(path.to_owned()));
    }
    if path.join("config.json").exists() {
        return Ok(None);
    }
    let entries = std::fs::read_dir(path).map_err(failed)?;
    let mut found = Vec::new();
    for entry in entries {
        let file = entry.map_err(failed)?.path();
        if file.extension().is_some_and(|ending| ending == "gguf") {
            found.push(file);
        }
    }
    match found.len() {
        0 => Ok(None),
        1 => Ok(found.pop()),
        count => Err(ModelError::Foreign {
            reason: format!("the folder has {count} GGUF files: name one of them"),
        }),
    }
}

fn text_of(path: &Path) -> Result<String, ModelError> {
    let malformed =
        |_| ModelError::Malformed { path: path.to_owned(), reason: "it is not UTF-8 text".to_owned() };
    String::from_utf8(read_limited(path, TEXT_BYTES_MOST)?).map_err(malformed)
}

/// `eos_token_id` of `config.json`: a number or a row of them.
fn end_tokens(config: &str) -> Vec<u32> {
    let json: serde_json::Value = serde_json::from_str(config).unwrap_or_default();
    let ends = &json["eos_token_id"];
    let whole = |value: &serde_json::Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match ends.as_array() {
        Some(row) => row.iter().filter_map(whole).collect(),
        None => whole(ends).into_iter().collect(),
    }
}

/// The template in `chat_template.jinja` or `tokenizer_config.json`.
fn template_in(folder: &Path) -> Result<Option<String>, ModelError> {
    let own = folder.join("chat_template.jinja");
    if own.exists() {
        return text_of(&own).map(Some);
    }
    let config = folder.join("tokenizer_config.json");
    if !config.exists() {
        return Ok(None);
    }
    let json: serde_json::Value = serde_json::from_str(&text_of(&config)?)
        .map_err(|error| ModelError::Malformed { path: config, reason: error.to_string() })?;
    Ok(json["chat_template"].as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests;
