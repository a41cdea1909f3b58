//! What is under way and due at some moment of fake time, and the network's weather.

use crate::chance::Chance;
use crate::cycle::Decided;
use crate::machine::ReportKey;
use sinew_core::{Observation, Order};
use sinew_types::{PoolId, Region, WorkloadId};
use std::collections::BTreeMap;

/// One thing that is due.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    /// A client's request reaches the server.
    Ask(usize),
    /// The server takes the requests that have come in.
    Turn,
    /// An answer reaches its client.
    Answer(usize, Box<Decided>),
    /// A client has waited long enough for its answer.
    AskAgain(usize),
    /// An order reaches its machine. A stop leaves so many milliseconds.
    Order { machine: usize, order: Box<Order>, within_ms: u64 },
    /// Every order that stands goes out again.
    OrdersAgain,
    /// A report reaches the server.
    Report { machine: usize, key: ReportKey, observation: Box<Observation> },
    /// The server's word that a report is durable reaches its machine.
    Receipt { machine: usize, key: ReportKey },
    /// A machine sends again what nobody confirmed.
    ReportsAgain(usize),
    /// Something happens in a gang.
    Gang { machine: usize, id: WorkloadId },
    /// Broken cells are healthy again.
    CellsBack { pool: PoolId, region: Region },
    /// The server starts.
    Restart,
    /// The server is stopped in order, for so long.
    Stop { down_ms: u64 },
}

/// How the network treats a message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) loss_percent: u32,
    pub(crate) repeat_percent: u32,
    pub(crate) delay_ms: u64,
}

/// Everything that is due, in order.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    due: BTreeMap<(u64, u64), Due>,
    number: u64,
    pub(crate) weather: Weather,
}

impl Queue {
    /// Something happens at a moment.
    pub(crate) fn at(&mut self, ms: u64, due: Due) {
        self.number += 1;
        self.due.insert((ms, self.number), due);
    }

    /// A message leaves: it arrives late, or twice, or never.
    pub(crate) fn send(&mut self, now_ms: u64, due: &Due, chance: &mut Chance) {
        let Weather { loss_percent, repeat_percent, delay_ms } = self.weather;
        let copies = 1 + u32::from(chance.percent(repeat_percent));
        for _ in 0..copies {
            if !chance.percent(loss_percent) {
                self.at(now_ms + 1 + chance.below(delay_ms + 1), due.clone());
            }
        }
    }

    /// When the next thing is due.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.due.first_key_value().map(|((ms, _), _)| *ms)
    }

    /// The next thing.
    pub(crate) fn pop(&mut self) -> Option<Due> {
        self.due.pop_first().map(|(_, due)| due)
    }
}
