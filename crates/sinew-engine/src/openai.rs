//! OpenAI's chat completions as JSON: reading a request with an exact reason for each refusal, and writing answers.

use crate::served_model::ServedModel;
use sampling::read_sampling;
use serde_json::{Map, Value, json};
use sinew_infer::{Finish, Message, Role, Sampling, Told};

pub(crate) mod completions;
mod sampling;

/// A request that was understood.
#[derive(Debug, PartialEq)]
pub(crate) struct ChatRequest {
    pub(crate) model: String,
    pub(crate) messages: Vec<Message>,
    pub(crate) sampling: Sampling,
    pub(crate) tokens_most: Option<usize>,
    pub(crate) stops: Vec<String>,
    /// Whether each token's log-probability is told, and with how many of the likeliest tokens.
    pub(crate) likeliest: Option<usize>,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
}

/// A no in OpenAI's form.
#[derive(Debug, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) code: Option<&'static str>,
    pub(crate) param: Option<String>,
    pub(crate) message: String,
}

impl ApiError {
    fn bad(param: &str, code: &'static str, message: String) -> ApiError {
        let param = (!param.is_empty()).then(|| param.to_owned());
        ApiError { status: 400, kind: "invalid_request_error", code: Some(code), param, message }
    }

    pub(crate) fn body(&self) -> Value {
        json!({"error": {
            "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
        }})
    }
}

/// What an answer cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) prompt: usize,
    pub(crate) completion: usize,
}

impl Usage {
    fn body(self) -> Value {
        json!({
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
        })
    }
}

const MESSAGES_MOST: usize = 1000;
const STOPS_MOST: usize = 4;
/// The most tokens that are named beside each token.
const LIKELIEST_MOST: usize = 20;
/// Fields that change nothing here, whatever they hold.
const WITHOUT_EFFECT: [&str; 8] = [
    "user",
    "metadata",
    "store",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "parallel_tool_calls",
    "verbosity",
];

fn read_fields(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::bad("", "invalid_json", format!("The body is not JSON: {error}.")))?;
    let Value::Object(mut fields) = value else {
        return Err(ApiError::bad("", "invalid_json", "The body must be a JSON object.".to_owned()));
    };
    fields.retain(|_, value| !value.is_null());
    Ok(fields)
}

/// Reads the body of a request.
pub(crate) fn read_request(body: &[u8]) -> Result<ChatRequest, ApiError> {
    let mut fields = read_fields(body)?;
    let sampling = read_sampling(&mut fields)?;
    let tokens_most =
        match (take_count(&mut fields, "max_tokens")?, take_count(&mut fields, "max_completion_tokens")?) {
            (old, None) => old,
            (_, new) => new,
        };
    let stream = take_bool(&mut fields, "stream")?;
    let include_usage = read_stream_options(&mut fields, stream)?;
    if take_count(&mut fields, "n")?.is_some_and(|count| count != 1) {
        let message = "This server gives one answer a request: `n` must be 1.".to_owned();
        return Err(ApiError::bad("n", "unsupported_value", message));
    }
    let request = ChatRequest {
        model: take_text(&mut fields, "model")?,
        messages: read_messages(fields.remove("messages"))?,
        sampling,
        tokens_most,
        stops: read_stops(fields.remove("stop"))?,
        likeliest: read_likeliest(&mut fields)?,
        stream,
        include_usage,
    };
    refuse_others(&fields)?;
    Ok(request)
}

/// `logprobs` and `top_logprobs`.
fn read_likeliest(fields: &mut Map<String, Value>) -> Result<Option<usize>, ApiError> {
    let wanted = take_bool(fields, "logprobs")?;
    let count = match fields.remove("top_logprobs") {
        None => return Ok(wanted.then_some(0)),
        Some(value) => value.as_u64().and_then(|count| usize::try_from(count).ok()),
    };
    let count = count.filter(|count| *count <= LIKELIEST_MOST);
    let count = count.ok_or_else(|| wrong_type("top_logprobs", "a whole number from 0 to 20"))?;
    if count > 0 && !wanted {
        let message = "`top_logprobs` needs `logprobs` to be true.".to_owned();
        return Err(ApiError::bad("top_logprobs", "invalid_value", message));
    }
    Ok(wanted.then_some(count))
}

