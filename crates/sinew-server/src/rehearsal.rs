//! Stands in for the machines of pools that rehearse: leases begin and end as they would, and no program runs.
//!
//! A rehearsed program begins at once, and leaves at once when it is told to; where that is because its limit is up, it has
//! finished. Without a limit it never ends by itself. What runs is known from the orders alone, which are all repeated
//! after a restart, so nothing is kept.

use crate::driver::{DriverHandle, Fault};
use sinew_core::{Actor, Command, Exit, Observation, Order, Request};
use sinew_sched::Why;
use sinew_types::WorkloadId;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// How many reports share a commit at most.
const REPORTS_MAX: usize = 512;
/// How long to wait before a report that found no room is sent again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Takes the orders for rehearsed leases.
pub(crate) struct Rehearsal {
    orders: Sender<Order>,
}

impl Rehearsal {
    /// Starts the thread that plays all programs.
    pub(crate) fn start(driver: DriverHandle) -> Self {
        let (orders, taken) = channel();
        thread::spawn(move || Stage::default().play(&driver, &taken));
        Self { orders }
    }

    pub(crate) fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }
}

/// Whether a workload's pool rehearses.
pub(crate) fn rehearses(driver: &DriverHandle, id: WorkloadId) -> bool {
    let state = &driver.published().state;
    let pool = state.workloads.get(&id).and_then(|workload| state.pools.get(&workload.pool));
    pool.is_some_and(|pool| pool.rehearsal.0)
}

/// The newest lease of each workload that seems to run.
#[derive(Default)]
struct Stage {
    running: BTreeMap<WorkloadId, u64>,
}

impl Stage {
    fn play(mut self, driver: &DriverHandle, orders: &Receiver<Order>) {
        while let Ok(first) = orders.recv() {
            let batch = std::iter::once(first).chain(orders.try_iter().take(REPORTS_MAX));
            let reports: Vec<Request> = batch.filter_map(|order| self.obey(driver, &order)).collect();
            if !tell(driver, &reports) {
                return;
            }
        }
    }

    /// What an order makes happen. Orders may come twice.
    fn obey(&mut self, driver: &DriverHandle, order: &Order) -> Option<Request> {
        match order {
            Order::Start { id, epoch, .. } => {
                if self.running.get(id).is_some_and(|newest| newest >= epoch) {
                    return None;
                }
                self.running.insert(*id, *epoch);
                Some(seen(*id, *epoch, Observation::Started))
            }
            Order::Stop { id, epoch, .. } => {
                if self.running.get(id) != Some(epoch) {
                    return None;
                }
                self.running.remove(id);
                let exit = farewell(driver, *id);
                Some(seen(*id, *epoch, Observation::Ended { exit, outputs: BTreeMap::new(), at: None }))
            }
        }
    }
}

/// How a program ends that is told to leave: its work is done where its limit is up, and goes on later elsewhere.
fn farewell(driver: &DriverHandle, id: WorkloadId) -> Exit {
    let published = driver.published();
    let lease = published.state.workloads.get(&id).and_then(|workload| workload.lease());
    match lease.and_then(|lease| lease.notice.as_ref()).map(|notice| &notice.why) {
        Some(Why::Limit) => Exit::Code { code: 0 },
        _ => Exit::Signal { signal: libc::SIGTERM },
    }
}

fn seen(id: WorkloadId, epoch: u64, observation: Observation) -> Request {
    let command = Command::Observe { id, epoch, observation };
    Request { actor: Actor::System, key: None, command }
}

/// Sends reports until all are durable; false when the server stops. They repeat safely.
fn tell(driver: &DriverHandle, reports: &[Request]) -> bool {
    for some in reports.chunks(REPORTS_MAX) {
        loop {
            match driver.ask_each_blocking(some) {
                Ok(()) => break,
                Err(Fault::Stopping) => return false,
                Err(Fault::NoSpace | Fault::Busy) => thread::sleep(RETRY_PAUSE),
            }
        }
    }
    true
}
