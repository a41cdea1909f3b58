//! Jobs that an adviser holds back, releases and resizes, on the real control plane.
//!
//! An adviser stands outside: it says who should run on how many chips, and what it says becomes the command `Adjust` of
//! the jobs' own organisation, as its people would give it. The control plane grants and ends every lease, and the
//! engine finds the cells.

use super::outcome::{Outcome, Ran, Sample};
use super::read::TraceError;
use super::setup::{self, moment, principal};
use super::trace::Trace;
use sinew_core::{Actor, Adjustment, Command, Control, Event, Exit, Observation, Request};
use sinew_sched::{Cells, Near};
use sinew_types::{CellIndex, Level, Shape};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a job's program says when it was told to leave.
const LEFT: i32 = 75;

/// How places are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Places {
    /// As the engine does: the tightest fit.
    Tight,
    /// As published simulators do: always from the host with most idle chips. It is told to the engine as a wish.
    EmptiestHost,
}

/// A lease of a job.
#[derive(Clone, Debug)]
struct Held {
    epoch: u64,
    /// Chips on each host.
    hosts: BTreeMap<u32, u32>,
}

impl Held {
    fn chips(&self) -> u32 {
        self.hosts.values().sum()
    }
}

/// The jobs of one lab that has a whole pool of equal hosts.
pub(super) struct Advised {
    control: Control,
    host_chips: u32,
    hosts: u32,
    first_chip: u32,
    /// Jobs that came and are not done, with their leases.
    jobs: BTreeMap<usize, Option<Held>>,
    changed: BTreeSet<usize>,
    current: Sample,
    outcome: Outcome,
}

impl Advised {
    /// Takes a trace of one pool and one lab.
    pub(super) fn new(trace: &Trace) -> Result<Self, TraceError> {
        let topology = &trace.pools[0].topology;
        let host_chips = topology.chips_of(Level::Host).unwrap_or(1);
        let ran = |job: &super::Job| Ran {
            submit_ms: job.submit_ms,
            chips: trace.chips(0, &job.shape),
            ..Ran::default()
        };
        let outcome = Outcome {
            jobs: trace.jobs.iter().map(ran).collect(),
            capacity_chips: trace.capacity_chips(),
            ..Outcome::default()
        };
        Ok(Self {
            control: setup::control(trace)?,
            host_chips,
            hosts: topology.chip_count() / host_chips,
            first_chip: topology.first_chip().0,
            jobs: BTreeMap::new(),
            changed: BTreeSet::new(),
            current: Sample::default(),
            outcome,
        })
    }

    /// All chips.
    pub(super) fn pool_chips(&self) -> u32 {
        self.hosts * self.host_chips
    }

    /// Chips of a job on each of its hosts, most first.
    pub(super) fn places(&self, job: usize) -> Vec<u32> {
        let held = self.jobs.get(&job).and_then(Option::as_ref);
        let mut places: Vec<u32> =
            held.map(|held| held.hosts.values().copied().collect()).unwrap_or_default();
        places.sort_unstable_by(|one, two| two.cmp(one));
        places
    }

    /// A job comes; it is held back until somebody advises to let it run.
    pub(super) fn submit(&mut self, now_s: u64, job: usize) -> Result<(), TraceError> {
        let spec = setup::spec(&format!("job-{job}"), Shape::Chips(1), 0);
        let id = setup::workload(job);
        self.ask(now_s, Command::Submit { id, spec: Arc::new(spec) }, job)?;
        let change = Adjustment { held: Some(true), ..Adjustment::default() };
        self.ask(now_s, Command::Adjust { id, change }, job)?;
        self.jobs.insert(job, None);
        Ok(())
    }

    /// A job's program ended by itself, some time since the last moment.
    pub(super) fn done(&mut self, now_s: u64, job: usize, at_s: u64) -> Result<(), TraceError> {
        self.report(now_s, job, (0, Some(at_s)))?;
        self.jobs.remove(&job);
        self.outcome.jobs[job].end_ms = at_s * 1_000;
        self.outcome.makespan_ms = self.outcome.makespan_ms.max(at_s * 1_000);
        Ok(())
    }

    /// A job is ended by its own organisation before its program is done.
    pub(super) fn decline(&mut self, now_s: u64, job: usize) -> Result<(), TraceError> {
        self.ask(now_s, Command::Cancel { id: setup::workload(job) }, job)?;
        self.settle(now_s)?;
        self.jobs.remove(&job);
        self.changed.remove(&job);
        Ok(())
    }

