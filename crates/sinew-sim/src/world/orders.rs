//! Between the server and the machines: orders there, reports back.

use super::World;
use super::server::system;
use crate::machine::ReportKey;
use crate::model::Verdict;
use crate::queue::Due;
use sinew_core::{Command, Exit, Observation, Order, all_orders};
use sinew_types::{Instant, WorkloadId};

/// An epoch that no workload of a simulation reaches.
const FAR_AHEAD: u64 = 1_000_000;

impl World {
    /// Orders leave over the network.
    pub(super) fn send_orders(&mut self, orders: Vec<Order>) {
        let wall = self.wall();
        for order in orders {
            let (Order::Start { id, .. } | Order::Stop { id, .. }) = &order;
            let Some(server) = &self.server else { return };
            let state = server.cycle.state();
            let Some(pool) = state.workloads.get(id).map(|workload| workload.pool) else { continue };
            // Records go on at the later time where the clock was set back; machines count from what it shows.
            let now = wall.max(state.at);
            let within_ms = match &order {
                Order::Stop { deadline, .. } => deadline.since(now).ms(),
                Order::Start { last, .. } => last.map_or(u64::MAX, |last| last.kill_at.since(now).ms()),
            };
            let machine = self.machine_of(pool);
            let due = Due::Order { machine, order: Box::new(order), within_ms };
            self.queue.send(self.now_ms, &due, &mut self.chance);
        }
    }

    /// Every order that stands, for machines that may have missed some.
    pub(super) fn all_orders(&mut self) {
        let Some(server) = self.server.as_ref().filter(|server| server.cycle.plans()) else { return };
        let orders = all_orders(server.cycle.state());
        self.send_orders(orders);
    }

    /// An order arrives.
    pub(super) fn ordered(&mut self, machine: usize, order: &Order, within_ms: u64) -> Verdict {
        let now_ms = self.now_ms;
        let there = &mut self.machines[machine];
        if there.down_until_ms > now_ms {
            return Ok(());
        }
        let (Order::Start { id, epoch, .. } | Order::Stop { id, epoch, .. }) = order;
        let next = match order {
            Order::Start { devices, .. } => {
                let started = there.start(now_ms, (*id, *epoch, devices), &mut self.chance)?;
                // Its contract ends it also where nobody lives to order it.
                if started.is_some() && within_ms < u64::MAX {
                    self.queue.at(now_ms + within_ms, Due::Gang { machine, id: *id });
                    there.kill_at_last(*id, now_ms + within_ms);
                }
                started
            }
            Order::Stop { .. } => there.stop(now_ms, (*id, *epoch), within_ms),
        };
        if let Some(ms) = next {
            self.queue.at(ms.max(now_ms), Due::Gang { machine, id: *id });
        }
        Ok(())
    }

    /// Something happens in a gang; what it has to say is sent at once.
    pub(super) fn wake_gang(&mut self, machine: usize, id: WorkloadId) {
        let wall = self.wall();
        let next = self.machines[machine].wake(self.now_ms, wall, id);
        if let Some(ms) = next.filter(|ms| *ms > self.now_ms) {
            self.queue.at(ms, Due::Gang { machine, id });
        }
        self.send_reports(machine);
    }

    /// A machine sends what nobody confirmed yet.
    pub(super) fn send_reports(&mut self, machine: usize) {
        if self.machines[machine].down_until_ms > self.now_ms {
            return;
        }
        for (key, observation) in self.machines[machine].reports() {
            let due = Due::Report { machine, key, observation: Box::new(observation) };
            self.queue.send(self.now_ms, &due, &mut self.chance);
        }
    }

    /// A report arrives; its machine hears when it is durable.
    pub(super) fn reported(&mut self, machine: usize, key: ReportKey, observation: Observation) -> Verdict {
        let (id, epoch, _) = key;
        let answers = self.turn(vec![vec![system(Command::Observe { id, epoch, observation })]])?;
        if !answers.is_empty() {
            self.queue.send(self.now_ms, &Due::Receipt { machine, key }, &mut self.chance);
        }
        Ok(())
    }

    /// Right after its start the server asks every machine that answers what ended meanwhile.
    pub(super) fn adopt(&mut self) -> Verdict {
        for machine in 0..self.machines.len() {
            if self.machines[machine].down_until_ms > self.now_ms {
                continue;
            }
            for (key, observation) in self.machines[machine].reports() {
                self.reported(machine, key, observation)?;
            }
        }
        Ok(())
    }

    /// An executor says again what it said long ago, or speaks of a lease that never was.
    pub(super) fn lie(&mut self, which: usize, ahead: u64) {
        let machine = which % self.machines.len();
        let Some((id, epoch, observation)) = self.machines[machine].old_report(which) else { return };
        let far = Some(Instant::from_ms(i64::MAX));
        let invented =
            Observation::Ended { exit: Exit::Code { code: 0 }, outputs: Default::default(), at: far };
        let (epoch, observation) = match ahead {
            0 => (epoch, observation),
            1 => (epoch + FAR_AHEAD, invented),
            _ => (0, invented),
        };
        let ended = matches!(observation, Observation::Ended { .. });
        let due = Due::Report { machine, key: (id, epoch, ended), observation: Box::new(observation) };
        self.queue.send(self.now_ms, &due, &mut self.chance);
    }
}
