//! Causal attention of one row of T positions: O = softmax(s Q Kᵀ) V with s = 1 / sqrt(D), for each head.
//!
//! Position i sees the positions from `starts[i]` to i, so that several texts can share a row without seeing each other.
//! A row of `qkv` holds H heads of queries, then the keys and then the values of `kv_heads` heads; head h reads the
//! keys and values of head h / (H / kv_heads). Work goes in blocks of 64 rows, and a block looks at the keys up to its
//! own end only, so nothing of size T x T is stored. Keys and values are packed once for all blocks and heads that read
//! the same. Forward keeps log Σ exp of each row; backward makes P again from it:
//! dV += Pᵀ dO,  dP = dO Vᵀ,  dS = s P (dP - Σ P dP),  dQ = dS K,  dK += dSᵀ Q.

use super::lanes::{exp, exp_and_sum, largest, sum_by};
use super::matmul::{Mix, View, ViewMut, rows_times_matrix};
use super::product::{Packed, TurnedRoom, product_of_corner, product_of_turned};
use crate::Buffer;
use crate::dispatch::vectorised;
use std::ops::Range;

/// Rows of queries that are worked on together.
pub const BLOCK_ROWS: usize = 64;

/// How a row of `qkv` is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// H, the heads of queries.
    pub heads: usize,
    /// The heads of keys and of values; divides H.
    pub kv_heads: usize,
    /// D, the channels of a head.
    pub width: usize,
}

impl Heads {
    /// The numbers in a row of `qkv`.
    pub fn row_step(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.width
    }

    /// The numbers in a row of the result.
    pub fn out_width(&self) -> usize {
        self.heads * self.width
    }

    /// The numbers at the start of a row that rotary positions turn: queries and keys.
    pub fn turned_width(&self) -> usize {
        (self.heads + self.kv_heads) * self.width
    }

    fn scale(&self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }

    /// Where queries, keys and values of a head begin in a row.
    fn places(&self, head: usize) -> [usize; 3] {
        let shared = head / (self.heads / self.kv_heads);
        let (queries, keys) = (head, self.heads + shared);
        [queries, keys, keys + self.kv_heads].map(|place| place * self.width)
    }
}

/// Room for the scores of one block and for packed keys and values, kept between calls.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    scores: Buffer,
    gradients: Buffer,
    packs: Packs,
    room: TurnedRoom,
}

/// The keys K and values V that blocks read, in the forms of the right side of a product.
#[derive(Clone, Debug, Default)]
struct Packs {
    /// Whose they are: where the keys begin in a row of `qkv`, the first position and the one behind the last.
    whose: Option<(usize, usize, usize)>,
    /// Kᵀ
    turned_keys: Packed,
    /// V forward, Vᵀ backward.
    values: Packed,
    /// K, backward only.
    keys: Packed,
}

impl Scratch {
    fn reserve(&mut self, length: usize) {
        if self.scores.len() < length {
            self.scores.resize(length);
            self.gradients.resize(length);
        }
    }
}

/// What attention reads.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Queries, keys and values of each position.
    pub qkv: &'a [f32],
    /// The first position that each position sees; never falls from one position to the next.
    pub starts: &'a [usize],
    /// How a row of `qkv` is divided.
    pub heads: Heads,
}

/// Some queries of one head and the keys that they may see.
struct Block {
    head: usize,
    first: usize,
    rows: usize,
    low: usize,
    keys: usize,
}

impl<'a> Seen<'a> {
    fn positions(&self) -> usize {
        self.starts.len()
    }

    fn blocks(&self) -> impl Iterator<Item = Block> + use<'a> {
        let (starts, heads) = (self.starts, self.heads.heads);
        let block = move |head, first: usize| {
            let end = (first + BLOCK_ROWS).min(starts.len());
            let low = starts[first];
            Block { head, first, rows: end - first, low, keys: end - low }
        };
        (0..heads)
            .flat_map(move |head| (0..starts.len()).step_by(BLOCK_ROWS).map(move |first| block(head, first)))
    }

    fn queries(&self, block: &Block) -> View<'a> {
        self.view(block.first, block.rows, self.heads.places(block.head)[0])
    }

    /// Packs what a block reads, and with it what later blocks read from the same position on, unless it is there.
    fn pack(&self, block: &Block, packs: &mut Packs, backward: bool) {
        let [_, key_place, value_place] = self.heads.places(block.head);
        let packed = |(place, low, end): (usize, usize, usize)| {
            (place, low) == (key_place, block.low) && block.first + block.rows <= end
        };
        if packs.whose.is_some_and(packed) {
            return;
        }
        let firsts = (block.first..self.positions()).step_by(BLOCK_ROWS);
        let last = firsts.take_while(|first| self.starts[*first] == block.low).last().unwrap_or(block.first);
        let end = (last + BLOCK_ROWS).min(self.positions());
        let keys = self.view(block.low, end - block.low, key_place);
        let values = self.view(block.low, end - block.low, value_place);
        packs.whose = Some((key_place, block.low, end));
        packs.turned_keys.pack(keys.transposed());
        if backward {
            packs.values.pack(values.transposed());
            packs.keys.pack(keys);
        } else {
            packs.values.pack(values);
        }
    }

    fn view(&self, first: usize, rows: usize, place: usize) -> View<'a> {
        let step = self.heads.row_step();
        View::strided(&self.qkv[first * step + place..], rows, self.heads.width, step)
    }

    /// Which of a block's keys its row `row` sees.
    fn range(&self, block: &Block, row: usize) -> Range<usize> {
        let position = block.first + row;
        self.starts[position] - block.low..position + 1 - block.low
    }
}

