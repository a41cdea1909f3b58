//! From logits to one token: the likeliest, or one drawn by chance from a seed.

use sinew_model::Random;
use std::collections::BTreeMap;

/// How tokens are drawn. Penalties and biases come first, then the temperature, then what is drawn among.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token; 1 draws by the model's own chances; more is wilder.
    pub temperature: f32,
    /// Draw among this many likeliest tokens only; 0 means all.
    pub top_k: usize,
    /// Draw among the likeliest tokens whose chances add up to this; 1 means all.
    pub top_p: f32,
    /// Draw only tokens whose chance is at least this share of the likeliest one's; 0 means all.
    pub min_p: f32,
    /// Divides the logits of tokens in the conversation if they are above 0, and multiplies them otherwise; 1 changes none.
    pub repetition: f32,
    /// Taken from the logit of each token that the answer has.
    pub presence: f32,
    /// Taken from the logit of a token once for each time that the answer has it.
    pub frequency: f32,
    /// Added to the logits of tokens.
    pub biases: Vec<(u32, f32)>,
    /// The same seed and prompt give the same answer.
    pub seed: u64,
}

impl Sampling {
    /// Always the likeliest token.
    pub const GREEDY: Sampling = Sampling {
        temperature: 0.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        repetition: 1.0,
        presence: 0.0,
        frequency: 0.0,
        biases: Vec::new(),
        seed: 0,
    };

    /// Whether the logits are taken as they are.
    fn plain(&self) -> bool {
        self.repetition == 1.0 && self.presence == 0.0 && self.frequency == 0.0 && self.biases.is_empty()
    }
}

/// Chances below these shares of the best are looked at only when the ones before do not suffice: few tokens matter,
/// and to sort all of them would take longer than to compute their logits.
const SHARES: [f32; 4] = [1e-2, 1e-4, 1e-7, 0.0];

/// Draws the tokens of one answer.
#[derive(Clone, Debug)]
pub struct Sampler {
    sampling: Sampling,
    random: Random,
    /// How often the answer has a token; 0 for one that only the prompt has.
    counts: BTreeMap<u32, u32>,
}

impl Sampler {
    /// A sampler at the first token of an answer.
    pub fn new(sampling: Sampling) -> Sampler {
        let random = Random::new(sampling.seed, &[2]);
        Sampler { sampling, random, counts: BTreeMap::new() }
    }

    /// Tells it the prompt, which repetitions are measured by as well.
    pub fn remember(&mut self, prompt: &[u32]) {
        if self.sampling.repetition != 1.0 {
            self.counts.extend(prompt.iter().map(|token| (*token, 0)));
        }
    }

    /// Draws one token. Of equal logits the first counts as the likelier.
    pub fn draw(&mut self, logits: &[f32]) -> u32 {
        if self.sampling.plain() {
            return self.draw_from(logits);
        }
        let token = self.draw_from(&self.changed(logits));
        *self.counts.entry(token).or_insert(0) += 1;
        token
    }

    /// The logits after penalties and biases.
    fn changed(&self, logits: &[f32]) -> Vec<f32> {
        let mut logits = logits.to_vec();
        let Sampling { repetition, presence, frequency, biases, .. } = &self.sampling;
        for (token, count) in &self.counts {
            let Some(logit) = logits.get_mut(*token as usize) else { continue };
            *logit = if *logit > 0.0 { *logit / repetition } else { *logit * repetition };
            if *count > 0 {
                *logit -= presence + frequency * *count as f32;
            }
        }
        for (token, bias) in biases {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit += bias;
            }
        }
        logits
    }

    fn draw_from(&mut self, logits: &[f32]) -> u32 {
        let best = likeliest(logits);
        if self.sampling.temperature <= 0.0 || self.sampling.top_k == 1 {
            return best;
        }
        let chances = self.chances(logits, logits[best as usize]);
        let whole: f32 = chances.iter().map(|(_, chance)| chance).sum();
        let mut rest = self.random.unit() * whole;
        for (token, chance) in &chances {
            rest -= chance;
            if rest < 0.0 {
                return *token;
            }
        }
        best
    }

    /// The tokens to draw among, the likeliest first, each with its chance as a share of the likeliest one's.
    fn chances(&self, logits: &[f32], top: f32) -> Vec<(u32, f32)> {
        let Sampling { temperature, top_k, top_p, min_p, .. } = self.sampling;
        let all: Vec<f32> = logits.iter().map(|logit| ((logit - top) / temperature).exp()).collect();
        let most = if top_k == 0 { all.len() } else { top_k };
        let mut kept: Vec<(u32, f32)> = Vec::new();
        for share in SHARES.map(|share| share.max(min_p)) {
            kept = (0..).zip(all.iter().copied()).filter(|(_, chance)| *chance >= share).collect();
            kept.sort_unstable_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
            // Of the `most` likeliest tokens, as many as together reach `top_p`.
            let whole: f32 = match top_k {
                0 => all.iter().sum(),
                _ => kept.iter().take(most).map(|(_, chance)| chance).sum(),
            };
            let complete = top_k == 0 || kept.len() >= most;
            kept.truncate(most);
            let mut reached = 0.0;
            let last = kept.iter().position(|(_, chance)| {
                reached += chance;
                reached >= top_p * whole
            });
            if let Some(last) = last.filter(|_| complete) {
                kept.truncate(last + 1);
                break;
            }
            if share <= min_p {
                kept.truncate(last.map_or(kept.len(), |last| last + 1));
                break;
            }
        }
        kept
    }
}

fn likeliest(logits: &[f32]) -> u32 {
    let mut best = (0, f32::NEG_INFINITY);
    for (token, logit) in (0..).zip(logits) {
        if *logit > best.1 {
            best = (token, *logit);
        }
    }
    best.0
}
