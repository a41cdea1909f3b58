//! The forward pass: new rows of several conversations go through the layers together.
//!
//! Products take all rows at once, attention takes each conversation's head on its own, and the rest goes row by row. No
//! sum depends on what else is in the batch, so an answer has the same bits alone and in company.

use super::pages::PagedCache;
use super::weights::{Layer, Loaded};
use sinew_model::Config;
use sinew_tensor::kernels::{rms_norm_forward, swiglu_forward};
use sinew_tensor::paged::{PAGE, Query, head_numbers, put, visit};
use sinew_tensor::quant::{Activations, Input, Matrix, Product, Put, multiply};
use sinew_tensor::{Crew, SharedMut};

/// New tokens of a conversation.
pub struct Addition<'a> {
    /// The conversation.
    pub cache: &'a mut PagedCache,
    /// What is new in it.
    pub tokens: &'a [u32],
    /// How many of the last new tokens' logits are wanted.
    pub logits: usize,
}

/// Runs a model's forward pass.
pub struct Reader<'a> {
    model: &'a Loaded,
    crew: &'a Crew,
    /// 1 / θ^(2i/D) for each pair.
    speeds: Vec<f64>,
    rows: Rows,
}

#[derive(Default)]
struct Rows {
    count: usize,
    positions: Vec<usize>,
    /// Cosines, then sines, of each row's pairs.
    turns: Vec<f32>,
    stream: Vec<f32>,
    normed: Vec<f32>,
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    mixed: Vec<f32>,
    gates: Vec<f32>,
    ups: Vec<f32>,
    unit: Vec<f32>,
    few: Activations,
}

/// Tokens of one conversation whose attention is one part of the work.
const TOKENS_OF_A_PART: usize = 16;

