//! What generation needs of a model: two kinds have it, our own and published ones.

use crate::decode::{Cache, Decoder, New};
use crate::error::InferError;
use sinew_model::{Model, Special};

/// New tokens of one conversation.
pub struct Reading<'a, C> {
    /// The conversation.
    pub cache: &'a mut C,
    /// What is new in it.
    pub tokens: &'a [u32],
    /// How many of the last new tokens' logits are wanted.
    pub logits: usize,
}

/// A model that reads tokens of several conversations together. What it says about one never depends on the others.
pub trait Forward {
    /// What one conversation has been so far.
    type Cache: Clone;

    /// A conversation in which nothing was said.
    fn empty(&self) -> Self::Cache;
    /// Forgets all tokens from `length` on.
    fn shorten(cache: &mut Self::Cache, length: usize);
    /// Appends new tokens and returns the wanted logits, one row after the other.
    fn extend(&mut self, batch: &mut [Reading<'_, Self::Cache>]) -> Vec<f32>;
    /// The most tokens of a conversation.
    fn context(&self) -> usize;
    /// Numbers of a row of logits.
    fn row_numbers(&self) -> usize;
    /// Tokens that can be drawn: the first numbers of a row.
    fn tokens(&self) -> usize;
    /// The bytes of a token's text.
    fn text(&self, token: u32) -> &[u8];
    /// Whether a token ends an answer.
    fn ends(&self, token: u32) -> bool;
    /// Bytes of memory that a token of a conversation takes.
    fn token_memory_bytes(&self) -> usize;
}

/// Checks a prompt and returns how many tokens an answer to it may have.
pub fn room(prompt: &[u32], (context, tokens): (usize, usize)) -> Result<usize, InferError> {
    if prompt.is_empty() {
        return Err(InferError::Empty);
    }
    if let Some(token) = prompt.iter().find(|token| **token as usize >= tokens) {
        return Err(InferError::Token { token: *token, vocabulary: tokens });
    }
    if prompt.len() >= context {
        return Err(InferError::TooLong { tokens: prompt.len(), most: context - 1 });
    }
    Ok(context - prompt.len())
}

/// A model of our own, through the trainer's forward pass.
pub struct Own<'a> {
    model: &'a Model,
    decoder: Decoder<'a>,
}

impl<'a> Own<'a> {
    /// Ready to read.
    pub fn new(model: &'a Model) -> Own<'a> {
        Own { model, decoder: Decoder::new(&model.weights) }
    }
}

impl Forward for Own<'_> {
    type Cache = Cache;

    fn empty(&self) -> Cache {
        Cache::new(&self.model.weights.config)
    }

    fn shorten(cache: &mut Cache, length: usize) {
        cache.shorten(length);
    }

    fn extend(&mut self, batch: &mut [Reading<'_, Cache>]) -> Vec<f32> {
        let width = self.row_numbers();
        let mut news: Vec<New<'_>> = batch
            .iter_mut()
            .map(|new| New { cache: new.cache, tokens: new.tokens, all_logits: new.logits > 1 })
            .collect();
        let all = self.decoder.extend(&mut news);
        let mut rows = all.chunks_exact(width);
        let mut wanted = Vec::new();
        for new in batch {
            // The decoder gives either all rows or the last one.
            let given = if new.logits > 1 { new.tokens.len() } else { 1 };
            for (row, left) in rows.by_ref().take(given).zip((0..given).rev()) {
                if left < new.logits {
                    wanted.extend_from_slice(row);
                }
            }
        }
        wanted
    }

    fn context(&self) -> usize {
        self.model.weights.config.context
    }

    fn row_numbers(&self) -> usize {
        self.model.weights.config.vocabulary
    }

    fn tokens(&self) -> usize {
        // Rows past the tokenizer's size only fill up vectors; no text has them.
        self.model.tokenizer.size()
    }

    fn text(&self, token: u32) -> &[u8] {
        self.model.tokenizer.token_bytes(token)
    }

    fn ends(&self, token: u32) -> bool {
        token == self.model.tokenizer.special(Special::End)
    }

    fn token_memory_bytes(&self) -> usize {
        let config = &self.model.weights.config;
        2 * config.layers * config.kv_heads * config.head_width * size_of::<f32>()
    }
}
