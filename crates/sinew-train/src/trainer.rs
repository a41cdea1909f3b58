//! One step: gradients of a fixed number of parts, their sum as a fixed tree, clipping, AdamW.
//!
//! Threads only decide who computes a part, never what the parts are, so the bits do not depend on them.

use crate::batch::Sequence;
use crate::error::TrainError;
use crate::prepared::Prepared;
use crate::recipe::Recipe;
use sinew_model::{Config, Example, Gradient, Learner, Model, Packs, Pass, Weights};
use sinew_tensor::kernels::{AdamW, Mix, Moments, PARTS, adamw, sum_of_squares, tree_sum};
use sinew_tensor::{Buffer, Team};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// A training run between two steps.
pub struct Trainer<'a> {
    data: &'a Prepared,
    recipe: Recipe,
    team: &'a Team,
    pub(crate) state: State,
    run_name: String,
    packs: Packs,
    desks: Mutex<Vec<Desk>>,
    parts: Vec<Part>,
    segments: Vec<Segment>,
}

/// All that a run is: with data and recipe it decides everything that follows.
pub(crate) struct State {
    pub(crate) weights: Weights,
    pub(crate) first: Buffer,
    pub(crate) second: Buffer,
    pub(crate) step: u64,
}

/// What a thread needs while it works on a part: as many as there are threads, because nothing in it outlives a row.
struct Desk {
    pass: Pass,
    row: Sequence,
}

/// What one part of the batch leaves. The first part's gradient becomes the sum of all.
struct Part {
    gradient: Buffer,
    loss: f64,
}

/// A stretch of the weights that one thread takes at a time.
struct Segment {
    place: Range<usize>,
    decays: bool,
}

/// The weights in a segment at most: their gradients, moments and parts fit the second cache.
const SEGMENT_WEIGHTS: usize = 16 * 1024;
/// β₁ and β₂ of AdamW.
const BETAS: (f32, f32) = (0.9, 0.95);

