//! Chips that nobody was promised, from now on: the future in which deadlines are planned.

use super::jobs::Asked;

/// A promise: from a moment to another, so many chips.
pub(super) type Plan = Vec<(f64, f64, u32)>;

/// Free chips from each moment on, the last one for ever.
#[derive(Clone, Debug)]
pub(super) struct Profile(Vec<(f64, u32)>);

impl Profile {
    pub(super) fn new(now_s: u64, chips: u32) -> Self {
        Self(vec![(now_s as f64, chips)])
    }

    /// Free chips now.
    pub(super) fn now(&self) -> u32 {
        self.0.first().map_or(0, |(_, free)| *free)
    }

    /// Whether a piece of a plan is free.
    pub(super) fn fits(&self, piece: &(f64, f64, u32)) -> bool {
        let (from_s, to_s, chips) = *piece;
        self.before(to_s).filter(|(_, end_s, _)| *end_s > from_s).all(|(_, _, free)| chips <= free)
    }

    pub(super) fn take(&mut self, plan: &Plan) {
        for (from_s, to_s, chips) in plan.iter().filter(|(from_s, to_s, chips)| from_s < to_s && *chips > 0) {
            let (first, last) = (self.split(*from_s), self.split(*to_s));
            for (_, free) in &mut self.0[first..last] {
                *free -= chips;
            }
        }
    }

    /// The place of a moment, which begins a piece afterwards.
    fn split(&mut self, at_s: f64) -> usize {
        let place = self.0.partition_point(|(from_s, _)| *from_s < at_s);
        if self.0.get(place).is_none_or(|(from_s, _)| *from_s > at_s) {
            let free = self.0[place.saturating_sub(1)].1;
            self.0.insert(place, (at_s, free));
        }
        place
    }

    /// The pieces before a moment.
    fn before(&self, until_s: f64) -> impl DoubleEndedIterator<Item = (f64, f64, u32)> + '_ {
        let pieces = self.0.partition_point(|(from_s, _)| *from_s < until_s);
        (0..pieces).map(move |at| {
            let end_s = self.0.get(at + 1).map_or(until_s, |(next_s, _)| next_s.min(until_s));
            (self.0[at].0, end_s, self.0[at].1)
        })
    }

    /// The minimum satisfactory share (ElasticFlow, section 4.1): the fewest chips at any time with which so many steps
    /// are done before a moment, more of them only as late as needed. Nothing where no share does it.
    pub(super) fn least(&self, asked: &Asked, steps: f64, until_s: f64) -> Option<Plan> {
        let fit = |share: u32, free: u32| {
            let sizes = asked.speeds.iter().rev();
            sizes.map(|(size, speed)| (*size, *speed)).find(|(size, _)| *size <= share.min(free))
        };
        let mut smaller = 0;
        let mut fastest = 0.0;
        for (share, speed) in asked.speeds.iter().filter(|(share, _)| *share <= asked.useful_chips()) {
            if *speed <= fastest {
                continue;
            }
            fastest = *speed;
            let mut done = 0.0;
            for (from_s, to_s, free) in self.before(until_s).rev() {
                let Some((_, speed)) = fit(*share, free) else { continue };
                done += (to_s - from_s) * speed;
                if done >= steps {
                    let share_at = |at_s: f64| if at_s >= from_s { *share } else { smaller };
                    return Some(self.forward(until_s, steps, &|at_s, free| fit(share_at(at_s), free)));
                }
            }
            smaller = *share;
        }
        None
    }

    fn forward(&self, until_s: f64, steps: f64, size: &dyn Fn(f64, u32) -> Option<(u32, f64)>) -> Plan {
        let mut left = steps;
        let mut plan = Plan::new();
        for (from_s, to_s, free) in self.before(until_s) {
            let Some((chips, speed)) = size(from_s, free) else { continue };
            let ends_s = (from_s + left / speed).min(to_s);
            plan.push((from_s, ends_s, chips));
            left -= (ends_s - from_s) * speed;
            if left <= 1e-9 {
                break;
            }
        }
        plan
    }
}
