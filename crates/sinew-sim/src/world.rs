//! The world around the loop: fake time, one server, machines, clients, a network and a disk.

mod clients;
mod hardware;
mod orders;
mod server;

use crate::chance::Chance;
use crate::machine::Machine;
use crate::model::{Model, Verdict, Violation, demand};
use crate::queue::{Due, Queue, Weather};
use crate::script::{Action, Layout, Point, Step};
use crate::vfs::Disk;
use clients::Ask;
use server::Server;
use sinew_types::{Hash, Instant, PoolId, Span, WorkloadId};
use std::collections::BTreeMap;

/// When a world begins.
const BEGIN_MS: i64 = 1_800_000_000_000;
/// How far all clock jumps together may go.
const JUMPS_MOST_MS: i64 = 7_200_000;
/// How many lines of a story are kept.
const STORY_LINES: usize = 30;
/// How long the calm at the end lasts, in pieces after which everything is looked at.
const CALM_PIECES: u32 = 60;
const CALM_PIECE_MS: u64 = 10_000;
/// How long the storm's last orders and machines may still be on their way.
const STORM_PIECES: u32 = 6;
/// How much later than promised a gang may get its cells: the time that messages take.
const SLACK: Span = Span::from_ms(1_000);
/// How long a gang may wait for its own chips in the calm: the longest notice and grace, and some looks.
const PATIENCE_MS: u64 = 120_000;

/// A check that only tests add.
pub(crate) type Planted = fn(&World) -> Verdict;

/// What a world has counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Turns and other things that happened, after each of which everything was checked.
    pub events: u64,
    /// Records in the journal.
    pub records: u64,
    /// Leases that were granted.
    pub leases: u64,
    /// Times that the server died.
    pub crashes: u64,
    /// Crashes after which a group was neither surely there nor surely not.
    pub torn: u64,
    /// Turns that found the disk full.
    pub full: u64,
    /// Requests that were answered and acknowledged.
    pub acknowledged: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.events += more.events;
        self.records += more.records;
        self.leases += more.leases;
        self.crashes += more.crashes;
        self.torn += more.torn;
        self.full += more.full;
        self.acknowledged += more.acknowledged;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { events, records, leases, crashes, torn, full, acknowledged } = self;
        write!(
            f,
            "{events} events checked, {records} records, {leases} leases, {crashes} crashes ({torn} amid a write), {full} \
             full disks, {acknowledged} answers"
        )
    }
}

/// Everything there is.
pub(crate) struct World {
    layout: Layout,
    chance: Chance,
    now_ms: u64,
    /// How far the clocks are off.
    jumped_ms: i64,
    disk: Disk,
    server: Option<Server>,
    queue: Queue,
    machines: Vec<Machine>,
    asks: Vec<Ask>,
    /// Requests that have come in and share the next turn.
    inbox: Vec<usize>,
    pub(crate) model: Model,
    /// Records that are surely durable.
    confirmed: u64,
    /// Bodies of the group that may or may not be.
    pending: Option<Vec<String>>,
    crash_at: Option<(Point, bool, u64)>,
    story: Vec<String>,
    pub(crate) counts: Counts,
    planted: Option<Planted>,
}

impl World {
    /// A world with its organisations and pools, in which nothing has gone wrong yet.
    pub(crate) fn new(layout: &Layout, planted: Option<Planted>) -> Result<Self, Violation> {
        let mut world = Self {
            layout: layout.clone(),
            chance: Chance::of(0),
            now_ms: 0,
            jumped_ms: 0,
            disk: Disk::new(),
            server: None,
            queue: Queue::default(),
            machines: layout.pools.iter().map(|_| Machine::default()).collect(),
            asks: Vec::new(),
            inbox: Vec::new(),
            model: Model::default(),
            confirmed: 0,
            pending: None,
            crash_at: None,
            story: Vec::new(),
            counts: Counts::default(),
            planted,
        };
        world.mend_disk();
        world.restart()?;
        world.found()?;
        world.queue.at(10_000, Due::OrdersAgain);
        (0..world.machines.len()).for_each(|machine| world.queue.at(2_000, Due::ReportsAgain(machine)));
        Ok(world)
    }