impl<'a> Trainer<'a> {
    /// A run at its first step.
    pub fn new(
        config: Config,
        data: &'a Prepared,
        recipe: Recipe,
        team: &'a Team,
    ) -> Result<Trainer<'a>, TrainError> {
        config.check()?;
        recipe.check(&config)?;
        let mut weights = Weights::random(config, recipe.seed, team);
        // Steps multiply by the packs; the turned copies are made again when somebody asks for the model.
        weights.turned = Vec::new();
        let length = weights.plain.len();
        let desk = |_| Desk { pass: Pass::new(&weights.config), row: Sequence::default() };
        let desks = (0..team.threads().min(PARTS)).map(desk).collect();
        let part = |_| Part { gradient: Buffer::zeros(length), loss: 0.0 };
        Ok(Trainer {
            data,
            team,
            run_name: recipe.run_name(&weights.config, &data.hash),
            recipe,
            packs: Packs::new(&weights, team),
            desks: Mutex::new(desks),
            parts: (0..PARTS).map(part).collect(),
            segments: segments(&weights),
            state: State { weights, first: Buffer::zeros(length), second: Buffer::zeros(length), step: 0 },
        })
    }

    /// Steps taken so far.
    pub fn step(&self) -> u64 {
        self.state.step
    }

    /// How many weights the model has.
    pub fn weights_count(&self) -> usize {
        self.state.weights.plain.len()
    }

    /// The recipe of this run.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The name that this run's checkpoints carry.
    pub fn run_name(&self) -> &str {
        &self.run_name
    }

    /// Whether all steps are taken.
    pub fn finished(&self) -> bool {
        self.state.step >= self.recipe.steps
    }

    /// The model as it is now.
    pub fn model(&self) -> Model {
        let Weights { config, plain, .. } = &self.state.weights;
        let weights = Weights::new(config.clone(), plain.clone(), self.team);
        Model { weights, tokenizer: self.data.tokenizer.clone() }
    }

    /// Takes one step and returns its loss, the mean over the rows of the batch.
    pub fn advance(&mut self) -> Result<f64, TrainError> {
        let loss = self.learn();
        let length = self.add_gradients();
        if !(loss.is_finite() && length.is_finite()) {
            return Err(TrainError::Diverged { step: self.state.step });
        }
        self.update(length);
        self.refresh();
        self.state.step += 1;
        Ok(loss)
    }

    /// The mean loss of a token of the held-out text, over `rows` rows at most, spread over the text. None without text.
    pub fn evaluate(&mut self, rows: usize) -> Result<Option<f64>, TrainError> {
        let tokens = self.data.tokenizer.encode(&self.data.held_out_text)?;
        let length = self.recipe.row_tokens.min(tokens.len().saturating_sub(1));
        if length == 0 || rows == 0 {
            return Ok(None);
        }
        let rows = rows.min((tokens.len() - 1) / length);
        let (starts, shares) = (vec![0; length], vec![1.0 / (rows * length) as f32; length]);
        let model = Learner { weights: &self.state.weights, packs: &self.packs };
        let (desks, mut losses) = (&self.desks, vec![0.0; rows]);
        let spread = (tokens.len() - 1 - length) / rows.max(2).saturating_sub(1);
        // As many at a time as a step has parts, because there are no more desks than that.
        for (first, group) in (0..).step_by(PARTS).zip(losses.chunks_mut(PARTS)) {
            self.team.for_each(group, |index, loss| {
                let from = (first + index) * spread;
                let (tokens, targets) = (&tokens[from..from + length], &tokens[from + 1..=from + length]);
                let mut desk = free(desks).pop().expect("there is a desk for each thread");
                *loss =
                    desk.pass.measure(model, &Example { tokens, starts: &starts, targets, weights: &shares });
                free(desks).push(desk);
            });
        }
        Ok(Some(losses.iter().sum()))
    }

    /// Brings what is derived from the weights up to date after a checkpoint replaced them.
    pub(crate) fn refresh(&mut self) {
        self.packs.renew(&self.state.weights, self.team);
    }

    fn learn(&mut self) -> f64 {
        let (data, recipe, state) = (self.data, &self.recipe, &self.state);
        let model = Learner { weights: &state.weights, packs: &self.packs };
        let desks = &self.desks;
        self.team.for_each(&mut self.parts, |index, part| {
            let mut desk = free(desks).pop().expect("there is a desk for each thread");
            part.loss = 0.0;
            if index >= recipe.rows {
                part.gradient.fill(0.0);
            }
            for row in (index..recipe.rows).step_by(PARTS) {
                desk.row.fill(data, recipe, state.step, row);
                let Sequence { tokens, starts, targets, weights } = &desk.row;
                let example = Example { tokens, starts, targets, weights };
                let mix = if row == index { Mix::Replace } else { Mix::Add };
                part.loss += desk.pass.learn(model, &example, Gradient { values: &mut part.gradient, mix });
            }
            free(desks).push(desk);
        });
        self.parts.iter().map(|part| part.loss).sum()
    }

    /// Sums the parts' gradients into the first part's and returns the length of the sum.
    fn add_gradients(&mut self) -> f64 {
        let (sum, others) = self.parts.split_first_mut().expect("there are parts");
        let others: &[Part] = others;
        let mut rest = &mut sum.gradient[..];
        let mut tasks = Vec::with_capacity(self.segments.len());
        for segment in &self.segments {
            let (target, tail) = rest.split_at_mut(segment.place.len());
            rest = tail;
            tasks.push((segment.place.clone(), target, 0.0));
        }
        self.team.for_each(&mut tasks, |_, (place, target, squares)| {
            let views: [&[f32]; PARTS - 1] =
                std::array::from_fn(|part| &others[part].gradient[place.clone()]);
            tree_sum(target, &views);
            *squares = f64::from(sum_of_squares(target));
        });
        tasks.iter().map(|(.., squares)| squares).sum::<f64>().sqrt()
    }

    fn update(&mut self, gradient_length: f64) {
        let recipe = &self.recipe;
        let (betas, taken) = (BETAS, i32::try_from(self.state.step + 1).unwrap_or(i32::MAX));
        let settings = AdamW {
            rate: recipe.rate_at(self.state.step),
            betas,
            corrections: (1.0 - betas.0.powi(taken), 1.0 - betas.1.powi(taken)),
            epsilon: 1e-8,
            decay: 0.0,
            gradient_scale: (f64::from(recipe.clip) / gradient_length.max(1e-12)).min(1.0) as f32,
        };
        let (mut weights, gradient) = (self.state.weights.plain.as_mut_slice(), &self.parts[0].gradient);
        let (mut first, mut second) = (&mut self.state.first[..], &mut self.state.second[..]);
        let mut tasks = Vec::with_capacity(self.segments.len());
        for segment in &self.segments {
            let length = segment.place.len();
            let own = [&mut weights, &mut first, &mut second].map(|rest| {
                let (own, tail) = std::mem::take(rest).split_at_mut(length);
                *rest = tail;
                own
            });
            tasks.push((own, segment));
        }
        self.team.for_each(&mut tasks, |_, (own, segment)| {
            let [weights, first, second] = own;
            let decay = if segment.decays { recipe.decay } else { 0.0 };
            let moments = Moments { first, second };
            adamw(weights, moments, &gradient[segment.place.clone()], &AdamW { decay, ..settings });
        });
    }
}

/// The desks that nobody works at. They are whole after a panic too: who panicked kept his own.
fn free(desks: &Mutex<Vec<Desk>>) -> std::sync::MutexGuard<'_, Vec<Desk>> {
    desks.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All weights in stretches that are either gains or not, in order.
fn segments(weights: &Weights) -> Vec<Segment> {
    let layout = &weights.layout;
    let mut groups: Vec<(Range<usize>, bool)> = layout.gains().map(|place| (place, false)).collect();
    groups.extend(layout.matrices(&weights.config).into_iter().map(|(place, ..)| (place, true)));
    groups.sort_by_key(|(place, _)| place.start);
    let cut = |(place, decays): (Range<usize>, bool)| {
        place
            .clone()
            .step_by(SEGMENT_WEIGHTS)
            .map(move |from| Segment { place: from..(from + SEGMENT_WEIGHTS).min(place.end), decays })
    };
    groups.into_iter().flat_map(cut).collect()
}
