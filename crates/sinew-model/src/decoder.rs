//! Forward and backward of one row of T tokens.
//!
//! x = embedding; for each layer x += out · attention(rotary(qkv · norm(x))) and x += down · swiglu(gate_up · norm(x));
//! logits = embedding · norm(x). Backward goes the same way in reverse and adds to one flat gradient.

use crate::config::Config;
use crate::layout::{LayerPlaces, Weights};
use sinew_tensor::kernels::{
    Mix, NormBackward, Rotary, Scratch, Seen, View, ViewMut, attention_backward, attention_forward,
    cross_entropy, embedding_backward, embedding_forward, log_probability, matmul, rms_norm_backward,
    rms_norm_forward, rotary_backward, rotary_forward, swiglu_backward, swiglu_forward,
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

/// Room for one sequence: what forward leaves for backward. Kept from step to step.
pub struct Pass {
    config: Config,
    turns: Rotary,
    starts: Vec<usize>,
    positions: Vec<usize>,
    layers: Vec<LayerState>,
    last_input: Vec<f32>,
    last_factors: Vec<f32>,
    last_normed: Vec<f32>,
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

#[derive(Clone, Default)]
struct LayerState {
    input: Vec<f32>,
    attention_factors: Vec<f32>,
    attention_normed: Vec<f32>,
    qkv: Vec<f32>,
    logs: Vec<f32>,
    mixed: Vec<f32>,
    middle: Vec<f32>,
    inner_factors: Vec<f32>,
    inner_normed: Vec<f32>,
    gate_up: Vec<f32>,
    unit: Vec<f32>,
}

/// Gradients of one layer's inner values.
#[derive(Default)]
struct Work {
    stream: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    mixed: Vec<f32>,
    gate_up: Vec<f32>,
    unit: Vec<f32>,
}

/// The rows that the loss looks at, gathered.
#[derive(Default)]
struct Head {
    rows: Vec<usize>,
    targets: Vec<u32>,
    weights: Vec<f32>,
    normed: Vec<f32>,
    gradient: Vec<f32>,
    logits: Vec<f32>,
}

/// Rows of logits that are held at a time.
const HEAD_ROWS: usize = 256;

impl Pass {
    /// Room for sequences of a model of this shape.
    pub fn new(config: &Config) -> Pass {
        Pass {
            turns: Rotary::new(config.context, config.head_width, config.rope_theta),
            starts: Vec::new(),
            positions: Vec::new(),
            layers: vec![LayerState::default(); config.layers],
            last_input: Vec::new(),
            last_factors: Vec::new(),
            last_normed: Vec::new(),
            scratch: Scratch::default(),
            work: Work::default(),
            head: Head::default(),
            config: config.clone(),
        }
    }

    /// Adds the gradient of the weighted loss of a row to `gradient` and returns that loss.
    ///
    /// # Panics
    /// If there are more tokens than the context holds, or a token is outside the vocabulary.
    pub fn learn(&mut self, weights: &Weights, row: &Example<'_>, gradient: &mut [f32]) -> f64 {
        self.forward(weights, row.tokens, row.starts);
        self.head.gather((row.targets, row.weights), &self.last_normed, self.config.width);
        self.work.normed.clear();
        self.work.normed.resize(row.tokens.len() * self.config.width, 0.0);
        let loss = self.head.learn(weights, &mut self.work.normed, gradient);
        self.backward(weights, row.tokens, gradient);
        loss
    }

    /// The natural logarithm of the probability that the model gives each target.
    pub fn log_probabilities(&mut self, weights: &Weights, tokens: &[u32], targets: &[u32]) -> Vec<f32> {
        self.forward(weights, tokens, &vec![0; tokens.len()]);
        let ones = vec![1.0; tokens.len()];
        self.head.gather((targets, &ones), &self.last_normed, self.config.width);
        self.head.measure(weights)
    }

    fn forward(&mut self, weights: &Weights, tokens: &[u32], starts: &[usize]) {
        let (config, layout) = (&self.config, &weights.layout);
        assert!(tokens.len() <= config.context, "{} tokens in a context of {}", tokens.len(), config.context);
        self.starts.clear();
        self.starts.extend_from_slice(starts);
        self.positions.clear();
        self.positions.extend(starts.iter().enumerate().map(|(place, start)| place - start));
        let length = tokens.len() * config.width;
        let table = &weights.plain[layout.embedding.clone()];
        self.layers[0].input.resize(length, 0.0);
        embedding_forward(&mut self.layers[0].input, table, tokens, config.width);
        let place = Place { turns: &self.turns, starts: &self.starts, positions: &self.positions };
        for (index, places) in layout.layers.iter().enumerate() {
            let (layer, rest) = self.layers[index..].split_first_mut().expect("a state for each layer");
            layer.resize(config, tokens.len());
            layer.attend(config, weights, places, (&place, &mut self.scratch));
            let next = rest.first_mut().map_or(&mut self.last_input, |next| &mut next.input);
            layer.expand(config, weights, places, next);
        }
        self.last_normed.resize(length, 0.0);
        self.last_factors.resize(tokens.len(), 0.0);
        let gain = &weights.plain[layout.last_norm.clone()];
        let (normed, factors) = (&mut self.last_normed, &mut self.last_factors);
        rms_norm_forward(normed, factors, &self.last_input, gain, config.norm_epsilon);
    }

    /// Takes the gradient of the last norm's output in `work.normed` down to the embedding.
    fn backward(&mut self, weights: &Weights, tokens: &[u32], gradient: &mut [f32]) {
        let (config, layout) = (&self.config, &weights.layout);
        let work = &mut self.work;
        work.resize(config, tokens.len());
        work.stream.fill(0.0);
        let pass = NormBackward {
            upstream: &work.normed,
            input: &self.last_input,
            factors: &self.last_factors,
            gain: &weights.plain[layout.last_norm.clone()],
        };
        rms_norm_backward(&mut work.stream, &mut gradient[layout.last_norm.clone()], &pass);
        let place = Place { turns: &self.turns, starts: &self.starts, positions: &self.positions };
        for (layer, places) in self.layers.iter().zip(&layout.layers).rev() {
            layer.expand_backward(config, weights, (places, gradient), work);
            layer.attend_backward(config, weights, (places, gradient), (work, &place, &mut self.scratch));
        }
        embedding_backward(&mut gradient[layout.embedding.clone()], &work.stream, tokens, config.width);
    }
}

/// out = input · matrixᵀ for a matrix of `columns` rows, from its transposed copy.
fn linear(out: &mut [f32], input: &[f32], weights: &Weights, place: &Range<usize>, shape: Shape) {
    let Shape { rows, inner, columns, mix } = shape;
    let matrix = View::new(&weights.turned[place.clone()], inner, columns);
    matmul(ViewMut::new(out, rows, columns), View::new(input, rows, inner), matrix, mix);
}

/// Adds the matrix's gradient and writes the input's, from the gradient of [`linear`]'s result.
fn linear_backward(
    input_gradient: &mut [f32],
    (upstream, input): (&[f32], &[f32]),
    (weights, place): (&Weights, &Range<usize>),
    gradient: &mut [f32],
    shape: Shape,
) {
    let Shape { rows, inner, columns, mix } = shape;
    let upstream = View::new(upstream, rows, columns);
    let matrix = View::new(&weights.plain[place.clone()], columns, inner);
    matmul(ViewMut::new(input_gradient, rows, inner), upstream, matrix, mix);
    let target = ViewMut::new(&mut gradient[place.clone()], columns, inner);
    matmul(target, upstream.transposed(), View::new(input, rows, inner), Mix::Add);
}

#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    inner: usize,
    columns: usize,
    mix: Mix,
}

impl Shape {
    fn new(rows: usize, inner: usize, columns: usize) -> Shape {
        Shape { rows, inner, columns, mix: Mix::Replace }
    }

    fn added(self) -> Shape {
        Shape { mix: Mix::Add, ..self }
    }
}

impl LayerState {
    fn resize(&mut self, config: &Config, rows: usize) {
        let attention = config.attention();
        let buffers = [
            (&mut self.attention_factors, 1),
            (&mut self.attention_normed, config.width),
            (&mut self.qkv, attention.row_step()),
            (&mut self.logs, config.heads),
            (&mut self.mixed, attention.out_width()),
            (&mut self.middle, config.width),
            (&mut self.inner_factors, 1),
            (&mut self.inner_normed, config.width),
            (&mut self.gate_up, 2 * config.inner_width),
            (&mut self.unit, config.inner_width),
        ];
        for (buffer, width) in buffers {
            buffer.resize(rows * width, 0.0);
        }
    }

    fn rows(&self) -> usize {
        self.attention_factors.len()
    }

    /// middle = input + out · attention(...)
    fn attend(
        &mut self,
        config: &Config,
        weights: &Weights,
        places: &LayerPlaces,
        (place, scratch): (&Place<'_>, &mut Scratch),
    ) {
        let (heads, rows) = (config.attention(), self.rows());
        let gain = &weights.plain[places.attention_norm.clone()];
        let (normed, factors) = (&mut self.attention_normed, &mut self.attention_factors);
        rms_norm_forward(normed, factors, &self.input, gain, config.norm_epsilon);
        let shape = Shape::new(rows, config.width, heads.row_step());
        linear(&mut self.qkv, &self.attention_normed, weights, &places.qkv, shape);
        rotary_forward(&mut self.qkv, heads.row_step(), heads.turned_width(), place.turns, place.positions);
        let seen = Seen { qkv: &self.qkv, starts: place.starts, heads };
        attention_forward(&mut self.mixed, &mut self.logs, &seen, scratch);
        self.middle.copy_from_slice(&self.input);
        let shape = Shape::new(rows, heads.out_width(), config.width).added();
        linear(&mut self.middle, &self.mixed, weights, &places.out, shape);
    }

    /// next = middle + down · swiglu(...)
    fn expand(&mut self, config: &Config, weights: &Weights, places: &LayerPlaces, next: &mut Vec<f32>) {
        let rows = self.rows();
        let gain = &weights.plain[places.inner_norm.clone()];
        let (normed, factors) = (&mut self.inner_normed, &mut self.inner_factors);
        rms_norm_forward(normed, factors, &self.middle, gain, config.norm_epsilon);
        let shape = Shape::new(rows, config.width, 2 * config.inner_width);
        linear(&mut self.gate_up, &self.inner_normed, weights, &places.gate_up, shape);
        swiglu_forward(&mut self.unit, &self.gate_up, config.inner_width);
        next.clear();
        next.extend_from_slice(&self.middle);
        let shape = Shape::new(rows, config.inner_width, config.width).added();
        linear(next, &self.unit, weights, &places.down, shape);
    }

    fn expand_backward(
        &self,
        config: &Config,
        weights: &Weights,
        (places, gradient): (&LayerPlaces, &mut [f32]),
        work: &mut Work,
    ) {
        let rows = self.rows();
        let shape = Shape::new(rows, config.inner_width, config.width);
        let pair = (work.stream.as_slice(), self.unit.as_slice());
        linear_backward(&mut work.unit, pair, (weights, &places.down), gradient, shape);
        swiglu_backward(&mut work.gate_up, &work.unit, &self.gate_up, config.inner_width);
        let shape = Shape::new(rows, config.width, 2 * config.inner_width);
        let pair = (work.gate_up.as_slice(), self.inner_normed.as_slice());
        linear_backward(&mut work.normed, pair, (weights, &places.gate_up), gradient, shape);
        let pass = NormBackward {
            upstream: &work.normed,
            input: &self.middle,
            factors: &self.inner_factors,
            gain: &weights.plain[places.inner_norm.clone()],
        };
        rms_norm_backward(&mut work.stream, &mut gradient[places.inner_norm.clone()], &pass);
    }

    fn attend_backward(
        &self,
        config: &Config,
        weights: &Weights,
        (places, gradient): (&LayerPlaces, &mut [f32]),
        (work, place, scratch): (&mut Work, &Place<'_>, &mut Scratch),
    ) {
        let (heads, rows) = (config.attention(), self.rows());
        let shape = Shape::new(rows, heads.out_width(), config.width);
        let pair = (work.stream.as_slice(), self.mixed.as_slice());
        linear_backward(&mut work.mixed, pair, (weights, &places.out), gradient, shape);
        let seen = Seen { qkv: &self.qkv, starts: place.starts, heads };
        attention_backward(&mut work.qkv, &work.mixed, &self.logs, &seen, scratch);
        rotary_backward(&mut work.qkv, heads.row_step(), heads.turned_width(), place.turns, place.positions);
        let shape = Shape::new(rows, config.width, heads.row_step());
        let pair = (work.qkv.as_slice(), self.attention_normed.as_slice());
        linear_backward(&mut work.normed, pair, (weights, &places.qkv), gradient, shape);
        let pass = NormBackward {
            upstream: &work.normed,
            input: &self.input,
            factors: &self.attention_factors,
            gain: &weights.plain[places.attention_norm.clone()],
        };
        rms_norm_backward(&mut work.stream, &mut gradient[places.attention_norm.clone()], &pass);
    }
}

impl Work {
    fn resize(&mut self, config: &Config, rows: usize) {
        let attention = config.attention();
        let buffers = [
            (&mut self.stream, config.width),
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

impl Head {
    /// Takes the rows that count, so that no product is spent on the others.
    fn gather(&mut self, (targets, weights): (&[u32], &[f32]), normed: &[f32], width: usize) {
        self.rows.clear();
        self.targets.clear();
        self.weights.clear();
        self.normed.clear();
        for (row, (target, weight)) in targets.iter().zip(weights).enumerate() {
            if *weight != 0.0 {
                self.rows.push(row);
                self.targets.push(*target);
                self.weights.push(*weight);
                self.normed.extend_from_slice(&normed[row * width..][..width]);
            }
        }
        self.gradient.resize(self.normed.len(), 0.0);
    }

    /// Puts the gradient of the gathered rows in their places in `normed_gradient`, adds the embedding's gradient and
    /// returns the loss.
    fn learn(&mut self, weights: &Weights, normed_gradient: &mut [f32], gradient: &mut [f32]) -> f64 {
        let (width, vocabulary) = (weights.config.width, weights.config.vocabulary);
        let place = &weights.layout.embedding;
        let mut loss = 0.0;
        for first in (0..self.rows.len()).step_by(HEAD_ROWS) {
            let end = (first + HEAD_ROWS).min(self.rows.len());
            let shape = Shape::new(end - first, width, vocabulary);
            let (normed, block) = (&self.normed[first * width..end * width], first * width..end * width);
            self.logits.resize((end - first) * vocabulary, 0.0);
            linear(&mut self.logits, normed, weights, place, shape);
            loss += cross_entropy(&mut self.logits, &self.targets[first..end], &self.weights[first..end]);
            let pair = (self.logits.as_slice(), normed);
            linear_backward(&mut self.gradient[block], pair, (weights, place), gradient, shape);
        }
        for (row, line) in self.rows.iter().zip(self.gradient.chunks_exact(width)) {
            normed_gradient[row * width..][..width].copy_from_slice(line);
        }
        loss
    }

    fn measure(&mut self, weights: &Weights) -> Vec<f32> {
        let (width, vocabulary) = (weights.config.width, weights.config.vocabulary);
        let mut logs = Vec::with_capacity(self.rows.len());
        for first in (0..self.rows.len()).step_by(HEAD_ROWS) {
            let end = (first + HEAD_ROWS).min(self.rows.len());
            self.logits.resize((end - first) * vocabulary, 0.0);
            let shape = Shape::new(end - first, width, vocabulary);
            let normed = &self.normed[first * width..end * width];
            linear(&mut self.logits, normed, weights, &weights.layout.embedding, shape);
            let lines = self.logits.chunks_exact_mut(vocabulary).zip(&self.targets[first..end]);
            logs.extend(lines.map(|(line, target)| log_probability(line, *target as usize)));
        }
        logs
    }
}
