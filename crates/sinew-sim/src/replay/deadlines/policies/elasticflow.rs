//! ElasticFlow (Gu et al., ASPLOS '23, sections 4.1 and 4.2): a job is admitted if it and all admitted before it can meet
//! their deadlines with their minimum satisfactory shares; what those leave goes where a step up costs least.
//!
//! Jobs that come together are admitted together or not at all, and who is not admitted is gone, both as in the authors'
//! simulation.

use super::super::profile::{Plan, Profile};
use super::{Advice, Adviser, Seen, give_rest, next_change};
use std::collections::BTreeSet;

/// Who was admitted.
#[derive(Debug, Default)]
pub(crate) struct ElasticFlow {
    admitted: BTreeSet<usize>,
}

impl Adviser for ElasticFlow {
    fn advise(&mut self, now_s: u64, pool_chips: u32, jobs: &[Seen<'_>]) -> Advice {
        let (old, new): (Vec<Seen<'_>>, Vec<Seen<'_>>) =
            jobs.iter().copied().partition(|seen| self.admitted.contains(&seen.job));
        let together: Vec<Seen<'_>> = old.iter().chain(&new).copied().collect();
        let is_admitted = new.is_empty() || share(now_s, pool_chips, &together).2;
        let running = if is_admitted { together } else { old };
        let declined = if is_admitted { Vec::new() } else { new.iter().map(|seen| seen.job).collect() };
        self.admitted = running.iter().map(|seen| seen.job).collect();
        let (order, plans, _) = share(now_s, pool_chips, &running);
        let holds =
            |plan: &Plan| plan.first().filter(|(from_s, ..)| *from_s <= now_s as f64).map_or(0, |p| p.2);
        let mut sizes: Vec<u32> = plans.iter().map(holds).collect();
        let left = pool_chips - sizes.iter().sum::<u32>();
        give_rest(&order, &mut sizes, left);
        let wanted = order.iter().zip(&sizes).filter(|(_, chips)| **chips > 0);
        Advice {
            wanted: wanted.map(|(seen, chips)| (seen.job, *chips)).collect(),
            declined,
            again_s: next_change(&plans, now_s),
        }
    }
}

/// Minimum shares in the order of deadlines, and whether all of them are met. Who cannot meet its own takes the rest.
fn share<'a>(now_s: u64, pool_chips: u32, jobs: &[Seen<'a>]) -> (Vec<Seen<'a>>, Vec<Plan>, bool) {
    let mut order = jobs.to_vec();
    order.sort_by_key(|seen| seen.asked.deadline_s);
    let mut profile = Profile::new(now_s, pool_chips);
    let (mut plans, mut all) = (Vec::new(), true);
    for seen in &order {
        let (until_s, steps) = (seen.asked.deadline_s as f64, seen.progress.steps_left);
        let plan = profile.least(seen.asked, steps, until_s);
        all &= plan.is_some();
        let plan = plan.unwrap_or_default();
        profile.take(&plan);
        plans.push(plan);
    }
    (order, plans, all)
}
