//! Putting asks to a model behind OpenAI's `/v1/completions`, and reading what it answers.

use crate::error::CliError;
use crate::outside;
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use sinew_engine::suite::{Answer, Ask};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;
use ureq::Agent;

/// A batch of long texts on one slow core.
const ANSWER_WITHIN: Duration = Duration::from_secs(600);
const ANSWER_BYTES_MOST: u64 = 256 << 20;
/// How often a server that is busy or away is asked again, and after what pause.
const TRIES: u32 = 120;
const PAUSE: Duration = Duration::from_millis(500);

/// A model and where it answers.
pub(super) struct Endpoint {
    agent: Agent,
    /// Up to and with `/v1`.
    url: String,
    key: Option<String>,
    model: String,
    /// Tokens that have to be asked for beyond those that are scored: some servers take 0 for "as many as you like".
    beyond: usize,
    /// Whether the server knows `logprobs_from`.
    is_ours: AtomicBool,
}

/// What came of one request.
pub(super) enum Reply {
    /// The answers, in the order of the asks, and the tokens that it took to get them.
    Answers(Vec<Answer>, u64),
    /// The model's context is too short for one of these asks; in the server's words.
    TooLong(String),
}

impl Endpoint {
    /// Our own server's.
    pub(super) fn own(server: &str, key: Option<&str>, model: &str) -> Endpoint {
        let url = format!("{}/v1", server.trim_end_matches('/'));
        let (key, model) = (key.map(str::to_owned), model.to_owned());
        Endpoint {
            agent: outside::agent(ANSWER_WITHIN),
            url,
            key,
            model,
            beyond: 0,
            is_ours: AtomicBool::new(true),
        }
    }

    /// Somebody else's.
    pub(super) fn other(url: &str, key: Option<String>, model: &str) -> Result<Endpoint, CliError> {
        let url = url.trim_end_matches('/').to_owned();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            let why = "an address such as http://127.0.0.1:8000/v1 is expected";
            return Err(CliError::Usage(format!("--url is `{url}`: {why}")));
        }
        let agent = outside::agent(ANSWER_WITHIN);
        Ok(Endpoint { agent, url, key, model: model.to_owned(), beyond: 1, is_ours: AtomicBool::new(false) })
    }

    /// Where it is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The model's name.
    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// Puts asks of one kind: texts to score together, or one text to write.
    pub(super) fn put(&self, asks: &[Ask]) -> Result<Reply> {
        let answer = match self.post(&self.body(asks))? {
            Ok(answer) => answer,
            Err(refusal) if refusal.contains("logprobs_from") && self.is_ours.load(Ordering::Relaxed) => {
                // An endpoint that an older version started.
                self.is_ours.store(false, Ordering::Relaxed);
                return self.put(asks);
            }
            Err(refusal) if is_too_long(&refusal) => return Ok(Reply::TooLong(reason(&refusal))),
            Err(refusal) => bail!("{} does not take this: {}", self.url, reason(&refusal)),
        };
        let read = self.read(&answer, asks);
        let answers = read.with_context(|| {
            format!("the answer of {} cannot be used: suites need OpenAI's /completions", self.url)
        })?;
        let used = |name: &str| answer["usage"][name].as_u64().unwrap_or(0);
        Ok(Reply::Answers(answers, used("prompt_tokens") + used("completion_tokens")))
    }

    fn body(&self, asks: &[Ask]) -> Value {
        match asks {
            [Ask::Write { prompt, stops, tokens_most }] => json!({
                "model": self.model, "prompt": prompt, "stop": stops, "max_tokens": tokens_most,
                "temperature": 0,
            }),
            several => {
                let prompts: Vec<String> = several.iter().map(scored_text).collect();
                let mut body = json!({
                    "model": self.model, "prompt": prompts, "max_tokens": self.beyond, "echo": true,
                    "logprobs": 1, "temperature": 0,
                });
                if self.is_ours.load(Ordering::Relaxed) {
                    // What several texts share is then read once. Others do not know this word.
                    body["logprobs_from"] = several.iter().map(context_length).collect();
                }
                body
            }
        }
    }

    /// Asks, again where the server is busy or away for a while. The inner error is the body of a refusal.
    fn post(&self, body: &Value) -> Result<Result<Value, String>> {
        let url = format!("{}/completions", self.url);
        let bytes = serde_json::to_vec(body).context("a request has a JSON form")?;
        let mut tried = 1;
        loop {
            let mut request = self.agent.post(&url).content_type("application/json");
            if let Some(key) = &self.key {
                request = request.header("Authorization", format!("Bearer {key}"));
            }
            let said = match request.send(&bytes) {
                Ok(mut answer) => {
                    let status = answer.status().as_u16();
                    let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MOST).read_to_string();
                    let text = text.with_context(|| format!("the answer of {url} broke off"))?;
                    match status {
                        200..300 => {
                            return Ok(Ok(serde_json::from_str(&text).with_context(|| {
                                format!("what {url} answered is no JSON: is it an OpenAI-compatible server?")
                            })?));
                        }
                        400 | 413 | 422 => return Ok(Err(text)),
                        401 | 403 | 404 => bail!("{url} says no ({status}): {}", reason(&text)),
                        _ => format!("{status}: {}", reason(&text)),
                    }
                }
                Err(error) => error.to_string(),
            };
            if tried == TRIES {
                bail!("{url} does not answer ({said}); with --out, the same command goes on from here");
            }
            tried += 1;
            sleep(PAUSE);
        }
    }

    fn read(&self, answer: &Value, asks: &[Ask]) -> Result<Vec<Answer>> {
        let mut choices: Vec<&Value> =
            answer["choices"].as_array().context("it has no `choices`")?.iter().collect();
        choices.sort_by_key(|choice| choice["index"].as_u64());
        if choices.len() != asks.len() {
            bail!("it has {} choices for {} prompts", choices.len(), asks.len());
        }
        let one = |(choice, ask): (&&Value, &Ask)| match ask {
            Ask::Write { .. } => {
                Ok(Answer::Written(choice["text"].as_str().context("a choice has no text")?.to_owned()))
            }
            Ask::Score { continuation, .. } => {
                scored(&choice["logprobs"], continuation.chars().count(), self.beyond)
            }
        };
        choices.iter().zip(asks).map(one).collect()
    }
}