    /// What the clocks show.
    fn wall(&self) -> Instant {
        let ms = i64::try_from(self.now_ms).expect("a simulation is short");
        Instant::from_ms(BEGIN_MS + ms + self.jumped_ms)
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if self.story.len() >= STORY_LINES {
            self.story.remove(0);
        }
        self.story.push(format!("{:>9} ms  {}", self.now_ms, line()));
    }

    /// The latest things that happened.
    pub(crate) fn story(&self) -> &[String] {
        &self.story
    }

    /// One step of the script.
    pub(crate) fn take(&mut self, step: &Step) -> Verdict {
        self.chance = Chance::of(step.chance);
        self.tell(|| format!("{:?}", step.action));
        match step.action {
            Action::Pass { ms } => return self.pass(ms),
            Action::Weather { loss_percent, repeat_percent, delay_ms } => {
                self.queue.weather = Weather { loss_percent, repeat_percent, delay_ms };
            }
            Action::Disk { flush_ms, room_bytes, flush_fails_in } => {
                let used = self.disk.used_bytes();
                self.disk.set_faults(|faults| {
                    faults.flush_ms = flush_ms;
                    faults.capacity_bytes = room_bytes.map(|room| used + room);
                    faults.flush_fails_in = flush_fails_in;
                    faults.flush_chance = step.chance;
                });
            }
            Action::CrashAt { point, power, down_ms } => self.crash_at = Some((point, power, down_ms)),
            Action::Crash { power, down_ms } => self.crash(power, down_ms),
            Action::Drain { stay_ms, down_ms } => return self.drain(stay_ms, down_ms),
            Action::ClockJump { ms } => {
                self.jumped_ms = (self.jumped_ms + ms).clamp(-JUMPS_MOST_MS, JUMPS_MOST_MS);
            }
            Action::MachineFails { which, down_ms } => {
                let machine = which % self.machines.len();
                let until = self.now_ms + down_ms;
                self.machines[machine].fail(until);
            }
            Action::CellsFail { which, how_long } => self.cells_fail(which, how_long),
            Action::Lie { which, ahead } => self.lie(which, ahead),
            ref asks => return self.ask(asks),
        }
        self.check(false)
    }

    /// Lets time pass and everything happen that is due.
    fn pass(&mut self, ms: u64) -> Verdict {
        let until = self.now_ms + ms;
        loop {
            let look = self.server.as_ref().map(|server| server.look_ms(self.wall()));
            let queued = self.queue.next_ms().unwrap_or(u64::MAX);
            let next = look.unwrap_or(u64::MAX).min(queued);
            if next > until {
                break;
            }
            // A slow flush may have taken longer than the next thing would have waited.
            self.now_ms = self.now_ms.max(next);
            if queued <= next {
                let due = self.queue.pop().expect("something is due");
                self.handle(due)?;
            } else {
                self.turn(Vec::new())?;
            }
        }
        self.now_ms = self.now_ms.max(until);
        Ok(())
    }

    fn handle(&mut self, due: Due) -> Verdict {
        match due {
            Due::Ask(number) => self.asked(number)?,
            Due::Turn => self.serve()?,
            Due::Answer(number, decided) => self.answered(number, *decided)?,
            Due::AskAgain(number) => self.ask_again(number),
            Due::Order { machine, order, within_ms } => self.ordered(machine, &order, within_ms)?,
            Due::OrdersAgain => {
                self.all_orders();
                self.queue.at(self.now_ms + 10_000, Due::OrdersAgain);
            }
            Due::Report { machine, key, observation } => self.reported(machine, key, *observation)?,
            Due::Receipt { machine, key } => self.machines[machine].confirmed(key),
            Due::ReportsAgain(machine) => {
                self.send_reports(machine);
                self.queue.at(self.now_ms + 2_000, Due::ReportsAgain(machine));
            }
            Due::Gang { machine, id } => self.wake_gang(machine, id),
            Due::CellsBack { pool, region } => self.cells_back(pool, region),
            Due::Restart => self.restart()?,
            Due::Stop { down_ms } => self.stop(down_ms)?,
        }
        self.check(false)
    }