fn read_stream_options(fields: &mut Map<String, Value>, stream: bool) -> Result<bool, ApiError> {
    match fields.remove("stream_options") {
        None => Ok(false),
        Some(_) if !stream => {
            let message = "`stream_options` needs `stream` to be true.".to_owned();
            Err(ApiError::bad("stream_options", "invalid_value", message))
        }
        Some(Value::Object(mut options)) => take_bool(&mut options, "include_usage"),
        Some(_) => Err(wrong_type("stream_options", "an object")),
    }
}

fn read_messages(value: Option<Value>) -> Result<Vec<Message>, ApiError> {
    let Some(value) = value else {
        return Err(ApiError::bad(
            "messages",
            "missing_required_parameter",
            "`messages` is missing.".to_owned(),
        ));
    };
    let Value::Array(list) = value else { return Err(wrong_type("messages", "an array")) };
    if list.is_empty() {
        let message = "`messages` is empty; send at least one message.".to_owned();
        return Err(ApiError::bad("messages", "empty_array", message));
    }
    if list.len() > MESSAGES_MOST {
        let message = format!("`messages` has {} entries; send at most {MESSAGES_MOST}.", list.len());
        return Err(ApiError::bad("messages", "array_above_max_length", message));
    }
    list.into_iter().enumerate().map(|(index, message)| read_message(index, message)).collect()
}

fn read_message(index: usize, message: Value) -> Result<Message, ApiError> {
    let place = |part: &str| format!("messages[{index}]{part}");
    let Value::Object(mut fields) = message else { return Err(wrong_type(&place(""), "an object")) };
    let role = match fields.get("role").and_then(Value::as_str) {
        Some("system" | "developer") => Role::System,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        other => {
            let found = other.map_or("missing".to_owned(), |role| format!("`{role}`"));
            let message = format!(
                "`{}` is {found}; this model knows system, developer, user and assistant.",
                place(".role")
            );
            return Err(ApiError::bad(&place(".role"), "invalid_value", message));
        }
    };
    let text = match fields.remove("content") {
        Some(Value::String(text)) => text,
        Some(Value::Array(parts)) => parts
            .iter()
            .enumerate()
            .map(|(part, value)| read_part(&place(&format!(".content[{part}]")), value))
            .collect::<Result<String, ApiError>>()?,
        _ => return Err(wrong_type(&place(".content"), "a string or an array of text parts")),
    };
    Ok(Message { role, text })
}

fn read_part(place: &str, part: &Value) -> Result<String, ApiError> {
    match (part.get("type").and_then(Value::as_str), part.get("text").and_then(Value::as_str)) {
        (Some("text"), Some(text)) => Ok(text.to_owned()),
        _ => {
            let message = format!("`{place}` is not a text part; this model reads text only.");
            Err(ApiError::bad(place, "unsupported_value", message))
        }
    }
}

fn read_stops(value: Option<Value>) -> Result<Vec<String>, ApiError> {
    let list = match value {
        None => Vec::new(),
        Some(Value::String(text)) => vec![Value::String(text)],
        Some(Value::Array(list)) => list,
        Some(_) => return Err(wrong_type("stop", "a string or an array of strings")),
    };
    if list.len() > STOPS_MOST {
        let message = format!("`stop` has {} entries; send at most {STOPS_MOST}.", list.len());
        return Err(ApiError::bad("stop", "array_above_max_length", message));
    }
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        _ => Err(wrong_type("stop", "a string or an array of strings")),
    };
    list.into_iter().map(text).collect()
}

/// Fields that ask for something that this server cannot do, or that nobody knows.
fn refuse_others(fields: &Map<String, Value>) -> Result<(), ApiError> {
    for (name, value) in fields {
        let neutral = match name.as_str() {
            "tools" => value.as_array().is_some_and(Vec::is_empty),
            "tool_choice" => value.as_str().is_some_and(|choice| choice == "none" || choice == "auto"),
            "response_format" => value.get("type").and_then(Value::as_str) == Some("text"),
            "modalities" => value == &json!(["text"]),
            "functions" | "function_call" | "audio" | "prediction" | "reasoning_effort"
            | "web_search_options" => false,
            other if WITHOUT_EFFECT.contains(&other) => true,
            _ => {
                let message = format!("`{name}` is not a known parameter; remove it.");
                return Err(ApiError::bad(name, "unknown_parameter", message));
            }
        };
        if !neutral {
            let message = format!("This model does not support `{name}` with this value; remove it.");
            return Err(ApiError::bad(name, "unsupported_parameter", message));
        }
    }
    Ok(())
}