/// Writes O to `out` and log Σ exp of each head and position to `logs`, H x T numbers.
pub fn attention_forward(out: &mut [f32], logs: &mut [f32], seen: &Seen<'_>, scratch: &mut Scratch) {
    let heads = &seen.heads;
    scratch.reserve(BLOCK_ROWS * seen.positions());
    scratch.packs.whose = None;
    for block in seen.blocks() {
        seen.pack(&block, &mut scratch.packs, false);
        let scores = &mut scratch.scores[..block.rows * block.keys];
        let target = ViewMut::new(scores, block.rows, block.keys);
        product_of_corner(target, seen.queries(&block), &scratch.packs.turned_keys, Mix::Replace);
        let logs = &mut logs[block.head * seen.positions() + block.first..];
        for ((row, scores), log) in scores.chunks_exact_mut(block.keys).enumerate().zip(logs) {
            *log = softmax_row(scores, seen.range(&block, row), heads.scale());
        }
        let target = &mut out[block.first * heads.out_width() + block.head * heads.width..];
        let target = ViewMut::strided(target, block.rows, heads.width, heads.out_width());
        let shares = View::new(scores, block.rows, block.keys);
        product_of_corner(target, shares, &scratch.packs.values, Mix::Replace);
    }
}

vectorised! {
    /// Softmax of the scores in `range` times `scale`; the others become zero. Returns log Σ exp.
    fn softmax_row(scores: &mut [f32], range: Range<usize>, scale: f32) -> f32 {
        scores[..range.start].fill(0.0);
        scores[range.end..].fill(0.0);
        let scores = &mut scores[range];
        let top = largest(scores) * scale;
        let sum = exp_and_sum(scores, scale, top);
        let factor = 1.0 / sum;
        for value in scores.iter_mut() {
            *value *= factor;
        }
        top + sum.ln()
    }
}

/// Writes the gradient of `qkv` to `gradient`, from dO in `upstream` and what the forward pass left in `logs`.
pub fn attention_backward(
    gradient: &mut [f32],
    upstream: &[f32],
    logs: &[f32],
    seen: &Seen<'_>,
    scratch: &mut Scratch,
) {
    let (width, out_width) = (seen.heads.width, seen.heads.out_width());
    scratch.reserve(BLOCK_ROWS * seen.positions());
    scratch.packs.whose = None;
    for row in gradient.chunks_exact_mut(seen.heads.row_step()) {
        row[out_width..].fill(0.0);
    }
    for block in seen.blocks() {
        seen.pack(&block, &mut scratch.packs, true);
        let upstream = &upstream[block.first * out_width + block.head * width..];
        let upstream = View::strided(upstream, block.rows, width, out_width);
        scores_backward(&block, upstream, logs, seen, scratch);
        spread_gradient(gradient, &block, upstream, seen, scratch);
    }
}

/// Leaves P in the scratch's scores and dS in its gradients.
fn scores_backward(block: &Block, upstream: View<'_>, logs: &[f32], seen: &Seen<'_>, scratch: &mut Scratch) {
    let (rows, keys) = (block.rows, block.keys);
    let scores = &mut scratch.scores[..rows * keys];
    let gradients = &mut scratch.gradients[..rows * keys];
    let target = ViewMut::new(scores, rows, keys);
    product_of_corner(target, seen.queries(block), &scratch.packs.turned_keys, Mix::Replace);
    let target = ViewMut::new(gradients, rows, keys);
    product_of_corner(target, upstream, &scratch.packs.values, Mix::Replace);
    let lines = scores.chunks_exact_mut(keys).zip(gradients.chunks_exact_mut(keys));
    let logs = &logs[block.head * seen.positions() + block.first..];
    for ((row, lines), log) in lines.enumerate().zip(logs) {
        softmax_row_backward(lines, seen.range(block, row), seen.heads.scale(), *log);
    }
}

