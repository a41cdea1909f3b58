//! Tiresias (Gu et al., NSDI '19, section 4.2) as ElasticFlow compares itself with it: three queues by chips x time, each
//! in the order of arrival with those that run first; a job keeps the size that its user asked for.

use super::{Advice, Adviser, Seen};
use std::collections::BTreeMap;

/// Attained chip-seconds from which a job falls into the next queue.
const LIMITS_CHIP_S: [f64; 2] = [3_250.0, 7_200.0];

/// The queues.
#[derive(Debug, Default)]
pub(crate) struct LeastAttained {
    queues: [Vec<usize>; 3],
    place: BTreeMap<usize, usize>,
}

impl Adviser for LeastAttained {
    fn advise(&mut self, now_s: u64, pool_chips: u32, jobs: &[Seen<'_>]) -> Advice {
        let seen: BTreeMap<usize, &Seen<'_>> = jobs.iter().map(|seen| (seen.job, seen)).collect();
        self.queues.iter_mut().for_each(|queue| queue.retain(|job| seen.contains_key(job)));
        self.place.retain(|job, _| seen.contains_key(job));
        for job in seen.keys() {
            if self.place.insert(*job, self.place.get(job).copied().unwrap_or(0)).is_none() {
                self.queues[0].push(*job);
            }
        }
        let mut again_s: Option<u64> = None;
        for (job, seen) in seen.iter().filter(|(_, seen)| seen.progress.chips > 0) {
            let place = self.place[job];
            let Some(limit) = LIMITS_CHIP_S.get(place) else { continue };
            let (chips, attained_s) = (f64::from(seen.progress.chips), seen.progress.attained_s);
            if attained_s * chips >= *limit {
                self.queues[place].retain(|other| other != job);
                self.queues[place + 1].push(*job);
                self.place.insert(*job, place + 1);
            } else {
                let falls_s = now_s + ((limit - attained_s * chips) / chips).ceil() as u64;
                again_s = Some(again_s.map_or(falls_s, |known| known.min(falls_s)));
            }
        }
        let mut left = pool_chips;
        let mut wanted = Vec::new();
        for queue in &mut self.queues {
            let (mut runs, mut waits) = (Vec::new(), Vec::new());
            for job in queue.drain(..) {
                let chips = seen[&job].asked.chips;
                if chips <= left {
                    left -= chips;
                    wanted.push((job, chips));
                    runs.push(job);
                } else {
                    waits.push(job);
                }
            }
            runs.append(&mut waits);
            *queue = runs;
        }
        Advice { wanted, declined: Vec::new(), again_s }
    }
}
