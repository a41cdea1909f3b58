//! Conversations that ended: a prompt that begins like one of them need not be read from its start.

/// How many are kept.
const MOST: usize = 16;
/// Fewer tokens than this are read again as quickly as they are found.
pub(super) const LEAST_TOKENS: usize = 16;
/// The most tokens of all that are kept together.
const TOKENS_MOST: usize = 8192;

/// Conversations by when they ended, the oldest first.
pub(super) struct Kept<C> {
    ended: Vec<(Vec<u32>, C)>,
}

impl<C> Default for Kept<C> {
    fn default() -> Kept<C> {
        Kept { ended: Vec::new() }
    }
}

impl<C: Clone> Kept<C> {
    /// Keeps a conversation whose tokens are in its cache; one that it goes on from is no longer needed.
    pub(super) fn keep(&mut self, tokens: Vec<u32>, cache: C) {
        self.ended.retain(|(old, _)| !tokens.starts_with(old));
        self.ended.push((tokens, cache));
        while self.ended.len() > MOST || self.tokens() > TOKENS_MOST {
            self.ended.remove(0);
        }
    }

    fn tokens(&self) -> usize {
        self.ended.iter().map(|(tokens, _)| tokens.len()).sum()
    }

    /// The conversation that shares the longest beginning with these tokens, and how long that is.
    pub(super) fn like(&self, wanted: &[u32]) -> Option<(C, usize)> {
        let shared = |(tokens, _): &&(Vec<u32>, C)| {
            tokens.iter().zip(wanted).take_while(|(old, new)| old == new).count()
        };
        let best = self.ended.iter().max_by_key(shared)?;
        let tokens = shared(&best);
        (tokens >= LEAST_TOKENS).then(|| (best.1.clone(), tokens))
    }
}
