//! Our own: a deadline is promised one job at a time, the cheapest first, and a promise is kept with the chips that are
//! held already wherever that is enough.
//!
//! Each job that came is tried by itself, fewest chip-seconds first: it is admitted if it can meet its deadline beside
//! everybody that was admitted before, with its restart counted. Who is not admitted now is tried again as long as its
//! fastest size would still be in time, because jobs end early and leave room. Admitted jobs take their minimum
//! satisfactory shares (ElasticFlow, ASPLOS '23, section 4.1) in the order of deadlines; what is left goes where a step
//! up costs least, and a size changes only where that ends the job earlier by more than the restart.

use super::super::profile::{Plan, Profile};
use super::super::restart_s;
use super::{Advice, Adviser, Seen, give_rest, next_change};
use std::collections::{BTreeMap, BTreeSet};

/// How much of a new measurement is believed at once.
const BELIEVED: f64 = 0.05;

/// Who was admitted, and what became of what the step tables promised.
#[derive(Debug, Default)]
pub(crate) struct Ours {
    admitted: BTreeSet<usize>,
    /// When it was last asked, and what it knew then: steps left and chips of each job.
    last: (u64, BTreeMap<usize, (f64, u32)>),
    /// The share of the promised steps that was missing lately.
    missing: f64,
}

