//! The loop: a moment's ends and submissions, one settling, and what the executors do about the orders.

use super::outcome::{Outcome, Ran, Sample};
use super::owed::Owed;
use super::read::TraceError;
use super::setup::{self, moment, principal};
use super::trace::Trace;
use sinew_core::{Actor, Command, Control, Event, Exit, Observation, Request};
use sinew_sched::{Cells, Why};
use sinew_types::{CellIndex, Level, WorkloadId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

/// How often executors may answer orders with something new at one moment.
const ROUNDS_MAX: usize = 10_000;

/// A job while it is replayed.
#[derive(Clone, Default)]
struct Running {
    epoch: u64,
    /// Since when it runs, and on what.
    lease: Option<(u64, Cells)>,
    left_ms: u64,
    done: bool,
}

struct Drive<'a> {
    trace: &'a Trace,
    control: Control,
    now_ms: u64,
    jobs: Vec<Running>,
    /// What ends when: job and epoch.
    ends: BinaryHeap<Reverse<(u64, usize, u64)>>,
    left: usize,
    owed: Owed<'a>,
    current: Sample,
    outcome: Outcome,
}

/// Replays a trace to the end of its last job.
pub fn drive(trace: &Trace) -> Result<Outcome, TraceError> {
    let ran = |job: &super::Job| {
        let chips = trace.chips(trace.labs[job.lab].pool, &job.shape);
        Ran { submit_ms: job.submit_ms, chips, ..Ran::default() }
    };
    let outcome = Outcome {
        jobs: trace.jobs.iter().map(ran).collect(),
        capacity_chips: trace.capacity_chips(),
        ..Outcome::default()
    };
    let job = |job: &super::Job| Running { left_ms: job.runtime_ms, ..Running::default() };
    let mut drive = Drive {
        trace,
        control: setup::control(trace)?,
        now_ms: 0,
        jobs: trace.jobs.iter().map(job).collect(),
        ends: BinaryHeap::new(),
        left: trace.jobs.len(),
        owed: Owed::new(trace),
        current: Sample::default(),
        outcome,
    };
    drive.run()?;
    drive.owed.finish(drive.now_ms);
    let Drive { mut outcome, owed, now_ms, .. } = drive;
    (outcome.violations, outcome.longest_owed_ms) = (owed.violations, owed.longest_ms);
    outcome.makespan_ms = now_ms;
    Ok(outcome)
}

