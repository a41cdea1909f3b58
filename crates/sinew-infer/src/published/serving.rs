//! A published model as generation needs it.

use super::{Addition, Loaded, PagedCache, Reader};
use crate::forward::{Forward, Reading};
use sinew_model::published::Vocabulary;
use sinew_tensor::Crew;

/// A published model, ready to answer.
pub struct Serving<'a> {
    model: &'a Loaded,
    words: &'a Vocabulary,
    reader: Reader<'a>,
    context: usize,
}

impl<'a> Serving<'a> {
    /// Reads at most `context_most` tokens of a conversation; none if the model has no vocabulary.
    pub fn new(model: &'a Loaded, crew: &'a Crew, context_most: usize) -> Option<Serving<'a>> {
        let words = model.published.vocabulary.as_ref()?;
        let context = model.config().context.min(context_most);
        Some(Serving { model, words, reader: Reader::new(model, crew), context })
    }
}

impl Forward for Serving<'_> {
    type Cache = PagedCache;

    fn empty(&self) -> PagedCache {
        PagedCache::default()
    }

    fn shorten(cache: &mut PagedCache, length: usize) {
        cache.shorten(length);
    }

    fn extend(&mut self, batch: &mut [Reading<'_, PagedCache>]) -> Vec<f32> {
        let mut additions: Vec<Addition<'_>> = batch
            .iter_mut()
            .map(|new| Addition { cache: new.cache, tokens: new.tokens, logits: new.logits })
            .collect();
        self.reader.extend(&mut additions)
    }

    fn context(&self) -> usize {
        self.context
    }

    fn row_numbers(&self) -> usize {
        self.model.config().vocabulary
    }

    fn tokens(&self) -> usize {
        self.words.size()
    }

    fn text(&self, token: u32) -> &[u8] {
        self.words.token_bytes(token)
    }

    fn ends(&self, token: u32) -> bool {
        self.words.ends().contains(&token)
    }

    fn token_memory_bytes(&self) -> usize {
        let config = self.model.config();
        2 * config.layers * config.kv_heads * config.head_width * size_of::<f32>()
    }
}