impl<'a> Reader<'a> {
    /// A reader of this model.
    pub fn new(model: &'a Loaded, crew: &'a Crew) -> Reader<'a> {
        let config = model.config();
        let speed = |pair: usize| config.rope_theta.powf(-(2.0 * pair as f64) / config.head_width as f64);
        let speeds = (0..config.head_width / 2).map(speed).collect();
        Reader { model, crew, speeds, rows: Rows::default() }
    }

    /// Appends each conversation's new tokens and returns the wanted logits, one row after the other.
    ///
    /// # Panics
    /// If a conversation gets no token or more than its context holds, or a token is outside the vocabulary.
    pub fn extend(&mut self, batch: &mut [Addition<'_>]) -> Vec<f32> {
        let config = self.model.config();
        self.rows.positions.clear();
        let mut tokens = Vec::new();
        for addition in batch.iter_mut() {
            let end = addition.cache.length() + addition.tokens.len();
            assert!(
                !addition.tokens.is_empty() && end <= config.context,
                "{end} tokens of {}",
                config.context
            );
            tokens.extend_from_slice(addition.tokens);
            self.rows.positions.extend(addition.cache.length()..end);
            addition.cache.reserve(end, config);
        }
        self.rows.resize(config, tokens.len(), &self.speeds);
        for (row, token) in self.rows.stream.chunks_exact_mut(config.width).zip(&tokens) {
            assert!((*token as usize) < config.vocabulary, "token {token} of {}", config.vocabulary);
            self.model.embed(row, *token);
        }
        for (index, layer) in self.model.layers.iter().enumerate() {
            self.attend(index, layer, batch);
            self.expand(layer);
        }
        for addition in batch.iter_mut() {
            addition.cache.grow(addition.tokens.len());
        }
        self.logits(batch)
    }

    /// stream += out · attention(norm(stream))
    fn attend(&mut self, index: usize, layer: &Layer, batch: &mut [Addition<'_>]) {
        let (config, rows) = (self.model.config(), &mut self.rows);
        rows.norm(
            self.crew,
            &layer.attention_norm,
            config.norm_epsilon,
            [&layer.query, &layer.key, &layer.value].into_iter().any(is_few),
        );
        let input = Input { rows: rows.count, full: &rows.normed, few: &rows.few };
        let products = &mut [
            Product { matrix: &layer.query, out: &mut rows.queries },
            Product { matrix: &layer.key, out: &mut rows.keys },
            Product { matrix: &layer.value, out: &mut rows.values },
        ];
        multiply(self.crew, products, input, Put::Replace);
        rows.finish_heads(layer, config, self.model.published.shape.turns(index));
        rows.store(index, config, batch);
        rows.mix(self.crew, index, config, batch);
        rows.shrink(self.crew, &layer.out);
        let input = Input { rows: rows.count, full: &rows.mixed, few: &rows.few };
        let products = &mut [Product { matrix: &layer.out, out: &mut rows.stream }];
        multiply(self.crew, products, input, Put::Add);
    }

    /// stream += down · swiglu(gate · norm(stream), up · norm(stream))
    fn expand(&mut self, layer: &Layer) {
        let (config, rows) = (self.model.config(), &mut self.rows);
        rows.norm(
            self.crew,
            &layer.inner_norm,
            config.norm_epsilon,
            [&layer.gate, &layer.up].into_iter().any(is_few),
        );
        let input = Input { rows: rows.count, full: &rows.normed, few: &rows.few };
        let products = &mut [
            Product { matrix: &layer.gate, out: &mut rows.gates },
            Product { matrix: &layer.up, out: &mut rows.ups },
        ];
        multiply(self.crew, products, input, Put::Replace);
        rows.gate(self.crew, config.inner_width, &layer.down);
        let input = Input { rows: rows.count, full: &rows.unit, few: &rows.few };
        let products = &mut [Product { matrix: &layer.down, out: &mut rows.stream }];
        multiply(self.crew, products, input, Put::Add);
    }

    fn logits(&mut self, batch: &[Addition<'_>]) -> Vec<f32> {
        let config = self.model.config();
        let (width, rows) = (config.width, &mut self.rows);
        let mut wanted = Vec::new();
        let mut from = 0;
        for addition in batch {
            let end = from + addition.tokens.len();
            let first = end - addition.logits.min(addition.tokens.len());
            wanted.extend_from_slice(&rows.stream[first * width..end * width]);
            from = end;
        }
        rows.count = wanted.len() / width;
        rows.stream = wanted;
        rows.normed.resize(rows.stream.len(), 0.0);
        let output = &self.model.output;
        rows.norm(self.crew, &self.model.last_norm, config.norm_epsilon, is_few(output));
        let mut logits = vec![0.0; rows.count * config.vocabulary];
        let input = Input { rows: rows.count, full: &rows.normed, few: &rows.few };
        multiply(self.crew, &mut [Product { matrix: output, out: &mut logits }], input, Put::Replace);
        logits
    }
}

fn is_few(matrix: &Matrix) -> bool {
    matches!(matrix, Matrix::Few(_))
}

impl Rows {
    fn resize(&mut self, config: &Config, count: usize, speeds: &[f64]) {
        self.count = count;
        let (queries, keys) = (config.heads * config.head_width, config.kv_heads * config.head_width);
        let buffers = [
            (&mut self.stream, config.width),
            (&mut self.normed, config.width),
            (&mut self.queries, queries),
            (&mut self.keys, keys),
            (&mut self.values, keys),
            (&mut self.mixed, queries),
            (&mut self.gates, config.inner_width),
            (&mut self.ups, config.inner_width),
            (&mut self.unit, config.inner_width),
        ];
        for (buffer, width) in buffers {
            buffer.resize(count * width, 0.0);
        }
        self.turns.clear();
        for position in &self.positions {
            let angles = speeds.iter().map(|speed| *position as f64 * speed);
            self.turns.extend(angles.clone().map(|angle| angle.cos() as f32));
            self.turns.extend(angles.map(|angle| angle.sin() as f32));
        }
    }

    /// Writes the norms of the stream's rows to `normed`, and as 8-bit numbers where those are wanted.
    fn norm(&mut self, crew: &Crew, gain: &[f32], epsilon: f32, few: bool) {
        let width = gain.len();
        if few {
            self.few.resize(self.count, width);
        }
        let mut slots: Vec<_> = if few { self.few.rows_mut().map(Some).collect() } else { Vec::new() };
        slots.resize_with(self.count, || None);
        let (normed, slots) = (SharedMut::of(&mut self.normed), SharedMut::of(&mut slots));
        let stream = &self.stream;
        each_row(crew, self.count, |row| {
            // SAFETY: this part alone takes this row.
            let (normed, slot) = unsafe { (normed.slice(row * width, width), slots.slice(row, 1)) };
            rms_norm_forward(normed, &mut [0.0], &stream[row * width..][..width], gain, epsilon);
            if let Some(slot) = &mut slot[0] {
                slot.fill(normed);
            }
        });
    }

    /// Makes 8-bit numbers of `mixed` where the next matrix takes them.
    fn shrink(&mut self, crew: &Crew, next: &Matrix) {
        if !is_few(next) {
            return;
        }
        let width = next.columns();
        self.few.resize(self.count, width);
        let mut slots: Vec<_> = self.few.rows_mut().collect();
        let slots = SharedMut::of(&mut slots);
        let mixed = &self.mixed;
        each_row(crew, self.count, |row| {
            // SAFETY: this part alone takes this row.
            let slot = unsafe { slots.slice(row, 1) };
            slot[0].fill(&mixed[row * width..][..width]);
        });
    }

    /// unit = silu(gates) · ups, and as 8-bit numbers where the next matrix takes them.
    fn gate(&mut self, crew: &Crew, width: usize, next: &Matrix) {
        let few = is_few(next);
        if few {
            self.few.resize(self.count, width);
        }
        let mut slots: Vec<_> = if few { self.few.rows_mut().map(Some).collect() } else { Vec::new() };
        slots.resize_with(self.count, || None);
        let (unit, slots) = (SharedMut::of(&mut self.unit), SharedMut::of(&mut slots));
        let (gates, ups) = (&self.gates, &self.ups);
        each_row(crew, self.count, |row| {
            // SAFETY: this part alone takes this row.
            let (unit, slot) = unsafe { (unit.slice(row * width, width), slots.slice(row, 1)) };
            let here = row * width..(row + 1) * width;
            swiglu_parts(unit, &gates[here.clone()], &ups[here]);
            if let Some(slot) = &mut slot[0] {
                slot.fill(unit);
            }
        });
    }

    /// Adds biases, norms heads and turns queries and keys by their positions.
    fn finish_heads(&mut self, layer: &Layer, config: &Config, turns: bool) {
        let width = config.head_width;
        let [query_bias, key_bias, value_bias] = &layer.biases;
        for (rows, bias) in
            [(&mut self.queries, query_bias), (&mut self.keys, key_bias), (&mut self.values, value_bias)]
        {
            if !bias.is_empty() {
                for row in rows.chunks_exact_mut(bias.len()) {
                    row.iter_mut().zip(bias).for_each(|(number, bias)| *number += bias);
                }
            }
        }
        let heads = [(&mut self.queries, config.heads), (&mut self.keys, config.kv_heads)];
        for ((rows, heads), gain) in heads.into_iter().zip(&layer.head_norms) {
            if !gain.is_empty() {
                let before = rows.clone();
                let mut factors = vec![0.0; self.count * heads];
                rms_norm_forward(rows, &mut factors, &before, gain, config.norm_epsilon);
            }
            if turns {
                let lines = rows.chunks_exact_mut(heads * width).zip(self.turns.chunks_exact(width));
                lines.for_each(|(row, turns)| turn(row, turns));
            }
        }
    }

    /// Puts keys and values into the conversations' pages.
    fn store(&self, layer: usize, config: &Config, batch: &mut [Addition<'_>]) {
        let (width, step) = (config.head_width, head_numbers(config.head_width));
        let mut row = 0;
        for addition in batch {
            for position in addition.cache.length()..addition.cache.length() + addition.tokens.len() {
                let page = addition.cache.page_mut(position / PAGE);
                for head in 0..config.kv_heads {
                    let from = (row * config.kv_heads + head) * width;
                    let place = (layer * config.kv_heads + head) * step;
                    let (key, value) = (&self.keys[from..from + width], &self.values[from..from + width]);
                    put(&mut page[place..place + step], position % PAGE, key, value);
                }
                row += 1;
            }
        }
    }

    /// mixed = attention of each query to its conversation
    fn mix(&mut self, crew: &Crew, layer: usize, config: &Config, batch: &[Addition<'_>]) {
        let (width, heads, step) = (config.head_width, config.heads, head_numbers(config.head_width));
        let group = heads / config.kv_heads;
        let mut parts = Vec::new();
        let mut from = 0;
        for addition in batch {
            let end = from + addition.tokens.len();
            for first in (from..end).step_by(TOKENS_OF_A_PART) {
                let rows = first..(first + TOKENS_OF_A_PART).min(end);
                parts.extend((0..config.kv_heads).map(|head| (&*addition.cache, rows.clone(), head)));
            }
            from = end;
        }
        let mixed = SharedMut::of(&mut self.mixed);
        let (queries, positions) = (&self.queries, &self.positions);
        let scale = 1.0 / (width as f32).sqrt();
        // The last parts see most: they are begun first, so that none of them is alone at the end.
        crew.for_parts(parts.len(), |part| {
            let (cache, rows, head) = &parts[parts.len() - 1 - part];
            let places =
                rows.clone().flat_map(|row| (0..group).map(move |member| (row, head * group + member)));
            let query = |(row, head): (usize, usize)| {
                Query::new(&queries[(row * heads + head) * width..][..width], positions[row] + 1, scale)
            };
            let mut asked: Vec<Query> = places.clone().map(query).collect();
            for (index, page) in cache.pages(positions[rows.end - 1] + 1).iter().enumerate() {
                let place = (layer * config.kv_heads + head) * step;
                visit(&mut asked, &page[place..place + step], index);
            }
            for (query, (row, head)) in asked.iter().zip(places) {
                // SAFETY: this part alone has this head of this row.
                query.finish(unsafe { mixed.slice((row * heads + head) * width, width) });
            }
        });
    }
}

/// Rows that are not worth waking anybody for stay with the caller.
fn each_row(crew: &Crew, rows: usize, work: impl Fn(usize) + Sync) {
    if rows < 4 {
        (0..rows).for_each(work);
    } else {
        crew.for_parts(rows, work);
    }
}

/// Turns each head of a row: channels i and i + D/2 are a pair.
fn turn(row: &mut [f32], turns: &[f32]) {
    let (cosines, sines) = turns.split_at(turns.len() / 2);
    for head in row.chunks_exact_mut(turns.len()) {
        let (low, high) = head.split_at_mut(cosines.len());
        for (((a, b), cosine), sine) in low.iter_mut().zip(high).zip(cosines).zip(sines) {
            (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
        }
    }
}

/// The gated unit of gates and values that lie apart.
fn swiglu_parts(unit: &mut [f32], gates: &[f32], ups: &[f32]) {
    let mut both = Vec::with_capacity(2 * gates.len());
    both.extend_from_slice(gates);
    both.extend_from_slice(ups);
    swiglu_forward(unit, &both, gates.len());
}

#[cfg(test)]
mod tests;
