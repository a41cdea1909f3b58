//! Workloads that come together, and how many an organisation may have.

use super::world::*;
use crate::*;
use sinew_types::*;
use std::sync::Arc;

fn batch(world: &mut World, of: u128, specs: Vec<WorkloadSpec>) -> Result<Answer, Refusal> {
    let first = WorkloadId::from_bits(world.id() << 64);
    let specs = specs.into_iter().map(Arc::new).collect();
    world.ask(principal(of), Command::SubmitAll { first, specs })
}

#[test]
fn a_batch_is_there_whole_and_its_ids_follow_each_other() {
    let mut world = World::new(2, 0);
    let specs = ["a", "b", "c"].map(|name| spec(name, 1, 1)).to_vec();
    let answer = batch(&mut world, OWNER, specs).expect("all make sense");
    let first: WorkloadId = answer.subject.parse().expect("an id");
    let state = world.control.state();
    let names = (0..3).map(|at| state.workloads[&nth_after(first, at)].spec.name.to_string());
    assert_eq!(names.collect::<Vec<_>>(), ["a", "b", "c"]);
    let running = state.workloads.values().filter(|workload| workload.lease().is_some()).count();
    assert_eq!((state.workloads.len(), running), (3, 2));
}

#[test]
fn one_that_is_refused_refuses_all_and_says_which() {
    let mut world = World::new(2, 0);
    for (wrong, why) in
        [(spec("c", 9, 9), "NeverFits"), (spec("a", 1, 1), "NameTaken"), (spec("d", 0, 0), "ShapeEmpty")]
    {
        let specs = vec![spec("a", 1, 1), spec("b", 1, 1), wrong];
        let refused = batch(&mut world, OWNER, specs).expect_err("the third makes no sense");
        let Refusal::InBatch { at: 2, why: found } = refused else { panic!("{refused:?}") };
        assert!(format!("{found:?}").starts_with(why), "{found:?}");
        assert!(world.control.state().workloads.is_empty(), "nothing half done");
    }
}

/// Ten million in a queue are refused at a quarter of one, at a size that memory holds; others go on.
#[test]
fn an_organisation_has_only_so_many_workloads_at_once() {
    let mut world = World::new(2, 1);
    world.contract(2, |_| {}).expect("fits");
    let now = world.now;
    // Without a turn each: what is tested is the number, not the planner.
    let come = |world: &mut World, of: u128, count: usize, named: usize| {
        let specs = (0..count).map(|at| Arc::new(spec(&format!("w{named}-{at}"), 1, 1))).collect();
        let first = WorkloadId::from_bits(world.id() << 64);
        let command = Command::SubmitAll { first, specs };
        world.control.handle(now, &Request { actor: principal(of), key: None, command })
    };
    for named in 0..ACTIVE_MAX / 10_000 {
        come(&mut world, 2, 10_000, named).expect("there is room");
    }
    let refused = come(&mut world, 2, 1, 900).expect_err("that is too many");
    assert_eq!(refused, Refusal::TooManyWorkloads { most: ACTIVE_MAX });
    come(&mut world, OWNER, 1, 901).expect("another organisation goes on");
    let waiting = world.control.state().workloads.iter().find(|(_, w)| w.org == org(2)).map(|(id, _)| *id);
    let command = Command::Cancel { id: waiting.expect("one waits") };
    world.control.handle(now, &Request { actor: principal(2), key: None, command }).expect("ended");
    come(&mut world, 2, 1, 902).expect("there is room again");
    // What is counted is what a snapshot counts.
    assert_eq!(Control::new(world.control.state().clone()).state(), world.control.state());
}

#[test]
fn shares_of_a_device_are_at_most_all_of_it() {
    let each = |milli| Resources { chip_milli: milli, cpu_milli: milli, memory_bytes: 0 };
    let mut world = World::new(1, 0);
    let mut add = |name: &str, devices: &[u32], milli| {
        let topology = Topology::flat(devices, "cpu-core", each(milli));
        let (id, name) = (PoolId::from_bits(world.id()), name.parse().expect("a name"));
        world
            .ask(principal(OWNER), Command::AddPool { id, name, topology, rehearsal: Rehearsal::default() })
            .map(|_| ())
    };
    assert_eq!(add("halves", &[70, 71, 70, 71], 500), Ok(()));
    assert_eq!(add("more", &[72, 72, 72], 500), Err(Refusal::DeviceTwice { device: 72 }));
    assert_eq!(add("taken", &[70], 500), Err(Refusal::DeviceTaken { device: 70 }));
}
