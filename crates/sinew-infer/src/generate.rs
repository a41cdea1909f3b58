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
use sinew_tensor::kernels::log_normaliser;

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
    /// The prompt's tokens as well, from this one on, counted from 0. Of the first nothing can be told.
    pub prompt_from: Option<usize>,
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
    follows: Option<Follows>,
}

/// An answer that is being read begins the same: what it shares is read once.
struct Follows {
    leader: u64,
    tokens: usize,
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
        let (cache, unread) = (self.forward.empty(), request.prompt.clone());
        let mut answer = Answer {
            id,
            cache,
            unread,
            read: Vec::new(),
            prompt_tokens: request.prompt.len(),
            sampler,
            letters: Utf8Stream::default(),
            stop: StopFilter::new(request.stops),
            telling,
            tokens: 0,
            tokens_most: request.tokens_most.min(room),
            follows: None,
        };
        let kept = self.kept.like(answer.shareable());
        match self.leader(&answer) {
            Some(follows) if kept.as_ref().is_none_or(|(_, tokens)| *tokens < follows.tokens) => {
                answer.follows = Some(follows);
            }
            _ => answer.go_on_from::<F>(kept),
        }
        self.answers.push(answer);
        Ok(id)
    }

    /// The answer under way whose tokens begin most like this one's, if that is worth waiting for.
    fn leader(&self, answer: &Answer<F::Cache>) -> Option<Follows> {
        let shareable = answer.shareable();
        let shared = |leader: &Answer<F::Cache>| {
            let tokens = leader.read.iter().chain(&leader.unread);
            tokens.zip(shareable).take_while(|(leads, own)| leads == own).count()
        };
        let all = self.answers.iter().map(|leader| Follows { leader: leader.id, tokens: shared(leader) });
        // Of equals the oldest, which is furthest.
        all.rev().max_by_key(|follows| follows.tokens).filter(|follows| follows.tokens >= kept::LEAST_TOKENS)
    }

    /// Lets answers go on from what those that they follow have read by now.
    fn let_go_on(&mut self) {
        for place in 0..self.answers.len() {
            let Some(follows) = &self.answers[place].follows else { continue };
            let tokens = follows.tokens;
            let found = match self.answers.iter().find(|leader| leader.id == follows.leader) {
                Some(leader) if leader.read.len() < tokens => continue,
                Some(leader) => Some((leader.cache.clone(), tokens)),
                None => self.kept.like(self.answers[place].shareable()),
            };
            self.answers[place].go_on_from::<F>(found);
        }
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
        self.let_go_on();
        let wants: Vec<(usize, usize)> = self.answers.iter().map(Answer::wants).collect();
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

/// How many rows of each conversation a round reads, from how many each has unread and how many it may read at a time.
/// The order is that of their coming.
fn portions(wants: &[(usize, usize)]) -> Vec<usize> {
    let answering = wants.iter().filter(|(unread, _)| *unread == 1).count();
    let mut left = ROUND_ROWS.saturating_sub(answering).max(1);
    let portion = |(unread, most): &(usize, usize)| {
        if *unread == 1 {
            return 1;
        }
        let portion = (*unread).min(left).min(*most);
        left -= portion;
        portion
    };
    wants.iter().map(portion).collect()
}

impl<C> Answer<C> {
    /// The first token of the prompt of which is told. Of the answer's tokens is told elsewhere.
    fn told_from(&self) -> usize {
        let from = self.telling.prompt_from.filter(|_| self.telling.likeliest.is_some());
        from.map_or(self.prompt_tokens, |from| from.clamp(1, self.prompt_tokens))
    }

    /// The tokens that another conversation may have read for this one: what comes later has to give logits.
    fn shareable(&self) -> &[u32] {
        &self.unread[..self.told_from() - 1]
    }

    /// Begins with what was read elsewhere, if anything was.
    fn go_on_from<F: Forward<Cache = C>>(&mut self, begun: Option<(C, usize)>) {
        self.follows = None;
        if let Some((mut cache, tokens)) = begun {
            F::shorten(&mut cache, tokens);
            self.cache = cache;
            self.read.extend(self.unread.drain(..tokens));
        }
    }

    /// How many tokens are unread, and how many of them may be read in a round.
    fn wants(&self) -> (usize, usize) {
        if self.follows.is_some() {
            return (0, 0);
        }
        let silent = (self.told_from() - 1).saturating_sub(self.read.len());
        let tells = self.told_from() < self.prompt_tokens && self.read.len() < self.prompt_tokens;
        (self.unread.len(), if tells { silent + TOLD_ROWS } else { ROUND_ROWS })
    }

    /// How many of the next tokens come before the first whose logits tell something of the prompt.
    fn silent(&self, portion: usize) -> usize {
        (self.told_from() - 1).saturating_sub(self.read.len()).min(portion)
    }

    /// How many rows of logits are wanted when so many tokens are read: the last ones.
    fn wanted(&self, portion: usize) -> usize {
        let ends = usize::from(portion == self.unread.len());
        if self.read.len() < self.prompt_tokens { (portion - self.silent(portion)).max(ends) } else { ends }
    }

    /// Takes what a round read; none if the prompt goes on and nothing is told of it.
    fn take<F: Forward>(&mut self, forward: &F, portion: usize, rows: &[&[f32]]) -> Option<Piece> {
        let mut told = Vec::new();
        if self.read.len() < self.prompt_tokens {
            let next = self.unread.iter().skip(self.silent(portion) + 1);
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
        let (top, rest) = log_normaliser(&mut logits.to_vec());
        let chance = |token: u32| logits[token as usize] - top - rest;
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
