//! A fake executor: a machine whose processes start late, obey or ignore their notice, fail, and are killed at their
//! deadline. Like the real one it remembers the newest epoch of each workload and refuses older orders.

use crate::chance::Chance;
use crate::model::{Verdict, demand};
use sinew_core::{Exit, Observation};
use sinew_types::{Instant, WorkloadId};
use std::collections::{BTreeMap, BTreeSet};

/// A gang's process.
#[derive(Clone, Debug)]
struct Process {
    epoch: u64,
    devices: Vec<u32>,
    /// When it is seen running; nothing once it was.
    seen_ms: Option<u64>,
    /// When it ends by itself, if ever, and how.
    ends: Option<(u64, Exit)>,
    /// When it is killed.
    killed_ms: Option<u64>,
    /// How long it takes to save and leave after a notice; nothing where it ignores it.
    leaves_in_ms: Option<u64>,
    told: bool,
}

impl Process {
    fn next_ms(&self) -> Option<u64> {
        [self.seen_ms, self.ends.as_ref().map(|(ms, _)| *ms), self.killed_ms].into_iter().flatten().min()
    }
}

/// What names a report: its lease, and whether it tells of the end.
pub(crate) type ReportKey = (WorkloadId, u64, bool);

/// A machine with the devices of one pool.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    running: BTreeMap<WorkloadId, Process>,
    newest: BTreeMap<WorkloadId, u64>,
    /// Reports that nobody confirmed yet.
    outbox: BTreeMap<ReportKey, Observation>,
    /// Every report that was ever made.
    said: Vec<(WorkloadId, u64, Observation)>,
    /// Up to when it is down.
    pub(crate) down_until_ms: u64,
}

impl Machine {
    /// Starts a gang, unless this epoch or a newer one was seen. Answers when to wake it up.
    pub(crate) fn start(
        &mut self,
        now_ms: u64,
        gang: (WorkloadId, u64, &[u32]),
        chance: &mut Chance,
    ) -> Result<Option<u64>, crate::model::Violation> {
        let (id, epoch, devices) = gang;
        if self.newest.get(&id).is_some_and(|newest| *newest >= epoch) {
            return Ok(None);
        }
        let older = self.running.get(&id).map(|process| process.epoch);
        demand(older.is_none(), 4, || format!("{id} is to start as epoch {epoch} while {older:?} runs"))?;
        let wanted: BTreeSet<u32> = devices.iter().copied().collect();
        let other = self.running.iter().find(|(_, p)| p.devices.iter().any(|device| wanted.contains(device)));
        let other = other.map(|(other, _)| *other);
        demand(other.is_none(), 4, || format!("{id} is to start on devices on which {other:?} runs"))?;
        self.newest.insert(id, epoch);
        let seen = now_ms + chance.below(2_000);
        let ends = match chance.below(10) {
            0 => None,
            1 => Some((now_ms, Exit::NotStarted { why: "no such program".to_owned() })),
            2 => Some((seen + chance.below(30_000), Exit::Code { code: 1 })),
            3 => Some((seen + chance.below(30_000), Exit::Signal { signal: 11 })),
            _ => Some((seen + chance.below(90_000), Exit::Code { code: 0 })),
        };
        let process = Process {
            epoch,
            devices: devices.to_vec(),
            seen_ms: Some(seen),
            ends,
            killed_ms: None,
            leaves_in_ms: chance.percent(60).then(|| chance.below(4_000)),
            told: false,
        };
        let next = process.next_ms();
        self.running.insert(id, process);
        Ok(next)
    }

    /// Gives a gang its notice. Answers when to wake it up.
    pub(crate) fn stop(&mut self, now_ms: u64, of: (WorkloadId, u64), within_ms: u64) -> Option<u64> {
        let process = self.running.get_mut(&of.0).filter(|process| process.epoch == of.1)?;
        let deadline = now_ms + within_ms;
        process.killed_ms = Some(process.killed_ms.map_or(deadline, |earlier| earlier.min(deadline)));
        if let (false, Some(ms)) = (process.told, process.leaves_in_ms) {
            let leaves = now_ms + ms;
            let earlier = process.ends.as_ref().is_some_and(|(ends, _)| *ends <= leaves);
            if !earlier {
                process.ends = Some((leaves, Exit::Signal { signal: 15 }));
            }
        }
        process.told = true;
        process.next_ms()
    }

