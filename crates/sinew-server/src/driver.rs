//! The one thread that owns the state: takes requests, makes their events durable, then answers.

use crate::error::ServerError;
use crate::journal::{EventLog, replay};
use crate::runner::RunnerHandle;
use crate::strip::Strip;
use sinew_core::{
    Answer, Command, Control, Order, Recorded, Refusal, Request, State, all_orders, orders_after,
};
use sinew_store::StoreError;
use sinew_types::Instant;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// How many asks wait at most; more are told to come back.
const ASKS_MAX: usize = 4_096;
/// How many asks share one commit at most.
const GROUP_MAX: usize = 512;
/// How long the driver sleeps at most when nothing is due.
const IDLE: Duration = Duration::from_secs(60);
/// How soon it plans again after a write that found no room.
const PLAN_AGAIN: Duration = Duration::from_secs(1);
/// How often the driver looks whether adoption is over.
const ADOPT_PAUSE: Duration = Duration::from_millis(5);
/// How many records of the past the strip is made from at start.
const STRIP_RECORDS: u64 = 20_000;

/// What readers see: one moment, whole.
pub(crate) struct Published {
    pub(crate) state: State,
    /// The whole control plane, for questions: copies share what neither changes.
    pub(crate) control: Control,
    pub(crate) strip: Arc<Strip>,
    pub(crate) records: u64,
}

/// Why a request got no decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The journal had no room; nothing was done.
    NoSpace,
    /// Too many requests wait already; nothing was done.
    Busy,
    /// The server is stopping.
    Stopping,
}

pub(crate) type Decided = Result<Answer, Refusal>;

/// Requests that belong together, with the way back. They are decided in order, up to the first refusal.
struct Ask {
    requests: Vec<Request>,
    reply: oneshot::Sender<Result<Vec<Decided>, Fault>>,
    kind: AskKind,
}

enum AskKind {
    Work,
    Drain,
    Stop,
}

/// What everybody else holds of the driver.
#[derive(Clone)]
pub(crate) struct DriverHandle {
    asks: SyncSender<Ask>,
    published: Arc<RwLock<Arc<Published>>>,
}

impl DriverHandle {
    /// The latest durable state.
    pub(crate) fn published(&self) -> Arc<Published> {
        // Writers replace the value in one step, so a panic elsewhere leaves it whole.
        Arc::clone(&self.published.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends requests and waits until their outcome is durable.
    pub(crate) async fn ask(&self, requests: Vec<Request>) -> Result<Vec<Decided>, Fault> {
        let (reply, answer) = oneshot::channel();
        let ask = Ask { requests, reply, kind: AskKind::Work };
        match self.asks.try_send(ask) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(Fault::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(Fault::Stopping),
        }
        answer.await.unwrap_or(Err(Fault::Stopping))
    }

    /// The same from a thread that may block.
    pub(crate) fn ask_blocking(&self, requests: Vec<Request>) -> Result<Vec<Decided>, Fault> {
        self.send(requests, AskKind::Work)
    }

    /// Sends requests that have nothing to do with each other, and waits until what was decided about all is durable.
    pub(crate) fn ask_each_blocking(&self, requests: &[Request]) -> Result<(), Fault> {
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            let (reply, answer) = oneshot::channel();
            let ask = Ask { requests: vec![request.clone()], reply, kind: AskKind::Work };
            self.asks.send(ask).map_err(|_| Fault::Stopping)?;
            answers.push(answer);
        }
        for answer in answers {
            answer.blocking_recv().unwrap_or(Err(Fault::Stopping))?;
        }
        Ok(())
    }

    /// Tells every lease to leave and plans nothing any more.
    pub(crate) fn drain(&self) {
        let request = Request { actor: sinew_core::Actor::System, key: None, command: Command::Drain };
        let _ = self.send(vec![request], AskKind::Drain);
    }

    /// Writes a snapshot and ends the thread.
    pub(crate) fn stop(&self) {
        let _ = self.send(Vec::new(), AskKind::Stop);
    }

    fn send(&self, requests: Vec<Request>, kind: AskKind) -> Result<Vec<Decided>, Fault> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(Ask { requests, reply, kind }).map_err(|_| Fault::Stopping)?;
        answer.blocking_recv().unwrap_or(Err(Fault::Stopping))
    }
}

/// The current time, as records carry it.
pub(crate) fn wall_clock() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The thread's own things.
pub(crate) struct Driver {
    asks: Receiver<Ask>,
    published: Arc<RwLock<Arc<Published>>>,
    log: EventLog,
    control: Control,
    strip: Arc<Strip>,
    draining: bool,
    /// What was planned could not be recorded; plan again soon.
    plan_again: bool,
}