impl Drive<'_> {
    fn run(&mut self) -> Result<(), TraceError> {
        self.settle()?;
        let mut next = 0;
        while self.left > 0 {
            let submit = self.trace.jobs.get(next).map(|job| job.submit_ms);
            let ends = self.ends.peek().map(|Reverse((at, ..))| *at);
            let again = self.control.look_again().map(|at| at.since(moment(0)).ms());
            let Some(coming) = submit.into_iter().chain(ends).min() else {
                let stuck = |job: &Running| !job.done;
                let first = self.jobs.iter().position(stuck).unwrap_or(0);
                return Err(TraceError::Stuck { jobs: self.left, first });
            };
            self.now_ms = again.map_or(coming, |again| again.max(self.now_ms + 1).min(coming));
            self.end_due()?;
            while let Some(job) = self.trace.jobs.get(next)
                && job.submit_ms <= self.now_ms
            {
                self.submit(next)?;
                next += 1;
            }
            self.settle()?;
        }
        Ok(())
    }

    fn ask(&mut self, actor: Actor, command: Command, what: impl Fn() -> String) -> Result<(), TraceError> {
        let request = Request { actor, key: None, command };
        let refused = |why| TraceError::Refused { what: what(), why: format!("{why:?}") };
        self.control.handle(moment(self.now_ms), &request).map(|_| ()).map_err(refused)
    }

    fn submit(&mut self, job: usize) -> Result<(), TraceError> {
        let found = &self.trace.jobs[job];
        let spec = Arc::new(setup::spec(&format!("job-{job}"), found.shape, found.priority));
        let command = Command::Submit { id: setup::workload(job), spec };
        let lab = &self.trace.labs[found.lab].name;
        self.ask(principal(setup::lab_number(found.lab)), command, || format!("job {job} of {lab}"))?;
        self.waits(job, true);
        Ok(())
    }

    fn waits(&mut self, job: usize, waits: bool) {
        self.owed.waits(job, waits);
        let count = &mut self.current.waiting;
        *count = if waits { *count + 1 } else { *count - 1 };
    }

    /// Reports the end of every job whose time is over.
    fn end_due(&mut self) -> Result<(), TraceError> {
        while let Some(Reverse((at, job, epoch))) = self.ends.peek().copied()
            && at <= self.now_ms
        {
            self.ends.pop();
            let running = &mut self.jobs[job];
            if running.epoch != epoch || running.lease.is_none() {
                continue;
            }
            running.done = true;
            self.left -= 1;
            self.outcome.jobs[job].end_ms = at;
            self.report(job, 0)?;
        }
        Ok(())
    }

    fn report(&mut self, job: usize, code: i32) -> Result<(), TraceError> {
        let (id, epoch) = (setup::workload(job), self.jobs[job].epoch);
        let observation =
            Observation::Ended { exit: Exit::Code { code }, outputs: BTreeMap::new(), at: None };
        self.ask(Actor::System, Command::Observe { id, epoch, observation }, || {
            format!("the end of job {job}")
        })
    }

    /// Settles, and lets everybody who is told to leave do so at once, until nothing more follows.
    fn settle(&mut self) -> Result<(), TraceError> {
        for _ in 0..ROUNDS_MAX {
            self.control.settle(moment(self.now_ms));
            let mut leaving = Vec::new();
            for recorded in self.control.take_fresh() {
                self.follow(recorded.event, &mut leaving);
            }
            if leaving.is_empty() {
                self.owed.look(self.now_ms);
                self.sample();
                return Ok(());
            }
            for job in leaving {
                self.leave(job)?;
            }
        }
        Err(TraceError::Restless { at_ms: self.now_ms })
    }

    fn sample(&mut self) {
        self.current.at_ms = self.now_ms;
        match self.outcome.samples.last_mut() {
            Some(last) if last.at_ms == self.now_ms => *last = self.current,
            _ => self.outcome.samples.push(self.current),
        }
    }

    fn follow(&mut self, event: Event, leaving: &mut Vec<usize>) {
        match event {
            Event::CellsBound { pool, cells } => self.owed.bound(pool, &cells),
            Event::LeaseGranted { id, epoch, cells } => self.granted(id, epoch, cells),
            Event::LeaseRebound { id, cells, .. } => self.rebound(id, cells),
            Event::LeaseEnded { id, .. } => self.ended(id),
            Event::LeaseNotified { id, why, .. } => {
                self.current.recalls += u64::from(why == Why::Recall);
                leaving.extend(setup::job(id));
            }
            _ => {}
        }
    }

    fn granted(&mut self, id: WorkloadId, epoch: u64, cells: Cells) {
        let Some(job) = setup::job(id) else { return };
        let found = &self.trace.jobs[job];
        self.waits(job, false);
        self.current.lendings += u64::from(cells.own_and_borrowed().1 > 0);
        self.outcome.scattered += u64::from(found.in_one_rack && self.racks(found.lab, &cells) > 1);
        self.outcome.jobs[job].starts_ms.push(self.now_ms);
        self.hold(job, &cells, true);
        let running = &mut self.jobs[job];
        running.epoch = epoch;
        running.lease = Some((self.now_ms, cells));
        self.ends.push(Reverse((self.now_ms.saturating_add(running.left_ms), job, epoch)));
    }

    fn rebound(&mut self, id: WorkloadId, cells: Cells) {
        let Some(job) = setup::job(id) else { return };
        let Some((since_ms, before)) = self.jobs[job].lease.take() else { return };
        self.hold(job, &before, false);
        self.hold(job, &cells, true);
        self.jobs[job].lease = Some((since_ms, cells));
    }

    fn ended(&mut self, id: WorkloadId) {
        let Some(job) = setup::job(id) else { return };
        let Some((since_ms, cells)) = self.jobs[job].lease.take() else { return };
        self.hold(job, &cells, false);
        let running = &mut self.jobs[job];
        running.left_ms = running.left_ms.saturating_sub(self.now_ms - since_ms);
        if !running.done {
            self.waits(job, true);
        }
    }

    /// An executor stops a job that was told to leave; what it has done so far is kept.
    fn leave(&mut self, job: usize) -> Result<(), TraceError> {
        if self.jobs[job].lease.is_some() { self.report(job, 75) } else { Ok(()) }
    }

    fn hold(&mut self, job: usize, cells: &Cells, holds: bool) {
        let pool = self.trace.labs[self.trace.jobs[job].lab].pool;
        self.owed.held(pool, cells, holds);
        let (own, borrowed) = cells.own_and_borrowed();
        let (all, borrowed) = (u64::from(own) + u64::from(borrowed), u64::from(borrowed));
        let Sample { held_chips, borrowed_chips, .. } = &mut self.current;
        if holds {
            (*held_chips, *borrowed_chips) = (*held_chips + all, *borrowed_chips + borrowed);
        } else {
            (*held_chips, *borrowed_chips) = (*held_chips - all, *borrowed_chips - borrowed);
        }
    }

    /// Over how many racks a lease is spread.
    fn racks(&self, lab: usize, cells: &Cells) -> usize {
        let topology = &self.trace.pools[self.trace.labs[lab].pool].topology;
        let Some(rack_chips) = topology.chips_of(Level::Rack) else { return 1 };
        let rack = |chip: CellIndex| (chip.0 - topology.first_chip().0) / rack_chips;
        let mut racks: Vec<u32> = cells.iter().map(|(chip, _)| rack(chip)).collect();
        racks.dedup();
        racks.len()
    }
}
