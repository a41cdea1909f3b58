//! Hardware that fails: who leaves, who pays, whose guarantee is short, and for how long.

use super::invariants::check;
use super::world::{OWNER, World, principal};
use crate::*;
use sinew_sched::Wait;
use sinew_types::*;

fn pool() -> PoolId {
    PoolId::from_bits(7)
}

fn region(text: &str) -> Region {
    text.parse().expect("a region")
}

fn fail(world: &mut World, text: &str) {
    world.must(principal(OWNER), Command::CellsDown { pool: pool(), region: region(text) });
    check(world);
}

fn restore(world: &mut World, text: &str) {
    world.must(principal(OWNER), Command::CellsUp { pool: pool(), region: region(text) });
    check(world);
}

#[test]
fn a_gang_on_failed_cells_ends_whole_is_billed_to_the_failure_and_comes_back() {
    let mut world = World::new(4, 1);
    world.contract(2, |terms| terms.guarantee = vec![Shape::Chips(2)]).expect("it fits");
    let id = world.submit(2, 2, 2).expect("inside the guarantee");
    let gang = world.gang(id);
    world.pass(10_000);
    let failed_at = world.now;
    fail(&mut world, "chip-0");
    assert_eq!(world.workload(id).lease().expect("it still holds its cells").failed_at, Some(failed_at));
    world.now = world.now.plus(Span::from_ms(3_000));
    world.end(gang, Exit::Signal { signal: 15 });
    check(&world);
    let ended = world.journal.iter().find_map(|record| match &record.event {
        Event::LeaseEnded { ended_at, next, .. } => Some((*ended_at, *next)),
        _ => None,
    });
    assert_eq!(ended, Some((failed_at, Next::Again)));
    let lease = world.workload(id).lease().expect("a spare stands in for the failed chip");
    assert_eq!(lease.cells.own_and_borrowed(), (2, 0));
    assert!(lease.cells.get(CellIndex(2)).is_none(), "not on the failed chip");
}

#[test]
fn what_was_ended_by_its_organisation_stays_ended_when_its_cells_fail() {
    let mut world = World::new(2, 1);
    world.contract(2, |_| ()).expect("it fits");
    let id = world.submit(2, 1, 1).expect("inside the guarantee");
    let gang = world.gang(id);
    world.must(principal(2), Command::Cancel { id });
    fail(&mut world, "pool");
    world.end(gang, Exit::Deadline);
    check(&world);
    assert!(matches!(world.workload(id).phase, Phase::Ended { end: End::Cancelled, .. }));
}

#[test]
fn a_guarantee_without_spares_is_impaired_until_its_cells_are_back() {
    let mut world = World::new(2, 1);
    let contract = world.contract(2, |terms| terms.guarantee = vec![Shape::Chips(2)]).expect("it fits");
    let state = |world: &World| world.control.state().shortfalls.get(contract).cloned();
    let since = world.now;
    fail(&mut world, "host-0/chip-1");
    assert_eq!(state(&world).map(|found| (found.since, found.missing_chips)), Some((Some(since), 1)));
    let id = world.submit(2, 2, 2).expect("inside the guarantee");
    let waits = Wait::Impaired { missing: Shape::Chips(1) };
    assert!(matches!(&world.workload(id).phase, Phase::Waiting { why: Some(why), .. } if *why == waits));
    world.pass(5_000);
    fail(&mut world, "chip-0");
    world.pass(1_000);
    assert_eq!(state(&world).map(|found| (found.since, found.missing_chips)), Some((Some(since), 2)));
    assert_eq!(world.control.state().shortfall_chip_ms(contract, world.now), 7_000);
    restore(&mut world, "pool");
    assert!(world.workload(id).lease().is_some(), "it starts as soon as its cells are back");
    world.pass(60_000);
    let found = state(&world).expect("it is kept for credits");
    assert_eq!((found.since, found.missing_chips, found.chip_ms), (None, 0, 7_000));
    assert_eq!(world.control.state().shortfall_chip_ms(contract, world.now), 7_000);
}

#[test]
fn only_the_owner_and_the_executor_say_what_failed_and_only_of_cells_that_there_are() {
    let mut world = World::new(2, 1);
    let down = |text: &str| Command::CellsDown { pool: pool(), region: region(text) };
    let rival = world.ask(principal(2), down("chip-0"));
    let nowhere = Command::CellsDown { pool: PoolId::from_bits(99), region: region("chip-0") };
    let nothing = world.ask(principal(2), nowhere);
    assert!(matches!(rival, Err(Refusal::NotFound { thing: Thing::Pool, .. })), "{rival:?}");
    assert!(matches!(nothing, Err(Refusal::NotFound { thing: Thing::Pool, .. })), "{nothing:?}");
    let far = world.ask(principal(OWNER), down("chip-2"));
    let flaw = RegionFlaw::TooFar { level: Level::Chip, count: 2 };
    assert_eq!(far, Err(Refusal::NoSuchCells { region: region("chip-2"), flaw }));
    world.must(Actor::System, down("chip-0"));
    let before = world.journal.len();
    world.must(principal(OWNER), down("chip-0"));
    assert_eq!(world.journal.len(), before, "what has failed cannot fail again");
    check(&world);
}

#[test]
fn a_contract_that_needs_failed_cells_is_refused_with_what_is_left() {
    let mut world = World::new(3, 1);
    fail(&mut world, "chip-1");
    let refused = world.contract(2, |terms| terms.guarantee = vec![Shape::Chips(3)]);
    assert_eq!(refused, Err(Refusal::PromisesTooMuch { asked: 3, unpromised: 2 }));
    world.contract(2, |terms| terms.guarantee = vec![Shape::Chips(2)]).expect("two are healthy");
    check(&world);
}
