//! Random stories on pools with shapes: every count is right after every step, every guaranteed shape is there after
//! every step, and whoever asks for its own gets it as soon as those who were told to leave have left.

use super::{Story, account, agreement, entitlement, packing};
use crate::Action;
use crate::account::OWNER;
use crate::engine::Engine;
use crate::ground::{Item, Mask};
use crate::recall::For;
use crate::unit::Unit;
use crate::view::{Account, Request};
use proptest::prelude::*;
use sinew_types::{CellIndex, CellRange, Instant, Shape, Span, WorkloadId};

const ACCOUNTS: [&str; 4] = ["owner", "a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    Contract { of: usize, shapes: Vec<usize>, borrow: u32, lend: u32, term_s: u64, windows: Option<i64> },
    Submit { of: usize, shape: usize, priority: i32, limit_s: Option<u64> },
    End { which: usize, again: bool },
    Withdraw { which: usize },
    Pass { seconds: u64 },
    Break { at: u32, count: u32, down: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1..4_usize, prop::collection::vec(0..8_usize, 1..4), 0..300_u32, 0..300_u32, 0..40_u64, prop::option::weighted(0.3, 0..60_i64))
            .prop_map(|(of, shapes, borrow, lend, term_s, windows)| {
                Step::Contract { of, shapes, borrow, lend, term_s, windows }
            }),
        8 => (0..4_usize, 0..10_usize, 0..3_i32, prop::option::weighted(0.5, 0..90_u64))
            .prop_map(|(of, shape, priority, limit_s)| Step::Submit { of, shape, priority, limit_s }),
        6 => (any::<usize>(), any::<bool>()).prop_map(|(which, again)| Step::End { which, again }),
        1 => any::<usize>().prop_map(|which| Step::Withdraw { which }),
        2 => (1..40_u64).prop_map(|seconds| Step::Pass { seconds }),
        1 => (0..500_u32, 1..80_u32, any::<bool>()).prop_map(|(at, count, down)| Step::Break { at, count, down }),
    ]
}

/// Shapes of each kind of pool, small to large; the last ones are elastic.
fn shape(kind: &str, which: usize) -> (Shape, Shape) {
    let texts: [&str; 8] = match kind {
        "tpu-pods" => ["1 chip", "2x2x1", "2x2x4", "4x4x4", "4x4x8", "3 chips", "2 domains", "1 pod"],
        "nvl72" => ["1 chip", "1 host", "3 hosts", "1 domain", "9 chips", "2 chips", "2 hosts", "70 chips"],
        "torus-cubes" => ["1 chip", "2x2x2", "4x4x4", "8x4x4", "8x8x4", "8x8x8", "2x4x4", "3 domains"],
        _ => ["1 chip", "2 chips", "1 host", "1 rack", "3 chips", "2 hosts", "5 chips", "9 chips"],
    };
    let one = |text: &str| text.parse::<Shape>().expect("a shape");
    match which {
        8 => (Shape::Chips(1), Shape::Chips(6)),
        9 => (Shape::Chips(2), Shape::Chips(40)),
        _ => (one(texts[which]), one(texts[which])),
    }
}

struct Told {
    story: Story,
    kind: &'static str,
    next: u128,
    /// What each contract was promised.
    promised: Vec<(&'static str, Item, u32)>,
}

impl Told {
    fn gangs(&self, running: bool) -> Vec<WorkloadId> {
        let engine = &self.story.engine;
        let all = (0..self.next).map(WorkloadId::from_bits);
        all.filter(|id| {
            engine.gang_of(*id).is_some_and(|gang| engine.gangs.get(gang).held.is_empty() != running)
        })
        .collect()
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Contract { of, ref shapes, borrow, lend, term_s, windows } => {
                if self.contract(ACCOUNTS[of], shapes, (borrow, lend, term_s))
                    && let Some(first_s) = windows
                {
                    self.story.engine.set_windows(account(ACCOUNTS[of]), &nights(first_s));
                }
            }
            Step::Submit { of, shape: which, priority, limit_s } => {
                let (least, most) = shape(self.kind, which);
                let limit = limit_s.map(|seconds| Span::from_ms(seconds * 1_000));
                self.submit(ACCOUNTS[of], (&least, &most), (priority, limit));
            }
            Step::End { which, again } => {
                let running = self.gangs(true);
                if !running.is_empty() {
                    self.story.engine.ended(running[which % running.len()], again, self.story.now);
                }
            }
            Step::Withdraw { which } => {
                let waiting = self.gangs(false);
                if !waiting.is_empty() {
                    self.story.engine.withdraw(waiting[which % waiting.len()]);
                }
            }
            Step::Pass { seconds } => self.story.now = self.story.now.plus(Span::from_ms(seconds * 1_000)),
            Step::Break { at, count, down } => self.wear(at, count, down),
        }
    }

