//! Random histories: whatever is asked in whatever order, the invariants hold after every turn.

use super::invariants::check;
use super::world::{OWNER, World, principal};
use crate::*;
use proptest::prelude::*;
use sinew_sched::Near;
use sinew_types::*;

/// One thing that happens. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Contract { lab: u128, own: u32, borrow: u32, lend: u32, life_s: u64 },
    Submit { of: u128, least: u32, more: u32 },
    Cancel { which: usize },
    Exit { which: usize, code: i32 },
    Lose { which: usize },
    Started { which: usize },
    Pass { ms: u64 },
    Bill { which: usize },
    Stale { which: usize },
    Rival { which: usize },
    Adjust { which: usize, held: Option<bool>, least: u32, more: u32, first: u32 },
    Fail { first: u32, all: bool },
    Restore { first: u32, all: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (2..5_u128, 0..3_u32, 0..4_u32, 0..3_u32, 1..200_u64)
            .prop_map(|(lab, own, borrow, lend, life_s)| Step::Contract { lab, own, borrow, lend, life_s }),
        6 => (1..5_u128, 1..4_u32, 0..3_u32).prop_map(|(of, least, more)| Step::Submit { of, least, more }),
        1 => any::<usize>().prop_map(|which| Step::Cancel { which }),
        4 => (any::<usize>(), 0..2_i32).prop_map(|(which, code)| Step::Exit { which, code }),
        1 => any::<usize>().prop_map(|which| Step::Lose { which }),
        2 => any::<usize>().prop_map(|which| Step::Started { which }),
        4 => (0..30_000_u64).prop_map(|ms| Step::Pass { ms }),
        1 => any::<usize>().prop_map(|which| Step::Bill { which }),
        1 => any::<usize>().prop_map(|which| Step::Stale { which }),
        1 => any::<usize>().prop_map(|which| Step::Rival { which }),
        3 => (any::<usize>(), any::<Option<bool>>(), 1..4_u32, 0..3_u32, 0..8_u32)
            .prop_map(|(which, held, least, more, first)| Step::Adjust { which, held, least, more, first }),
        2 => (0..7_u32, prop::bool::weighted(0.1)).prop_map(|(first, all)| Step::Fail { first, all }),
        2 => (0..7_u32, prop::bool::weighted(0.2)).prop_map(|(first, all)| Step::Restore { first, all }),
    ]
}

fn pick<T: Copy>(all: impl Iterator<Item = T>, which: usize) -> Option<T> {
    let all: Vec<T> = all.collect();
    if all.is_empty() { None } else { Some(all[which % all.len()]) }
}

fn number_of(org: OrgId) -> u128 {
    org.bits()
}

fn take(world: &mut World, step: &Step) {
    let running = |world: &World, which| pick(world.running.keys().copied(), which);
    match *step {
        Step::Contract { lab, own, borrow, lend, life_s } => {
            let now = world.now;
            let _refused = world.contract(lab, |terms| {
                terms.guarantee = vec![Shape::Chips(own)];
                terms.borrow_limit = Shape::Chips(borrow);
                terms.lend_limit = Shape::Chips(lend);
                terms.ends = now.plus(Span::from_ms(life_s * 1_000));
            });
        }
        Step::Submit { of, least, more } => {
            let _refused = world.submit(of, least, least + more);
        }
        Step::Cancel { which } => {
            let known = world.control.state().workloads.iter().map(|(id, w)| (*id, w.org));
            if let Some((id, org)) = pick(known, which) {
                let _over = world.ask(principal(number_of(org)), Command::Cancel { id });
            }
        }
        Step::Exit { which, code } => {
            if let Some(gang) = running(world, which) {
                world.end(gang, Exit::Code { code });
            }
        }
        Step::Lose { which } => {
            if let Some(gang) = running(world, which) {
                world.end(gang, Exit::Lost);
            }
        }
        Step::Started { which } => {
            if let Some((id, epoch)) = running(world, which) {
                world.must(Actor::System, Command::Observe { id, epoch, observation: Observation::Started });
            }
        }
        Step::Pass { ms } => world.pass(ms),
        Step::Bill { which } => {
            if let Some(contract) = pick(world.control.state().contracts.keys().copied(), which) {
                let _unsigned = world.ask(principal(OWNER), Command::CloseInvoice { contract });
            }
        }
        Step::Stale { which } => stale(world, which),
        Step::Rival { which } => rival(world, which),
        Step::Adjust { which, held, least, more, first } => {
            let known = world.control.state().workloads.iter().map(|(id, w)| (*id, w.org));
            if let Some((id, org)) = pick(known, which) {
                let shapes = Some((Shape::Chips(least), Shape::Chips(least + more)));
                let near = Some(vec![Near { first: CellIndex(first), count: least, chips: least }]);
                let change = Adjustment { held, priority: Some(2 - more.cast_signed()), shapes, near };
                let _over = world.ask(principal(number_of(org)), Command::Adjust { id, change });
            }
        }
        Step::Fail { first, all } => {
            wear(world, (first, all), |pool, region| Command::CellsDown { pool, region })
        }
        Step::Restore { first, all } => {
            wear(world, (first, all), |pool, region| Command::CellsUp { pool, region });
        }
    }
}

