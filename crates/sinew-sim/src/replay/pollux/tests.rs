//! The published figures come out again, and what a policy is told decides what it says.

use super::application::StepTime;
use super::*;
use sinew_testkit::shared;

#[test]
fn the_published_figures_come_out_again() {
    let Some(folder) = shared("traces/pollux") else { return };
    let cluster = Cluster::read(&folder).expect("the shared trace can be read");
    let workload =
        cluster.workloads.iter().find(|workload| workload.name == "workload-6").expect("it is there");
    for (policy, published_s) in [(Policy::Tiresias, 3_469.69), (Policy::Optimus, 5_301.88)] {
        let (_, mean_s) = cluster.run(workload, policy).expect("it ends");
        assert!(
            (mean_s / published_s - 1.0).abs() < 0.01,
            "{policy:?}: {mean_s} s, published {published_s} s"
        );
    }
}

#[test]
fn our_own_is_below_what_pollux_published() {
    let Some(folder) = shared("traces/pollux") else { return };
    let cluster = Cluster::read(&folder).expect("the shared trace can be read");
    let workload =
        cluster.workloads.iter().find(|workload| workload.name == "workload-6").expect("it is there");
    let (outcome, mean_s) = cluster.run(workload, Policy::Ours).expect("it ends");
    assert!(mean_s < 2_446.0, "{mean_s} s");
    assert!(outcome.samples.iter().all(|sample| sample.held_chips <= 64), "never more than there is");
}

#[test]
fn a_job_that_no_cluster_holds_is_refused_with_its_line() {
    let text = "name,time,application,num_replicas,batch_size\na,0,nothing,1,8\n";
    let wrong = Workload::read("w".to_owned(), text, &[]).expect_err("nobody measured that");
    let expected = "w.csv, line 2: nothing was measured of `nothing`; its folder is missing in `traces`";
    assert_eq!(wrong.to_string(), expected);
}

#[test]
fn equal_places_teach_no_slope() {
    let (mut profile, noise) = (Profile::default(), (1.0, 1.0));
    let step = |step_s| StepTime { step_s, sync_s: 0.01 };
    profile.saw((1, 1, 12.0), step(0.92), noise);
    profile.saw((1, 2, 12.0), step(0.91), noise);
    assert_eq!(profile.chips_seen(), 2);
    let Some(folder) = shared("traces/pollux") else { return };
    let app = Application::read(&folder.join("traces/bert")).expect("the shared trace can be read");
    let best = |chips| profile.best(&app, (1, chips), noise).expect("two places are known").goodput;
    assert!(best(1) > 0.5 && best(2) > best(1) && best(4) > best(2));
}
