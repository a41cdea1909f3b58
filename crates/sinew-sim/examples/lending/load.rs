//! The scenes: a million chips under load, KAI's reclaim scene, Armada's round.

use crate::world::{OWNER, Turn, World, peak_mib, topology};
use sinew_core::Exit;
use sinew_types::{Instant, Level, Region, Shape, Span, WorkloadId};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::time::{Duration, Instant as Clock};

const LABS: u128 = 200;
/// Chips of a TPU7x pod.
const POD: u64 = 9_216;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA '14).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Exponentially distributed, in whole milliseconds, at least one.
    fn exponential_ms(&mut self, mean_ms: f64) -> u64 {
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        ((-(1.0 - unit).ln() * mean_ms) as u64).max(1)
    }
}

/// What ends next.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Done(WorkloadId, u64),
    Broken(WorkloadId, u64),
    Left(WorkloadId, u64),
}

/// Sizes of gangs, from one chip to eight pods: many small, few large. Answers the shape and its chips.
fn draw_shape(random: &mut Random) -> (Shape, u64) {
    let cubes = |count: u32| (Shape::Block([4, 4, 4 * count]), u64::from(count) * 64);
    match random.below(100_000) {
        0..30_000 => (Shape::Chips(1), 1),
        30_000..55_000 => (Shape::Block([2, 2, 1]), 4),
        55_000..70_000 => (Shape::Block([2, 2, 2]), 8),
        70_000..82_000 => (Shape::Block([2, 2, 4]), 16),
        82_000..90_000 => (Shape::Block([2, 4, 4]), 32),
        90_000..97_000 => cubes(1),
        97_000..98_500 => cubes(2),
        98_500..99_400 => cubes(8),
        99_400..99_850 => cubes(16),
        99_850..99_970 => cubes(36),
        99_970..99_996 => (Shape::Pods(1), POD),
        99_996..99_999 => (Shape::Pods(2), 2 * POD),
        _ => (Shape::Pods(8), 8 * POD),
    }
}

/// Guarantees of 200 labs on 109 pods: 4 of eight pods, 16 of one pod, 60 of a third of a pod, 120 of six cubes; together
/// about two thirds of the pool.
fn contracts(world: &mut World) {
    for lab in 2..2 + LABS {
        let guarantee = match lab - 2 {
            0..4 => vec![Shape::Pods(8)],
            4..20 => vec![Shape::Pods(1)],
            20..80 => vec![Shape::Block([4, 12, 64])],
            _ => vec![Shape::Domains(6)],
        };
        world.contract(lab, guarantee, Shape::Pods(16), Shape::Pods(8));
    }
}

struct Load {
    world: World,
    random: Random,
    due: BinaryHeap<Reverse<(i64, Due)>>,
    next_id: u128,
    /// Time of a turn for each decision that it made.
    times: Vec<Duration>,
    busy: Duration,
    placed: u64,
    handed_over: u64,
    told: u64,
    broken: u64,
    ended: u64,
    waiting: usize,
}

/// How many always wait.
const BACKLOG: usize = 103_000;
const MEAN_RUN_MS: f64 = 3_600_000.0;

impl Load {
    fn epoch(&self, id: WorkloadId) -> u64 {
        self.world.control.state().workloads.get(&id).map_or(0, |workload| workload.epoch)
    }

    fn follow(&mut self, turn: &Turn, handed_over: bool) {
        let decisions = turn.placed.len() + usize::from(handed_over);
        self.busy += turn.took;
        self.handed_over += u64::from(handed_over);
        self.placed += turn.placed.len() as u64;
        self.waiting -= turn.placed.len();
        self.told += turn.told.len() as u64;
        for _ in 0..decisions {
            self.times.push(turn.took / u32::try_from(decisions).expect("few"));
        }
        let now = self.world.now.ms();
        for id in &turn.placed {
            let epoch = self.epoch(*id);
            let run_ms = i64::try_from(self.random.exponential_ms(MEAN_RUN_MS)).expect("short");
            let breaks = self.random.below(100) < 2;
            let due = if breaks { Due::Broken(*id, epoch) } else { Due::Done(*id, epoch) };
            self.due.push(Reverse((now + run_ms, due)));
        }
        for id in &turn.told {
            let epoch = self.epoch(*id);
            let leaves_ms = i64::try_from(self.random.below(60_000)).expect("short");
            self.due.push(Reverse((now + leaves_ms, Due::Left(*id, epoch))));
        }
    }

    fn submit(&mut self) {
        let (shape, _) = draw_shape(&mut self.random);
        let lab = 2 + u128::from(self.random.below(LABS as u64));
        self.next_id += 1;
        // Ids are drawn at random, as clients draw them.
        let id = (u128::from(self.random.next()) << 64) | self.next_id;
        let of = if self.random.below(50) == 0 { OWNER } else { lab };
        let turn = self.world.submit(of, id, shape);
        self.waiting += usize::from(!turn.refused);
        self.follow(&turn, false);
    }

