//! OpenAI's older completions: a text or a row of tokens that the model goes on with.

use super::{ApiError, Usage, finish_name, refuse_others, take_bool, take_count, take_text, wrong_type};
use crate::openai::{Head, read_fields, read_stops, read_stream_options, sampling::read_sampling};
use crate::served_model::ServedModel;
use serde_json::{Map, Value, json};
use sinew_infer::{Finish, Sampling, Told};

/// Prompts of one request.
const PROMPTS_MOST: usize = 16;
/// Tokens of an answer when the request does not say.
const TOKENS_USUAL: usize = 16;
/// The most tokens that are named beside each token.
const LIKELIEST_MOST: usize = 5;

/// A request that was understood.
#[derive(Debug, PartialEq)]
pub(crate) struct TextRequest {
    pub(crate) model: String,
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) sampling: Sampling,
    pub(crate) tokens_most: usize,
    pub(crate) stops: Vec<String>,
    pub(crate) echo: bool,
    pub(crate) likeliest: Option<usize>,
    /// For each prompt the character of it from which log-probabilities are wanted with `echo`. This is ours: what comes
    /// before is read only once for all prompts that share it.
    pub(crate) told_from: Vec<usize>,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
}

/// What to go on with.
#[derive(Debug, PartialEq)]
pub(crate) enum Prompt {
    Text(String),
    Tokens(Vec<u32>),
}

/// Reads the body of a request.
pub(crate) fn read_text_request(body: &[u8]) -> Result<TextRequest, ApiError> {
    let mut fields = read_fields(body)?;
    let sampling = read_sampling(&mut fields)?;
    for name in ["n", "best_of"] {
        if take_count(&mut fields, name)?.is_some_and(|count| count != 1) {
            let message = format!("This server gives one answer a prompt: `{name}` must be 1.");
            return Err(ApiError::bad(name, "unsupported_value", message));
        }
    }
    let tokens_most = match fields.remove("max_tokens") {
        None => TOKENS_USUAL,
        Some(value) => whole(&value).ok_or_else(|| wrong_type("max_tokens", "a whole number from 0"))?,
    };
    let likeliest = match fields.remove("logprobs") {
        None | Some(Value::Bool(false)) => None,
        Some(value) => {
            let wanted = whole(&value).filter(|count| *count <= LIKELIEST_MOST);
            Some(wanted.ok_or_else(|| wrong_type("logprobs", "a whole number from 0 to 5"))?)
        }
    };
    let prompts = read_prompts(fields.remove("prompt"))?;
    let told_from = read_told_from(fields.remove("logprobs_from"), prompts.len())?;
    let stream = take_bool(&mut fields, "stream")?;
    let request = TextRequest {
        include_usage: read_stream_options(&mut fields, stream)?,
        model: take_text(&mut fields, "model")?,
        prompts,
        sampling,
        tokens_most,
        stops: read_stops(fields.remove("stop"))?,
        echo: take_bool(&mut fields, "echo")?,
        likeliest,
        told_from,
        stream,
    };
    if stream && request.prompts.len() > 1 {
        let message = "With `stream`, send one prompt a request.".to_owned();
        return Err(ApiError::bad("prompt", "unsupported_value", message));
    }
    refuse_others(&fields)?;
    Ok(request)
}

fn whole(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|whole| usize::try_from(whole).ok())
}

fn read_prompts(value: Option<Value>) -> Result<Vec<Prompt>, ApiError> {
    let wrong = || wrong_type("prompt", "a text, a row of token ids, or an array of either");
    let Some(value) = value else {
        let message = "`prompt` is missing.".to_owned();
        return Err(ApiError::bad("prompt", "missing_required_parameter", message));
    };
    let list = match value {
        Value::Array(list) if list.first().is_some_and(|first| !first.is_number()) => list,
        one => vec![one],
    };
    if list.len() > PROMPTS_MOST {
        let message = format!("`prompt` has {} entries; send at most {PROMPTS_MOST}.", list.len());
        return Err(ApiError::bad("prompt", "array_above_max_length", message));
    }
    let prompt = |value: Value| match value {
        Value::String(text) => Ok(Prompt::Text(text)),
        Value::Array(ids) => {
            let id = |id: &Value| id.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(wrong);
            Ok(Prompt::Tokens(ids.iter().map(id).collect::<Result<_, _>>()?))
        }
        _ => Err(wrong()),
    };
    list.into_iter().map(prompt).collect()
}

