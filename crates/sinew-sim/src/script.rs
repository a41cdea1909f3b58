//! What a seed means: the world's size, and a list of things that happen.
//!
//! Each step carries its own chance, so that leaving out others changes as little as possible of what it does: this is
//! what lets the minimiser shrink a run.

use crate::chance::Chance;

/// Where a crash strikes in a turn that records something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Point {
    /// Decided and planned, not yet written.
    BeforeAppend,
    /// The power goes after so many writes and flushes.
    InAppend {
        /// How many.
        writes: u64,
    },
    /// Durable, and nobody was told.
    AfterAppend,
    /// Answers are out, orders are not.
    AfterAnswers,
    /// Half of the orders are out.
    AmidOrders,
    /// While a snapshot is written.
    InSnapshot {
        /// After how many writes and flushes.
        writes: u64,
    },
}

/// One thing that happens. Numbers choose among what there is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the fields say it with the variants")]
pub enum Action {
    /// The owner offers a contract; the lab signs when it hears of it.
    Contract { lab: u8, pool: usize, own: u32, borrow: u32, lend: u32, life_ms: u64, notice_ms: u64 },
    /// Somebody submits a workload.
    Submit { org: u8, pool: usize, least: u32, more: u32, priority: i32 },
    /// A lab submits far more than it can have.
    Greedy { org: u8, pool: usize, count: u32 },
    /// Somebody holds a workload of its own back or releases it, or changes its size and priority.
    Adjust { which: usize, held: Option<bool>, least: u32, more: u32, priority: i32 },
    /// Somebody ends a workload of its own.
    Cancel { which: usize },
    /// The owner bills a contract.
    Bill { which: usize },
    /// A lab tries what only another one may, and the same with what does not exist.
    Rival { which: usize },
    /// A lab uses the key of an old request for another one.
    ReuseKey { which: usize },
    /// Time passes.
    Pass { ms: u64 },
    /// The network loses and repeats so many of a hundred messages, and delays each by up to so long.
    Weather { loss_percent: u32, repeat_percent: u32, delay_ms: u64 },
    /// Flushes take this long, the disk has so much room left, and a flush will fail.
    Disk { flush_ms: u64, room_bytes: Option<u64>, flush_fails_in: Option<u64> },
    /// The server dies at a point of the next turn that records something.
    CrashAt { point: Point, power: bool, down_ms: u64 },
    /// The server dies between two turns.
    Crash { power: bool, down_ms: u64 },
    /// The server is stopped in order, and comes back.
    Drain { stay_ms: u64, down_ms: u64 },
    /// The clocks of all machines jump.
    ClockJump { ms: i64 },
    /// A machine loses everything that runs on it.
    MachineFails { which: usize, down_ms: u64 },
    /// A chip of a pool breaks, or all of it does, for a moment or for long; a gang on it is lost at once or goes on.
    CellsFail { which: usize, how_long: u64 },
    /// An executor repeats an old report, or tells of a lease that never was.
    Lie { which: usize, ahead: u64 },
}

/// An action with its own chance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What happens.
    pub action: Action,
    /// Decides everything about it that the action leaves open.
    pub chance: u64,
}

/// How large a seed's world is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The chips of each pool.
    pub pools: Vec<u32>,
    /// How many labs there are beside the owner.
    pub labs: u8,
    /// After how many records a snapshot is written.
    pub snapshot_every: u64,
    /// What a dead process wrote without a flush may still be lost after the next one has read it.
    pub no_write_back: bool,
}

/// The world of a seed.
#[must_use]
pub fn layout(seed: u64) -> Layout {
    let mut chance = Chance::of(seed ^ 0x1a_b0);
    // Mostly small, because what goes wrong shows where everything is scarce.
    let chips = |chance: &mut Chance| 1 + if chance.percent(80) { chance.small(8) } else { chance.small(48) };
    let pools = (0..1 + chance.below(2)).map(|_| chips(&mut chance)).collect();
    let labs = u8::try_from(2 + chance.below(3)).expect("few");
    Layout { pools, labs, snapshot_every: 10 + chance.below(200), no_write_back: false }
}