impl Driver {
    /// Prepares a driver and its handle over a loaded journal.
    pub(crate) fn new(log: EventLog, control: Control) -> Result<(Self, DriverHandle), ServerError> {
        let mut strip = Strip::default();
        let from = log.last_seq().saturating_sub(STRIP_RECORDS).max(1);
        replay(log.reader(), from, &mut |recorded| strip.follow(control.state(), &recorded))?;
        let strip = Arc::new(strip);
        let first = Published {
            state: control.state().clone(),
            control: control.clone(),
            strip: Arc::clone(&strip),
            records: log.last_seq(),
        };
        let published = Arc::new(RwLock::new(Arc::new(first)));
        let (sender, asks) = sync_channel(ASKS_MAX);
        let handle = DriverHandle { asks: sender, published: Arc::clone(&published) };
        Ok((Self { asks, published, log, control, strip, draining: false, plan_again: false }, handle))
    }

    /// Runs until it is told to stop. Plans nothing until `adopted` says that every lease of an earlier server was
    /// found again; then every order that stands goes to the runner.
    pub(crate) fn run(mut self, runner: &RunnerHandle, adopted: &Receiver<()>) {
        self.draining = true;
        loop {
            match adopted.try_recv() {
                Ok(()) => break,
                // Adoption failed, and the server does not start.
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {}
            }
            if let Ok(ask) = self.asks.recv_timeout(ADOPT_PAUSE) {
                self.turn(runner, vec![ask]);
            }
        }
        self.draining = false;
        self.carry_out(runner, all_orders(self.control.state()));
        self.turn(runner, Vec::new());
        loop {
            let mut asks = self.next_asks();
            let stops =
                asks.iter().position(|ask| matches!(ask.kind, AskKind::Stop)).map(|at| asks.split_off(at));
            self.turn(runner, asks);
            if let Some(stop) = stops {
                self.log.snapshot(self.control.state());
                for ask in stop {
                    let _ = ask.reply.send(Ok(Vec::new()));
                }
                return;
            }
        }
    }

    /// Waits for the first ask or for the next planned moment, then takes what else is there.
    fn next_asks(&self) -> Vec<Ask> {
        let now = wall_clock();
        let due = self.control.look_again().map(|at| Duration::from_millis(at.since(now).ms() + 1));
        let most = if self.plan_again { PLAN_AGAIN } else { IDLE };
        match self.asks.recv_timeout(due.unwrap_or(most).min(most)) {
            Ok(first) => std::iter::once(first).chain(self.asks.try_iter().take(GROUP_MAX)).collect(),
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => {
                let (reply, _) = oneshot::channel();
                vec![Ask { requests: Vec::new(), reply, kind: AskKind::Stop }]
            }
        }
    }

    /// One turn: decide, plan, make durable, publish, answer, order.
    fn turn(&mut self, runner: &RunnerHandle, asks: Vec<Ask>) {
        let now = wall_clock();
        let mut answers = Vec::new();
        for ask in asks {
            self.draining |= matches!(ask.kind, AskKind::Drain);
            answers.push((decide_all(&mut self.control, now, &ask.requests), ask.reply));
        }
        if !self.draining {
            self.control.settle(now);
        }
        let fresh = self.control.take_fresh();
        if let Err(error) = self.log.append(&fresh) {
            self.forget(&error);
            for (_, reply) in answers {
                let _ = reply.send(Err(Fault::NoSpace));
            }
            return;
        }
        self.plan_again = false;
        self.publish(&fresh);
        // After the commit and before the answer: whoever set a quota finds it kept.
        runner.keep_quotas(&fresh);
        for (decided, reply) in answers {
            let _ = reply.send(Ok(decided));
        }
        self.carry_out(runner, orders_after(self.control.state(), &fresh));
        self.log.snapshot_if_due(self.control.state());
    }

    /// Goes back to what the journal says after a write that failed. Where even reading fails, or where nobody can
    /// say whether the write reached the disk, going on would risk saying what is not recorded: the program ends,
    /// and the next start reads what is there.
    fn forget(&mut self, error: &StoreError) {
        eprintln!("sinew: {error}");
        let reloaded = self.log.reload();
        match (error, reloaded) {
            (StoreError::Full { .. }, Ok(control)) => {
                self.control = control;
                self.plan_again = true;
            }
            (_, Err(again)) => {
                eprintln!("sinew: {again}");
                std::process::exit(1);
            }
            _ => std::process::exit(1),
        }
    }

    fn publish(&mut self, fresh: &[Recorded]) {
        if fresh.is_empty() {
            return;
        }
        let state = self.control.state();
        let strip = Arc::make_mut(&mut self.strip);
        fresh.iter().for_each(|recorded| strip.follow(state, recorded));
        let next = Published {
            state: state.clone(),
            control: self.control.clone(),
            strip: Arc::clone(&self.strip),
            records: self.log.last_seq(),
        };
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }

    fn carry_out(&self, runner: &RunnerHandle, orders: Vec<Order>) {
        for order in orders {
            runner.order(order);
        }
    }
}

/// Decides requests in order, up to the first refusal.
fn decide_all(control: &mut Control, now: Instant, requests: &[Request]) -> Vec<Decided> {
    let mut decided = Vec::new();
    for request in requests {
        let answer = control.handle(now, request);
        let refused = answer.is_err();
        decided.push(answer);
        if refused {
            break;
        }
    }
    decided
}
