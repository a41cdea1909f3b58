//! What an organisation changes about its own workloads, and what nobody else may.

use super::world::*;
use crate::*;
use sinew_sched::{Near, Wait, Why};
use sinew_types::*;
use std::collections::BTreeSet;

fn hold(held: bool) -> Adjustment {
    Adjustment { held: Some(held), ..Adjustment::default() }
}

fn size(least: u32, most: u32) -> Adjustment {
    Adjustment { shapes: Some((Shape::Chips(least), Shape::Chips(most))), ..Adjustment::default() }
}

fn told(world: &World, id: WorkloadId) -> Option<Why> {
    world.workload(id).lease().and_then(|lease| lease.notice.as_ref()).map(|notice| notice.why.clone())
}

#[test]
fn what_is_held_leaves_by_notice_and_goes_on_when_it_is_released() {
    let mut world = World::new(2, 1);
    world.contract(2, |_| {}).expect("fits");
    let id = world.submit(2, 1, 1).expect("fits");
    world.must(principal(2), Command::Adjust { id, change: hold(true) });
    assert_eq!(told(&world, id), Some(Why::Hold));
    world.pass(2_000);
    world.end(world.gang(id), Exit::Code { code: 75 });
    world.pass(60_000);
    assert!(world.workload(id).lease().is_none(), "nothing starts while it is held");
    assert!(matches!(world.control.why(id), Some(Wait::Held { .. })));
    world.must(principal(2), Command::Adjust { id, change: hold(false) });
    assert_eq!(world.workload(id).epoch, 2);
    assert!(world.workload(id).lease().is_some());
}

#[test]
fn another_size_comes_back_in_that_size_and_a_wider_range_stays() {
    let mut world = World::new(4, 1);
    world.contract(2, |terms| terms.guarantee = vec![Shape::Chips(3)]).expect("fits");
    let id = world.submit(2, 1, 1).expect("fits");
    world.must(principal(2), Command::Adjust { id, change: size(1, 1) });
    assert_eq!(told(&world, id), None, "nothing changed");
    world.must(principal(2), Command::Adjust { id, change: size(3, 3) });
    assert_eq!(told(&world, id), Some(Why::Resize));
    world.end(world.gang(id), Exit::Code { code: 75 });
    assert_eq!(world.workload(id).lease().map(|lease| lease.cells.chips()), Some(3));
    let too_much = world.ask(principal(2), Command::Adjust { id, change: size(5, 5) });
    assert!(matches!(too_much, Err(Refusal::NeverFits { .. })), "{too_much:?}");
}

#[test]
fn a_higher_priority_goes_first_from_then_on() {
    let mut world = World::new(1, 1);
    world.contract(2, |_| {}).expect("fits");
    let runs = world.submit(2, 1, 1).expect("fits");
    let (first, second) = (world.submit(2, 1, 1).expect("fits"), world.submit(2, 1, 1).expect("fits"));
    let change = Adjustment { priority: Some(7), ..Adjustment::default() };
    world.must(principal(2), Command::Adjust { id: second, change });
    world.end(world.gang(runs), Exit::Code { code: 0 });
    assert!(world.workload(second).lease().is_some());
    assert!(world.workload(first).lease().is_none());
}

#[test]
fn a_wish_is_met_where_its_cells_are_idle_and_forgotten_where_they_are_not() {
    let mut world = World::new(4, 1);
    world.contract(2, |terms| terms.guarantee = vec![Shape::Chips(4)]).expect("fits");
    let first = world.control.state().pools[&PoolId::from_bits(7)].topology.first_chip().0;
    let last = Near { first: CellIndex(first + 3), count: 1, chips: 1 };
    let (one, two) = (world.submit(2, 1, 1).expect("fits"), world.submit(2, 1, 1).expect("fits"));
    for id in [one, two] {
        world.must(principal(2), Command::Adjust { id, change: hold(true) });
        world.end(world.gang(id), Exit::Code { code: 75 });
    }
    for id in [one, two] {
        let change = Adjustment { near: Some(vec![last]), ..hold(false) };
        world.must(principal(2), Command::Adjust { id, change });
    }
    let cells = |id| world.workload(id).lease().map(|lease| lease.cells.iter().next().expect("a cell").0);
    assert_eq!(cells(one), Some(last.first));
    assert!(cells(two).is_some_and(|cell| cell != last.first));
}

#[test]
fn only_the_owning_organisation_may_and_only_with_the_role_operate() {
    let mut world = World::new(2, 2);
    world.contract(2, |_| {}).expect("fits");
    let id = world.submit(2, 1, 1).expect("fits");
    let rival = world.ask(principal(3), Command::Adjust { id, change: hold(true) });
    assert!(matches!(rival, Err(Refusal::NotFound { thing: Thing::Workload, .. })), "{rival:?}");
    let owner = world.ask(principal(OWNER), Command::Adjust { id, change: hold(true) });
    assert!(matches!(owner, Err(Refusal::NotFound { thing: Thing::Workload, .. })), "{owner:?}");
    let roles = BTreeSet::from([Role::View, Role::Sign]);
    let reader = Actor::Principal(Principal { org: org(2), roles, operator: false });
    let refused = world.ask(reader, Command::Adjust { id, change: hold(true) });
    assert!(matches!(refused, Err(Refusal::NotAllowed { needs: Role::Operate })), "{refused:?}");
    let system = world.ask(Actor::System, Command::Adjust { id, change: hold(true) });
    assert!(matches!(system, Err(Refusal::NotAllowed { .. })), "{system:?}");
    assert_eq!(told(&world, id), None);
}
