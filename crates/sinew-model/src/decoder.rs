//! Forward and backward of one row of T tokens.
//!
//! x = embedding; for each layer x += out · attention(rotary(qkv · norm(x))) and x += down · swiglu(gate_up · norm(x));
//! logits = embedding · norm(x). Backward goes the same way in reverse and adds to one flat gradient. Chains of products
//! go in blocks of 64 or 256 positions, so that what is used again stays in the cache; the gradient of a matrix is
//! one product over all T. What costs little to make again (norms, the gated unit) is not kept for backward.

mod head;
mod layer;

use crate::config::Config;
use crate::layout::Weights;
use crate::packs::{Forward, LayerForward, Packs, turned};
use head::Head;
use layer::{LayerState, Work};
use sinew_tensor::Buffer;
use sinew_tensor::kernels::{
    Mix, NormBackward, Packed, Rotary, Scratch, TurnedRoom, View, ViewMut, embedding_backward,
    embedding_forward, matmul, product, product_of_turned, rms_norm_backward, rms_norm_forward,
};
use std::ops::Range;

/// A row to learn from: after each position the next token, with a weight.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// What the model reads.
    pub tokens: &'a [u32],
    /// Where the text of each position begins: a position sees nothing before, and counts its place from there.
    pub starts: &'a [usize],
    /// The token that should follow each position.
    pub targets: &'a [u32],
    /// How much each position counts in the loss. Where this is 0 nothing is computed.
    pub weights: &'a [f32],
}

/// A model to learn with: its weights and their packs, made from the same numbers.
#[derive(Clone, Copy, Debug)]
pub struct Learner<'a> {
    /// The weights; their turned copies are not looked at.
    pub weights: &'a Weights,
    /// The same matrices, packed.
    pub packs: &'a Packs,
}

/// Where a row's gradient goes.
#[derive(Debug)]
pub struct Gradient<'a> {
    /// As many numbers as the model has weights.
    pub values: &'a mut [f32],
    /// Whether the row's gradient is added to what is there or takes its place.
    pub mix: Mix,
}

/// Room for one sequence: what forward leaves for backward. Kept from step to step.
pub struct Pass {
    config: Config,
    turns: Rotary,
    starts: Vec<usize>,
    positions: Vec<usize>,
    layers: Vec<LayerState>,
    last_input: Buffer,
    last_factors: Buffer,
    last_normed: Buffer,
    scratch: Scratch,
    work: Work,
    head: Head,
}

/// Where the positions of a row stand.
struct Place<'a> {
    turns: &'a Rotary,
    starts: &'a [usize],
    positions: &'a [usize],
}

/// All rows in blocks that go through a chain of products together, of which the largest has a matrix of so many numbers.
///
/// Where the matrices stay in the second cache, so should what lies between two products: blocks are short. Where they
/// come from afar for each block, each number should serve many rows.
fn blocks(rows: usize, matrix_numbers: usize) -> impl Iterator<Item = Range<usize>> {
    let block = if matrix_numbers * size_of::<f32>() <= NEAR_BYTES { 64 } else { 256 };
    (0..rows).step_by(block).map(move |first| first..(first + block).min(rows))
}

/// Half of a common second cache: a matrix of this size stays there beside what it is multiplied by.
const NEAR_BYTES: usize = 1 << 20;

/// Some rows of a matrix with `width` columns.
fn part(values: &[f32], rows: &Range<usize>, width: usize) -> Range<usize> {
    debug_assert!(rows.end * width <= values.len(), "the rows lie inside");
    rows.start * width..rows.end * width
}

impl Pass {
    /// Room for sequences of a model of this shape.
    pub fn new(config: &Config) -> Pass {
        Pass {
            turns: Rotary::new(config.context, config.head_width, config.rope_theta),
            starts: Vec::new(),
            positions: Vec::new(),
            layers: vec![LayerState::default(); config.layers],
            last_input: Buffer::default(),
            last_factors: Buffer::default(),
            last_normed: Buffer::default(),
            scratch: Scratch::default(),
            work: Work::default(),
            head: Head::default(),
            config: config.clone(),
        }
    }

    /// Gives the gradient of the weighted loss of a row to `gradient` and returns that loss.
    ///
    /// # Panics
    /// If there are more tokens than the context holds, or a token is outside the vocabulary.
    pub fn learn(&mut self, model: Learner<'_>, row: &Example<'_>, mut gradient: Gradient<'_>) -> f64 {
        let Learner { weights, packs } = model;
        self.forward(weights, row, |index| LayerForward::packed(&packs.layers[index]));
        if gradient.mix == Mix::Replace {
            weights.layout.gains().for_each(|place| gradient.values[place].fill(0.0));
        }
        self.head.gather((row.targets, row.weights), &self.last_normed, self.config.width);
        self.work.resize(&self.config, row.tokens.len());
        let place = &weights.layout.embedding;
        let target = Gradient { values: &mut gradient.values[place.clone()], mix: gradient.mix };
        let loss = self.head.learn(&packs.embedding, &self.config, &mut self.work, target);
        self.backward(model, row.tokens, &mut gradient);
        loss
    }

    /// The weighted loss of a row, without learning from it.
    ///
    /// # Panics
    /// As for [`Pass::learn`].
    pub fn measure(&mut self, model: Learner<'_>, row: &Example<'_>) -> f64 {
        let Learner { weights, packs } = model;
        self.forward(weights, row, |index| LayerForward::packed(&packs.layers[index]));
        self.head.gather((row.targets, row.weights), &self.last_normed, self.config.width);
        let logs = self.head.measure(Forward::Packed(&packs.embedding.forward), self.config.vocabulary);
        let weights = row.weights.iter().filter(|weight| **weight != 0.0);
        logs.iter().zip(weights).map(|(log, weight)| -f64::from(*log) * f64::from(*weight)).sum()
    }

