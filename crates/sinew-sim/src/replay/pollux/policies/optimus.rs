//! Marginal gains with known step times (Peng et al., Optimus, EuroSys '18, section 4.1), as `Optimus+Oracle` of Pollux'
//! comparison (OSDI '21, section 5.3): true step times and the true number of steps left.
//!
//! Everybody gets one chip, oldest first; then chip after chip goes to the job with the largest
//! gain = steps left x (T(n) - T(n + 1)), as long as there is one.

use super::super::application::Application;
use super::super::training::split;
use super::{Adviser, Seen};

/// Chips of a host that a step time is asked for.
const HOST_CHIPS: u32 = 4;

/// It remembers nothing.
#[derive(Debug, Default)]
pub(crate) struct Optimus;

impl Adviser for Optimus {
    fn advise(&mut self, _now_s: u64, pool_chips: u32, jobs: &[Seen<'_>]) -> Vec<(usize, u32)> {
        let mut left = pool_chips;
        let mut sizes: Vec<(u32, f64)> = Vec::new();
        for seen in jobs {
            let first = u32::from(left > 0);
            left -= first;
            sizes.push((first, if first == 1 { gain(seen, 1, left) } else { 0.0 }));
        }
        while left > 0 {
            let mut best: Option<usize> = None;
            for (at, (_, gain)) in sizes.iter().enumerate() {
                if *gain > best.map_or(0.0, |known| sizes[known].1) {
                    best = Some(at);
                }
            }
            let Some(at) = best else { break };
            sizes[at].0 += 1;
            sizes[at].1 = gain(&jobs[at], sizes[at].0, left);
            left -= 1;
        }
        let chosen = jobs.iter().zip(&sizes).filter(|(_, (chips, _))| *chips > 0);
        let mut chosen: Vec<(usize, u32)> = chosen.map(|(seen, (chips, _))| (seen.job, *chips)).collect();
        chosen.sort_by_key(|(_, chips)| *chips);
        chosen
    }
}

/// What one chip more is worth in seconds.
fn gain(seen: &Seen<'_>, chips: u32, left: u32) -> f64 {
    let (app, batch) = (seen.app, seen.training.batch.unwrap_or(seen.app.batch_first));
    let most = if app.is_fixed { 1 } else { (batch / app.local_min) as u32 };
    if chips + 1 > most || left < 1 {
        return 0.0;
    }
    let (last, epoch) = (app.epochs - 1, seen.training.epoch);
    let steps = if last <= epoch { 1.0 } else { app.iteration(batch, last) - app.iteration(batch, epoch) };
    (step_s(app, batch, chips) - step_s(app, batch, chips + 1)) * steps
}

fn step_s(app: &Application, batch: f64, chips: u32) -> f64 {
    let mut hosts = vec![HOST_CHIPS; (chips / HOST_CHIPS) as usize];
    hosts.extend(Some(chips % HOST_CHIPS).filter(|rest| *rest > 0));
    let (local, mut accumulations) = split(app, batch, f64::from(chips));
    let mut local = local;
    if chips == 1 && accumulations < 1.0 {
        accumulations = 1.0;
        local = (batch / 2.0 - 1e-8).ceil();
    }
    let parts = f64::from(chips) * (accumulations + 1.0);
    let time = app.step_time(&hosts, local.min((app.batch_max / parts).floor()));
    time.step_s + (time.step_s - time.sync_s) * accumulations
}
