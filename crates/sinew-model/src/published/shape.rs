//! The shape of a published model, from the head of a GGUF file or from `config.json`.

use super::gguf::Gguf;
use crate::config::Config;
use crate::error::ModelError;
use serde_json::Value;

/// Which channels of a head a file turns together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// Channels i and i + D/2.
    Halves,
    /// Channels 2i and 2i + 1.
    Neighbours,
}

/// The shape of a decoder of the Llama, Mistral, Qwen2, Qwen3 and SmolLM families.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// What all of them have.
    pub config: Config,
    /// The rows of queries and keys in the file.
    pub turned: Turned,
    /// Each layer of this number, counted from one, has no positions; 0 for none.
    pub unturned_every: usize,
}

impl Shape {
    /// The shape that a GGUF file says.
    pub fn from_gguf(gguf: &Gguf) -> Result<Shape, ModelError> {
        let family = gguf.text("general.architecture").ok_or_else(|| refuse("it names no family"))?;
        let (turned, unturned_every) = match family {
            "llama" => (Turned::Neighbours, 0),
            "qwen2" | "qwen3" => (Turned::Halves, 0),
            "smollm3" => (Turned::Neighbours, 4),
            _ => {
                return Err(refuse(&format!(
                    "its family is `{family}`; llama, qwen2, qwen3 and smollm3 are known"
                )));
            }
        };
        let key = |name: &str| format!("{family}.{name}");
        let find = |name: &str| gguf.whole(&key(name)).and_then(|whole| usize::try_from(whole).ok());
        let need = |name: &str| find(name).ok_or_else(|| refuse(&format!("it does not say {}", key(name))));
        if let Some(kind) = gguf.text(&key("rope.scaling.type")).filter(|kind| *kind != "none") {
            return Err(refuse(&format!("its positions are scaled ({kind}), which is unknown")));
        }
        if gguf.tensors.get("rope_freqs.weight").is_some() {
            return Err(refuse("its positions are scaled (rope_freqs), which is unknown"));
        }
        if find("expert_count").is_some_and(|count| count > 0) {
            return Err(refuse("it is a mixture of experts, which is unknown"));
        }
        let (width, heads) = (need("embedding_length")?, need("attention.head_count")?);
        let head_width = match find("attention.key_length") {
            Some(width) => width,
            None => width.checked_div(heads).ok_or_else(|| refuse("it has no heads"))?,
        };
        if find("rope.dimension_count").is_some_and(|turned| turned != head_width) {
            return Err(refuse("only a part of its heads is turned, which is unknown"));
        }
        let tokens = gguf.texts("tokenizer.ggml.tokens").map(<[String]>::len);
        let vocabulary = gguf.tensors.get("token_embd.weight").map(|(place, _)| place.rows);
        let config = Config {
            vocabulary: vocabulary.or(tokens).ok_or_else(|| refuse("it has no vocabulary"))?,
            width,
            layers: need("block_count")?,
            heads,
            kv_heads: find("attention.head_count_kv").unwrap_or(heads),
            head_width,
            inner_width: need("feed_forward_length")?,
            context: need("context_length")?,
            rope_theta: gguf.number(&key("rope.freq_base")).unwrap_or(10_000.0),
            norm_epsilon: gguf.number(&key("attention.layer_norm_rms_epsilon")).unwrap_or(1e-5) as f32,
        };
        config.check()?;
        Ok(Shape { config, turned, unturned_every })
    }

    /// The shape that `config.json` says.
    pub fn from_json(text: &str) -> Result<Shape, ModelError> {
        let json: Value = serde_json::from_str(text).map_err(|error| refuse(&error.to_string()))?;
        let family = json["model_type"].as_str().unwrap_or_default();
        let unturned_every = match family {
            "llama" | "mistral" | "qwen2" | "qwen3" => 0,
            "smollm3" => whole(&json, "no_rope_layer_interval").unwrap_or(4),
            _ => {
                return Err(refuse(&format!(
                    "model_type is `{family}`; llama, mistral, qwen2, qwen3 and smollm3 are known"
                )));
            }
        };
        check_known(&json)?;
        let need = |name: &str| whole(&json, name).ok_or_else(|| refuse(&format!("it does not say {name}")));
        let (width, heads) = (need("hidden_size")?, need("num_attention_heads")?);
        let head_width = match whole(&json, "head_dim") {
            Some(width) => width,
            None => width.checked_div(heads).ok_or_else(|| refuse("num_attention_heads is 0"))?,
        };
        let theta = json["rope_theta"].as_f64().or_else(|| json["rope_parameters"]["rope_theta"].as_f64());
        let config = Config {
            vocabulary: need("vocab_size")?,
            width,
            layers: need("num_hidden_layers")?,
            heads,
            kv_heads: whole(&json, "num_key_value_heads").unwrap_or(heads),
            head_width,
            inner_width: need("intermediate_size")?,
            // Up to the window's width, a window sees what full attention sees.
            context: need("max_position_embeddings")?.min(window(&json, family)),
            rope_theta: theta.unwrap_or(10_000.0),
            norm_epsilon: json["rms_norm_eps"].as_f64().unwrap_or(1e-6) as f32,
        };
        config.check()?;
        Ok(Shape { config, turned: Turned::Halves, unturned_every })
    }

    /// Whether a layer turns its queries and keys by their positions.
    pub fn turns(&self, layer: usize) -> bool {
        self.unturned_every == 0 || !(layer + 1).is_multiple_of(self.unturned_every)
    }
}

fn check_known(json: &Value) -> Result<(), ModelError> {
    if json["hidden_act"].as_str().is_some_and(|unit| unit != "silu") {
        return Err(refuse(&format!("hidden_act is {}; only silu is known", json["hidden_act"])));
    }
    // `rope_parameters` is what newer files call it; there, a kind that is not said is the default.
    for (name, unsaid) in [("rope_scaling", None), ("rope_parameters", Some("default"))] {
        let scaling = &json[name];
        let kind = scaling["rope_type"].as_str().or(scaling["type"].as_str()).or(unsaid);
        if !scaling.is_null() && kind != Some("default") {
            return Err(refuse(&format!("{name} is {scaling}; only unscaled positions are known")));
        }
    }
    if json["mlp_bias"].as_bool() == Some(true) {
        return Err(refuse("mlp_bias is true, which is unknown"));
    }
    if json["use_sliding_window"].as_bool() == Some(true) {
        return Err(refuse("use_sliding_window is true, which is unknown"));
    }
    Ok(())
}

/// How many positions Mistral's sliding window sees.
fn window(json: &Value, family: &str) -> usize {
    let window = (family == "mistral").then(|| whole(json, "sliding_window")).flatten();
    window.unwrap_or(usize::MAX)
}

fn whole(json: &Value, name: &str) -> Option<usize> {
    json[name].as_u64().and_then(|whole| usize::try_from(whole).ok())
}

fn refuse(reason: &str) -> ModelError {
    ModelError::Foreign { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
