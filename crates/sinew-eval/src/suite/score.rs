//! What a suite's outcomes come to, and how sure that is.

use super::{Manner, Outcome};
use serde::{Deserialize, Serialize};

/// Two-sided 95 % of a normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// From where to where a share lies, with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end, from 0 to 1.
    pub low: f64,
    /// The upper end, from 0 to 1.
    pub high: f64,
}

impl Interval {
    /// The interval of a share of right ones (Wilson, JASA 22, 1927). Of none it is everything.
    pub fn of_share(right: usize, of: usize) -> Interval {
        if of == 0 {
            return Interval { low: 0.0, high: 1.0 };
        }
        let (n, share) = (of as f64, right as f64 / of as f64);
        let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        Interval { low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
    }
}

/// What a suite came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The suite's name.
    pub suite: String,
    /// Questions that were asked.
    pub asked: usize,
    /// Questions that the suite has.
    pub of: usize,
    /// Examples before each.
    pub shots: usize,
    /// The share that was right, by the suite's rule.
    pub share: f64,
    /// Its interval.
    pub interval: Interval,
    /// The share that guessing gets right.
    pub chance: f64,
    /// The share, where guessing counts 0 and all right counts 1: (share − chance) / (1 − chance).
    pub centred: f64,
    /// The share whose likeliest choice as a whole is right: `acc` of lm-evaluation-harness.
    pub by_sum: f64,
    /// The share whose likeliest choice for each character is right: `acc_norm` of lm-evaluation-harness.
    pub by_length: f64,
}

impl Score {
    /// What these outcomes of a suite with `of` questions come to.
    pub fn of(suite: &str, manner: &Manner, of: usize, outcomes: &[Outcome]) -> Score {
        let asked = outcomes.len();
        let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
        let share = |count: usize| count as f64 / asked.max(1) as f64;
        let right = count(|outcome| outcome.right);
        Score {
            suite: suite.to_owned(),
            asked,
            of,
            shots: manner.shots,
            share: share(right),
            interval: Interval::of_share(right, asked),
            chance: manner.chance,
            centred: (share(right) - manner.chance) / (1.0 - manner.chance),
            by_sum: share(count(|outcome| outcome.by_sum)),
            by_length: share(count(|outcome| outcome.by_length)),
        }
    }
}

/// The mean of several suites' centred shares and half the width of its 95 % interval.
///
/// None without suites, or where nothing was asked of one.
pub fn mean_centred(scores: &[Score]) -> Option<(f64, f64)> {
    if scores.is_empty() || scores.iter().any(|score| score.asked == 0) {
        return None;
    }
    let count = scores.len() as f64;
    let mean = scores.iter().map(|score| score.centred).sum::<f64>() / count;
    let variance =
        |score: &Score| score.share * (1.0 - score.share) / score.asked as f64 / (1.0 - score.chance).powi(2);
    let variance = scores.iter().map(variance).sum::<f64>() / (count * count);
    Some((mean, Z * variance.sqrt()))
}
