//! Where each tensor lies in the one flat slice that holds all weights.
//!
//! Optimiser, gradient and checkpoint treat the weights as one slice; only the decoder and the files know the tensors.
//! Queries, keys and values of a layer are neighbours, and so are gate and up, so that each pair or triple is one
//! matrix to the decoder and several tensors to a file.

use crate::config::Config;
use crate::random::Random;
use sinew_tensor::Team;
use std::ops::Range;

/// The tensors of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerPlaces {
    /// Gains of the norm before attention, C numbers.
    pub attention_norm: Range<usize>,
    /// Queries, keys and values, one row of C numbers for each channel of a row of `qkv`.
    pub qkv: Range<usize>,
    /// The matrix after attention, C rows of H·D numbers.
    pub out: Range<usize>,
    /// Gains of the norm before the feed-forward part, C numbers.
    pub inner_norm: Range<usize>,
    /// Gates, then values: 2 F rows of C numbers.
    pub gate_up: Range<usize>,
    /// The matrix after the gated unit, C rows of F numbers.
    pub down: Range<usize>,
}

/// All tensors of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// One row of C numbers for each token, for input and output alike.
    pub embedding: Range<usize>,
    /// The layers, first to last.
    pub layers: Vec<LayerPlaces>,
    /// Gains of the last norm, C numbers.
    pub last_norm: Range<usize>,
    /// How many numbers all tensors have together.
    pub length: usize,
}

/// A tensor as a file names it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NamedTensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) place: Range<usize>,
}

impl Layout {
    /// The layout of a checked config.
    pub fn new(config: &Config) -> Layout {
        let mut next = 0;
        let mut take = |length: usize| {
            next += length;
            next - length..next
        };
        let (width, attention) = (config.width, config.attention());
        let embedding = take(config.vocabulary * width);
        let layers = (0..config.layers)
            .map(|_| LayerPlaces {
                attention_norm: take(width),
                qkv: take(attention.row_step() * width),
                out: take(width * attention.out_width()),
                inner_norm: take(width),
                gate_up: take(2 * config.inner_width * width),
                down: take(width * config.inner_width),
            })
            .collect();
        let last_norm = take(width);
        Layout { embedding, layers, last_norm, length: next }
    }

    /// The places of all gains: weights that decay must not pull to zero.
    pub fn gains(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let layers =
            self.layers.iter().flat_map(|layer| [layer.attention_norm.clone(), layer.inner_norm.clone()]);
        layers.chain([self.last_norm.clone()])
    }

    /// All matrices with their rows and columns.
    pub fn matrices(&self, config: &Config) -> Vec<(Range<usize>, usize, usize)> {
        let (width, attention) = (config.width, config.attention());
        let layers = self.layers.iter().flat_map(|layer| {
            [
                (layer.qkv.clone(), attention.row_step(), width),
                (layer.out.clone(), width, attention.out_width()),
                (layer.gate_up.clone(), 2 * config.inner_width, width),
                (layer.down.clone(), width, config.inner_width),
            ]
        });
        [(self.embedding.clone(), config.vocabulary, width)].into_iter().chain(layers).collect()
    }

    /// The tensors in the names of a Hugging Face Llama.
    pub(crate) fn named(&self, config: &Config) -> Vec<NamedTensor> {
        let width = config.width;
        let mut tensors = Vec::new();
        let mut add = |name: String, shape: &[usize], start: usize| {
            let place = start..start + shape.iter().product::<usize>();
            tensors.push(NamedTensor { name, shape: shape.to_vec(), place });
        };
        add("model.embed_tokens.weight".into(), &[config.vocabulary, width], self.embedding.start);
        for (index, layer) in self.layers.iter().enumerate() {
            let name = |part: &str| format!("model.layers.{index}.{part}.weight");
            let (queries, keys) = (config.heads * config.head_width, config.kv_heads * config.head_width);
            let start = layer.qkv.start;
            add(name("input_layernorm"), &[width], layer.attention_norm.start);
            add(name("self_attn.q_proj"), &[queries, width], start);
            add(name("self_attn.k_proj"), &[keys, width], start + queries * width);
            add(name("self_attn.v_proj"), &[keys, width], start + (queries + keys) * width);
            add(name("self_attn.o_proj"), &[width, queries], layer.out.start);
            add(name("post_attention_layernorm"), &[width], layer.inner_norm.start);
            add(name("mlp.gate_proj"), &[config.inner_width, width], layer.gate_up.start);
            let up = layer.gate_up.start + config.inner_width * width;
            add(name("mlp.up_proj"), &[config.inner_width, width], up);
            add(name("mlp.down_proj"), &[width, config.inner_width], layer.down.start);
        }
        add("model.norm.weight".into(), &[width], self.last_norm.start);
        tensors
    }
}