impl Adviser for Ours {
    fn advise(&mut self, now_s: u64, pool_chips: u32, jobs: &[Seen<'_>]) -> Advice {
        self.measure(now_s, jobs);
        let pace = 1.0 - self.missing;
        let (mut running, mut new): (Vec<Seen<'_>>, Vec<Seen<'_>>) =
            jobs.iter().copied().partition(|seen| self.admitted.contains(&seen.job));
        running.sort_by_key(|seen| seen.asked.deadline_s);
        let cheapest = |seen: &Seen<'_>| seen.chip_s(1);
        new.sort_by(|one, two| cheapest(one).total_cmp(&cheapest(two)));
        let mut declined = Vec::new();
        for seen in new {
            if !in_time(now_s, &seen, pace) {
                declined.push(seen.job);
                continue;
            }
            let place = running.partition_point(|other| other.asked.deadline_s <= seen.asked.deadline_s);
            running.insert(place, seen);
            if plans((now_s, pace), pool_chips, &running).is_none() {
                running.remove(place);
            }
        }
        self.admitted = running.iter().map(|seen| seen.job).collect();
        let plans = plans((now_s, pace), pool_chips, &running)
            .unwrap_or_else(|| best_effort((now_s, pace), pool_chips, &running));
        let holds =
            |plan: &Plan| plan.first().filter(|(from_s, ..)| *from_s <= now_s as f64).map_or(0, |p| p.2);
        let mut sizes: Vec<u32> = plans.iter().map(holds).collect();
        keep(&running, &mut sizes, pool_chips);
        let left = pool_chips - sizes.iter().sum::<u32>();
        let least = sizes.clone();
        give_rest(&running, &mut sizes, left);
        for ((seen, size), least) in running.iter().zip(&mut sizes).zip(least) {
            let now = seen.progress.chips;
            let ends_s = |chips: u32| seen.progress.steps_left / seen.asked.speed(chips);
            if now >= least && now > 0 && *size > now && ends_s(*size) + restart_s(*size) >= ends_s(now) {
                *size = now;
            }
        }
        let wanted = running.iter().zip(&sizes).filter(|(_, chips)| **chips > 0);
        let wanted: Vec<(usize, u32)> = wanted.map(|(seen, chips)| (seen.job, *chips)).collect();
        for (job, chips) in &wanted {
            self.last.1.entry(*job).and_modify(|known| known.1 = *chips);
        }
        Advice { wanted, declined, again_s: next_change(&plans, now_s) }
    }
}

impl Ours {
    /// Compares what jobs did since the last time with what their tables promised: restarts, pauses, slow hosts.
    fn measure(&mut self, now_s: u64, jobs: &[Seen<'_>]) {
        let (then_s, before) = std::mem::take(&mut self.last);
        let (mut promised, mut done) = (0.0, 0.0);
        for seen in jobs {
            if let Some((steps, chips)) = before.get(&seen.job).filter(|(_, chips)| *chips > 0) {
                // Each job counts by its time, whatever its steps are.
                let speed = seen.asked.speed(*chips);
                promised += f64::from(*chips) * (now_s - then_s) as f64;
                done += f64::from(*chips) * (steps - seen.progress.steps_left) / speed;
            }
        }
        if promised > 0.0 {
            let missing = (1.0 - done / promised).clamp(0.0, 0.9);
            self.missing += (missing - self.missing) * BELIEVED;
        }
        let known = |seen: &Seen<'_>| (seen.job, (seen.progress.steps_left, 0));
        self.last = (now_s, jobs.iter().map(known).collect());
    }
}

/// Whether a job that starts now on its fastest size would be in time.
fn in_time(now_s: u64, seen: &Seen<'_>, pace: f64) -> bool {
    let chips = seen.asked.useful_chips();
    let needs_s = seen.progress.steps_left / pace / seen.asked.speed(chips) + restart_s(chips);
    now_s as f64 + needs_s <= seen.asked.deadline_s as f64
}

/// The plans of all, in their order, if all can be in time. A restart is kept free before each deadline.
fn plans((now_s, pace): (u64, f64), pool_chips: u32, jobs: &[Seen<'_>]) -> Option<Vec<Plan>> {
    let mut profile = Profile::new(now_s, pool_chips);
    let mut plans = Vec::with_capacity(jobs.len());
    for seen in jobs {
        let plan = profile.least(seen.asked, seen.progress.steps_left / pace, until_s(seen))?;
        profile.take(&plan);
        plans.push(plan);
    }
    Some(plans)
}

fn until_s(seen: &Seen<'_>) -> f64 {
    seen.asked.deadline_s as f64 - restart_s(seen.asked.useful_chips())
}

/// Promises that a restart too many has made impossible still get all that is there, in the order of deadlines.
fn best_effort((now_s, pace): (u64, f64), pool_chips: u32, jobs: &[Seen<'_>]) -> Vec<Plan> {
    let mut profile = Profile::new(now_s, pool_chips);
    let mut plans = Vec::with_capacity(jobs.len());
    for seen in jobs {
        let steps = seen.progress.steps_left / pace;
        let plan = profile.least(seen.asked, steps, until_s(seen));
        let plan = plan.or_else(|| profile.least(seen.asked, steps, seen.asked.deadline_s as f64));
        let plan = plan.unwrap_or_else(|| {
            let sizes = seen.asked.speeds.iter().rev().map(|(size, _)| *size);
            let fits = sizes.into_iter().find(|size| *size <= profile.now().min(seen.asked.useful_chips()));
            fits.map(|chips| (now_s as f64, now_s as f64 + steps / seen.asked.speed(chips), chips))
                .into_iter()
                .collect()
        });
        // What runs over everybody else's plan is only given as far as it is free now.
        let free = profile.now();
        let plan: Plan =
            plan.into_iter().filter(|(from_s, _, chips)| *from_s > now_s as f64 || *chips <= free).collect();
        let known: Plan = plan.iter().copied().filter(|piece| profile.fits(piece)).collect();
        profile.take(&known);
        plans.push(known);
    }
    plans
}

/// A job keeps the chips that it holds where its plan would give it fewer and there is room.
fn keep(jobs: &[Seen<'_>], sizes: &mut [u32], pool_chips: u32) {
    let mut left = pool_chips - sizes.iter().sum::<u32>();
    for (seen, size) in jobs.iter().zip(sizes.iter_mut()) {
        let now = seen.progress.chips;
        if now > *size && now - *size <= left {
            left -= now - *size;
            *size = now;
        }
    }
}