    fn submit(&mut self, of: &str, shapes: (&Shape, &Shape), how: (i32, Option<Span>)) -> Option<WorkloadId> {
        let (priority, limit) = how;
        let demand = self.story.engine.demand(shapes.0, shapes.1).ok()?;
        self.story.engine.place(account(of))?;
        let workload = WorkloadId::from_bits(self.next);
        self.next += 1;
        let (account, since) = (account(of), self.story.now);
        let checkpoint_every = Some(Span::from_ms(30_000));
        self.story.engine.submit(Request {
            workload,
            account,
            demand,
            priority,
            since,
            checkpoint_every,
            served: 0,
            limit,
        });
        Some(workload)
    }

    fn contract(&mut self, of: &'static str, shapes: &[usize], terms: (u32, u32, u64)) -> bool {
        let engine = &mut self.story.engine;
        let shapes = shapes.iter().map(|which| shape(self.kind, *which).0);
        let demands = shapes.filter_map(|shape| engine.demand(&shape, &shape).ok());
        let guarantee: Vec<(Item, u32)> = demands.map(|demand| (demand.item, demand.least)).collect();
        if engine.place(account(of)).is_some() || engine.bind_guarantee(account(of), &guarantee).is_none() {
            return false;
        }
        let mut allowed = entitlement();
        (allowed.borrow_limit, allowed.lend_limit) = (terms.0, terms.1);
        allowed.minimum_term = Span::from_ms(terms.2 * 1_000);
        engine.set_account(account(of), allowed, &guarantee);
        while let Some(cells) = engine.next_binding() {
            engine.bound(&cells);
        }
        self.promised.extend(guarantee.into_iter().map(|(item, count)| (of, item, count)));
        true
    }

    fn wear(&mut self, at: u32, count: u32, down: bool) {
        let ground = &self.story.engine.ground;
        let chips = ground.units * ground.unit_chips;
        let (at, first) = (at % chips, ground.first_chip);
        let cells = CellRange { first: CellIndex(first + at), count: count.min(chips - at) };
        self.story.engine.set_down(cells, down);
    }

    fn check(&self, settled: bool) {
        agreement::check(&self.story.engine);
        for (of, item, count) in &self.promised {
            let at = self.story.engine.place(account(of)).expect("it has an account");
            let has = whole_items(&self.story.engine, at, *item, false);
            assert!(has >= *count, "{of} was promised {count} of {item:?} and is bound to {has}");
            if settled {
                let all: Vec<_> = self.promised.iter().filter(|(whose, ..)| whose == of).collect();
                let items: Vec<(Item, u32)> =
                    all.into_iter().map(|(_, item, count)| (*item, *count)).collect();
                match items[..] {
                    [only] => self.check_health(at, only),
                    _ => self.check_packing(at, &items),
                }
                self.check_windows(at);
            }
        }
    }

    /// Between windows nothing of an account stays.
    fn check_windows(&self, at: usize) {
        let (engine, now) = (&self.story.engine, self.story.now);
        let state = &engine.accounts[at];
        let open = state.windows.iter().any(|(starts, closes)| *starts <= now && now < *closes);
        if !state.windows.is_empty() && !open {
            let stays = |gang: &&u32| engine.gangs.get(**gang).gone_by.is_none();
            assert_eq!(state.running.iter().find(stays), None, "a gang stays after its window");
        }
    }

    /// Healthy cells make all items of a guarantee at once, or something is said to be missing.
    fn check_packing(&self, at: usize, promised: &[(Item, u32)]) {
        let engine = &self.story.engine;
        let missing = engine.health.missing.get(&at).copied().unwrap_or(0);
        assert!(missing > 0 || packing::packs(engine, at, promised), "{promised:?} does not pack unsaid");
        let broken = engine.health.down.contains_key(&at);
        assert!(missing == 0 || broken, "{promised:?} misses {missing} chips and nothing is broken");
    }

    /// What healthy cells do not make of a guarantee is said to be missing, and only where nothing stands in for it.
    fn check_health(&self, at: usize, promised: (Item, u32)) {
        let (engine, (item, count)) = (&self.story.engine, promised);
        let together = matches!(item, Item::Joined(_));
        let whole = whole_items(engine, at, item, true);
        let missing = engine.health.missing.get(&at).copied().unwrap_or(0);
        let broken = if together { count * u32::from(whole < count) } else { count.saturating_sub(whole) };
        assert_eq!(missing, broken * engine.item_chips(item), "missing of {promised:?}, {whole} are whole");
        let one = if together { count } else { 1 };
        let spare = missing > 0 && engine.cheapest(OWNER, item, one, For::Binding).is_some();
        assert!(!spare, "the owner has cells for what is missing of {promised:?}");
    }
}

/// Windows of 50 s, 100 s apart.
fn nights(first_s: i64) -> Vec<(Instant, Instant)> {
    let second = |at: i64| Instant::from_ms(at * 1_000);
    (0..40).map(|night| (second(first_s + night * 100), second(first_s + night * 100 + 50))).collect()
}