fn take_number(
    fields: &mut Map<String, Value>,
    name: &str,
    (least, most): (f64, f64),
) -> Result<Option<f32>, ApiError> {
    let Some(value) = fields.remove(name) else { return Ok(None) };
    let Some(number) = value.as_f64() else { return Err(wrong_type(name, "a number")) };
    if !(least..=most).contains(&number) {
        let message = format!("`{name}` is {number}; it must lie between {least} and {most}.");
        return Err(ApiError::bad(name, "invalid_value", message));
    }
    Ok(Some(number as f32))
}

fn take_count(fields: &mut Map<String, Value>, name: &str) -> Result<Option<usize>, ApiError> {
    let Some(value) = fields.remove(name) else { return Ok(None) };
    let count = value.as_u64().and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
    count.map(Some).ok_or_else(|| wrong_type(name, "a whole number above 0"))
}

fn take_bool(fields: &mut Map<String, Value>, name: &str) -> Result<bool, ApiError> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(value),
        Some(_) => Err(wrong_type(name, "true or false")),
    }
}

fn take_text(fields: &mut Map<String, Value>, name: &str) -> Result<String, ApiError> {
    match fields.remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(wrong_type(name, "a string")),
        None => Err(ApiError::bad(name, "missing_required_parameter", format!("`{name}` is missing."))),
    }
}

fn wrong_type(name: &str, wanted: &str) -> ApiError {
    ApiError::bad(name, "invalid_type", format!("`{name}` must be {wanted}."))
}

/// What all parts of one answer have in common.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) created_s: u64,
    pub(crate) model: String,
    pub(crate) include_usage: bool,
}

impl Head {
    /// The whole answer at once.
    pub(crate) fn completion(&self, (text, logprobs): (&str, Value), finish: Finish, usage: Usage) -> Value {
        json!({
            "id": self.id, "object": "chat.completion", "created": self.created_s, "model": self.model,
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": null},
                "logprobs": logprobs,
                "finish_reason": finish_name(finish),
            }],
            "usage": usage.body(),
        })
    }

    /// A part of the answer's text; the first part has the role as well.
    pub(crate) fn chunk(&self, (delta, logprobs): (Value, Value), finish: Option<Finish>) -> Value {
        let choice = json!({
            "index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish.map(finish_name),
        });
        self.part(json!([choice]), Value::Null)
    }

    /// The last part, which says what the answer cost.
    pub(crate) fn usage_chunk(&self, usage: Usage) -> Value {
        self.part(json!([]), usage.body())
    }

    fn part(&self, choices: Value, usage: Value) -> Value {
        let mut part = json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created_s, "model": self.model,
            "choices": choices,
        });
        if self.include_usage {
            part["usage"] = usage;
        }
        part
    }
}

fn finish_name(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
    }
}

/// Log-probabilities in the form of chats.
pub(crate) fn chat_logprobs(model: &ServedModel, told: &[Told]) -> Value {
    let entry = |token: u32, chance: f32| {
        let bytes = model.token_bytes(token);
        json!({"token": token_name(bytes), "logprob": chance, "bytes": bytes})
    };
    let content: Vec<Value> = told
        .iter()
        .map(|told| {
            let mut shown = entry(told.token, told.log_probability);
            let likeliest = told.likeliest.iter().map(|(token, chance)| entry(*token, *chance));
            shown["top_logprobs"] = Value::Array(likeliest.collect());
            shown
        })
        .collect();
    json!({"content": content, "refusal": null})
}

/// A token's text; where it is a part of a letter, its bytes as OpenAI writes them.
fn token_name(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| format!("bytes:{}", bytes.escape_ascii()), str::to_owned)
}
