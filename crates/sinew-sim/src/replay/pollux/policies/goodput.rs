//! Our own: shares chips so that the sum of 1 / sqrt(T) over all jobs is largest, where
//! T(n) = restart where n is not what it runs on + work left / goodput(n).
//!
//! Goodput (Qiao et al., Pollux, OSDI '21, section 3) is what the program learned about itself so far, from this run
//! alone; the work left is what its user declared less what it has done. Among the alpha-fair sums of the rates 1 / T,
//! alpha = 1 would share in proportion and 0 would serve the shortest alone (Mo and Walrand, 2000); this is the one in
//! the middle, alpha = 1/2, because short jobs should go first and long ones should go on. A restart is counted where it
//! is caused, so whoever would not earn it back keeps its size. Chips are given out in small groups, the most useful
//! first.

use super::{Adviser, Seen};
use crate::replay::pollux::training::RESTART_S;

/// Groups of chips that are looked at, beside the one that leads back to the present size.
const STEPS: [u32; 5] = [1, 2, 3, 4, 8];
/// Chips of a host, for what a size is expected to bring.
const HOST_CHIPS: u32 = 4;
/// How long a job of a program that nobody knows is taken to run on one chip.
const UNKNOWN_S: f64 = 300.0;
/// So many times the chips that a program was seen on are tried at once.
const FURTHER: u32 = 2;

/// It remembers nothing: what was learned stands with the programs.
#[derive(Debug, Default)]
pub(crate) struct Goodput;

/// The worth of each size of a job, from no chip on.
struct Worth {
    job: usize,
    now: u32,
    worth: Vec<f64>,
    given: u32,
}

impl Adviser for Goodput {
    fn advise(&mut self, _now_s: u64, pool_chips: u32, jobs: &[Seen<'_>]) -> Vec<(usize, u32)> {
        let mut left = pool_chips;
        let mut all: Vec<Worth> = jobs.iter().map(|seen| worth(seen, pool_chips)).collect();
        let mut offers: Vec<Option<(f64, u32)>> = all.iter().map(|job| job.offer(left)).collect();
        while left > 0 {
            let mut best: Option<(f64, u32, usize)> = None;
            for (at, offer) in offers.iter().enumerate() {
                if let Some((gain, chips)) = *offer
                    && best.is_none_or(|known| gain > known.0)
                {
                    best = Some((gain, chips, at));
                }
            }
            let Some((_, chips, at)) = best else { break };
            if chips > left {
                offers[at] = all[at].offer(left);
                continue;
            }
            left -= chips;
            all[at].given += chips;
            offers[at] = all[at].offer(left);
        }
        let mut chosen: Vec<(usize, u32)> =
            all.iter().filter(|job| job.given > 0).map(|job| (job.job, job.given)).collect();
        // Large ones choose whole hosts first, and small ones fill what is left.
        chosen.sort_by_key(|(_, chips)| std::cmp::Reverse(*chips));
        chosen
    }
}

impl Worth {
    /// The next chips that are worth most each, and how much that is.
    fn offer(&self, left: u32) -> Option<(f64, u32)> {
        let back = self.now.checked_sub(self.given);
        let mut best: Option<(f64, u32)> = None;
        for chips in STEPS.into_iter().chain(back).filter(|chips| (1..=left).contains(chips)) {
            let Some(worth) = self.worth.get((self.given + chips) as usize) else { continue };
            let gain = (worth - self.worth[self.given as usize]) / f64::from(chips);
            if gain > 0.0 && best.is_none_or(|known| gain > known.0) {
                best = Some((gain, chips));
            }
        }
        best
    }
}

fn worth(seen: &Seen<'_>, pool_chips: u32) -> Worth {
    let (app, training, profile) = (seen.app, seen.training, seen.profile);
    let now = training.chips();
    let tried = (FURTHER * profile.chips_seen()).max(1).min((app.batch_max / app.local_min) as u32);
    let most = if app.is_fixed { 1 } else { tried.min(pool_chips) };
    let left = (app.progress(app.epochs) - training.progress).max(0.0);
    let noise = training.noise.or(profile.first_noise());
    let time_s = |chips: u32| {
        let place = (chips.div_ceil(HOST_CHIPS) as usize, chips);
        let runs_s = match noise {
            Some(noise) => profile.best(app, place, noise).map(|best| left / best.goodput)?,
            None => UNKNOWN_S / f64::from(chips),
        };
        Some(runs_s + if chips == now { 0.0 } else { RESTART_S })
    };
    let worth = |chips: u32| time_s(chips).map_or(0.0, |time_s| 1.0 / time_s.max(1.0).sqrt());
    let worth = std::iter::once(0.0).chain((1..=most).map(worth)).collect();
    Worth { job: seen.job, now, worth, given: 0 }
}
