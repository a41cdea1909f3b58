//! The tensors that a decoder has, and what the two families of files call them.

/// A tensor of a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// One row for each token.
    Embedding,
    /// Gains of the last norm.
    LastNorm,
    /// From the residual stream to logits; the embedding where it is missing.
    Output,
    /// A tensor of a layer.
    Layer(usize, LayerPart),
}

/// A tensor of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LayerPart {
    /// Gains of the norm before attention.
    AttentionNorm,
    /// Queries.
    Query,
    /// Keys.
    Key,
    /// Values.
    Value,
    /// What is added to the queries.
    QueryBias,
    /// What is added to the keys.
    KeyBias,
    /// What is added to the values.
    ValueBias,
    /// Gains of a norm over each head's queries.
    QueryNorm,
    /// Gains of a norm over each head's keys.
    KeyNorm,
    /// The matrix after attention.
    Out,
    /// Gains of the norm before the feed-forward part.
    InnerNorm,
    /// Gates.
    Gate,
    /// What the gates let through.
    Up,
    /// The matrix after the gated unit.
    Down,
}

impl LayerPart {
    /// All of them.
    pub const ALL: [LayerPart; 14] = [
        LayerPart::AttentionNorm,
        LayerPart::Query,
        LayerPart::Key,
        LayerPart::Value,
        LayerPart::QueryBias,
        LayerPart::KeyBias,
        LayerPart::ValueBias,
        LayerPart::QueryNorm,
        LayerPart::KeyNorm,
        LayerPart::Out,
        LayerPart::InnerNorm,
        LayerPart::Gate,
        LayerPart::Up,
        LayerPart::Down,
    ];

    fn names(self) -> (&'static str, &'static str) {
        match self {
            LayerPart::AttentionNorm => ("attn_norm.weight", "input_layernorm.weight"),
            LayerPart::Query => ("attn_q.weight", "self_attn.q_proj.weight"),
            LayerPart::Key => ("attn_k.weight", "self_attn.k_proj.weight"),
            LayerPart::Value => ("attn_v.weight", "self_attn.v_proj.weight"),
            LayerPart::QueryBias => ("attn_q.bias", "self_attn.q_proj.bias"),
            LayerPart::KeyBias => ("attn_k.bias", "self_attn.k_proj.bias"),
            LayerPart::ValueBias => ("attn_v.bias", "self_attn.v_proj.bias"),
            LayerPart::QueryNorm => ("attn_q_norm.weight", "self_attn.q_norm.weight"),
            LayerPart::KeyNorm => ("attn_k_norm.weight", "self_attn.k_norm.weight"),
            LayerPart::Out => ("attn_output.weight", "self_attn.o_proj.weight"),
            LayerPart::InnerNorm => ("ffn_norm.weight", "post_attention_layernorm.weight"),
            LayerPart::Gate => ("ffn_gate.weight", "mlp.gate_proj.weight"),
            LayerPart::Up => ("ffn_up.weight", "mlp.up_proj.weight"),
            LayerPart::Down => ("ffn_down.weight", "mlp.down_proj.weight"),
        }
    }
}

impl Part {
    /// Its name in a GGUF file.
    pub fn gguf_name(self) -> String {
        match self {
            Part::Embedding => "token_embd.weight".to_owned(),
            Part::LastNorm => "output_norm.weight".to_owned(),
            Part::Output => "output.weight".to_owned(),
            Part::Layer(layer, part) => format!("blk.{layer}.{}", part.names().0),
        }
    }

    /// Its name in a safetensors file of Hugging Face.
    pub fn hf_name(self) -> String {
        match self {
            Part::Embedding => "model.embed_tokens.weight".to_owned(),
            Part::LastNorm => "model.norm.weight".to_owned(),
            Part::Output => "lm_head.weight".to_owned(),
            Part::Layer(layer, part) => format!("model.layers.{layer}.{}", part.names().1),
        }
    }
}
