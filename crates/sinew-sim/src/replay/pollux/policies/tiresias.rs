//! Discretised two-dimensional least attained service (Gu et al., Tiresias, NSDI '19, section 4.2).
//!
//! Attained service = chips x time on them. Two queues: jobs below the threshold go before those above it; inside each,
//! first come, first served. Whoever does not fit any more is passed over. Threshold and the missing way back from the
//! second queue are those of Pollux' comparison (OSDI '21, section 5.3).

use super::{Adviser, Seen};
use std::collections::{BTreeMap, BTreeSet};

/// Attained service from which a job is in the second queue.
const THRESHOLD_CHIP_S: u64 = 16 * 3_600;

/// The two queues, and what each job attained.
#[derive(Debug, Default)]
pub(crate) struct Tiresias {
    queues: [Vec<usize>; 2],
    known: BTreeSet<usize>,
    running: BTreeSet<usize>,
    attained_s: BTreeMap<usize, u64>,
    last_s: u64,
}

impl Adviser for Tiresias {
    fn advise(&mut self, now_s: u64, pool_chips: u32, jobs: &[Seen<'_>]) -> Vec<(usize, u32)> {
        let asked: BTreeMap<usize, u32> = jobs.iter().map(|seen| (seen.job, seen.asked_chips)).collect();
        self.queues.iter_mut().for_each(|queue| queue.retain(|job| asked.contains_key(job)));
        for seen in jobs.iter().filter(|seen| self.known.insert(seen.job)) {
            self.queues[0].push(seen.job);
        }
        let passed_s = now_s - self.last_s;
        self.last_s = now_s;
        for (job, chips) in asked.iter().filter(|(job, _)| self.running.contains(job)) {
            let attained_s = self.attained_s.entry(*job).or_default();
            *attained_s += passed_s;
            let is_demoted = *attained_s * u64::from(*chips) >= THRESHOLD_CHIP_S;
            if is_demoted && let Some(at) = self.queues[0].iter().position(|other| other == job) {
                let demoted = self.queues[0].remove(at);
                self.queues[1].push(demoted);
            }
        }
        let mut left = pool_chips;
        let mut chosen = Vec::new();
        for job in self.queues.iter().flatten() {
            let chips = asked[job];
            if chips <= left {
                left -= chips;
                chosen.push((*job, chips));
            }
        }
        self.running = chosen.iter().map(|(job, _)| *job).collect();
        chosen
    }
}