/// A number for all prompts, or one for each.
fn read_told_from(value: Option<Value>, prompts: usize) -> Result<Vec<usize>, ApiError> {
    let wrong = || wrong_type("logprobs_from", "a whole number from 0, or one for each prompt");
    match value {
        None | Some(Value::Null) => Ok(vec![0; prompts]),
        Some(Value::Array(list)) if list.len() == prompts => {
            list.iter().map(|value| whole(value).ok_or_else(wrong)).collect()
        }
        Some(value) => Ok(vec![whole(&value).ok_or_else(wrong)?; prompts]),
    }
}

/// One answer of several.
pub(crate) struct Choice {
    pub(crate) index: usize,
    pub(crate) text: String,
    pub(crate) logprobs: Value,
    pub(crate) finish: Option<Finish>,
}

impl Choice {
    fn body(&self) -> Value {
        json!({
            "index": self.index, "text": self.text, "logprobs": self.logprobs,
            "finish_reason": self.finish.map(finish_name),
        })
    }
}

impl Head {
    /// All answers at once.
    pub(crate) fn texts(&self, choices: &[Choice], usage: Usage) -> Value {
        let choices: Vec<Value> = choices.iter().map(Choice::body).collect();
        json!({
            "id": self.id, "object": "text_completion", "created": self.created_s, "model": self.model,
            "choices": choices, "usage": usage.body(),
        })
    }

    /// A part of an answer, or with no choice what it cost.
    pub(crate) fn text_chunk(&self, choice: Option<Choice>, usage: Option<Usage>) -> Value {
        let choices: Vec<Value> = choice.iter().map(Choice::body).collect();
        let mut part = json!({
            "id": self.id, "object": "text_completion", "created": self.created_s, "model": self.model,
            "choices": choices,
        });
        if self.include_usage {
            part["usage"] = usage.map_or(Value::Null, Usage::body);
        }
        part
    }
}

/// Whether a byte goes on with a letter that began before it (RFC 3629, section 3).
fn goes_on(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// How many letters begin in these bytes.
pub(crate) fn letters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| !goes_on(**byte)).count()
}

/// Log-probabilities in the older form. `unknown` are the first tokens of an echo, of which nothing is told.
pub(crate) fn old_logprobs(model: &ServedModel, unknown: &[u32], told: &[Told], offset: usize) -> Value {
    let name = |token: u32| super::token_name(model.token_bytes(token));
    let mut offset = offset;
    let (mut tokens, mut chances, mut likeliest, mut offsets) = (vec![], vec![], vec![], vec![]);
    let unknown = unknown.iter().map(|token| (*token, None));
    for (token, told) in unknown.chain(told.iter().map(|told| (told.token, Some(told)))) {
        let bytes = model.token_bytes(token);
        tokens.push(Value::from(name(token)));
        // A token that goes on with a letter begins where the letter does.
        offsets.push(offset - usize::from(offset > 0 && bytes.first().is_some_and(|first| goes_on(*first))));
        offset += letters(bytes);
        chances.push(told.map_or(Value::Null, |told| told.log_probability.into()));
        likeliest.push(told.map_or(Value::Null, |told| {
            let entries = told.likeliest.iter().rev();
            Value::Object(
                entries.map(|(token, chance)| (name(*token), (*chance).into())).collect::<Map<_, _>>(),
            )
        }));
    }
    json!({"tokens": tokens, "token_logprobs": chances, "top_logprobs": likeliest, "text_offset": offsets})
}
