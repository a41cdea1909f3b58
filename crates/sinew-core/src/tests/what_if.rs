//! Questions about runs that nobody submits.

use super::world::*;
use crate::*;
use sinew_sched::{Wait, Why};
use sinew_types::*;
use std::sync::Arc;

/// Asks, and sees to it that nothing changed.
fn ask(world: &mut World, of: u128, least: u32) -> Result<Foreseen, Refusal> {
    let id = WorkloadId::from_bits(world.id());
    let Actor::Principal(asker) = principal(of) else { panic!("somebody asks") };
    let (before, due) = (world.control.state().clone(), world.control.look_again());
    let answer = world.control.what_if_run(world.now, &asker, id, Arc::new(spec("asked", least, least)));
    assert!(*world.control.state() == before && world.control.look_again() == due);
    assert_eq!(world.control.take_fresh(), []);
    answer
}

/// Four chips; lab 2 and lab 3 are promised one each and may borrow three.
fn two_labs() -> World {
    let mut world = World::new(4, 2);
    for lab in [2, 3] {
        world.contract(lab, |terms| terms.borrow_limit = Shape::Chips(3)).expect("fits");
    }
    world
}

#[test]
fn an_idle_pool_says_what_is_own_and_what_is_borrowed() {
    let mut world = two_labs();
    let foreseen = ask(&mut world, 2, 3).expect("it could run");
    assert_eq!(foreseen.outcome, Outcome::Starts { own_chips: 1, borrowed_chips: 2 });
    assert_eq!(foreseen.recalled, []);
}

#[test]
fn the_answer_is_what_then_happens() {
    let mut world = two_labs();
    world.submit(2, 3, 3).expect("fits");
    for least in 1..=4 {
        let foreseen = ask(&mut world, 3, least).expect("it could run one day");
        let mut then = world.control.clone();
        let (id, spec) = (WorkloadId::from_bits(world.id()), Arc::new(spec("asked", least, least)));
        let request = Request { actor: principal(3), key: None, command: Command::Submit { id, spec } };
        then.handle(world.now, &request).expect("as foreseen");
        then.settle(world.now);
        match (&then.state().workloads[&id].phase, foreseen.outcome) {
            (Phase::Holding { lease }, Outcome::Starts { own_chips, borrowed_chips }) => {
                assert_eq!(lease.cells.own_and_borrowed(), (own_chips, borrowed_chips));
            }
            (Phase::Waiting { .. }, Outcome::Waits { why }) => assert_eq!(then.why(id), why),
            (phase, outcome) => panic!("{outcome:?} was foreseen, and there came {phase:?}"),
        }
    }
}

#[test]
fn who_must_leave_is_told_to_its_own_organisation_only() {
    let mut world = World::new(2, 2);
    world.contract(2, |terms| terms.guarantee = vec![Shape::Chips(0)]).expect("fits");
    world.contract(3, |terms| terms.guarantee = vec![Shape::Chips(2)]).expect("fits");
    let rival = world.submit(2, 1, 1).expect("it borrows");
    world.pass(10_000);
    let foreseen = ask(&mut world, 3, 2).expect("it is promised that");
    let until = world.now.plus(Span::from_ms(7_000));
    assert_eq!(foreseen.outcome, Outcome::Waits { why: Some(Wait::Recalling { until }) });
    assert_eq!(foreseen.recalled, []);

    let deadline = world.now.plus(Span::from_ms(5_000));
    let event = Event::LeaseNotified { id: rival, epoch: 1, why: Why::Recall, deadline };
    let record = Recorded { at: world.now, event };
    let told = |reader| crate::what_if::recalled(world.control.state(), org(reader), &record);
    assert_eq!(told(2), Some(Recalled { id: rival, deadline, lost_chip_ms: 10_000 }));
    assert_eq!([told(3), told(OWNER)], [None, None]);
}

#[test]
fn what_can_never_run_is_refused_as_if_it_were_submitted() {
    let mut world = two_labs();
    let refused = ask(&mut world, 2, 5);
    assert_eq!(refused, Err(Refusal::NeverFits { asked: Shape::Chips(5), largest: Shape::Chips(4) }));
    assert!(matches!(ask(&mut world, 1, 9), Err(Refusal::NeverFits { .. })));
}

#[test]
fn a_contract_says_what_it_binds_and_brings() {
    let mut world = two_labs();
    let before = world.control.state().clone();
    let mut draft = terms(2, world.now);
    draft.guarantee = vec![Shape::Chips(2)];
    let promised = world.control.what_if_contract(world.now, org(OWNER), &draft).expect("two are left");
    assert_eq!((promised.chips, promised.recall_bound), (2, Span::from_ms(7_000)));
    assert_eq!(promised.income_at_most, "5184 USD".parse().expect("two chips, 720 hours, 3.60 each"));
    draft.guarantee = vec![Shape::Chips(3)];
    let refused = world.control.what_if_contract(world.now, org(OWNER), &draft);
    assert_eq!(refused, Err(Refusal::PromisesTooMuch { asked: 3, unpromised: 2 }));
    // Only the owner of the pool learns anything.
    let stranger = world.control.what_if_contract(world.now, org(2), &draft);
    assert!(matches!(stranger, Err(Refusal::NotFound { thing: Thing::Pool, .. })));
    assert!(*world.control.state() == before);
    assert_eq!(world.control.take_fresh(), []);
}
