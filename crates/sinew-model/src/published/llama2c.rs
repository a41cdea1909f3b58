//! The files of llama2.c (version 0): seven numbers, then all weights as 32-bit floats; and a list of tokens with scores.

use super::gguf::{GgufTensor, Value, write_gguf};
use super::parts::{LayerPart, Part};
use sinew_tensor::quant::Format;
use std::collections::BTreeMap;

/// The bytes of a GGUF file with the model of these two files; or what is wrong with them.
pub fn gguf_from_llama2c(weights: &[u8], tokens: &[u8]) -> Result<Vec<u8>, String> {
    let mut numbers = Numbers { bytes: weights };
    let head: Vec<usize> = (0..7).map(|_| numbers.size()).collect::<Result<_, _>>()?;
    let [width, inner, layers, heads, kv_heads, vocabulary, context] = head[..] else {
        return Err("it has no head".to_owned());
    };
    // Tensors without numbers take no bytes of the file, so that there could be any number of them.
    if head.contains(&0) {
        return Err("one of its sizes is 0".to_owned());
    }
    let keys = width.checked_mul(kv_heads).and_then(|all| all.checked_div(heads)).ok_or("it has no heads")?;
    let mut tensors = vec![numbers.tensor(Part::Embedding, &[vocabulary, width])?];
    let lists: [(LayerPart, Vec<usize>); 9] = [
        (LayerPart::AttentionNorm, vec![width]),
        (LayerPart::Query, vec![width, width]),
        (LayerPart::Key, vec![keys, width]),
        (LayerPart::Value, vec![keys, width]),
        (LayerPart::Out, vec![width, width]),
        (LayerPart::InnerNorm, vec![width]),
        (LayerPart::Gate, vec![inner, width]),
        (LayerPart::Down, vec![width, inner]),
        (LayerPart::Up, vec![inner, width]),
    ];
    for (part, shape) in &lists {
        for layer in 0..layers {
            tensors.push(numbers.tensor(Part::Layer(layer, *part), shape)?);
        }
    }
    tensors.push(numbers.tensor(Part::LastNorm, &[width])?);
    let sizes = [
        ("llama.embedding_length", width),
        ("llama.feed_forward_length", inner),
        ("llama.block_count", layers),
        ("llama.attention.head_count", heads),
        ("llama.attention.head_count_kv", kv_heads),
        ("llama.context_length", context),
    ];
    let mut values: BTreeMap<String, Value> =
        sizes.iter().map(|(key, size)| ((*key).to_owned(), Value::Whole(*size as i128))).collect();
    values.insert("general.architecture".to_owned(), Value::Text("llama".to_owned()));
    values.insert("llama.attention.layer_norm_rms_epsilon".to_owned(), Value::Number(1e-5));
    add_tokens(&mut values, tokens, vocabulary)?;
    Ok(write_gguf(&values, &tensors))
}

/// The list of tokens: there, a space is a space and the ends of a text have line breaks around them.
fn add_tokens(values: &mut BTreeMap<String, Value>, tokens: &[u8], count: usize) -> Result<(), String> {
    let mut numbers = Numbers { bytes: tokens };
    numbers.size()?;
    let (mut texts, mut scores, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..count {
        let score = numbers.take(4)?;
        scores.push(f64::from(f32::from_le_bytes(*score.as_array().expect("four bytes"))));
        let length = numbers.size()?;
        let text = std::str::from_utf8(numbers.take(length)?).map_err(|_| "a token is not UTF-8")?;
        texts.push(match index {
            1 | 2 => text.trim().to_owned(),
            _ => text.replace(' ', "\u{2581}"),
        });
        kinds.push(if index < 3 { 3.0 } else { 1.0 });
    }
    let mut add = |key: &str, value: Value| values.insert(format!("tokenizer.ggml.{key}"), value);
    add("model", Value::Text("llama".to_owned()));
    add("tokens", Value::Texts(texts));
    add("scores", Value::Numbers(scores));
    add("token_type", Value::Numbers(kinds));
    add("bos_token_id", Value::Whole(1));
    add("eos_token_id", Value::Whole(2));
    Ok(())
}

struct Numbers<'a> {
    bytes: &'a [u8],
}

impl<'a> Numbers<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or("it ends too early")?;
        self.bytes = rest;
        Ok(taken)
    }

    fn size(&mut self) -> Result<usize, String> {
        let size = i32::from_le_bytes(*self.take(4)?.as_array().expect("four bytes"));
        usize::try_from(size).map_err(|_| format!("it has the size {size}"))
    }

    fn tensor(&mut self, part: Part, shape: &[usize]) -> Result<GgufTensor<'a>, String> {
        let numbers = shape.iter().try_fold(4_usize, |product, factor| product.checked_mul(*factor));
        let bytes = self.take(numbers.ok_or("it is larger than any file")?)?;
        Ok(GgufTensor { name: part.gguf_name(), format: Format::F32, shape: shape.to_vec(), bytes })
    }
}

#[cfg(test)]
mod tests;
