//! `/v1/completions`: texts that the model goes on with.

use super::{Events, Form, Served, body_of, no_prompt, stream, whole};
use crate::openai::completions::{Choice, Prompt, TextRequest, letters, old_logprobs, read_text_request};
use crate::openai::{ApiError, Head, Usage};
use crate::served_model::ServedModel;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sinew_infer::{Piece, Request, Telling, Told};
use std::sync::Arc;

pub(super) async fn texts(
    State(served): State<Arc<Served>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let asked = read_text_request(&body_of(body)?)?;
    served.check_name(&asked.model)?;
    let head = served.head("cmpl", asked.include_usage);
    let mut waiting = Vec::new();
    for (prompt, told_from) in asked.prompts.iter().zip(&asked.told_from) {
        let request = served.text_request(&asked, prompt)?;
        let prompt = request.prompt.clone();
        let from = served.model.told_from(&prompt, *told_from);
        let telling = Telling { likeliest: asked.likeliest, prompt_from: asked.echo.then_some(from) };
        waiting.push((prompt, from, served.hand_over(request, telling)?));
    }
    if asked.stream
        && let Some((prompt, from, pieces)) = waiting.pop()
    {
        let length = prompt.len();
        let telling = asked.likeliest.is_some();
        let model = served.model.clone();
        let form = TextForm { head, model, prompt, from, echo: asked.echo, telling, offset: 0 };
        return Ok(stream(Events::new(Form::Text(form), pieces, length)));
    }
    let (mut choices, mut usage) = (Vec::new(), Usage { prompt: 0, completion: 0 });
    for (index, (prompt, from, pieces)) in waiting.into_iter().enumerate() {
        let answer = whole(pieces).await?;
        usage.prompt += prompt.len();
        usage.completion += answer.tokens;
        let echoed = if asked.echo { served.model.text(&prompt) } else { String::new() };
        let logprobs = match asked.likeliest {
            Some(_) => {
                let unknown = if asked.echo { &prompt[..from] } else { &[] };
                old_logprobs(&served.model, unknown, &answer.told, 0)
            }
            None => Value::Null,
        };
        let text = echoed + &answer.text;
        choices.push(Choice { index, text, logprobs, finish: Some(answer.finish) });
    }
    Ok(Json(head.texts(&choices, usage)).into_response())
}

impl Served {
    fn text_request(&self, asked: &TextRequest, prompt: &Prompt) -> Result<Request, ApiError> {
        let refused = |no| no_prompt("prompt", no);
        let prompt = match prompt {
            Prompt::Text(text) => self.model.encode(text).map_err(refused)?,
            Prompt::Tokens(tokens) => tokens.clone(),
        };
        let room = self.model.room(&prompt).map_err(refused)?;
        let sampling = asked.sampling.clone();
        Ok(Request { prompt, sampling, tokens_most: asked.tokens_most.min(room), stops: asked.stops.clone() })
    }
}

impl ServedModel {
    /// The text of a row of tokens; what is no letter becomes U+FFFD.
    fn text(&self, tokens: &[u32]) -> String {
        let bytes: Vec<u8> = tokens.iter().flat_map(|token| self.token_bytes(*token)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The first token of a prompt that reaches beyond so many characters of it. Of the first token nothing can be told.
    fn told_from(&self, prompt: &[u32], characters: usize) -> usize {
        let mut passed = 0;
        let begins_after = |token: &&u32| {
            passed += letters(self.token_bytes(**token));
            passed <= characters
        };
        prompt.iter().take_while(begins_after).count().clamp(1, prompt.len())
    }
}

/// How the parts of a text are written.
pub(super) struct TextForm {
    head: Head,
    model: Arc<ServedModel>,
    prompt: Vec<u32>,
    /// Of the prompt's tokens is told from this one on.
    from: usize,
    echo: bool,
    telling: bool,
    offset: usize,
}

impl TextForm {
    /// The prompt, where it is to be repeated.
    pub(super) fn first(&mut self) -> Option<Value> {
        if !self.echo {
            return None;
        }
        let first = self.prompt[..self.from].to_vec();
        let text = self.model.text(&self.prompt);
        Some(self.part(text, (&first, &[]), None))
    }

    /// The parts that a piece gives.
    pub(super) fn parts(&mut self, piece: &Piece) -> Vec<Value> {
        let nothing_told = !self.telling || piece.told.is_empty();
        if piece.text.is_empty() && piece.finish.is_none() && nothing_told {
            return Vec::new();
        }
        vec![self.part(piece.text.clone(), (&[], &piece.told), piece.finish)]
    }

    fn part(
        &mut self,
        text: String,
        (unknown, told): (&[u32], &[Told]),
        finish: Option<sinew_infer::Finish>,
    ) -> Value {
        let logprobs = match self.telling {
            true => old_logprobs(&self.model, unknown, told, self.offset),
            false => Value::Null,
        };
        let tokens = unknown.iter().copied().chain(told.iter().map(|told| told.token));
        self.offset += tokens.map(|token| letters(self.model.token_bytes(token))).sum::<usize>();
        self.head.text_chunk(Some(Choice { index: 0, text, logprobs, finish }), None)
    }

    /// What the text cost, where that is wanted.
    pub(super) fn cost(&self, usage: Usage) -> Option<Value> {
        self.head.include_usage.then(|| self.head.text_chunk(None, Some(usage)))
    }
}
