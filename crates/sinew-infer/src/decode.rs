//! The decoder's forward pass with a cache: new rows of several conversations go through it together.
//!
//! Products take all rows at once and attention takes each conversation on its own. A row's bits do not depend on the
//! rows beside it, so an answer does not depend on who else is being served.

use sinew_model::{Config, LayerPlaces, Weights};
use sinew_tensor::kernels::{
    CachedRows, Mix, Rotary, Scratch, View, ViewMut, attention_with_cache, embedding_forward,
    rms_norm_forward, rotary_forward, rows_times_matrix, swiglu_forward,
};
use std::ops::Range;

/// What one conversation has been so far.
#[derive(Clone)]
pub struct Cache {
    layers: Vec<CachedRows>,
    length: usize,
}

impl Cache {
    /// An empty conversation.
    pub fn new(config: &Config) -> Cache {
        Cache { layers: vec![CachedRows::new(config.attention(), config.context); config.layers], length: 0 }
    }

    /// Tokens so far.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Forgets all tokens from `length` on.
    pub fn shorten(&mut self, length: usize) {
        self.length = self.length.min(length);
    }
}

/// New tokens of one conversation.
pub struct New<'a> {
    /// The conversation.
    pub cache: &'a mut Cache,
    /// What is new in it.
    pub tokens: &'a [u32],
    /// Whether each new token's logits are wanted, or those of the last one only.
    pub all_logits: bool,
}

/// Runs a model's forward pass.
pub struct Decoder<'a> {
    weights: &'a Weights,
    turns: Rotary,
    scratch: Scratch,
    rows: Rows,
}

#[derive(Default)]
struct Rows {
    stream: Vec<f32>,
    factors: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    mixed: Vec<f32>,
    gate_up: Vec<f32>,
    unit: Vec<f32>,
    positions: Vec<usize>,
}

impl<'a> Decoder<'a> {
    /// A decoder of these weights.
    pub fn new(weights: &'a Weights) -> Decoder<'a> {
        let config = &weights.config;
        let turns = Rotary::new(config.context, config.head_width, config.rope_theta);
        Decoder { weights, turns, scratch: Scratch::default(), rows: Rows::default() }
    }

    /// Appends each conversation's new tokens and returns the wanted logits, one row after the other.
    ///
    /// # Panics
    /// If a conversation gets no token or more than its context holds, or a token is outside the vocabulary.
    pub fn extend(&mut self, batch: &mut [New<'_>]) -> Vec<f32> {
        let config = &self.weights.config;
        let mut tokens = Vec::new();
        self.rows.positions.clear();
        for new in batch.iter() {
            let end = new.cache.length + new.tokens.len();
            assert!(
                !new.tokens.is_empty() && end <= config.context,
                "{end} tokens in a context of {}",
                config.context
            );
            tokens.extend_from_slice(new.tokens);
            self.rows.positions.extend(new.cache.length..end);
        }
        self.rows.resize(config, tokens.len());
        let layout = &self.weights.layout;
        let table = &self.weights.plain[layout.embedding.clone()];
        embedding_forward(&mut self.rows.stream, table, &tokens, config.width);
        for (index, places) in layout.layers.iter().enumerate() {
            self.attend(index, places, batch);
            self.expand(places);
        }
        self.norm(&layout.last_norm);
        for new in batch.iter_mut() {
            new.cache.length += new.tokens.len();
        }
        self.logits(batch)
    }

    fn attend(&mut self, index: usize, places: &LayerPlaces, batch: &mut [New<'_>]) {
        let heads = self.weights.config.attention();
        let width = self.weights.config.width;
        self.norm(&places.attention_norm);
        let rows = &mut self.rows;
        let count = rows.positions.len();
        let matrix = View::new(&self.weights.turned[places.qkv.clone()], width, heads.row_step());
        let target = ViewMut::new(&mut rows.qkv, count, heads.row_step());
        rows_times_matrix(target, View::new(&rows.normed, count, width), matrix, Mix::Replace);
        rotary_forward(&mut rows.qkv, heads.row_step(), heads.turned_width(), &self.turns, &rows.positions);
        let mut from = 0;
        for new in batch {
            let end = from + new.tokens.len();
            let qkv = &rows.qkv[from * heads.row_step()..end * heads.row_step()];
            let mixed = &mut rows.mixed[from * heads.out_width()..end * heads.out_width()];
            let cache = &mut new.cache.layers[index];
            cache.put(qkv, new.cache.length);
            attention_with_cache(mixed, qkv, cache, new.cache.length, &mut self.scratch);
            from = end;
        }
        let matrix = View::new(&self.weights.turned[places.out.clone()], heads.out_width(), width);
        let mixed = View::new(&rows.mixed, count, heads.out_width());
        rows_times_matrix(ViewMut::new(&mut rows.stream, count, width), mixed, matrix, Mix::Add);
    }

    fn expand(&mut self, places: &LayerPlaces) {
        let (width, inner) = (self.weights.config.width, self.weights.config.inner_width);
        self.norm(&places.inner_norm);
        let rows = &mut self.rows;
        let count = rows.positions.len();
        let matrix = View::new(&self.weights.turned[places.gate_up.clone()], width, 2 * inner);
        let target = ViewMut::new(&mut rows.gate_up, count, 2 * inner);
        rows_times_matrix(target, View::new(&rows.normed, count, width), matrix, Mix::Replace);
        swiglu_forward(&mut rows.unit, &rows.gate_up, inner);
        let matrix = View::new(&self.weights.turned[places.down.clone()], inner, width);
        let unit = View::new(&rows.unit, count, inner);
        rows_times_matrix(ViewMut::new(&mut rows.stream, count, width), unit, matrix, Mix::Add);
    }

    fn norm(&mut self, place: &Range<usize>) {
        let rows = &mut self.rows;
        let gain = &self.weights.plain[place.clone()];
        let epsilon = self.weights.config.norm_epsilon;
        rms_norm_forward(&mut rows.normed, &mut rows.factors, &rows.stream, gain, epsilon);
    }

    fn logits(&self, batch: &[New<'_>]) -> Vec<f32> {
        let (width, vocabulary) = (self.weights.config.width, self.weights.config.vocabulary);
        let mut wanted = Vec::new();
        let mut from = 0;
        for new in batch {
            let end = from + new.tokens.len();
            let first = if new.all_logits { from } else { end - 1 };
            wanted.extend_from_slice(&self.rows.normed[first * width..end * width]);
            from = end;
        }
        let count = wanted.len() / width;
        let mut logits = vec![0.0; count * vocabulary];
        let matrix =
            View::new(&self.weights.turned[self.weights.layout.embedding.clone()], width, vocabulary);
        let target = ViewMut::new(&mut logits, count, vocabulary);
        rows_times_matrix(target, View::new(&wanted, count, width), matrix, Mix::Replace);
        logits
    }
}

impl Rows {
    fn resize(&mut self, config: &Config, rows: usize) {
        let attention = config.attention();
        let buffers = [
            (&mut self.stream, config.width),
            (&mut self.factors, 1),
            (&mut self.normed, config.width),
            (&mut self.qkv, attention.row_step()),
            (&mut self.mixed, attention.out_width()),
            (&mut self.gate_up, 2 * config.inner_width),
            (&mut self.unit, config.inner_width),
        ];
        for (buffer, width) in buffers {
            buffer.resize(rows * width, 0.0);
        }
    }
}
