//! The matrices of a model, packed for the products of training.
//!
//! Forward multiplies by Wᵀ and backward by W. Both are packed once a step, because each is used for every row of a batch.

use crate::layout::{LayerPlaces, Weights};
use sinew_tensor::Team;
use sinew_tensor::kernels::{Packed, View};
use std::ops::Range;

/// One matrix W in both forms.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pair {
    pub(crate) forward: Packed,
    pub(crate) backward: Packed,
}

/// The matrices of one layer.
#[derive(Clone, Debug, Default)]
pub(crate) struct LayerPacks {
    pub(crate) qkv: Pair,
    pub(crate) out: Pair,
    pub(crate) gate_up: Pair,
    pub(crate) down: Pair,
}

/// All matrices of a model.
#[derive(Clone, Debug, Default)]
pub struct Packs {
    pub(crate) embedding: Pair,
    pub(crate) layers: Vec<LayerPacks>,
}

impl Packs {
    /// The packs of these weights.
    pub fn new(weights: &Weights, team: &Team) -> Packs {
        let mut packs = Packs::default();
        packs.renew(weights, team);
        packs
    }

    /// Brings all packs up to date after the weights changed.
    pub fn renew(&mut self, weights: &Weights, team: &Team) {
        self.layers.resize_with(weights.layout.layers.len(), LayerPacks::default);
        let matrices = weights.layout.matrices(&weights.config);
        let mut tasks = Vec::with_capacity(2 * matrices.len());
        for (pair, (place, rows, columns)) in self.pairs().zip(matrices) {
            let matrix = View::new(&weights.plain[place], rows, columns);
            tasks.push((&mut pair.forward, matrix.transposed()));
            tasks.push((&mut pair.backward, matrix));
        }
        team.for_each(&mut tasks, |_, (pack, matrix)| pack.pack(*matrix));
    }

    /// In the order of [`crate::Layout::matrices`].
    fn pairs(&mut self) -> impl Iterator<Item = &mut Pair> {
        let layers = self.layers.iter_mut();
        let layers =
            layers.flat_map(|layer| [&mut layer.qkv, &mut layer.out, &mut layer.gate_up, &mut layer.down]);
        [&mut self.embedding].into_iter().chain(layers)
    }
}

/// What the forward pass multiplies by: a packed matrix where there is one, or the turned copy.
#[derive(Clone, Copy)]
pub(crate) enum Forward<'a> {
    Packed(&'a Packed),
    Turned(View<'a>),
}

/// The matrices of one layer for the forward pass.
pub(crate) struct LayerForward<'a> {
    pub(crate) qkv: Forward<'a>,
    pub(crate) out: Forward<'a>,
    pub(crate) gate_up: Forward<'a>,
    pub(crate) down: Forward<'a>,
}

impl<'a> LayerForward<'a> {
    pub(crate) fn packed(packs: &'a LayerPacks) -> LayerForward<'a> {
        LayerForward {
            qkv: Forward::Packed(&packs.qkv.forward),
            out: Forward::Packed(&packs.out.forward),
            gate_up: Forward::Packed(&packs.gate_up.forward),
            down: Forward::Packed(&packs.down.forward),
        }
    }

    pub(crate) fn turned(weights: &'a Weights, places: &LayerPlaces) -> LayerForward<'a> {
        let (config, width) = (&weights.config, weights.config.width);
        let heads = config.attention();
        LayerForward {
            qkv: turned(weights, &places.qkv, (width, heads.row_step())),
            out: turned(weights, &places.out, (heads.out_width(), width)),
            gate_up: turned(weights, &places.gate_up, (width, 2 * config.inner_width)),
            down: turned(weights, &places.down, (config.inner_width, width)),
        }
    }
}

pub(crate) fn turned<'a>(
    weights: &'a Weights,
    place: &Range<usize>,
    (inner, columns): (usize, usize),
) -> Forward<'a> {
    Forward::Turned(View::new(&weights.turned[place.clone()], inner, columns))
}
