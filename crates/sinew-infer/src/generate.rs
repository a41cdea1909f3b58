//! Several answers at a time: each round gives every conversation one more token, and new ones join between rounds.
//!
//! A round reads a bounded number of rows. Answers come first, one row each; what is left goes to prompts, the oldest
//! first, so that a long prompt delays nobody for longer than a round. What was read is kept for a while: a prompt that
//! begins like an earlier conversation goes on from there. None of this changes a bit of any answer.

use crate::error::InferError;
use crate::forward::{Forward, Own, Reading, room};
use crate::sample::{Sampler, Sampling};
use crate::stop::StopFilter;
use kept::Kept;
use sinew_model::{Model, Utf8Stream};
use sinew_tensor::kernels::log_probability;

mod kept;

/// Rows of prompts and answers that a round reads.
const ROUND_ROWS: usize = 256;
/// Rows of a round whose logits are all wanted: each has a number for every token.
const TOLD_ROWS: usize = 64;
/// Bytes that all conversations together may take.
const MEMORY_BYTES: usize = 1 << 30;

/// An answer that is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The conversation so far.
    pub prompt: Vec<u32>,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// The most tokens of the answer; the context's end comes first if it is nearer. 0 reads the prompt only.
    pub tokens_most: usize,
    /// Texts that end the answer and are not part of it.
    pub stops: Vec<String>,
}

/// What is told beside an answer's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Telling {
    /// Of each token the log-probability, and so many of the likeliest tokens with theirs.
    pub likeliest: Option<usize>,
    /// The prompt's tokens as well.
    pub prompt: bool,
}

/// A token and what the model thought of it, before temperature, penalties and biases.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The token.
    pub token: u32,
    /// The logarithm of its chance.
    pub log_probability: f32,
    /// The likeliest tokens at its place, the likeliest first.
    pub likeliest: Vec<(u32, f32)>,
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
    /// What is told of the prompt's tokens from the second on, and of the answer's, where it was asked for.
    pub told: Vec<Told>,
    /// Set on the last piece.
    pub finish: Option<Finish>,
}

/// Generates answers with one model.
pub struct Generator<F: Forward> {
    forward: F,
    answers: Vec<Answer<F::Cache>>,
    kept: Kept<F::Cache>,
    next_id: u64,
}

struct Answer<C> {
    id: u64,
    cache: C,
    /// Tokens in the cache.
    read: Vec<u32>,
    unread: Vec<u32>,
    prompt_tokens: usize,
    sampler: Sampler,
    letters: Utf8Stream,
    stop: StopFilter,
    telling: Telling,
    tokens: usize,
    tokens_most: usize,
}

impl<'a> Generator<Own<'a>> {
    /// A generator without answers, for a model of our own.
    pub fn new(model: &'a Model) -> Generator<Own<'a>> {
        Generator::with(Own::new(model))
    }
}

impl<F: Forward> Generator<F> {
    /// A generator without answers, for any model.
    pub fn with(forward: F) -> Generator<F> {
        Generator { forward, answers: Vec::new(), kept: Kept::default(), next_id: 0 }
    }

    /// Takes a request in and returns the name of its answer.
    pub fn add(&mut self, request: Request) -> Result<u64, InferError> {
        self.add_told(request, Telling::default())
    }

    /// The same, and tells more than the text.
    pub fn add_told(&mut self, request: Request, telling: Telling) -> Result<u64, InferError> {
        let room = room(&request.prompt, (self.forward.context(), self.forward.tokens()))?;
        let id = self.next_id;
        self.next_id += 1;
        let mut sampler = Sampler::new(request.sampling);
        sampler.remember(&request.prompt);
        // Whoever wants to hear of the whole prompt needs it read anew.
        let begun = if telling.prompt { None } else { self.kept.like(&request.prompt) };
        let (cache, read) = match begun {
            Some((mut cache, tokens)) => {
                F::shorten(&mut cache, tokens);
                (cache, request.prompt[..tokens].to_vec())
            }
            None => (self.forward.empty(), Vec::new()),
        };
        self.answers.push(Answer {
            id,
            cache,
            unread: request.prompt[read.len()..].to_vec(),
            read,
            prompt_tokens: request.prompt.len(),
            sampler,
            letters: Utf8Stream::default(),
            stop: StopFilter::new(request.stops),
            telling,
            tokens: 0,
            tokens_most: request.tokens_most.min(room),
        });
        Ok(id)
    }

    /// Whether the memory for conversations holds one more of so many tokens. One alone is always taken.
    pub fn has_memory(&self, tokens: usize) -> bool {
        let promised: usize =
            self.answers.iter().map(|answer| answer.prompt_tokens + answer.tokens_most).sum();
        let most = MEMORY_BYTES / self.forward.token_memory_bytes().max(1);
        self.answers.is_empty() || promised + tokens <= most
    }

    /// Drops an answer that nobody waits for any more.
    pub fn cancel(&mut self, id: u64) {
        self.answers.retain(|answer| answer.id != id);
    }

    /// Answers that are not finished.
    pub fn active(&self) -> usize {
        self.answers.len()
    }

