//! The server's process: one turn after the other, death at any point, and coming back.

use super::World;
use crate::cycle::{Cycle, Decided, Told, Turn};
use crate::log::{EventLog, LogError, record};
use crate::model::{Verdict, Violation, demand};
use crate::queue::Due;
use crate::script::Point;
use crate::vfs::VFS;
use sinew_core::{Actor, Command, Order, Recorded, Request};
use sinew_store::{InstanceId, StoreError};
use sinew_types::Instant;

/// The journal's file on the fake disk.
pub(super) const FILE: &str = "journal.sqlite";
const INSTANCE: InstanceId = InstanceId(42);
/// How long the loop sleeps at most, and after a write that found no room.
const IDLE_MS: u64 = 60_000;
const PLAN_AGAIN_MS: u64 = 1_000;

/// A server that runs.
pub(super) struct Server {
    pub(super) cycle: Cycle,
    log: EventLog,
    last_turn_ms: u64,
    plan_again: bool,
}

impl Server {
    /// When the loop does a turn although nobody asked.
    pub(super) fn look_ms(&self, wall: Instant) -> u64 {
        let most = if self.plan_again { PLAN_AGAIN_MS } else { IDLE_MS };
        let due = self.cycle.look_again().map_or(most, |at| at.since(wall).ms().saturating_add(1));
        // Asked at any later moment, the clock is nearer to what is due by as much.
        self.last_turn_ms + due.min(most)
    }

    pub(super) fn snapshot_now(&mut self) {
        self.log.snapshot(self.cycle.state(), 1);
    }
}

fn unreadable(error: &LogError) -> Violation {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    Violation { invariant: 5, what: format!("the journal cannot be read: {error} ({cause})") }
}

impl World {
    /// One turn, with what the driver does in the driver's order. Answers go to nobody where the server died, or where
    /// the disk was full.
    pub(super) fn turn(&mut self, groups: Vec<Vec<Request>>) -> Result<Vec<Vec<Decided>>, Violation> {
        let wall = self.wall();
        let Some(server) = &mut self.server else { return Ok(Vec::new()) };
        server.last_turn_ms = self.now_ms;
        let turn = server.cycle.decide(wall, groups.iter().map(Vec::as_slice));
        let planned = server.cycle.plans();
        let strikes = if turn.fresh.is_empty() { None } else { self.crash_at.take() };
        let point = strikes.map(|(point, ..)| point);
        if let (Some(Point::BeforeAppend), Some((_, power, down_ms))) = (point, strikes) {
            self.crash(power, down_ms);
            return Ok(Vec::new());
        }
        if let Some(Point::InAppend { writes }) = point {
            self.disk.set_faults(|faults| faults.power_lasts = Some(writes));
        }
        let down_ms = strikes.map_or(3_000, |(.., down_ms)| down_ms);
        let durable = self.make_durable(&turn, down_ms);
        if self.disk.is_off() {
            // Also where a commit came through and the power went right after it.
            self.crash(true, down_ms);
        }
        if !durable || self.server.is_none() {
            return Ok(Vec::new());
        }
        self.read_journal()?;
        self.check(planned)?;
        self.tell_all(turn, strikes)
    }

    /// Appends a turn's events. Answers whether they are there.
    fn make_durable(&mut self, turn: &Turn, down_ms: u64) -> bool {
        let Some(server) = &mut self.server else { return false };
        let appended = server.log.append(&turn.fresh);
        let last_seq = server.log.last_seq();
        self.now_ms += self.disk.take_spent_ms();
        match appended {
            Ok(()) => {
                server.plan_again = false;
                self.confirmed = last_seq;
                return true;
            }
            Err(StoreError::Full { .. }) if !self.disk.is_off() => {
                self.counts.full += 1;
                match server.log.reload() {
                    Ok(control) => {
                        server.cycle.replace(control);
                        server.plan_again = true;
                    }
                    Err(_) => self.crash(false, down_ms),
                }
            }
            Err(_) => {
                self.counts.torn += 1;
                self.pending = Some(bodies(&turn.fresh));
                self.crash(false, down_ms);
            }
        }
        false
    }

    /// Sends a durable turn's orders and hands its answers back, and dies in between where that is due.
    fn tell_all(
        &mut self,
        turn: Turn,
        strikes: Option<(Point, bool, u64)>,
    ) -> Result<Vec<Vec<Decided>>, Violation> {
        let Some(server) = &mut self.server else { return Ok(Vec::new()) };
        let Told { answers, mut orders, .. } = server.cycle.confirm(turn);
        match strikes {
            Some((Point::InAppend { .. } | Point::AfterAppend, power, down_ms)) => {
                self.crash(power, down_ms);
                return Ok(Vec::new());
            }
            Some((Point::AfterAnswers, power, down_ms)) => {
                self.crash(power, down_ms);
                return Ok(answers);
            }
            Some((Point::AmidOrders, ..)) => orders.truncate(orders.len() / 2),
            _ => {}
        }
        self.send_orders(orders);
        let Some(server) = &mut self.server else { return Ok(answers) };
        let mut every = self.layout.snapshot_every;
        if let Some((Point::InSnapshot { writes }, ..)) = strikes {
            self.disk.set_faults(|faults| faults.power_lasts = Some(writes));
            every = 1;
        }
        server.log.snapshot(server.cycle.state(), every);
        self.now_ms += self.disk.take_spent_ms();
        if let Some((Point::AmidOrders | Point::InSnapshot { .. }, power, down_ms)) = strikes {
            self.crash(power, down_ms);
        }
        if self.disk.is_off() {
            self.crash(true, self.layout.snapshot_every);
        }
        Ok(answers)
    }

