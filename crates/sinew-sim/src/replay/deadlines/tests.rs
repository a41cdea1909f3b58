//! Published shares come out again, and what is promised is planned.

use super::profile::Profile;
use super::*;
use sinew_testkit::shared;
use std::sync::Arc;

fn asked(steps: f64, deadline_s: u64) -> Asked {
    let speeds = Arc::new(vec![(1, 1.0), (2, 1.8), (4, 3.0)]);
    Asked { submit_s: 0, deadline_s, steps, chips: 1, speeds }
}

#[test]
fn the_least_share_grows_only_as_late_as_needed() {
    let mut profile = Profile::new(0, 4);
    let easy = asked(100.0, 100);
    assert_eq!(profile.least(&easy, 100.0, 100.0), Some(vec![(0.0, 100.0, 1)]));
    assert_eq!(profile.least(&easy, 400.0, 100.0), None, "its fastest size is too slow");
    profile.take(&vec![(0.0, 50.0, 4)]);
    // Nothing is free before 50 s: what is left takes two chips.
    assert_eq!(profile.least(&easy, 90.0, 100.0), Some(vec![(50.0, 100.0, 2)]));
    assert_eq!(profile.now(), 0);
}

#[test]
fn the_published_shares_of_the_first_cluster_come_out_again() {
    let Some(folder) = shared("traces/itp") else { return };
    let clusters = read(&folder).expect("the shared trace can be read");
    let share = |policy| {
        let (_, met) = run(&clusters[0], policy, Pauses::Everybody).expect("it ends");
        met as f64 / clusters[0].jobs.len() as f64
    };
    assert!((share(Policy::EarliestDeadline) - 0.182).abs() < 0.01);
    assert!((share(Policy::Tiresias) - 0.478).abs() < 0.01);
    assert!(share(Policy::Ours) >= share(Policy::ElasticFlow).max(0.788));
}
