//! From logits to one token: the likeliest, or one drawn by chance from a seed.

use sinew_model::Random;

/// How tokens are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token; 1 draws by the model's own chances; more is wilder.
    pub temperature: f32,
    /// Draw among this many likeliest tokens only; 0 means all.
    pub top_k: usize,
    /// Draw among the likeliest tokens whose chances add up to this; 1 means all.
    pub top_p: f32,
    /// The same seed and prompt give the same answer.
    pub seed: u64,
}

impl Sampling {
    /// Always the likeliest token.
    pub const GREEDY: Sampling = Sampling { temperature: 0.0, top_k: 0, top_p: 1.0, seed: 0 };
}

/// Draws the tokens of one answer.
#[derive(Clone, Debug)]
pub struct Sampler {
    sampling: Sampling,
    random: Random,
}

impl Sampler {
    /// A sampler at the first token of an answer.
    pub fn new(sampling: Sampling) -> Sampler {
        Sampler { sampling, random: Random::new(sampling.seed, &[2]) }
    }

    /// Draws one token. Of equal logits the first counts as the likelier.
    pub fn draw(&mut self, logits: &[f32]) -> u32 {
        let Sampling { temperature, top_k, top_p, .. } = self.sampling;
        let best = likeliest(logits);
        if temperature <= 0.0 || top_k == 1 {
            return best;
        }
        let top = logits[best as usize];
        let mut chances: Vec<(u32, f32)> =
            (0..).zip(logits).map(|(token, logit)| (token, ((logit - top) / temperature).exp())).collect();
        chances.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
        if top_k > 0 {
            chances.truncate(top_k);
        }
        let whole: f32 = chances.iter().map(|(_, chance)| chance).sum();
        let mut reached = 0.0;
        let kept = chances.iter().position(|(_, chance)| {
            reached += chance;
            reached >= top_p * whole
        });
        chances.truncate(kept.map_or(chances.len(), |last| last + 1));
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