/// The weights of a model, as they are learnt and once more with each matrix transposed.
///
/// Forward multiplies by the transposed matrices and backward by the plain ones, so both run along memory.
#[derive(Clone, Debug)]
pub struct Weights {
    /// The shape.
    pub config: Config,
    /// Where each tensor lies in `plain` and in `turned`.
    pub layout: Layout,
    /// The weights themselves.
    pub plain: Vec<f32>,
    /// Each matrix transposed; gains are not kept here.
    pub turned: Vec<f32>,
}

impl Weights {
    /// Weights from numbers in the order of the layout.
    ///
    /// # Panics
    /// If there are not as many numbers as the layout has.
    pub fn new(config: Config, plain: Vec<f32>, team: &Team) -> Weights {
        let layout = Layout::new(&config);
        assert_eq!(plain.len(), layout.length, "the numbers do not fit the shape");
        let turned = vec![0.0; plain.len()];
        let mut weights = Weights { config, layout, plain, turned };
        weights.turn(team);
        weights
    }

    /// Random weights: uniform around zero, with the spread that keeps the residual stream level from layer to layer.
    pub fn random(config: Config, seed: u64, team: &Team) -> Weights {
        let layout = Layout::new(&config);
        let mut plain = vec![0.0; layout.length];
        for place in layout.gains() {
            plain[place].fill(1.0);
        }
        let inward = 1.0 / (2.0 * config.layers as f32).sqrt();
        for (index, (place, rows, columns)) in layout.matrices(&config).into_iter().enumerate() {
            let spread = match index {
                0 => 1.0 / (config.width as f32).sqrt(),
                _ if rows == config.width && index % 2 == 0 => inward / (columns as f32).sqrt(),
                _ => 1.0 / (columns as f32).sqrt(),
            };
            let mut random = Random::new(seed, &[0, index as u64]);
            let half_width = spread * 3.0_f32.sqrt();
            plain[place].fill_with(|| (random.unit() * 2.0 - 1.0) * half_width);
        }
        Weights::new(config, plain, team)
    }

    /// Brings `turned` up to date after `plain` changed.
    pub fn turn(&mut self, team: &Team) {
        let mut rest = self.turned.as_mut_slice();
        let mut from = 0;
        let mut tasks = Vec::new();
        for (place, rows, columns) in self.layout.matrices(&self.config) {
            let (_, tail) = rest.split_at_mut(place.start - from);
            let (target, tail) = tail.split_at_mut(place.len());
            from = place.end;
            rest = tail;
            tasks.push((target, &self.plain[place], rows, columns));
        }
        team.for_each(&mut tasks, |_, (target, source, rows, columns)| {
            transpose(target, source, *rows, *columns)
        });
    }
}

/// Transposes in tiles, so that both sides stay in the nearest cache.
fn transpose(target: &mut [f32], source: &[f32], rows: usize, columns: usize) {
    const TILE: usize = 16;
    for row_tile in (0..rows).step_by(TILE) {
        for column_tile in (0..columns).step_by(TILE) {
            for column in column_tile..(column_tile + TILE).min(columns) {
                let row_end = (row_tile + TILE).min(rows);
                let line = &mut target[column * rows + row_tile..column * rows + row_end];
                for (value, row) in line.iter_mut().zip(row_tile..) {
                    *value = source[row * columns + column];
                }
            }
        }
    }
}