    fn end_next(&mut self) {
        let Some(Reverse((_, due))) = self.due.pop() else { return };
        let (id, epoch, exit, left) = match due {
            Due::Done(id, epoch) => (id, epoch, Exit::Code { code: 0 }, false),
            Due::Broken(id, epoch) => (id, epoch, Exit::Lost, false),
            Due::Left(id, epoch) => (id, epoch, Exit::Code { code: 75 }, true),
        };
        if self.epoch(id) != epoch {
            return;
        }
        if let Some(turn) = self.world.end(id, exit.clone()) {
            self.ended += u64::from(!left);
            self.broken += u64::from(exit == Exit::Lost);
            self.waiting += usize::from(left || exit == Exit::Lost);
            // A recall is done when the cells that it was for are free again.
            self.follow(&turn, left);
        }
    }
}

/// 1,004,544 TPU7x chips and 200 labs, full, with a long queue.
fn filled() -> Load {
    let tiers = [(Level::Pod, 109), (Level::Domain, 144), (Level::Host, 16), (Level::Chip, 4)];
    let mut world = World::new(topology(&tiers, "tpu7x"), LABS);
    contracts(&mut world);
    let mut load = Load {
        world,
        random: Random(20_261_122),
        due: BinaryHeap::new(),
        next_id: 100_000,
        times: Vec::new(),
        busy: Duration::ZERO,
        placed: 0,
        handed_over: 0,
        told: 0,
        broken: 0,
        ended: 0,
        waiting: 0,
    };
    while load.waiting < BACKLOG + 10_000 {
        load.submit();
    }
    assert_eq!(load.waiting, load.world.waiting());
    eprintln!("filled: {} waiting, {} chips held", load.waiting, load.world.chips_held());
    (load.times, load.busy, load.placed, load.handed_over, load.told) = (Vec::new(), Duration::ZERO, 0, 0, 0);
    load
}

/// Gangs from one chip to eight pods come faster than the pool can hold them: 1.2 times its capacity, and at once
/// where fewer than the backlog wait.
pub(crate) fn million(workloads: u64) {
    let mut probe = Random(7);
    let mean_chips = (0..200_000).map(|_| draw_shape(&mut probe).1 as f64).sum::<f64>() / 200_000.0;
    let arrivals_per_ms = 1.2 * 109.0 * POD as f64 / (mean_chips * MEAN_RUN_MS);
    let mut load = filled();
    let (begun, mut submitted, mut least_waiting) = (Clock::now(), 0_u64, usize::MAX);
    let mut next_arrival = load.world.now.ms() as f64;
    while submitted < workloads {
        let due = load.due.peek().map_or(i64::MAX, |Reverse((at, _))| *at);
        least_waiting = least_waiting.min(load.waiting);
        if load.waiting <= BACKLOG {
            load.submit();
            submitted += 1;
        } else if (next_arrival as i64) <= due {
            load.world.now = load.world.now.max(Instant::from_ms(next_arrival as i64));
            load.submit();
            submitted += 1;
            next_arrival += load.random.exponential_ms(1_000.0 / arrivals_per_ms) as f64 / 1_000.0;
        } else {
            load.world.now = load.world.now.max(Instant::from_ms(due));
            load.end_next();
        }
    }
    report(load, begun.elapsed(), least_waiting);
}

/// The same state, copied and asked.
pub(crate) fn what_if() {
    let load = filled();
    let mut forks: Vec<Duration> = (0..21).map(|_| fork(&load.world)).collect();
    forks.sort_unstable();
    let median_ms = forks[forks.len() / 2].as_secs_f64() * 1e3;
    println!("{{\"ms\":{median_ms:.3},\"workloads\":{}}}", load.world.control.state().workloads.len());
}

/// A copy of the control plane, and one more workload of a pod in it, with all that follows from it.
fn fork(world: &World) -> Duration {
    let begun = Clock::now();
    let mut trial = World { control: world.control.clone(), now: world.now, events: 0 };
    let turn = trial.submit(2, 99, Shape::Pods(1));
    let took = begun.elapsed();
    std::hint::black_box((turn.placed.len(), trial.control.state().at));
    took
}

/// Who holds what, at three depths of that state: the whole pool pod by pod, a pod cube by cube, a cube host by host.
pub(crate) fn regions() -> io::Result<()> {
    let load = filled();
    let control = &load.world.control;
    let (id, pool) = control.state().pools.iter().next().ok_or_else(|| io::Error::other("no pool"))?;
    let mut line = Vec::new();
    for (name, region, below) in
        [("pool", "", Level::Pod), ("pod", "pod-50", Level::Domain), ("cube", "pod-50/cube-7", Level::Host)]
    {
        let region: Region = region.parse().map_err(io::Error::other)?;
        let range = pool.topology.region(&region).map_err(|_| io::Error::other("no such region"))?;
        let size = pool.topology.chips_of(below).ok_or_else(|| io::Error::other("no such level"))?;
        let mut times = Vec::new();
        let mut cells = 0;
        for _ in 0..101 {
            let begun = Clock::now();
            let sums = control.cell_sums(*id, range, size, None).unwrap_or_default();
            times.push(begun.elapsed());
            cells = std::hint::black_box(sums).len();
        }
        times.sort_unstable();
        let median_us = times[times.len() / 2].as_secs_f64() * 1e6;
        line.push(format!("\"{name}_us\":{median_us:.1},\"{name}_cells\":{cells}"));
    }
    println!("{{{}}}", line.join(","));
    Ok(())
}