    /// The natural logarithm of the probability that the model gives each target.
    pub fn log_probabilities(&mut self, weights: &Weights, tokens: &[u32], targets: &[u32]) -> Vec<f32> {
        let (starts, ones) = (vec![0; tokens.len()], vec![1.0; tokens.len()]);
        let row = Example { tokens, starts: &starts, targets, weights: &ones };
        let layout = &weights.layout;
        self.forward(weights, &row, |index| LayerForward::turned(weights, &layout.layers[index]));
        self.head.gather((targets, &ones), &self.last_normed, self.config.width);
        let shape = (self.config.width, self.config.vocabulary);
        self.head.measure(turned(weights, &layout.embedding, shape), self.config.vocabulary)
    }

    fn forward<'a>(
        &mut self,
        weights: &Weights,
        row: &Example<'_>,
        matrices: impl Fn(usize) -> LayerForward<'a>,
    ) {
        let (config, layout, tokens) = (&self.config, &weights.layout, row.tokens);
        assert!(tokens.len() <= config.context, "{} tokens in a context of {}", tokens.len(), config.context);
        self.starts.clear();
        self.starts.extend_from_slice(row.starts);
        self.positions.clear();
        self.positions.extend(row.starts.iter().enumerate().map(|(place, start)| place - start));
        let length = tokens.len() * config.width;
        let table = &weights.plain[layout.embedding.clone()];
        self.layers[0].input.resize(length);
        embedding_forward(&mut self.layers[0].input, table, tokens, config.width);
        let place = Place { turns: &self.turns, starts: &self.starts, positions: &self.positions };
        self.work.resize(config, tokens.len());
        for (index, places) in layout.layers.iter().enumerate() {
            let (layer, rest) = self.layers[index..].split_first_mut().expect("a state for each layer");
            let matrices = matrices(index);
            layer.resize(config, tokens.len());
            let gain = &weights.plain[places.attention_norm.clone()];
            layer.attend(config, (gain, &matrices), (&mut self.work, &place, &mut self.scratch));
            let next = rest.first_mut().map_or(&mut self.last_input, |next| &mut next.input);
            let gain = &weights.plain[places.inner_norm.clone()];
            layer.expand(config, (gain, &matrices), &mut self.work, next);
        }
        self.last_normed.resize(length);
        self.last_factors.resize(tokens.len());
        let gain = &weights.plain[layout.last_norm.clone()];
        let (normed, factors) = (&mut self.last_normed, &mut self.last_factors);
        rms_norm_forward(normed, factors, &self.last_input, gain, config.norm_epsilon);
    }

    /// Takes the gradient of the last norm's output in `work.slope` down to the embedding.
    fn backward(&mut self, model: Learner<'_>, tokens: &[u32], gradient: &mut Gradient<'_>) {
        let (config, weights, layout) = (&self.config, model.weights, &model.weights.layout);
        let work = &mut self.work;
        work.stream.fill(0.0);
        let pass = NormBackward {
            upstream: &work.slope,
            input: &self.last_input,
            factors: &self.last_factors,
            gain: &weights.plain[layout.last_norm.clone()],
        };
        rms_norm_backward(&mut work.stream, &mut gradient.values[layout.last_norm.clone()], &pass);
        let place = Place { turns: &self.turns, starts: &self.starts, positions: &self.positions };
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            let (places, packs) = (&layout.layers[index], &model.packs.layers[index]);
            layer.expand_backward(config, (weights, places, packs), gradient, work);
            let around = (&mut *work, &place, &mut self.scratch);
            layer.attend_backward(config, (weights, places, packs), gradient, around);
        }
        let table = &mut gradient.values[layout.embedding.clone()];
        embedding_backward(table, &work.stream, tokens, config.width);
    }
}

/// out = input · Wᵀ, or added to out.
fn linear(out: &mut [f32], input: &[f32], matrix: Forward<'_>, shape: Shape, mix: Mix) {
    let Shape { rows, inner, columns } = shape;
    let (out, input) = (ViewMut::new(out, rows, columns), View::new(input, rows, inner));
    match matrix {
        Forward::Packed(matrix) => product(out, input, matrix, mix),
        Forward::Turned(matrix) => matmul(out, input, matrix, mix),
    }
}

/// The gradient of the input: upstream · W.
fn linear_backward(out: &mut [f32], upstream: &[f32], matrix: &Packed, shape: Shape) {
    let Shape { rows, inner, columns } = shape;
    product(ViewMut::new(out, rows, inner), View::new(upstream, rows, columns), matrix, Mix::Replace);
}

/// The gradient of the matrix: upstreamᵀ · input.
fn matrix_gradient(
    out: &mut [f32],
    (upstream, input): (&[f32], &[f32]),
    shape: Shape,
    (mix, room): (Mix, &mut TurnedRoom),
) {
    let Shape { rows, inner, columns } = shape;
    let (upstream, input) = (View::new(upstream, rows, columns), View::new(input, rows, inner));
    product_of_turned(ViewMut::new(out, columns, inner), upstream, input, mix, room);
}

/// Of a product input · Wᵀ: the rows of the input, and the columns and rows of W.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    inner: usize,
    columns: usize,
}