    /// One more token for each answer whose prompt is read. Finished answers leave.
    pub fn advance(&mut self) -> Vec<Piece> {
        let wants: Vec<(usize, bool)> =
            self.answers.iter().map(|answer| (answer.unread.len(), answer.tells_prompt())).collect();
        let portions = portions(&wants);
        let mut batch: Vec<Reading<'_, F::Cache>> = Vec::new();
        for (answer, portion) in self.answers.iter_mut().zip(&portions).filter(|(_, portion)| **portion > 0) {
            let logits = answer.wanted(*portion);
            batch.push(Reading { cache: &mut answer.cache, tokens: &answer.unread[..*portion], logits });
        }
        if batch.is_empty() {
            return Vec::new();
        }
        let logits = self.forward.extend(&mut batch);
        let tokens = self.forward.tokens();
        let mut rows = logits.chunks_exact(self.forward.row_numbers()).map(|row| &row[..tokens]);
        let mut pieces = Vec::new();
        for (answer, portion) in self.answers.iter_mut().zip(&portions).filter(|(_, portion)| **portion > 0) {
            let rows: Vec<&[f32]> = rows.by_ref().take(answer.wanted(*portion)).collect();
            pieces.extend(answer.take(&self.forward, *portion, &rows));
        }
        for piece in pieces.iter().filter(|piece| piece.finish.is_some()) {
            let place = self.answers.iter().position(|answer| answer.id == piece.id);
            let answer = self.answers.remove(place.expect("a piece has its answer"));
            self.kept.keep(answer.read, answer.cache);
        }
        pieces
    }
}

/// How many rows of each conversation a round reads, from how many each has unread and whether all their logits are
/// wanted. The order is that of their coming.
fn portions(wants: &[(usize, bool)]) -> Vec<usize> {
    let answering = wants.iter().filter(|(unread, _)| *unread == 1).count();
    let mut left = ROUND_ROWS.saturating_sub(answering).max(1);
    let portion = |(unread, told): &(usize, bool)| {
        if *unread == 1 {
            return 1;
        }
        let portion = (*unread).min(left).min(if *told { TOLD_ROWS } else { ROUND_ROWS });
        left -= portion;
        portion
    };
    wants.iter().map(portion).collect()
}

impl<C> Answer<C> {
    fn tells_prompt(&self) -> bool {
        self.telling.prompt && self.telling.likeliest.is_some() && self.read.len() < self.prompt_tokens
    }

    /// How many rows of logits are wanted when so many tokens are read.
    fn wanted(&self, portion: usize) -> usize {
        match (self.tells_prompt(), portion == self.unread.len()) {
            (true, _) => portion,
            (false, true) => 1,
            (false, false) => 0,
        }
    }

    /// Takes what a round read; none if the prompt goes on and nothing is told of it.
    fn take<F: Forward>(&mut self, forward: &F, portion: usize, rows: &[&[f32]]) -> Option<Piece> {
        let mut told = Vec::new();
        if self.tells_prompt() {
            let next = self.unread[1..].iter().take(portion);
            told.extend(next.zip(rows).filter_map(|(token, row)| self.tell(*token, row)));
        }
        self.read.extend(self.unread.drain(..portion));
        if !self.unread.is_empty() {
            let piece = Piece { id: self.id, text: String::new(), tokens: 0, told, finish: None };
            return (!piece.told.is_empty()).then_some(piece);
        }
        let mut piece = match self.tokens_most {
            0 => Piece {
                id: self.id,
                text: String::new(),
                tokens: 0,
                told: vec![],
                finish: Some(Finish::Length),
            },
            _ => self.accept(forward, rows.last().expect("the last row's logits were wanted")),
        };
        told.append(&mut piece.told);
        Some(Piece { told, ..piece })
    }

    fn accept<F: Forward>(&mut self, forward: &F, logits: &[f32]) -> Piece {
        let token = self.sampler.draw(logits);
        self.tokens += 1;
        self.unread.push(token);
        let letters = self.letters.push(forward.text(token));
        let (mut text, stopped) = self.stop.push(&letters);
        let finish = match (forward.ends(token) || stopped, self.tokens >= self.tokens_most) {
            (true, _) => Some(Finish::Stop),
            (false, true) => Some(Finish::Length),
            (false, false) => None,
        };
        if finish.is_some() && !stopped {
            let (rest, _) = self.stop.push(&self.letters.finish());
            text += &rest;
            text += &self.stop.finish();
        }
        let told = self.tell(token, logits).into_iter().collect();
        Piece { id: self.id, text, tokens: self.tokens, told, finish }
    }

    fn tell(&self, token: u32, logits: &[f32]) -> Option<Told> {
        let likeliest = self.telling.likeliest?;
        let chance = |token: u32| log_probability(&mut logits.to_vec(), token as usize);
        let mut best: Vec<u32> = Vec::new();
        for (other, logit) in (0..).zip(logits) {
            let place = best.partition_point(|better| logits[*better as usize] >= *logit);
            if place < likeliest {
                best.truncate(likeliest - 1);
                best.insert(place, other);
            }
        }
        Some(Told {
            token,
            log_probability: chance(token),
            likeliest: best.into_iter().map(|token| (token, chance(token))).collect(),
        })
    }
}

#[cfg(test)]
mod tests;
