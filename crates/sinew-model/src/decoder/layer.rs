//! One layer, forward and backward.

use super::{Gradient, Place, Shape, blocks, linear, linear_backward, matrix_gradient, part};
use crate::config::Config;
use crate::layout::{LayerPlaces, Weights};
use crate::packs::{LayerForward, LayerPacks};
use sinew_tensor::Buffer;
use sinew_tensor::kernels::{
    Mix, NormBackward, Scratch, Seen, TurnedRoom, attention_backward, attention_forward, rms_norm_again,
    rms_norm_backward, rms_norm_forward, rotary_backward, rotary_forward, swiglu_forward, swiglu_turn,
};

/// What a layer's forward pass leaves for its backward pass.
#[derive(Clone, Default)]
pub(super) struct LayerState {
    pub(super) input: Buffer,
    attention_factors: Buffer,
    qkv: Buffer,
    logs: Buffer,
    mixed: Buffer,
    middle: Buffer,
    inner_factors: Buffer,
    gate_up: Buffer,
}

/// Room for one layer's inner values and their gradients; the same for all layers.
#[derive(Default)]
pub(super) struct Work {
    /// The gradient of the residual stream.
    pub(super) stream: Buffer,
    /// The gradient of a norm's output.
    pub(super) slope: Buffer,
    normed: Buffer,
    qkv: Buffer,
    mixed: Buffer,
    unit: Buffer,
    pub(super) room: TurnedRoom,
}

/// The weights of a layer for its backward pass.
type Matrices<'a> = (&'a Weights, &'a LayerPlaces, &'a LayerPacks);

/// The numbers of a layer's largest matrix.
fn largest(config: &Config) -> usize {
    2 * config.inner_width * config.width
}

fn resize<const COUNT: usize>(buffers: [(&mut Buffer, usize); COUNT], rows: usize) {
    for (buffer, width) in buffers {
        buffer.resize(rows * width);
    }
}

impl Work {
    pub(super) fn resize(&mut self, config: &Config, rows: usize) {
        let attention = config.attention();
        let buffers = [
            (&mut self.stream, config.width),
            (&mut self.slope, config.width),
            (&mut self.normed, config.width),
            (&mut self.qkv, attention.row_step()),
            (&mut self.mixed, attention.out_width()),
            (&mut self.unit, config.inner_width),
        ];
        resize(buffers, rows);
    }
}

impl LayerState {
    pub(super) fn resize(&mut self, config: &Config, rows: usize) {
        let attention = config.attention();
        let buffers = [
            (&mut self.attention_factors, 1),
            (&mut self.qkv, attention.row_step()),
            (&mut self.logs, config.heads),
            (&mut self.mixed, attention.out_width()),
            (&mut self.middle, config.width),
            (&mut self.inner_factors, 1),
            (&mut self.gate_up, 2 * config.inner_width),
        ];
        resize(buffers, rows);
    }

    fn rows(&self) -> usize {
        self.attention_factors.len()
    }