    /// Shows the model every record that it has not seen, as the disk has it.
    fn read_journal(&mut self) -> Verdict {
        let Some(server) = &self.server else { return Ok(()) };
        let (model, mut verdict) = (&mut self.model, Ok(()));
        let from = model.chain.len() as u64 + 1;
        let read = server.log.read(from, &mut |row, recorded| {
            if verdict.is_ok() {
                verdict = model.take(&row, &recorded);
            }
        });
        read.map_err(|error| unreadable(&error))?;
        verdict?;
        let (known, last) = (self.model.chain.len() as u64, server.log.last_seq());
        demand(known == last, 5, || format!("the journal has {known} records and says {last}"))
    }

    /// The server's process dies; where `power`, what was not synced may be lost or torn.
    pub(super) fn crash(&mut self, power: bool, down_ms: u64) {
        if self.server.is_none() {
            return;
        }
        self.tell(|| format!("the server dies{}", if power { " and the power with it" } else { "" }));
        self.counts.crashes += 1;
        self.disk.stop();
        self.server = None;
        self.inbox.clear();
        self.disk.crash(power, &mut self.chance);
        self.queue.at(self.now_ms + down_ms, Due::Restart);
    }

    /// Tells everything to leave, and stops the server later.
    pub(super) fn drain(&mut self, stay_ms: u64, down_ms: u64) -> Verdict {
        let Some(server) = &mut self.server else { return Ok(()) };
        server.cycle.rest();
        self.turn(vec![vec![system(Command::Drain)]])?;
        self.queue.at(self.now_ms + stay_ms, Due::Stop { down_ms });
        Ok(())
    }

    /// The server stops in order.
    pub(super) fn stop(&mut self, down_ms: u64) -> Verdict {
        if let Some(mut server) = self.server.take() {
            self.tell(|| "the server stops".to_owned());
            server.snapshot_now();
            drop(server);
            self.disk.crash(false, &mut self.chance);
            self.queue.at(self.now_ms + down_ms, Due::Restart);
        }
        Ok(())
    }

    /// The server comes back: what was confirmed is there, what was under way is there whole or not at all, and the
    /// machines tell what ended meanwhile before anything is ordered.
    pub(super) fn restart(&mut self) -> Verdict {
        if self.server.is_some() {
            return Ok(());
        }
        self.tell(|| "the server starts".to_owned());
        let is_new = self.disk.content(FILE).is_none();
        let (log, control) = match EventLog::open(VFS, &self.disk.path(FILE), INSTANCE) {
            Ok(opened) => opened,
            Err(LogError::Store(_)) if self.disk.is_faulty() => {
                // Somebody looks at the disk and mends it.
                self.disk.stop();
                self.disk.crash(false, &mut self.chance);
                self.mend_disk();
                self.queue.at(self.now_ms + PLAN_AGAIN_MS, Due::Restart);
                return Ok(());
            }
            Err(error) => return Err(unreadable(&error)),
        };
        if is_new {
            self.disk.sync_folder();
        }
        self.now_ms += self.disk.take_spent_ms();
        let cycle = Cycle::new(control);
        self.server = Some(Server { cycle, log, last_turn_ms: self.now_ms, plan_again: false });
        self.nothing_is_lost()?;
        self.adopt()?;
        let Some(server) = &mut self.server else { return Ok(()) };
        let orders: Vec<Order> = server.cycle.wake();
        self.send_orders(orders);
        self.turn(Vec::new()).map(|_| ())
    }

    /// Reads the whole journal again and compares it with what was there before.
    fn nothing_is_lost(&mut self) -> Verdict {
        let before = std::mem::take(&mut self.model);
        self.read_journal()?;
        let (found, confirmed) = (self.model.chain.len() as u64, self.confirmed);
        let place = usize::try_from(confirmed).expect("a short journal");
        let same = self.model.chain.len() >= place && self.model.chain[..place] == before.chain[..place];
        demand(same, 5, || format!("of {confirmed} confirmed records {found} came back, or others"))?;
        let pending = self.pending.take().unwrap_or_default();
        let more = found - confirmed;
        let whole = more == 0 || more == pending.len() as u64;
        demand(whole, 5, || format!("a group of {} came back with {more} records", pending.len()))?;
        if more > 0 {
            self.same_bodies(&pending)?;
        }
        self.confirmed = found;
        self.acknowledged_is_there()?;
        self.same_as_replayed()
    }

    /// Every record, for the tests of the model.
    #[cfg(test)]
    pub(crate) fn journal(&self) -> Vec<Recorded> {
        let mut all = Vec::new();
        if let Some(server) = &self.server {
            server.log.read(1, &mut |_, recorded| all.push(recorded)).expect("the journal can be read");
        }
        all
    }

    fn same_bodies(&self, pending: &[String]) -> Verdict {
        let Some(server) = &self.server else { return Ok(()) };
        let mut found = Vec::new();
        let read = server.log.read(self.confirmed + 1, &mut |row, _| found.push(row.body.to_owned()));
        read.map_err(|error| unreadable(&error))?;
        demand(found == pending, 5, || "a group came back with other content".to_owned())
    }

    /// The journal is the state: from a snapshot, and from the very beginning.
    pub(super) fn same_as_replayed(&self) -> Verdict {
        let Some(server) = &self.server else { return Ok(()) };
        let replayed = server.log.replayed().map_err(|error| unreadable(&error))?;
        let same = replayed.state() == server.cycle.state();
        demand(same, 5, || "the state is not what a replay of the journal gives".to_owned())
    }
}

fn bodies(fresh: &[Recorded]) -> Vec<String> {
    fresh.iter().map(|recorded| record(recorded).body).collect()
}

/// A request of the program itself.
pub(super) fn system(command: Command) -> Request {
    Request { actor: Actor::System, key: None, command }
}