fn report(mut load: Load, wall: Duration, least_waiting: usize) {
    load.times.sort_unstable();
    let at = |share: f64| {
        let place = ((load.times.len() - 1) as f64 * share) as usize;
        load.times[place].as_secs_f64() * 1e6
    };
    let decisions = load.placed + load.handed_over;
    println!(
        "{{\"decisions\":{decisions},\"placed\":{},\"recalled\":{},\"broken\":{},\"ended\":{},\"decisions_per_s\":{:.0},\"p50_us\":{:.2},\"p99_us\":{:.2},\"p9999_us\":{:.1},\"max_us\":{:.0},\"rss_mib\":{},\"wall_s\":{:.1},\"busy_s\":{:.2},\"least_waiting\":{least_waiting},\"chips_held\":{},\"events\":{}}}",
        load.placed,
        load.handed_over,
        load.broken,
        load.ended,
        decisions as f64 / load.busy.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(0.9999),
        at(1.0),
        peak_mib(),
        wall.as_secs_f64(),
        load.busy.as_secs_f64(),
        load.world.chips_held(),
        load.world.events,
    );
}

/// KAI's reclaim scene: 500 hosts of 8, 4,000 one-GPU jobs of a borrower run and 4,000 of the lender come.
pub(crate) fn kai() {
    let mut world = World::new(topology(&[(Level::Host, 500), (Level::Chip, 8)], "gpu"), 2);
    world.contract(2, vec![Shape::Chips(4_000)], Shape::Chips(0), Shape::Chips(4_000));
    world.contract(3, vec![], Shape::Chips(4_000), Shape::Chips(0));
    let mut running = Vec::new();
    for job in 0..4_000 {
        running.extend(world.submit(3, 1_000_000 + job, Shape::Chips(1)).placed);
    }
    assert_eq!(running.len(), 4_000, "the borrower has everything");
    let mut busy = Duration::ZERO;
    let mut told = Vec::new();
    for job in 0..4_000 {
        let turn = world.submit(2, 2_000_000 + job, Shape::Chips(1));
        busy += turn.took;
        told.extend(turn.told);
    }
    world.now = world.now.plus(Span::from_ms(1_000));
    let mut placed = 0;
    for id in told.clone() {
        if let Some(turn) = world.end(id, Exit::Code { code: 75 }) {
            busy += turn.took;
            placed += turn.placed.len();
        }
    }
    assert_eq!((told.len(), placed), (4_000, 4_000), "the lender has everything back");
    println!(
        "{{\"in_process_ms\":{:.2},\"recalled\":{},\"placed\":{placed}}}",
        busy.as_secs_f64() * 1e3,
        told.len()
    );
}

/// Armada's round: 1,000 nodes, 10 queues, 320,000 jobs that are all queued when it begins. One gang that leaves holds
/// the nodes until then (the others' reasons for waiting stay as they are), or all nodes were away and come back (each of
/// the 288,000 that go on waiting is told a new reason). Medians of five.
pub(crate) fn armada() {
    let mut rounds: Vec<[f64; 3]> = (0..5).map(|_| round(true)).collect();
    let told_anew = round(false);
    rounds.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]));
    let [ms, placed, submission_us] = rounds[2];
    println!(
        "{{\"ms\":{ms:.1},\"placed\":{placed},\"submission_us\":{submission_us:.2},\"told_anew_ms\":{:.1}}}",
        told_anew[0]
    );
}

/// Milliseconds of the round, how many it placed, and microseconds of each submission before.
fn round(gang_leaves: bool) -> [f64; 3] {
    let mut world = World::new(topology(&[(Level::Host, 1_000), (Level::Chip, 32)], "core"), 10);
    for lab in 2..12 {
        world.contract(lab, vec![Shape::Chips(3_200)], Shape::Chips(32_000), Shape::Chips(3_200));
    }
    let gang = if gang_leaves {
        world.submit(OWNER, 1, Shape::Chips(32_000)).placed
    } else {
        world.nodes(false);
        vec![]
    };
    let mut submitted = Duration::ZERO;
    for job in 0..320_000_u128 {
        let turn = world.submit(2 + job % 10, 1_000_000 + job, Shape::Chips(1));
        assert!(turn.placed.is_empty() && !turn.refused, "it waits");
        submitted += turn.took;
    }
    world.now = world.now.plus(Span::from_ms(1_000));
    let round = match gang.first() {
        Some(gang) => world.end(*gang, Exit::Code { code: 75 }).expect("it runs"),
        None => world.nodes(true),
    };
    assert_eq!(round.placed.len(), 32_000, "all nodes are given out");
    [round.took.as_secs_f64() * 1e3, 32_000.0, submitted.as_secs_f64() * 1e6 / 320_000.0]
}
