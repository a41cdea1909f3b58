//! Work that says how long it runs at most.

use super::world::*;
use crate::*;
use sinew_sched::{Wait, Why};
use sinew_types::*;
use std::sync::Arc;

fn second(seconds: u64) -> Instant {
    Instant::from_ms(1_000_000).plus(Span::from_ms(seconds * 1_000))
}

fn submit(world: &mut World, of: u128, chips: u32, limit_s: u64) -> Result<WorkloadId, Refusal> {
    let id = WorkloadId::from_bits(world.id());
    let mut spec = spec(&format!("w{:x}", id.bits()), chips, chips);
    spec.limit = Some(Span::from_ms(limit_s * 1_000));
    world.ask(principal(of), Command::Submit { id, spec: Arc::new(spec) }).map(|_| id)
}

fn end_of(world: &World, id: WorkloadId) -> Option<End> {
    match &world.workload(id).phase {
        Phase::Ended { end, .. } => Some(end.clone()),
        _ => None,
    }
}

#[test]
fn a_lease_ends_at_its_limit_and_says_so() {
    let mut world = World::new(2, 1);
    let run = submit(&mut world, OWNER, 1, 60).expect("it fits");
    let last = all_orders(world.control.state()).into_iter().find_map(|order| match order {
        Order::Start { last, .. } => last,
        Order::Stop { .. } => None,
    });
    let known = LastMoments { notice_at: second(55), kill_at: second(60) };
    assert_eq!(last, Some(known), "its supervisor knows it from the start");
    world.pass(55_000);
    let notice = world.workload(run).lease().and_then(|lease| lease.notice.clone()).expect("it was told");
    assert_eq!((notice.why, notice.deadline), (Why::Limit, second(60)));
    world.end(world.gang(run), Exit::Signal { signal: 15 });
    assert_eq!(end_of(&world, run), Some(End::Failed { exit: Exit::Limit }));
}

#[test]
fn what_finishes_when_it_is_told_is_done() {
    let mut world = World::new(2, 1);
    let run = submit(&mut world, OWNER, 1, 60).expect("it fits");
    world.pass(56_000);
    world.end(world.gang(run), Exit::Code { code: 0 });
    assert_eq!(end_of(&world, run), Some(End::Done));
}

#[test]
fn a_limit_that_nobody_lived_to_record_is_one_all_the_same() {
    let mut world = World::new(2, 1);
    let run = submit(&mut world, OWNER, 1, 60).expect("it fits");
    let gang = world.gang(run);
    world.running.remove(&gang);
    world.now = second(200);
    let observation = Observation::Ended { exit: Exit::Deadline, outputs: [].into(), at: Some(second(60)) };
    world.must(Actor::System, Command::Observe { id: run, epoch: gang.1, observation });
    assert_eq!(end_of(&world, run), Some(End::Failed { exit: Exit::Limit }));
}

#[test]
fn a_limit_as_short_as_its_notice_is_refused() {
    let mut world = World::new(2, 1);
    let refused = submit(&mut world, OWNER, 1, 5).expect_err("it would be told at once");
    let (limit, notice) = (Span::from_ms(5_000), Span::from_ms(5_000));
    assert_eq!(refused, Refusal::LimitTooShort { limit, notice });
}

#[test]
fn a_start_is_planned_told_kept_over_a_restart_and_in_time() {
    let mut world = World::new(4, 1);
    let first = submit(&mut world, OWNER, 3, 600).expect("it fits");
    let large = world.submit(OWNER, 4, 4).expect("it fits");
    let small = world.submit(OWNER, 1, 1).expect("it fits");
    let by = second(602);
    let after = Some(world.workload(first).spec.name.clone());
    assert_eq!(world.control.why(large), Some(Wait::Planned { by, after }));
    assert!(world.workload(small).lease().is_none(), "nobody knows how long it stays");
    let quick = submit(&mut world, OWNER, 1, 60).expect("it fits");
    assert!(world.workload(quick).lease().is_some(), "it is gone before");
    world.control = Control::new(world.control.state().clone());
    world.turn();
    assert_eq!(world.workload(large).planned.as_ref().map(|planned| planned.by), Some(by));
    assert!(world.workload(small).lease().is_none());
    world.end(world.gang(quick), Exit::Code { code: 0 });
    world.pass(600_000);
    world.end(world.gang(first), Exit::Deadline);
    assert!(world.workload(large).lease().is_some() && world.now <= by);
}

#[test]
fn a_plan_stands_when_something_else_about_it_changes() {
    let mut world = World::new(4, 1);
    submit(&mut world, OWNER, 3, 600).expect("it fits");
    let large = world.submit(OWNER, 4, 4).expect("it fits");
    let planned = world.workload(large).planned.clone();
    assert!(planned.is_some());
    let change = |change| Command::Adjust { id: large, change };
    world.must(principal(OWNER), change(Adjustment { priority: Some(3), ..Adjustment::default() }));
    assert_eq!(world.workload(large).planned, planned);
    world.must(principal(OWNER), change(Adjustment { held: Some(true), ..Adjustment::default() }));
    assert_eq!(world.workload(large).planned, None);
    world.must(principal(OWNER), change(Adjustment { held: Some(false), ..Adjustment::default() }));
    assert_eq!(world.workload(large).planned, planned);
}
