//! Several answers at a time: each round gives every conversation one more token, and new ones join between rounds.

use crate::decode::{Cache, Decoder, New};
use crate::error::InferError;
use crate::sample::{Sampler, Sampling};
use crate::stop::StopFilter;
use sinew_model::{Model, Special, Utf8Stream};

/// An answer that is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The conversation so far.
    pub prompt: Vec<u32>,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// The most tokens of the answer; the context's end comes first if it is nearer.
    pub tokens_most: usize,
    /// Texts that end the answer and are not part of it.
    pub stops: Vec<String>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model ended its turn, or a stop text came.
    Stop,
    /// The most tokens were reached.
    Length,
}

/// What a round gave to one answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Which answer, as [`Generator::add`] named it.
    pub id: u64,
    /// New text, whole letters only; may be empty.
    pub text: String,
    /// Tokens of the answer so far, its end included.
    pub tokens: usize,
    /// Set on the last piece.
    pub finish: Option<Finish>,
}

/// Generates answers with one model.
pub struct Generator<'a> {
    model: &'a Model,
    decoder: Decoder<'a>,
    answers: Vec<Answer>,
    next_id: u64,
}

struct Answer {
    id: u64,
    cache: Cache,
    unread: Vec<u32>,
    sampler: Sampler,
    letters: Utf8Stream,
    stop: StopFilter,
    tokens: usize,
    tokens_most: usize,
}

impl<'a> Generator<'a> {
    /// A generator without answers.
    pub fn new(model: &'a Model) -> Generator<'a> {
        Generator { model, decoder: Decoder::new(&model.weights), answers: Vec::new(), next_id: 0 }
    }

    /// Checks a prompt and returns how many tokens an answer to it may have.
    pub fn room(model: &Model, prompt: &[u32]) -> Result<usize, InferError> {
        let config = &model.weights.config;
        if prompt.is_empty() {
            return Err(InferError::Empty);
        }
        if let Some(token) = prompt.iter().find(|token| **token as usize >= config.vocabulary) {
            return Err(InferError::Token { token: *token, vocabulary: config.vocabulary });
        }
        if prompt.len() >= config.context {
            return Err(InferError::TooLong { tokens: prompt.len(), most: config.context - 1 });
        }
        Ok(config.context - prompt.len())
    }

    /// Takes a request in and returns the name of its answer.
    pub fn add(&mut self, request: Request) -> Result<u64, InferError> {
        let room = Generator::room(self.model, &request.prompt)?;
        let id = self.next_id;
        self.next_id += 1;
        self.answers.push(Answer {
            id,
            cache: Cache::new(&self.model.weights.config),
            unread: request.prompt,
            sampler: Sampler::new(request.sampling),
            letters: Utf8Stream::default(),
            stop: StopFilter::new(request.stops),
            tokens: 0,
            tokens_most: request.tokens_most.min(room),
        });
        Ok(id)
    }

    /// Drops an answer that nobody waits for any more.
    pub fn cancel(&mut self, id: u64) {
        self.answers.retain(|answer| answer.id != id);
    }

    /// Answers that are not finished.
    pub fn active(&self) -> usize {
        self.answers.len()
    }

    /// One more token for each answer. Finished answers leave.
    pub fn advance(&mut self) -> Vec<Piece> {
        if self.answers.is_empty() {
            return Vec::new();
        }
        let mut batch: Vec<New<'_>> = self
            .answers
            .iter_mut()
            .map(|answer| New { cache: &mut answer.cache, tokens: &answer.unread, all_logits: false })
            .collect();
        let logits = self.decoder.extend(&mut batch);
        // Rows past the tokenizer's size only fill up vectors; no text has them.
        let (width, size) = (self.model.weights.config.vocabulary, self.model.tokenizer.size());
        let rows = logits.chunks_exact(width).map(|row| &row[..size]);
        let model = self.model;
        let pieces: Vec<Piece> =
            self.answers.iter_mut().zip(rows).map(|(answer, row)| answer.accept(model, row)).collect();
        let mut ended = pieces.iter().map(|piece| piece.finish.is_some());
        self.answers.retain(|_| !ended.next().unwrap_or(false));
        pieces
    }
}

impl Answer {
    fn accept(&mut self, model: &Model, logits: &[f32]) -> Piece {
        let token = self.sampler.draw(logits);
        self.tokens += 1;
        self.unread.clear();
        self.unread.push(token);
        let ended = token == model.tokenizer.special(Special::End);
        let letters = self.letters.push(model.tokenizer.token_bytes(token));
        let (mut text, stopped) = self.stop.push(&letters);
        let finish = match (ended || stopped, self.tokens >= self.tokens_most) {
            (true, _) => Some(Finish::Stop),
            (false, true) => Some(Finish::Length),
            (false, false) => None,
        };
        if finish.is_some() && !stopped {
            let (rest, _) = self.stop.push(&self.letters.finish());
            text += &rest;
            text += &self.stop.finish();
        }
        Piece { id: self.id, text, tokens: self.tokens, finish }
    }
}
