//! The shape of a decoder, and `config.json` in the names that other programs know.

use crate::error::ModelError;
use serde::{Deserialize, Serialize};
use sinew_tensor::kernels::Heads;

/// The shape of a Llama-style decoder with tied embeddings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// V, the tokens that the model knows.
    #[serde(rename = "vocab_size")]
    pub vocabulary: usize,
    /// C, the channels of the residual stream.
    #[serde(rename = "hidden_size")]
    pub width: usize,
    /// The blocks of attention and feed-forward.
    #[serde(rename = "num_hidden_layers")]
    pub layers: usize,
    /// H, the heads of queries.
    #[serde(rename = "num_attention_heads")]
    pub heads: usize,
    /// The heads of keys and values; divides H.
    #[serde(rename = "num_key_value_heads")]
    pub kv_heads: usize,
    /// D, the channels of a head.
    #[serde(rename = "head_dim")]
    pub head_width: usize,
    /// F, the width inside the feed-forward part.
    #[serde(rename = "intermediate_size")]
    pub inner_width: usize,
    /// The most positions that the model sees at once.
    #[serde(rename = "max_position_embeddings")]
    pub context: usize,
    /// θ of the rotary positions.
    pub rope_theta: f64,
    /// ε of the norms.
    #[serde(rename = "rms_norm_eps")]
    pub norm_epsilon: f32,
}

/// What other programs want to find beside the shape.
#[derive(Serialize, Deserialize)]
struct Fixed {
    architectures: Vec<String>,
    model_type: String,
    hidden_act: String,
    tie_word_embeddings: bool,
    attention_bias: bool,
    mlp_bias: bool,
    torch_dtype: String,
    bos_token_id: u32,
    eos_token_id: u32,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    fixed: Fixed,
    #[serde(flatten)]
    config: &'a Config,
}

impl Config {
    /// The shape of the demo's chat model: about 0.9 million weights with a vocabulary of 1024.
    pub fn nano(vocabulary: usize) -> Config {
        Config {
            vocabulary,
            width: 128,
            layers: 4,
            heads: 4,
            kv_heads: 4,
            head_width: 32,
            inner_width: 384,
            context: 256,
            rope_theta: 10_000.0,
            norm_epsilon: 1e-5,
        }
    }

    /// How a row of queries, keys and values is divided.
    pub fn attention(&self) -> Heads {
        Heads { heads: self.heads, kv_heads: self.kv_heads, width: self.head_width }
    }

    /// Checks every rule that the decoder relies on.
    pub fn check(&self) -> Result<(), ModelError> {
        let sizes = [
            ("vocab_size", self.vocabulary, 1 << 20),
            ("hidden_size", self.width, 1 << 15),
            ("num_hidden_layers", self.layers, 1 << 10),
            ("num_attention_heads", self.heads, 1 << 10),
            ("num_key_value_heads", self.kv_heads, 1 << 10),
            ("head_dim", self.head_width, 1 << 12),
            ("intermediate_size", self.inner_width, 1 << 17),
            ("max_position_embeddings", self.context, 1 << 20),
        ];
        for (name, value, most) in sizes {
            if value == 0 || value > most {
                return Err(refuse(format!("{name} is {value}, outside 1..={most}")));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(refuse("num_key_value_heads does not divide num_attention_heads".to_owned()));
        }
        if !self.head_width.is_multiple_of(2) {
            return Err(refuse(format!("head_dim is {}, an odd number", self.head_width)));
        }
        if !(self.rope_theta.is_finite() && self.rope_theta > 1.0) {
            return Err(refuse(format!("rope_theta is {}, not a number above 1", self.rope_theta)));
        }
        if !(self.norm_epsilon.is_finite() && self.norm_epsilon > 0.0) {
            return Err(refuse(format!("rms_norm_eps is {}, not above 0", self.norm_epsilon)));
        }
        Ok(())
    }

    /// The text of `config.json`.
    pub fn to_json(&self, begin: u32, end: u32) -> String {
        let fixed = Fixed {
            architectures: vec!["LlamaForCausalLM".to_owned()],
            model_type: "llama".to_owned(),
            hidden_act: "silu".to_owned(),
            tie_word_embeddings: true,
            attention_bias: false,
            mlp_bias: false,
            torch_dtype: "float32".to_owned(),
            bos_token_id: begin,
            eos_token_id: end,
        };
        let text = serde_json::to_string_pretty(&Written { fixed, config: self });
        text.expect("a config is plain data") + "\n"
    }

    /// Reads `config.json` and checks it.
    pub fn from_json(text: &str) -> Result<Config, ModelError> {
        let fixed: Fixed = serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
        if fixed.model_type != "llama" || fixed.hidden_act != "silu" || !fixed.tie_word_embeddings {
            return Err(refuse("only model_type llama with silu and tied embeddings is known".to_owned()));
        }
        if fixed.attention_bias || fixed.mlp_bias {
            return Err(refuse("biases are not known".to_owned()));
        }
        let config: Config = serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
        config.check()?;
        Ok(config)
    }
}

fn refuse(reason: String) -> ModelError {
    ModelError::Shape { reason }
}