/// A chip of the pool, or all of it, breaks or is whole again.
fn wear(world: &mut World, which: (u32, bool), command: impl Fn(PoolId, Region) -> Command) {
    let text = if which.1 { "pool".to_owned() } else { format!("chip-{}", which.0) };
    let region = text.parse().expect("a region");
    let _too_far = world.ask(principal(OWNER), command(PoolId::from_bits(7), region));
}

/// A report of an old lease, and a repeated order, change nothing.
fn stale(world: &mut World, which: usize) {
    let Some((id, epoch)) = pick(world.newest.iter().map(|(id, epoch)| (*id, *epoch)), which) else { return };
    let before = world.control.state().clone();
    let observation =
        Observation::Ended { exit: Exit::Code { code: 0 }, outputs: Default::default(), at: None };
    world.must(Actor::System, Command::Observe { id, epoch: epoch - 1, observation });
    assert_eq!(before.workloads, world.control.state().workloads, "4: an old report says nothing");
    let count = world.running.len();
    for order in all_orders(world.control.state()) {
        world.obey(order);
    }
    assert_eq!(world.running.len(), count, "4: repeated orders start nothing");
}

/// 7: a rival's workload looks exactly like one that does not exist.
fn rival(world: &mut World, which: usize) {
    let known = world.control.state().workloads.iter().map(|(id, w)| (*id, w.org));
    let Some((id, org)) = pick(known, which) else { return };
    let other = 2 + (number_of(org) - 1) % 3;
    let nobody = WorkloadId::from_bits(u128::MAX);
    let theirs = world.ask(principal(other), Command::Cancel { id }).expect_err("not theirs to end");
    let nothing = world.ask(principal(other), Command::Cancel { id: nobody }).expect_err("there is none");
    let text = |refusal: &Refusal| format!("{refusal:?}");
    assert_eq!(text(&theirs).replace(&id.to_string(), ""), text(&nothing).replace(&nobody.to_string(), ""));
    let hold = |id| {
        let change = Adjustment { held: Some(true), ..Adjustment::default() };
        Command::Adjust { id, change }
    };
    let theirs = world.ask(principal(other), hold(id)).expect_err("not theirs to hold");
    let nothing = world.ask(principal(other), hold(nobody)).expect_err("there is none");
    assert_eq!(text(&theirs).replace(&id.to_string(), ""), text(&nothing).replace(&nobody.to_string(), ""));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_invariants_hold_in_every_history(chips in 1..7_u32, steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new(chips, 3);
        for step in &steps {
            take(&mut world, step);
            check(&world);
        }
    }
}

/// A demand inside a guarantee is met within the recall bound, whatever ran before.
#[test]
fn a_guarantee_is_held_within_its_bound() {
    proptest!(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() },
        |(steps in prop::collection::vec(step(), 1..40))| {
        let mut world = World::new(4, 3);
        let life = |terms: &mut sinew_contract::Terms| terms.ends = terms.ends.plus(Span::from_ms(1 << 40));
        let contract = world.contract(4, life).expect("room for one chip");
        let bound = world.control.state().contracts[&contract].terms.recall_bound();
        let whole = |step: &&Step| !matches!(step, Step::Fail { .. });
        for step in steps.iter().filter(whole).filter(|step| !of_lab_four(step)) {
            take(&mut world, step);
        }
        let id = world.submit(4, 1, 1).expect("inside the guarantee");
        world.pass(bound.ms());
        prop_assert!(world.workload(id).lease().is_some(), "{:?}", world.workload(id).phase);
    });
}

/// Steps of the lab whose guarantee is tested would use that guarantee up.
fn of_lab_four(step: &Step) -> bool {
    matches!(step, Step::Submit { of: 4, .. } | Step::Contract { lab: 4, .. })
}
