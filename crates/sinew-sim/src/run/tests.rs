use super::*;
use crate::model::demand;

fn plan(seed: u64, steps: usize) -> Plan {
    Plan { seed, steps, only: None }
}

/// What CI runs: a few long stories and many short ones.
#[test]
fn the_invariants_hold_in_every_story() {
    let mut sum = Counts::default();
    for seed in 0..60 {
        let steps = if seed % 10 == 0 { 400 } else { 80 };
        match run(&plan(seed, steps)) {
            Ok(passed) => sum += passed.counts,
            Err(failed) => panic!("{}", shrink(&failed)),
        }
    }
    assert!(
        sum.crashes > 50 && sum.torn > 5 && sum.full > 5 && sum.leases > 500,
        "too little happened: {sum:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_journal_byte_for_byte() {
    let mut different = std::collections::BTreeSet::new();
    for seed in [1, 2, 5] {
        let first = run(&plan(seed, 120)).expect("it holds");
        assert_eq!(first, run(&plan(seed, 120)).expect("it holds"), "seed {seed}");
        different.insert(first.file_hash);
    }
    assert_eq!(different.len(), 3);
}

/// Far too strict on purpose: no lease may be the third of its world.
fn no_third_lease(world: &World) -> Result<(), Violation> {
    demand(world.model.leases < 3, 3, || "a third lease".to_owned())
}

#[test]
fn the_minimiser_leaves_what_matters() {
    let failed = (0..20).find_map(|seed| run_with(&plan(seed, 200), Some(no_third_lease)).err());
    let failed = failed.expect("some world has three leases");
    let small = shrink_with(&failed, Some(no_third_lease));
    let kept = small.plan.only.as_ref().map_or(usize::MAX, Vec::len);
    assert!(kept <= 8 && small.violation.invariant == 3, "{small}");
    let again = run_with(&small.plan, Some(no_third_lease)).expect_err("it fails again");
    assert_eq!(again.violation, small.violation);
    run(&small.plan).expect("nothing is wrong without the planted rule");
}

/// A flush failed, the server died, the next one read what was never flushed, and then the power was cut: what emptied
/// the write-ahead log had not reached the disk either.
#[test]
fn what_a_restart_confirms_survives_the_next_power_cut() {
    let only = Some(vec![51, 56, 60, 61, 66]);
    assert!(run(&Plan { seed: 200_056, steps: 200, only }).is_ok());
}
