//! What a replay came to, and the figures that follow from it.

use super::trace::Trace;
use sinew_types::Span;

/// What became of a job.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ran {
    /// When it came.
    pub submit_ms: u64,
    /// When it got cells: once, and once more after each recall.
    pub starts_ms: Vec<u64>,
    /// When it was done.
    pub end_ms: u64,
    /// How many chips it holds while it runs.
    pub chips: u32,
}

/// How things stand from a moment on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sample {
    /// From when on.
    pub at_ms: u64,
    /// Chips that jobs hold.
    pub held_chips: u64,
    /// Of these, the cells of other labs.
    pub borrowed_chips: u64,
    /// How many jobs wait.
    pub waiting: u64,
    /// Leases with borrowed cells so far.
    pub lendings: u64,
    /// Recalls so far.
    pub recalls: u64,
}

/// What a replay came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Each job, in the order of the trace.
    pub jobs: Vec<Ran>,
    /// When the last one was done.
    pub makespan_ms: u64,
    /// How things stood, moment by moment.
    pub samples: Vec<Sample>,
    /// Chips that the trace gives to somebody.
    pub capacity_chips: u64,
    /// Jobs that waited inside their lab's guarantee for longer than the recall bound.
    pub violations: u64,
    /// The longest that a job waited inside its lab's guarantee.
    pub longest_owed_ms: u64,
    /// Gangs that were wanted in one rack and were not put into one.
    pub scattered: u64,
}

/// How long jobs did not run between their submission and their end.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Queueing {
    /// The mean.
    pub mean_ms: f64,
    /// Half of the jobs waited no longer.
    pub median_ms: u64,
    /// 99 of 100 jobs waited no longer.
    pub p99_ms: u64,
    /// How many jobs.
    pub jobs: usize,
}

impl Outcome {
    /// Queueing of the jobs that `of` chooses, by their place in the trace; with the time between a recall and the
    /// start after it.
    #[must_use]
    pub fn queueing(&self, trace: &Trace, of: impl Fn(usize) -> bool) -> Queueing {
        let jobs = self.jobs.iter().zip(&trace.jobs).enumerate().filter(|(at, _)| of(*at));
        let wait = |(_, (ran, job)): (usize, (&Ran, &super::Job))| {
            ran.end_ms.saturating_sub(ran.submit_ms).saturating_sub(job.runtime_ms)
        };
        let mut waits: Vec<u64> = jobs.map(wait).collect();
        waits.sort_unstable();
        let count = waits.len();
        let at = |hundredths: usize| waits.get((count * hundredths).div_ceil(100).saturating_sub(1)).copied();
        let sum: u64 = waits.iter().sum();
        Queueing {
            mean_ms: sum as f64 / count.max(1) as f64,
            median_ms: at(50).unwrap_or(0),
            p99_ms: at(99).unwrap_or(0),
            jobs: count,
        }
    }

    /// Chip-time held over the chip-time that there was from the first submission to the last end.
    #[must_use]
    pub fn utilisation(&self) -> f64 {
        let used: u64 = self.spans().map(|(sample, span)| sample.held_chips * span.ms()).sum();
        let begun_ms = self.jobs.iter().map(|job| job.submit_ms).min().unwrap_or(0);
        used as f64 / (self.capacity_chips * (self.makespan_ms - begun_ms).max(1)).max(1) as f64
    }

    /// Each sample and how long it held.
    pub fn spans(&self) -> impl Iterator<Item = (Sample, Span)> + '_ {
        let ends = self.samples.iter().skip(1).map(|next| next.at_ms).chain([self.makespan_ms]);
        self.samples
            .iter()
            .zip(ends)
            .map(|(sample, end)| (*sample, Span::from_ms(end.saturating_sub(sample.at_ms))))
    }

    /// The last sample.
    #[must_use]
    pub fn last(&self) -> Sample {
        self.samples.last().copied().unwrap_or_default()
    }
}
