//! Watches the guarantees from outside: whose demand is inside its guarantee, and for how long it waits.
//!
//! It follows the events alone and shares nothing with the scheduler. A waiting job is *owed* its cells when its
//! lab's own cells, less those that its own gangs hold, make its shape after everything before it in line; whether
//! others hold these cells does not count. A job that is owed for longer than the recall bound is a violation.

use super::setup::{lab_of, pool_of};
use super::trace::Trace;
use sinew_sched::{Account, Bound, Cells, Holding};
use sinew_types::{Level, PoolId, Shape};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Where a job stands in line: priority, then age.
type Turn = (Reverse<i32>, u64, usize);

/// The cells of a pool.
struct Ground {
    first_chip: u32,
    host_chips: u32,
    /// Whose each chip is by promise.
    bound: Vec<Option<usize>>,
    /// Whether the one whose it is holds it.
    own_held: Vec<bool>,
}

/// What one lab may have and waits for.
#[derive(Default)]
struct Line {
    bound: u32,
    own_held: u32,
    /// Hosts that are all its own and of which it holds nothing.
    hosts_open: u32,
    waiting: BTreeMap<Shape, BTreeSet<Turn>>,
    /// Jobs that are owed their cells, and since when.
    owed: BTreeMap<usize, u64>,
}

/// The watch.
pub(super) struct Owed<'a> {
    trace: &'a Trace,
    pools: Vec<Ground>,
    lines: Vec<Line>,
    changed: BTreeSet<usize>,
    /// Whether any job asks for whole hosts, so that they are counted.
    whole_hosts: bool,
    /// How many jobs were owed for too long.
    pub(super) violations: u64,
    /// The longest that a job was owed.
    pub(super) longest_ms: u64,
}

impl<'a> Owed<'a> {
    pub(super) fn new(trace: &'a Trace) -> Self {
        let ground = |pool: &super::Pool| {
            let chips = pool.topology.chip_count() as usize;
            Ground {
                first_chip: pool.topology.first_chip().0,
                host_chips: pool.topology.chips_of(Level::Host).unwrap_or(1),
                bound: vec![None; chips],
                own_held: vec![false; chips],
            }
        };
        Self {
            trace,
            pools: trace.pools.iter().map(ground).collect(),
            lines: trace.labs.iter().map(|_| Line::default()).collect(),
            changed: BTreeSet::new(),
            whole_hosts: trace.jobs.iter().any(|job| matches!(job.shape, Shape::Hosts(_))),
            violations: 0,
            longest_ms: 0,
        }
    }

    /// Cells change hands by promise.
    pub(super) fn bound(&mut self, pool: PoolId, cells: &[Bound]) {
        let Some(pool) = pool_of(pool) else { return };
        for run in cells {
            let lab = match run.account {
                Account::Owner => None,
                Account::Contract(id) => lab_of(id),
            };
            self.change(pool, (run.first.0, run.count), |ground, chip| {
                ground.bound[chip] = lab;
                ground.own_held[chip] = false;
            });
        }
    }

    /// A lease holds these cells, or none of them any more.
    pub(super) fn held(&mut self, pool: usize, cells: &Cells, holds: bool) {
        for run in cells.runs().iter().filter(|run| run.holding == Holding::Own) {
            self.change(pool, (run.first.0, run.count), |ground, chip| ground.own_held[chip] = holds);
        }
    }

    /// Changes chips, and takes them and their hosts out of the counts before and into them after.
    fn change(&mut self, pool: usize, run: (u32, u32), each: impl Fn(&mut Ground, usize)) {
        let host_chips = self.pools[pool].host_chips;
        let first = run.0.saturating_sub(self.pools[pool].first_chip);
        let hosts = first / host_chips..(first + run.1).div_ceil(host_chips);
        let hosts = if self.whole_hosts { hosts } else { 0..0 };
        for host in hosts.clone() {
            self.count_host(pool, host, false);
        }
        for chip in first as usize..(first + run.1) as usize {
            self.count_chip(pool, chip, false);
            each(&mut self.pools[pool], chip);
            self.count_chip(pool, chip, true);
        }
        for host in hosts {
            self.count_host(pool, host, true);
        }
    }

