//! What a conversation has been so far, in pages of 64 positions that conversations with the same beginning share.

use sinew_model::Config;
use sinew_tensor::paged::{PAGE, head_numbers};
use std::sync::Arc;

/// The keys and values of one conversation.
#[derive(Clone, Debug, Default)]
pub struct PagedCache {
    pages: Vec<Arc<Vec<f32>>>,
    length: usize,
}

impl PagedCache {
    /// Tokens so far.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Forgets all tokens from `length` on.
    pub fn shorten(&mut self, length: usize) {
        self.length = self.length.min(length);
        self.pages.truncate(self.length.div_ceil(PAGE));
    }

    /// Makes room for so many tokens in all. Pages that are written to get their own copy if others share them.
    pub(super) fn reserve(&mut self, tokens: usize, config: &Config) {
        let numbers = config.layers * config.kv_heads * head_numbers(config.head_width);
        while self.pages.len() < tokens.div_ceil(PAGE) {
            self.pages.push(Arc::new(vec![0.0; numbers]));
        }
        for page in &mut self.pages[self.length / PAGE..] {
            Arc::make_mut(page);
        }
    }

    /// A page that nobody shares.
    pub(super) fn page_mut(&mut self, index: usize) -> &mut [f32] {
        Arc::get_mut(&mut self.pages[index]).expect("room was reserved")
    }

    /// The pages up to the one with the last of so many tokens.
    pub(super) fn pages(&self, tokens: usize) -> &[Arc<Vec<f32>>] {
        &self.pages[..tokens.div_ceil(PAGE)]
    }

    pub(super) fn grow(&mut self, tokens: usize) {
        self.length += tokens;
    }
}