    /// middle = input + out · attention(...)
    pub(super) fn attend(
        &mut self,
        config: &Config,
        (gain, matrices): (&[f32], &LayerForward<'_>),
        (work, place, scratch): (&mut Work, &Place<'_>, &mut Scratch),
    ) {
        let (heads, rows, width) = (config.attention(), self.rows(), config.width);
        for block in blocks(rows, largest(config)) {
            let (place, own) = (part(&self.input, &block, width), part(&self.qkv, &block, heads.row_step()));
            let (normed, factors) =
                (&mut work.normed[place.clone()], &mut self.attention_factors[block.clone()]);
            rms_norm_forward(normed, factors, &self.input[place], gain, config.norm_epsilon);
            let shape = Shape { rows: block.len(), inner: width, columns: heads.row_step() };
            linear(&mut self.qkv[own], normed, matrices.qkv, shape, Mix::Replace);
        }
        rotary_forward(&mut self.qkv, heads.row_step(), heads.turned_width(), place.turns, place.positions);
        let seen = Seen { qkv: &self.qkv, starts: place.starts, heads };
        attention_forward(&mut self.mixed, &mut self.logs, &seen, scratch);
        self.middle.copy_from_slice(&self.input);
        for block in blocks(rows, largest(config)) {
            let (from, to) =
                (part(&self.mixed, &block, heads.out_width()), part(&self.middle, &block, width));
            let shape = Shape { rows: block.len(), inner: heads.out_width(), columns: width };
            linear(&mut self.middle[to], &self.mixed[from], matrices.out, shape, Mix::Add);
        }
    }

    /// next = middle + down · swiglu(...)
    pub(super) fn expand(
        &mut self,
        config: &Config,
        (gain, matrices): (&[f32], &LayerForward<'_>),
        work: &mut Work,
        next: &mut Buffer,
    ) {
        let (width, inner) = (config.width, config.inner_width);
        next.resize(self.middle.len());
        next.copy_from_slice(&self.middle);
        for block in blocks(self.rows(), largest(config)) {
            let (place, own) = (part(&self.middle, &block, width), part(&self.gate_up, &block, 2 * inner));
            let (normed, factors) = (&mut work.normed[place.clone()], &mut self.inner_factors[block.clone()]);
            rms_norm_forward(normed, factors, &self.middle[place.clone()], gain, config.norm_epsilon);
            let gate_up = &mut self.gate_up[own];
            let shape = Shape { rows: block.len(), inner: width, columns: 2 * inner };
            linear(gate_up, normed, matrices.gate_up, shape, Mix::Replace);
            let unit = &mut work.unit[..block.len() * inner];
            swiglu_forward(unit, gate_up, inner);
            let shape = Shape { rows: block.len(), inner, columns: width };
            linear(&mut next[place], unit, matrices.down, shape, Mix::Add);
        }
    }

    /// Takes the gradient in `work.stream` from behind the gated unit to before its norm. Spoils `gate_up`.
    pub(super) fn expand_backward(
        &mut self,
        config: &Config,
        (weights, places, packs): Matrices<'_>,
        gradient: &mut Gradient<'_>,
        work: &mut Work,
    ) {
        let (rows, width, inner) = (self.rows(), config.width, config.inner_width);
        let down = |rows| Shape { rows, inner, columns: width };
        let gate_up = |rows| Shape { rows, inner: width, columns: 2 * inner };
        for block in blocks(rows, largest(config)) {
            let (place, unit) = (part(&work.stream, &block, width), part(&work.unit, &block, inner));
            let both = &mut self.gate_up[2 * unit.start..2 * unit.end];
            let unit = &mut work.unit[unit];
            linear_backward(unit, &work.stream[place.clone()], &packs.down.backward, down(block.len()));
            swiglu_turn(both, unit, inner);
            linear_backward(&mut work.slope[place], both, &packs.gate_up.backward, gate_up(block.len()));
        }
        let (mix, gain) = (gradient.mix, &weights.plain[places.inner_norm.clone()]);
        rms_norm_again(&mut work.normed, &self.middle, &self.inner_factors, gain);
        let values = &mut gradient.values[places.down.clone()];
        matrix_gradient(values, (&work.stream, &work.unit), down(rows), (mix, &mut work.room));
        let values = &mut gradient.values[places.gate_up.clone()];
        matrix_gradient(values, (&self.gate_up, &work.normed), gate_up(rows), (mix, &mut work.room));
        let pass =
            NormBackward { upstream: &work.slope, input: &self.middle, factors: &self.inner_factors, gain };
        rms_norm_backward(&mut work.stream, &mut gradient.values[places.inner_norm.clone()], &pass);
    }

    /// Takes the gradient in `work.stream` from behind the attention to before its norm.
    pub(super) fn attend_backward(
        &mut self,
        config: &Config,
        (weights, places, packs): Matrices<'_>,
        gradient: &mut Gradient<'_>,
        (work, place, scratch): (&mut Work, &Place<'_>, &mut Scratch),
    ) {
        let (heads, rows, width) = (config.attention(), self.rows(), config.width);
        let out = Shape { rows, inner: heads.out_width(), columns: width };
        let qkv = Shape { rows, inner: width, columns: heads.row_step() };
        linear_backward(&mut work.mixed, &work.stream, &packs.out.backward, out);
        let seen = Seen { qkv: &self.qkv, starts: place.starts, heads };
        attention_backward(&mut work.qkv, &work.mixed, &self.logs, &seen, scratch);
        rotary_backward(&mut work.qkv, heads.row_step(), heads.turned_width(), place.turns, place.positions);
        linear_backward(&mut work.slope, &work.qkv, &packs.qkv.backward, qkv);
        let (mix, gain) = (gradient.mix, &weights.plain[places.attention_norm.clone()]);
        rms_norm_again(&mut work.normed, &self.input, &self.attention_factors, gain);
        let values = &mut gradient.values[places.out.clone()];
        matrix_gradient(values, (&work.stream, &self.mixed), out, (mix, &mut work.room));
        let values = &mut gradient.values[places.qkv.clone()];
        matrix_gradient(values, (&work.qkv, &work.normed), qkv, (mix, &mut work.room));
        let pass = NormBackward {
            upstream: &work.slope,
            input: &self.input,
            factors: &self.attention_factors,
            gain,
        };
        rms_norm_backward(&mut work.stream, &mut gradient.values[places.attention_norm.clone()], &pass);
    }
}