    /// All invariants, as far as they can be asked now.
    fn check(&mut self, planned: bool) -> Verdict {
        self.counts.events += 1;
        self.model.check(planned)?;
        let epochs = |id: WorkloadId| self.model.works.get(&id).map_or(0, |work| work.epoch);
        self.machines.iter().try_for_each(|machine| machine.check(epochs))?;
        self.planted.map_or(Ok(()), |planted| planted(self))
    }

    /// Everything is mended and time passes: nobody waits for what is its own, and what is leased runs.
    pub(crate) fn calm(&mut self) -> Verdict {
        self.chance = Chance::of(1);
        self.tell(|| "calm".to_owned());
        self.queue.weather = Weather::default();
        self.crash_at = None;
        self.mend_disk();
        // Clocks that were set back would stand still until real time catches up with what is recorded.
        let behind = self.model.at.map_or(0, |at| at.since(self.wall()).ms());
        self.jumped_ms += i64::try_from(behind).expect("jumps are bounded");
        let mut waiting: BTreeMap<WorkloadId, u64> = BTreeMap::new();
        for piece in 0..CALM_PIECES {
            self.pass(CALM_PIECE_MS)?;
            if piece >= STORM_PIECES {
                let late = self.model.kept_waiting(self.wall(), SLACK);
                demand(late.is_none(), 1, || format!("{late:?} waits longer than its recall takes at most"))?;
            }
            let still: Vec<WorkloadId> = self.model.left_waiting().collect();
            waiting.retain(|id, _| still.contains(id));
            for id in still {
                let since = *waiting.entry(id).or_insert(self.now_ms);
                let waited = self.now_ms - since;
                demand(waited <= PATIENCE_MS, 1, || {
                    format!("{id} waits for {waited} ms although its account's own chips would hold it")
                })?;
            }
        }
        self.what_is_leased_runs()
    }

    fn mend_disk(&self) {
        let no_write_back = self.layout.no_write_back;
        self.disk.set_faults(|faults| *faults = crate::Faults { no_write_back, ..crate::Faults::default() });
    }

    fn what_is_leased_runs(&self) -> Verdict {
        let gangs = self.machines.iter().flat_map(Machine::running);
        let gangs: BTreeMap<WorkloadId, u64> = gangs.collect();
        let over = self.model.overdue(self.wall());
        demand(over.is_none(), 1, || format!("{over:?} is long over, and nothing says so"))?;
        for id in gangs.keys() {
            let leased = self.model.live.contains_key(id);
            demand(leased, 4, || format!("{id} runs after a long calm, and no lease says so"))?;
        }
        Ok(())
    }

    /// Stops in order and answers the hash of the journal's file, which no longer has anything beside it.
    pub(crate) fn finish(&mut self) -> Result<Hash, Violation> {
        self.same_as_replayed()?;
        if let Some(mut server) = self.server.take() {
            server.snapshot_now();
        }
        self.counts.records = self.model.chain.len() as u64;
        self.counts.leases = self.model.leases;
        let bytes = self.disk.content(server::FILE).unwrap_or_default();
        demand(!bytes.is_empty(), 5, || "the journal's file is gone".to_owned())?;
        Ok(sinew_store::hash_of(&bytes))
    }

    /// The pool of a number in the script.
    fn pool(&self, number: usize) -> PoolId {
        let index = number % self.layout.pools.len();
        PoolId::from_bits(100 + index as u128)
    }

    /// The machine of a pool.
    fn machine_of(&self, pool: PoolId) -> usize {
        usize::try_from(pool.bits().saturating_sub(100)).expect("a pool of this world") % self.machines.len()
    }
}