    fn count_chip(&mut self, pool: usize, chip: usize, add: bool) {
        let Some(lab) = self.pools[pool].bound[chip] else { return };
        step(&mut self.lines[lab].bound, add);
        if self.pools[pool].own_held[chip] {
            step(&mut self.lines[lab].own_held, add);
        }
        self.changed.insert(lab);
    }

    fn count_host(&mut self, pool: usize, host: u32, add: bool) {
        let ground = &self.pools[pool];
        let chips = (host * ground.host_chips) as usize..((host + 1) * ground.host_chips) as usize;
        let (bound, held) = (&ground.bound[chips.clone()], &ground.own_held[chips]);
        if let Some(Some(lab)) = bound.first()
            && bound.iter().all(|other| *other == Some(*lab))
            && !held.contains(&true)
        {
            step(&mut self.lines[*lab].hosts_open, add);
        }
    }

    /// A job waits, or does not wait any more.
    pub(super) fn waits(&mut self, job: usize, waits: bool) {
        let found = &self.trace.jobs[job];
        let turn = (Reverse(found.priority), found.submit_ms, job);
        let line = self.lines[found.lab].waiting.entry(found.shape).or_default();
        if waits {
            line.insert(turn)
        } else {
            line.remove(&turn)
        };
        self.changed.insert(found.lab);
    }

    /// Looks at every lab for which something changed, once all is settled for a moment.
    pub(super) fn look(&mut self, now_ms: u64) {
        for lab in std::mem::take(&mut self.changed) {
            let owed = self.owed_now(lab);
            let before = std::mem::take(&mut self.lines[lab].owed);
            for (job, since_ms) in &before {
                if !owed.contains(job) {
                    self.over(now_ms.saturating_sub(*since_ms));
                }
            }
            let since = |job: usize| (job, before.get(&job).copied().unwrap_or(now_ms));
            self.lines[lab].owed = owed.into_iter().map(since).collect();
        }
    }

    fn over(&mut self, waited_ms: u64) {
        self.longest_ms = self.longest_ms.max(waited_ms);
        self.violations += u64::from(waited_ms > self.trace.recall_bound().ms());
    }

    /// The jobs of a lab that its own cells would hold all at once, in the order of its line.
    fn owed_now(&self, lab: usize) -> BTreeSet<usize> {
        let line = &self.lines[lab];
        let pool = self.trace.labs[lab].pool;
        let host_chips = self.pools[pool].host_chips;
        let (mut room, mut hosts) = (line.bound - line.own_held, line.hosts_open);
        let mut lines: Vec<_> =
            line.waiting.iter().map(|(shape, turns)| (*shape, turns.iter().peekable())).collect();
        let mut owed = BTreeSet::new();
        while room > 0 {
            let heads = lines.iter_mut().enumerate().filter_map(|(at, (shape, turns))| {
                let turn = **turns.peek()?;
                let fits = match *shape {
                    Shape::Hosts(count) => count <= hosts,
                    other => self.trace.chips(pool, &other) <= room,
                };
                fits.then_some((turn, at))
            });
            let Some(((_, _, job), at)) = heads.min() else { break };
            match lines[at].0 {
                Shape::Hosts(count) => {
                    hosts -= count;
                    room -= count * host_chips;
                }
                other => {
                    room -= self.trace.chips(pool, &other);
                    // Loose chips break up a host only where nothing else is left.
                    hosts = hosts.min(room / host_chips);
                }
            }
            lines[at].1.next();
            owed.insert(job);
        }
        owed
    }

    /// The end of the trace, for whoever still waits.
    pub(super) fn finish(&mut self, now_ms: u64) {
        let owed: Vec<u64> = self.lines.iter().flat_map(|line| line.owed.values().copied()).collect();
        for since_ms in owed {
            self.over(now_ms.saturating_sub(since_ms));
        }
    }
}

fn step(count: &mut u32, add: bool) {
    *count = if add { *count + 1 } else { *count - 1 };
}