/// The first `steps` steps of a seed.
#[must_use]
pub fn script(seed: u64, steps: usize) -> Vec<Step> {
    let mut chance = Chance::of(seed);
    let layout = layout(seed);
    // Some seeds are stormy and some are calm, so that long stories happen as well.
    let storm = chance.small(3);
    (0..steps).map(|_| Step { action: action(&mut chance, &layout, storm), chance: chance.draw() }).collect()
}

fn action(chance: &mut Chance, layout: &Layout, storm: u32) -> Action {
    if chance.percent(12 * storm) { trouble(chance) } else { work(chance, layout) }
}

fn which(chance: &mut Chance) -> usize {
    usize::try_from(chance.below(1 << 20)).expect("a small number")
}

fn org(chance: &mut Chance, layout: &Layout, from: u8) -> u8 {
    from + u8::try_from(chance.below(u64::from(layout.labs + 2 - from))).expect("few")
}

fn work(chance: &mut Chance, layout: &Layout) -> Action {
    let pool = usize::try_from(chance.below(layout.pools.len() as u64)).expect("few");
    let chips = layout.pools[pool];
    match chance.below(100) {
        0..12 => Action::Contract {
            lab: org(chance, layout, 2),
            pool,
            own: chance.small(2 + chips / 2),
            borrow: chance.small(2 + chips),
            lend: chance.small(2 + chips / 2),
            life_ms: [20_000, 200_000, 4_000_000][which(chance) % 3] + chance.below(100_000),
            notice_ms: 1 + chance.below(15_000),
        },
        12..42 => Action::Submit {
            org: org(chance, layout, 1),
            pool,
            least: 1 + chance.small(1 + chips / 2),
            more: chance.small(1 + chips / 2),
            priority: i32::try_from(chance.below(3)).expect("few"),
        },
        42..45 => Action::Greedy { org: org(chance, layout, 1), pool, count: 2 + chance.small(8) },
        45..50 => Action::Cancel { which: which(chance) },
        50..55 => Action::Bill { which: which(chance) },
        55..58 => Action::Rival { which: which(chance) },
        58..60 => Action::Adjust {
            which: which(chance),
            held: (!chance.percent(40)).then(|| chance.percent(40)),
            least: 1 + chance.small(1 + chips / 2),
            more: chance.small(1 + chips / 2),
            priority: i32::try_from(chance.below(3)).expect("few"),
        },
        60..62 => Action::ReuseKey { which: which(chance) },
        _ => {
            let most = [500, 8_000, 60_000][which(chance) % 3];
            Action::Pass { ms: 1 + chance.below(most) }
        }
    }
}

fn trouble(chance: &mut Chance) -> Action {
    match chance.below(100) {
        0..12 => Action::Weather {
            loss_percent: chance.small(40),
            repeat_percent: chance.small(30),
            delay_ms: chance.below(5_000),
        },
        12..22 => Action::Disk {
            flush_ms: chance.below(200),
            room_bytes: chance.percent(40).then(|| chance.below(40_000)),
            flush_fails_in: chance.percent(30).then(|| chance.below(10)),
        },
        22..52 => {
            Action::CrashAt { point: point(chance), power: chance.percent(60), down_ms: chance.below(20_000) }
        }
        52..62 => Action::Crash { power: chance.percent(60), down_ms: chance.below(60_000) },
        62..66 => Action::Drain { stay_ms: chance.below(20_000), down_ms: chance.below(20_000) },
        66..76 => {
            let ms = i64::try_from(chance.below(1_200_000)).expect("small") - 600_000;
            Action::ClockJump { ms }
        }
        76..84 => Action::MachineFails { which: which(chance), down_ms: chance.below(30_000) },
        // Both draw as often, so that scripts of old seeds stay what they were but for this.
        84..92 => Action::Lie { which: which(chance), ahead: chance.below(3) },
        _ => Action::CellsFail { which: which(chance), how_long: chance.below(3) },
    }
}

fn point(chance: &mut Chance) -> Point {
    match chance.below(8) {
        0 => Point::BeforeAppend,
        1..4 => Point::InAppend { writes: chance.below(14) },
        4 => Point::AfterAppend,
        5 => Point::AfterAnswers,
        6 => Point::AmidOrders,
        _ => Point::InSnapshot { writes: chance.below(20) },
    }
}
