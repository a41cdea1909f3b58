//! Earliest deadline first, as ElasticFlow compares itself with it (ASPLOS '23, section 6.1): in the order of deadlines,
//! each job gets the largest measured size that is free, whether that is its fastest or not. Nobody is declined.

use super::{Advice, Adviser, Seen};

/// It remembers nothing.
#[derive(Debug, Default)]
pub(crate) struct EarliestDeadline;

impl Adviser for EarliestDeadline {
    fn advise(&mut self, _now_s: u64, pool_chips: u32, jobs: &[Seen<'_>]) -> Advice {
        let mut order: Vec<&Seen<'_>> = jobs.iter().collect();
        order.sort_by_key(|seen| seen.asked.deadline_s);
        let mut left = pool_chips;
        let mut wanted = Vec::new();
        for seen in order {
            let fits = seen.asked.speeds.iter().rev().map(|(size, _)| *size).find(|size| *size <= left);
            if let Some(chips) = fits {
                left -= chips;
                wanted.push((seen.job, chips));
            }
        }
        Advice { wanted, ..Advice::default() }
    }
}