fn context_length(ask: &Ask) -> Value {
    match ask {
        Ask::Score { context, .. } => context.chars().count().into(),
        Ask::Write { .. } => 0.into(),
    }
}

fn scored_text(ask: &Ask) -> String {
    match ask {
        Ask::Score { context, continuation } => format!("{context}{continuation}"),
        Ask::Write { prompt, .. } => prompt.clone(),
    }
}

/// The tokens that reach into the last `length` characters of a prompt, when `beyond` more were written after it.
///
/// Lengths count from the end, since some servers put a mark before the text that others do not count.
fn scored(logprobs: &Value, length: usize, beyond: usize) -> Result<Answer> {
    let list = |name: &str| {
        logprobs[name].as_array().with_context(|| format!("its `logprobs` have no `{name}` (with `echo`)"))
    };
    let (tokens, offsets) = (list("tokens")?, list("text_offset")?);
    let (chances, likeliest) = (list("token_logprobs")?, list("top_logprobs")?);
    let count = tokens.len();
    if offsets.len() != count || chances.len() != count || likeliest.len() != count || count <= beyond {
        bail!("its `logprobs` have lists of different lengths");
    }
    let offset = |place: usize| offsets[place].as_u64().and_then(|offset| usize::try_from(offset).ok());
    let count = count - beyond;
    let end = match beyond {
        0 => offset(count - 1).map(|last| last + tokens[count - 1].as_str().map_or(0, text_length)),
        _ => offset(count),
    };
    let end = end.context("an offset is no number")?;
    let start = end.saturating_sub(length);
    let (mut sum, mut scored, mut greedy, mut until) = (0.0, 0, true, end);
    for place in (0..count).rev() {
        if until <= start {
            break;
        }
        let chance = chances[place].as_f64().context("a token of the continuation has no log-probability")?;
        let best = likeliest[place].as_object().into_iter().flatten().filter_map(|(_, best)| best.as_f64());
        greedy &= best.fold(f64::NEG_INFINITY, f64::max) <= chance;
        sum += chance;
        scored += 1;
        until = offset(place).context("an offset is no number")?;
    }
    Ok(Answer::Scored { sum, tokens: scored, greedy })
}

/// Characters of a token's text; of bytes that are no text, one.
fn text_length(token: &str) -> usize {
    if token.starts_with("bytes:") { 1 } else { token.chars().count() }
}

/// Whether a refusal is about the length of a text. Servers have one code for it, and many sentences.
fn is_too_long(refusal: &str) -> bool {
    let said = refusal.to_lowercase();
    ["context_length_exceeded", "context length", "context window", "too long"]
        .iter()
        .any(|words| said.contains(words))
}

/// Why a server says no, in its own words.
fn reason(text: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let said = value["error"]["message"].as_str().or_else(|| value["detail"].as_str());
    said.or_else(|| value["message"].as_str()).unwrap_or(text.trim()).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(texts: &[&str], chances: &[f64], best: &[f64]) -> Value {
        let offsets: Vec<usize> =
            (0..texts.len()).map(|n| texts[..n].iter().map(|text| text.chars().count()).sum()).collect();
        let chances: Vec<Value> =
            chances.iter().map(|chance| if chance.is_nan() { Value::Null } else { json!(chance) }).collect();
        let likeliest: Vec<Value> = best.iter().map(|best| json!({"x": best})).collect();
        json!({"tokens": texts, "text_offset": offsets, "token_logprobs": chances, "top_logprobs": likeliest})
    }

    #[test]
    fn only_the_continuations_tokens_count() {
        let logprobs =
            told(&["One", " two", " thr", "ee"], &[f64::NAN, -1.0, -2.0, -0.5], &[0.0, -1.0, -2.0, -0.5]);
        let three = Answer::Scored { sum: -2.5, tokens: 2, greedy: true };
        assert_eq!(scored(&logprobs, 6, 0).expect("scored"), three);
        // A token that reaches across the border counts.
        let all = Answer::Scored { sum: -3.5, tokens: 3, greedy: true };
        assert_eq!(scored(&logprobs, 7, 0).expect("scored"), all);
        assert!(scored(&logprobs, 11, 0).is_err(), "of the first token nothing is known");
    }

    #[test]
    fn what_a_server_wrote_beyond_the_prompt_does_not_count_and_the_likeliest_is_seen() {
        let logprobs = told(
            &["One", " two", " three", " four"],
            &[f64::NAN, -1.0, -2.0, -9.0],
            &[0.0, -1.0, -1.5, -9.0],
        );
        let three = Answer::Scored { sum: -2.0, tokens: 1, greedy: false };
        assert_eq!(scored(&logprobs, 6, 1).expect("scored"), three);
    }

    #[test]
    fn an_answer_without_logprobs_is_refused() {
        assert!(scored(&Value::Null, 3, 0).expect_err("nothing is there").to_string().contains("`tokens`"));
    }
}