    /// Makes what an adviser said come true; answers whose places are others now.
    pub(super) fn follow(
        &mut self,
        now_s: u64,
        wanted: &[(usize, u32)],
        places: Places,
    ) -> Result<BTreeSet<usize>, TraceError> {
        let sizes: BTreeMap<usize, u32> = wanted.iter().copied().collect();
        let leaves = |(job, held): (&usize, &Option<Held>)| {
            held.as_ref().filter(|held| sizes.get(job) != Some(&held.chips())).map(|_| *job)
        };
        let leaving: Vec<usize> = self.jobs.iter().filter_map(leaves).collect();
        for job in leaving {
            let change = Adjustment { held: Some(true), ..Adjustment::default() };
            self.ask(now_s, Command::Adjust { id: setup::workload(job), change }, job)?;
        }
        self.settle(now_s)?;
        let mut idle = self.idle();
        let waits = |job: &usize| matches!(self.jobs.get(job), Some(None));
        let starting: Vec<(usize, u32)> = wanted.iter().copied().filter(|(job, _)| waits(job)).collect();
        for (job, chips) in starting {
            let near = match places {
                Places::Tight => Vec::new(),
                Places::EmptiestHost => self.emptiest(&mut idle, chips),
            };
            let shapes = Some((Shape::Chips(chips), Shape::Chips(chips)));
            let change = Adjustment { held: Some(false), shapes, near: Some(near), priority: None };
            self.ask(now_s, Command::Adjust { id: setup::workload(job), change }, job)?;
        }
        self.settle(now_s)?;
        self.sample(now_s);
        Ok(std::mem::take(&mut self.changed))
    }

    /// What all came to.
    pub(super) fn finish(self) -> Outcome {
        self.outcome
    }

    fn ask(&mut self, now_s: u64, command: Command, job: usize) -> Result<(), TraceError> {
        self.handle(now_s, &Request { actor: principal(setup::lab_number(0)), key: None, command }, job)
    }

    fn handle(&mut self, now_s: u64, request: &Request, job: usize) -> Result<(), TraceError> {
        let refused = |why| TraceError::Refused { what: format!("job {job}"), why: format!("{why:?}") };
        self.control.handle(moment(now_s * 1_000), request).map(|_| ()).map_err(refused)
    }

    fn report(&mut self, now_s: u64, job: usize, ended: (i32, Option<u64>)) -> Result<(), TraceError> {
        let epoch = self.jobs.get(&job).and_then(Option::as_ref).map_or(0, |held| held.epoch);
        let (code, at_s) = ended;
        let observation = Observation::Ended {
            exit: Exit::Code { code },
            outputs: BTreeMap::new(),
            at: at_s.map(|at_s| moment(at_s * 1_000)),
        };
        let command = Command::Observe { id: setup::workload(job), epoch, observation };
        self.handle(now_s, &Request { actor: Actor::System, key: None, command }, job)
    }

    /// Settles; whoever is told to leave does so at once.
    fn settle(&mut self, now_s: u64) -> Result<(), TraceError> {
        loop {
            self.control.settle(moment(now_s * 1_000));
            let mut leaving = Vec::new();
            for recorded in self.control.take_fresh() {
                match recorded.event {
                    Event::LeaseGranted { id, epoch, cells } => {
                        self.granted(now_s, setup::job(id), (epoch, cells))
                    }
                    Event::LeaseNotified { id, .. } => leaving.extend(setup::job(id)),
                    Event::LeaseEnded { id, .. } => self.ended(setup::job(id)),
                    _ => {}
                }
            }
            if leaving.is_empty() {
                return Ok(());
            }
            for job in leaving {
                self.current.recalls += 1;
                self.report(now_s, job, (LEFT, None))?;
            }
        }
    }

    fn granted(&mut self, now_s: u64, job: Option<usize>, lease: (u64, Cells)) {
        let Some(job) = job else { return };
        let (epoch, cells) = lease;
        let mut hosts = BTreeMap::new();
        for (chip, _) in cells.iter() {
            *hosts.entry((chip.0 - self.first_chip) / self.host_chips).or_insert(0) += 1;
        }
        self.jobs.insert(job, Some(Held { epoch, hosts }));
        self.outcome.jobs[job].starts_ms.push(now_s * 1_000);
        self.changed.insert(job);
    }

    fn ended(&mut self, job: Option<usize>) {
        if let Some(job) = job
            && let Some(held) = self.jobs.get_mut(&job)
        {
            *held = None;
            self.changed.insert(job);
        }
    }

    /// Idle chips of each host.
    fn idle(&self) -> Vec<u32> {
        let mut idle = vec![self.host_chips; self.hosts as usize];
        for (host, chips) in self.jobs.values().flatten().flat_map(|held| &held.hosts) {
            idle[*host as usize] -= chips;
        }
        idle
    }

    /// Takes chips from the host with most idle ones, again and again; the first among equals.
    fn emptiest(&self, idle: &mut [u32], chips: u32) -> Vec<Near> {
        let mut near = Vec::new();
        let mut missing = chips;
        while missing > 0 {
            let most = idle.iter().copied().max().unwrap_or(0);
            let Some(host) = idle.iter().position(|chips| *chips == most && most > 0) else { break };
            let here = most.min(missing);
            (idle[host], missing) = (most - here, missing - here);
            let host = u32::try_from(host).expect("few hosts");
            let first = CellIndex(self.first_chip + host * self.host_chips);
            near.push(Near { first, count: self.host_chips, chips: here });
        }
        near
    }

    fn sample(&mut self, now_s: u64) {
        let held = self.jobs.values().flatten().map(|held| u64::from(held.chips()));
        self.current.held_chips = held.sum();
        self.current.waiting = self.jobs.values().filter(|held| held.is_none()).count() as u64;
        self.current.at_ms = now_s * 1_000;
        self.outcome.samples.push(self.current);
    }
}
