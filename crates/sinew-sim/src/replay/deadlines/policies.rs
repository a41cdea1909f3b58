//! Policies over jobs with deadlines. Each is a file with its formula.

mod earliest_deadline;
mod elasticflow;
mod least_attained;
mod ours;

use super::jobs::Asked;
use super::{Progress, profile};
pub(super) use earliest_deadline::EarliestDeadline;
pub(super) use elasticflow::ElasticFlow;
pub(super) use least_attained::LeastAttained;
pub(super) use ours::Ours;

/// A job that came and is not done, as a policy sees it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) job: usize,
    pub(super) asked: &'a Asked,
    pub(super) progress: &'a Progress,
}

impl Seen<'_> {
    /// Chip-seconds that are left on so many chips.
    fn chip_s(&self, chips: u32) -> f64 {
        f64::from(chips) * self.progress.steps_left / self.asked.speed(chips).max(1e-12)
    }
}

/// What an adviser says.
#[derive(Debug, Default)]
pub(super) struct Advice {
    /// Who should run from now on, with their chips.
    pub(super) wanted: Vec<(usize, u32)>,
    /// Who can never meet its deadline and is not run.
    pub(super) declined: Vec<usize>,
    /// When it wants to be asked again although nothing happened.
    pub(super) again_s: Option<u64>,
}

/// Says who should run on how many chips.
pub(super) trait Adviser {
    fn advise(&mut self, now_s: u64, pool_chips: u32, jobs: &[Seen<'_>]) -> Advice;
}

/// Gives what is left to those for whom a step up costs the fewest chip-seconds for each chip (ElasticFlow, section 4.2);
/// those that have nothing yet first. `sizes` stands beside `jobs`.
fn give_rest(jobs: &[Seen<'_>], sizes: &mut [u32], mut left: u32) {
    let mut offers: Vec<Option<(f64, u32)>> =
        jobs.iter().zip(&*sizes).map(|(seen, now)| offer(seen, *now)).collect();
    loop {
        let mut best: Option<(f64, u32, usize)> = None;
        for (at, given) in offers.iter().enumerate() {
            if let Some((gain, next)) = *given
                && next - sizes[at] <= left
                && best.is_none_or(|known| gain > known.0)
            {
                best = Some((gain, next, at));
            }
        }
        let Some((_, next, at)) = best else { return };
        left -= next - sizes[at];
        sizes[at] = next;
        offers[at] = offer(&jobs[at], next);
    }
}

fn offer(seen: &Seen<'_>, now: u32) -> Option<(f64, u32)> {
    let next = seen.asked.next(now)?;
    let gain =
        if now == 0 { f64::INFINITY } else { (seen.chip_s(now) - seen.chip_s(next)) / f64::from(next - now) };
    Some((gain, next))
}

/// When plans change next after a moment.
fn next_change(plans: &[profile::Plan], now_s: u64) -> Option<u64> {
    let starts = plans.iter().flatten().map(|(from_s, ..)| from_s.ceil() as u64);
    starts.filter(|at_s| *at_s > now_s).min()
}