    /// Ends a gang at the last moment of its contract.
    pub(crate) fn kill_at_last(&mut self, id: WorkloadId, ms: u64) {
        if let Some(process) = self.running.get_mut(&id) {
            process.killed_ms = Some(process.killed_ms.map_or(ms, |earlier| earlier.min(ms)));
        }
    }

    /// Lets a gang do what is due. Answers when to wake it up again.
    pub(crate) fn wake(&mut self, now_ms: u64, wall: Instant, id: WorkloadId) -> Option<u64> {
        let process = self.running.get_mut(&id)?;
        let epoch = process.epoch;
        let ended = process.ends.as_ref().filter(|(ms, _)| *ms <= now_ms).map(|(_, exit)| exit.clone());
        let killed = process.killed_ms.filter(|ms| *ms <= now_ms).map(|_| Exit::Deadline);
        let announces = process.seen_ms.is_some_and(|ms| ms <= now_ms);
        if announces {
            process.seen_ms = None;
        }
        let next = process.next_ms();
        let not_started = matches!(ended, Some(Exit::NotStarted { .. }));
        if announces && !not_started {
            self.say(id, epoch, Observation::Started);
        }
        let Some(exit) = ended.or(killed) else { return next };
        self.running.remove(&id);
        // What is told of an end is the machine's clock, and some machines' clocks are far off.
        let at = match now_ms % 13 {
            0 => None,
            1 => Some(Instant::from_ms(i64::MAX)),
            2 => Some(Instant::from_ms(i64::MIN)),
            _ => Some(wall),
        };
        self.say(id, epoch, Observation::Ended { exit, outputs: BTreeMap::new(), at });
        None
    }

    fn say(&mut self, id: WorkloadId, epoch: u64, observation: Observation) {
        let ended = matches!(observation, Observation::Ended { .. });
        self.said.push((id, epoch, observation.clone()));
        self.outbox.insert((id, epoch, ended), observation);
    }

    /// Everything that runs is lost.
    pub(crate) fn fail(&mut self, until_ms: u64) {
        self.down_until_ms = until_ms;
        for (id, process) in std::mem::take(&mut self.running) {
            let observation = Observation::Ended { exit: Exit::Lost, outputs: BTreeMap::new(), at: None };
            self.say(id, process.epoch, observation);
        }
    }

    /// What runs on these devices is lost.
    pub(crate) fn lose(&mut self, devices: impl Fn(u32) -> bool) {
        let here = |process: &Process| process.devices.iter().any(|device| devices(*device));
        let lost: Vec<WorkloadId> =
            self.running.iter().filter(|(_, process)| here(process)).map(|(id, _)| *id).collect();
        for id in lost {
            let process = self.running.remove(&id).expect("it was just found");
            let observation = Observation::Ended { exit: Exit::Lost, outputs: BTreeMap::new(), at: None };
            self.say(id, process.epoch, observation);
        }
    }

    /// What nobody confirmed yet.
    pub(crate) fn reports(&self) -> Vec<(ReportKey, Observation)> {
        self.outbox.iter().map(|(key, observation)| (*key, observation.clone())).collect()
    }

    /// A report is durable.
    pub(crate) fn confirmed(&mut self, key: ReportKey) {
        self.outbox.remove(&key);
    }

    /// A report of any time.
    pub(crate) fn old_report(&self, which: usize) -> Option<(WorkloadId, u64, Observation)> {
        self.said.get(which % self.said.len().max(1)).cloned()
    }

    /// The gangs that run, by epoch.
    pub(crate) fn running(&self) -> impl Iterator<Item = (WorkloadId, u64)> {
        self.running.iter().map(|(id, process)| (*id, process.epoch))
    }

    /// A gang runs only on an order, and an order leaves only when its lease is durable.
    pub(crate) fn check(&self, epochs: impl Fn(WorkloadId) -> u64) -> Verdict {
        for (id, epoch) in self.running() {
            let known = epochs(id);
            demand(epoch <= known, 5, || {
                format!("{id} runs as epoch {epoch}, and the journal knows {known}")
            })?;
        }
        Ok(())
    }
}
