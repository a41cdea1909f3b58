//! How a model is trained: the numbers that, with data and seed, decide every bit of the result.

use crate::error::TrainError;
use serde::{Deserialize, Serialize};
use sinew_model::Config;

/// What a row of a batch holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowKind {
    /// A window of the text.
    Text,
    /// Conversations, mostly of sums.
    Sums,
    /// Conversations, mostly of small talk.
    Dialogues,
}

/// The numbers of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Steps in all. The learning rate falls towards the last one, so a longer run is another run.
    pub steps: u64,
    /// The seed of the weights and of the data's order.
    pub seed: u64,
    /// Rows in a batch. They are worked on one after the other, so a larger batch needs no more memory.
    pub rows: usize,
    /// What the rows hold, one after the other through all batches, and then from the start again.
    pub mix: Vec<RowKind>,
    /// Tokens in a row.
    pub row_tokens: usize,
    /// The highest learning rate.
    pub rate: f32,
    /// The share of the steps in which the rate rises.
    pub warm_share: f32,
    /// The share of the steps in which the rate falls to zero.
    pub cool_share: f32,
    /// The share of the steps after which sums stand in conversations too. Before, each stands alone: with other numbers
    /// in sight from the start, a model of this size does not find out how to add within its steps.
    pub join_share: f32,
    /// The decay of matrices.
    pub decay: f32,
    /// The longest gradient that is taken as it is.
    pub clip: f32,
}

impl Recipe {
    /// The recipe of the demo's chat model.
    pub fn nano(steps: u64, seed: u64) -> Recipe {
        use RowKind::{Dialogues, Sums, Text};
        Recipe {
            steps,
            seed,
            rows: 4,
            mix: vec![Text, Sums, Dialogues, Sums, Text, Sums, Text, Sums],
            row_tokens: 256,
            rate: 2e-3,
            warm_share: 0.05,
            cool_share: 0.4,
            join_share: 0.6,
            decay: 0.1,
            clip: 1.0,
        }
    }

    /// Checks every rule that a run relies on.
    pub fn check(&self, config: &Config) -> Result<(), TrainError> {
        let refuse = |name, value: String, remedy: String| Err(TrainError::Recipe { name, value, remedy });
        let counts = [
            ("rows", self.rows, 1 << 20),
            ("row_tokens", self.row_tokens, config.context),
            ("mix", self.mix.len(), 1 << 10),
        ];
        for (name, value, most) in counts {
            if value == 0 || value > most {
                return refuse(name, value.to_string(), format!("give 1 to {most}"));
            }
        }
        let shares = [
            ("warm_share", self.warm_share),
            ("cool_share", self.cool_share),
            ("join_share", self.join_share),
        ];
        for (name, value) in shares.into_iter().chain([("decay", self.decay)]) {
            if !(0.0..=1.0).contains(&value) {
                return refuse(name, value.to_string(), "give a number from 0 to 1".to_owned());
            }
        }
        for (name, value) in [("rate", self.rate), ("clip", self.clip)] {
            if !(value.is_finite() && value > 0.0) {
                return refuse(name, value.to_string(), "give a number above 0".to_owned());
            }
        }
        Ok(())
    }

    /// What a row of a step holds.
    pub fn kind(&self, step: u64, row: usize) -> RowKind {
        let place = (step % self.mix.len() as u64) as usize * self.rows + row;
        self.mix[place % self.mix.len()]
    }

    /// Whether the sums of a step stand in conversations of several turns.
    pub(crate) fn joins_sums(&self, step: u64) -> bool {
        step as f32 >= self.steps as f32 * self.join_share
    }

    /// Tokens in a batch.
    pub fn batch_tokens(&self) -> usize {
        self.rows * self.row_tokens
    }

    /// The learning rate of a step: up, level, then straight down to zero.
    pub fn rate_at(&self, step: u64) -> f32 {
        let steps = self.steps.max(1) as f32;
        let warm = (steps * self.warm_share).max(1.0);
        let cool = (steps * self.cool_share).max(1.0);
        let (done, left) = (step as f32 + 1.0, steps - step as f32);
        self.rate * (done / warm).min(left / cool).min(1.0)
    }

    /// The name of the run that this recipe gives with this shape and data: equal names, equal weights.
    pub fn run_name(&self, config: &Config, data_hash: &str) -> String {
        let parts = serde_json::json!([3, self, config, data_hash]);
        sinew_model::sha256(parts.to_string().as_bytes())
    }
}