/// How many disjoint items the cells of an account make, or its healthy ones, by a plain look at all of them.
fn whole_items(engine: &Engine, account: usize, item: Item, healthy: bool) -> u32 {
    let ground = &engine.ground;
    let units = || (0..ground.units).map(|at| engine.units.get(at));
    let bound = |unit: &Unit| unit.bound_to(account) & if healthy { !unit.down } else { Mask::MAX };
    let whole = |at: u32| bound(engine.units.get(at)) == ground.whole();
    match item {
        Item::Share(_) => unreachable!("no story here asks for shares"),
        Item::Chip => units().map(|unit| bound(unit).count_ones()).sum(),
        Item::Block(size) => units().map(|unit| ground.starts(size, bound(unit)).count_ones()).sum(),
        Item::Joined(tier) => {
            let counts = ground.groups(tier).map(|group| group.filter(|at| whole(*at)).count());
            u32::try_from(counts.max().unwrap_or(0)).expect("few")
        }
        Item::Group(tier) => {
            let all = ground.groups(tier).filter(|group| group.clone().all(whole)).count();
            u32::try_from(all).expect("few")
        }
        Item::Boxed(sides) => {
            let mut places = engine.boxes(&(0..ground.units), sides).into_iter();
            u32::from(places.any(|place| place.into_iter().all(whole)))
        }
    }
}

fn tell(kind: &'static str, count: u32, steps: &[Step]) -> Told {
    let story = Story::new(kind, count);
    let mut told = Told { story, kind, next: 1, promised: Vec::new() };
    for step in steps {
        told.take(step);
        told.check(false);
        told.story.settle();
        told.check(true);
    }
    told
}

fn kinds() -> impl Strategy<Value = (&'static str, u32)> {
    prop_oneof![Just(("tpu-pods", 2)), Just(("nvl72", 3)), Just(("gpu-hosts", 8)), Just(("torus-cubes", 8))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn guarantees_hold_in_shape_in_every_story(kind in kinds(), steps in prop::collection::vec(step(), 1..70)) {
        tell(kind.0, kind.1, &steps);
    }

    /// Whoever holds nothing and asks for its whole guarantee has it once those who must leave have left and no loan is
    /// inside its minimum term any more.
    #[test]
    fn a_guarantee_can_be_had(kind in kinds(), steps in prop::collection::vec(step(), 1..50)) {
        let whole = |step: &&Step| !matches!(step, Step::Break { .. });
        let steps: Vec<Step> = steps.iter().filter(whole).cloned().collect();
        let mut told = tell(kind.0, kind.1, &steps);
        let Some((of, item, count)) = told.promised.first().copied() else { return Ok(()) };
        let at = told.story.engine.place(account(of)).expect("it has an account");
        let mine: Vec<WorkloadId> = (1..told.next).map(WorkloadId::from_bits).filter(|id| {
            told.story.engine.gang_of(*id).is_some_and(|gang| told.story.engine.gangs.get(gang).account == at)
        }).collect();
        for id in mine {
            let gang = told.story.engine.gang_of(id).expect("it is known");
            if told.story.engine.gangs.get(gang).held.is_empty() {
                told.story.engine.withdraw(id);
            } else {
                told.story.engine.ended(id, false, told.story.now);
            }
        }
        told.story.now = told.story.now.plus(Span::from_ms(60_000));
        told.story.settle();
        let for_ever = [(told.story.now, told.story.now.plus(Span::from_ms(100_000_000)))];
        told.story.engine.set_windows(account(of), &for_ever);
        told.story.settle();
        let demand = crate::Demand { item, least: count, most: count };
        let workload = WorkloadId::from_bits(told.next);
        told.next += 1;
        let since = told.story.now;
        let request = Request { workload, account: account(of), demand, priority: 0, since, checkpoint_every: None, served: 0, limit: None };
        told.story.engine.submit(request);
        told.story.settle();
        for _ in 0..8 {
            let leaving: Vec<WorkloadId> = told.gangs(true).into_iter().filter(|id| {
                let gang = told.story.engine.gang_of(*id).expect("it runs");
                told.story.engine.gangs.get(gang).gone_by.is_some()
            }).collect();
            leaving.iter().for_each(|id| told.story.engine.ended(*id, true, told.story.now));
            told.story.settle();
            // A loan that was made just now is safe in its minimum term, which is at most 40 s here.
            told.story.now = told.story.now.plus(Span::from_ms(50_000));
            told.story.settle();
        }
        let gang = told.story.engine.gang_of(workload).expect("it was submitted");
        prop_assert!(!told.story.engine.gangs.get(gang).held.is_empty(), "{:?}", told.story.engine.why(workload));
    }
}

/// Used so that a story of accounts alone is told too.
#[test]
fn an_account_that_is_over_leaves_nothing_behind() {
    let mut told = tell(
        "tpu-pods",
        2,
        &[Step::Contract { of: 1, shapes: vec![3], borrow: 64, lend: 64, term_s: 0, windows: None }],
    );
    told.story.engine.close_account(account("a"));
    while let Some(action) = told.story.engine.next(told.story.now) {
        match action {
            Action::Bind { cells } => {
                assert!(cells.iter().all(|run| run.account == Account::Owner));
                told.story.engine.bound(&cells);
            }
            other => panic!("{other:?} is not expected"),
        }
    }
    agreement::check(&told.story.engine);
    assert!(told.story.engine.bindings().is_empty());
    assert_eq!(told.story.engine.accounts[OWNER].bound, 512);
}
