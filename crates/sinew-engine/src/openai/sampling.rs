//! How tokens are drawn, as both kinds of requests say it.

use super::{ApiError, take_number, wrong_type};
use crate::progress::now_ms;
use serde_json::{Map, Value};
use sinew_infer::Sampling;

/// The most tokens that a request may have biases for.
const BIASES_MOST: usize = 1000;

/// Takes the fields of OpenAI, and those that vLLM and llama.cpp add to them.
pub(super) fn read_sampling(fields: &mut Map<String, Value>) -> Result<Sampling, ApiError> {
    let temperature = take_number(fields, "temperature", (0.0, 2.0))?;
    let top_p = take_number(fields, "top_p", (0.0, 1.0))?;
    let seed = match fields.remove("seed") {
        None => now_ms(),
        Some(value) => match (value.as_u64(), value.as_i64()) {
            (Some(seed), _) => seed,
            (None, Some(seed)) => seed.cast_unsigned(),
            (None, None) => return Err(wrong_type("seed", "a whole number")),
        },
    };
    let top_k = match fields.remove("top_k") {
        None => 0,
        // Other servers say -1 for all.
        Some(value) if value.as_i64() == Some(-1) => 0,
        Some(value) => value
            .as_u64()
            .and_then(|count| usize::try_from(count).ok())
            .ok_or_else(|| wrong_type("top_k", "a whole number from 0, or -1"))?,
    };
    let mut number = |name: &str, limits| take_number(fields, name, limits);
    let min_p = number("min_p", (0.0, 1.0))?;
    let repetition = number("repetition_penalty", (0.01, 10.0))?;
    let presence = number("presence_penalty", (-2.0, 2.0))?;
    let frequency = number("frequency_penalty", (-2.0, 2.0))?;
    Ok(Sampling {
        temperature: temperature.unwrap_or(0.7),
        top_k,
        top_p: top_p.unwrap_or(0.9),
        min_p: min_p.unwrap_or(0.0),
        repetition: repetition.unwrap_or(1.0),
        presence: presence.unwrap_or(0.0),
        frequency: frequency.unwrap_or(0.0),
        biases: read_biases(fields.remove("logit_bias"))?,
        seed,
    })
}

fn read_biases(value: Option<Value>) -> Result<Vec<(u32, f32)>, ApiError> {
    let map = match value {
        None => return Ok(Vec::new()),
        Some(Value::Object(map)) => map,
        Some(_) => return Err(wrong_type("logit_bias", "an object from token ids to numbers")),
    };
    if map.len() > BIASES_MOST {
        let message = format!("`logit_bias` has {} entries; send at most {BIASES_MOST}.", map.len());
        return Err(ApiError::bad("logit_bias", "invalid_value", message));
    }
    let entry = |(token, bias): (&String, &Value)| {
        let bias = bias.as_f64().filter(|bias| (-100.0..=100.0).contains(bias));
        token.parse().ok().zip(bias.map(|bias| bias as f32)).ok_or_else(|| {
            let message =
                format!("`logit_bias` has `{token}`; it maps token ids to numbers from -100 to 100.");
            ApiError::bad("logit_bias", "invalid_value", message)
        })
    };
    map.iter().map(entry).collect()
}