vectorised! {
    fn softmax_row_backward(rows: (&mut [f32], &mut [f32]), range: Range<usize>, scale: f32, log: f32) {
        for row in [&mut *rows.0, &mut *rows.1] {
            row[..range.start].fill(0.0);
            row[range.end..].fill(0.0);
        }
        let (scores, gradients) = (&mut rows.0[range.clone()], &mut rows.1[range]);
        for score in scores.iter_mut() {
            *score = exp(*score * scale - log);
        }
        let pull = sum_by(scores, gradients, |p, dp| p * dp);
        for (gradient, score) in gradients.iter_mut().zip(scores) {
            *gradient = *score * (*gradient - pull) * scale;
        }
    }
}

/// Adds the block's part to the gradients of queries, keys and values.
fn spread_gradient(
    gradient: &mut [f32],
    block: &Block,
    upstream: View<'_>,
    seen: &Seen<'_>,
    scratch: &mut Scratch,
) {
    let (step, width) = (seen.heads.row_step(), seen.heads.width);
    let (rows, keys, low) = (block.rows, block.keys, block.low * step);
    let [query_place, key_place, value_place] = seen.heads.places(block.head);
    let shares = View::new(&scratch.scores[..rows * keys], rows, keys);
    let slopes = View::new(&scratch.gradients[..rows * keys], rows, keys);
    let target = ViewMut::strided(&mut gradient[low + value_place..], keys, width, step);
    product_of_turned(target, shares, upstream, Mix::Add, &mut scratch.room);
    let target = ViewMut::strided(&mut gradient[low + key_place..], keys, width, step);
    product_of_turned(target, slopes, seen.queries(block), Mix::Add, &mut scratch.room);
    let target = &mut gradient[block.first * step + query_place..];
    let target = ViewMut::strided(target, rows, width, step);
    product_of_corner(target, slopes, &scratch.packs.keys, Mix::Replace);
}

/// Keys and values of one layer and one conversation, as far as it has come.
#[derive(Clone, Debug)]
pub struct CachedRows {
    keys: Vec<f32>,
    values: Vec<f32>,
    heads: Heads,
    capacity: usize,
}

impl CachedRows {
    /// Room for `capacity` positions.
    pub fn new(heads: Heads, capacity: usize) -> CachedRows {
        let length = heads.kv_heads * heads.width * capacity;
        CachedRows { keys: vec![0.0; length], values: vec![0.0; length], heads, capacity }
    }

    /// Puts the keys and values of rows of `qkv` at the positions from `first` on. Keys lie column by column, so that a
    /// single query runs along memory.
    pub fn put(&mut self, qkv: &[f32], first: usize) {
        let shared = self.heads.kv_heads * self.heads.width;
        for (row, position) in qkv.chunks_exact(self.heads.row_step()).zip(first..) {
            let (keys, values) = row[self.heads.out_width()..].split_at(shared);
            for (channel, key) in keys.iter().enumerate() {
                self.keys[channel * self.capacity + position] = *key;
            }
            self.values[position * shared..][..shared].copy_from_slice(values);
        }
    }

    /// How many positions there is room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

/// The attention of new rows over a cache that already holds them; the first row stands at position `first`. The same
/// bits as [`attention_forward`] gives for these rows.
pub fn attention_with_cache(
    out: &mut [f32],
    qkv: &[f32],
    cache: &CachedRows,
    first: usize,
    scratch: &mut Scratch,
) {
    let heads = cache.heads;
    let (step, width, out_width) = (heads.row_step(), heads.width, heads.out_width());
    let shared = heads.kv_heads * width;
    let new_rows = qkv.len() / step;
    scratch.reserve(BLOCK_ROWS * cache.capacity);
    for head in 0..heads.heads {
        let [queries, keys, _] = heads.places(head);
        let place = keys - heads.out_width();
        for from in (0..new_rows).step_by(BLOCK_ROWS) {
            let rows = BLOCK_ROWS.min(new_rows - from);
            let end = first + from + rows;
            let scores = &mut scratch.scores[..rows * end];
            let own = View::strided(&qkv[from * step + queries..], rows, width, step);
            let seen = View::strided(&cache.keys[place * cache.capacity..], width, end, cache.capacity);
            rows_times_matrix(ViewMut::new(scores, rows, end), own, seen, Mix::Replace);
            for (row, scores) in scores.chunks_exact_mut(end).enumerate() {
                softmax_row(scores, 0..first + from + row + 1, heads.scale());
            }
            let target =
                ViewMut::strided(&mut out[from * out_width + head * width..], rows, width, out_width);
            let seen = View::strided(&cache.values[place..], end, width, shared);
            rows_times_matrix(target, View::new(scores, rows, end), seen, Mix::Replace);
        }
    }
}
