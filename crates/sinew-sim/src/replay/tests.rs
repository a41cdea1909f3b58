//! Small traces in text, and what they come to.

use super::owed::Owed;
use super::*;
use expect_test::{Expect, expect};
use sinew_sched::{Account, Bound};
use sinew_types::{CellIndex, ContractId, PoolId};

/// `north 2: 0+100x16 5+10x1` is a cluster of two hosts of 8 with jobs that come at second 0 and 5 and run for 100 and
/// 10 seconds on 16 chips and on one.
fn clusters(text: &str) -> Vec<Cluster> {
    let read = |line: &str| {
        let (head, jobs) = line.split_once(':').expect("a name, hosts and jobs");
        let (name, hosts) = head.trim().split_once(' ').expect("a name and hosts");
        let mut csv = "submission_time,duration,num_gpu\n".to_owned();
        csv.extend(jobs.split_whitespace().map(|job| job.replace(['+', 'x'], ",") + "\n"));
        let cluster = Cluster::read(name, "inline", &csv).expect("jobs");
        Cluster { hosts: hosts.parse().expect("a number"), ..cluster }
    };
    text.lines().map(read).collect()
}

fn shown(trace: &Trace, outcome: &Outcome) -> String {
    let mut text = String::new();
    let seconds = |ms: u64| ms / 1_000;
    for (ran, job) in outcome.jobs.iter().zip(&trace.jobs) {
        let starts: Vec<String> = ran.starts_ms.iter().map(|at| seconds(*at).to_string()).collect();
        let (lab, from, end) = (&trace.labs[job.lab].name, seconds(ran.submit_ms), seconds(ran.end_ms));
        text += &format!("{lab} x{} came {from}, ran {} to {end}\n", ran.chips, starts.join(" and "));
    }
    let last = outcome.last();
    let figures = (last.lendings, last.recalls, outcome.violations, outcome.longest_owed_ms);
    text + &format!(
        "lendings {}, recalls {}, violations {}, owed {} ms\n",
        figures.0, figures.1, figures.2, figures.3
    )
}

fn check(text: &str, is_alone: bool, expected: Expect) {
    let trace = organisations(&clusters(text), is_alone).expect("a trace");
    expected.assert_eq(&shown(&trace, &drive(&trace).expect("it ends")));
}

#[test]
fn alone_a_second_gang_waits() {
    let expected = expect![[r#"
        north x8 came 0, ran 0 to 100
        north x8 came 0, ran 100 to 200
        south x8 came 150, ran 150 to 160
        lendings 0, recalls 0, violations 0, owed 0 ms
    "#]];
    check("north 1: 0+100x8 0+100x8\nsouth 1: 150+10x8", true, expected);
}

#[test]
fn lending_it_runs_on_the_idle_cluster() {
    let expected = expect![[r#"
        north x8 came 0, ran 0 to 100
        north x8 came 0, ran 0 to 100
        south x8 came 150, ran 150 to 160
        lendings 1, recalls 0, violations 0, owed 0 ms
    "#]];
    check("north 1: 0+100x8 0+100x8\nsouth 1: 150+10x8", false, expected);
}

#[test]
fn a_recalled_job_goes_on_with_what_was_left() {
    let expected = expect![[r#"
        north x8 came 0, ran 0 to 100
        north x8 came 0, ran 0 and 60 to 110
        south x8 came 50, ran 50 to 60
        lendings 2, recalls 1, violations 0, owed 0 ms
    "#]];
    check("north 1: 0+100x8 0+100x8\nsouth 1: 50+10x8", false, expected);
}

/// Two queues of two chips that lend each other everything.
const GENERATOR: &str = "\
cohorts:
  - className: cohort # a comment
    count: 1
    queuesSets:
    - className: cq
      count: 2
      nominalQuota: \"2\"
      borrowingLimit: 2
      workloadsSets:
      - count: 3
        creationIntervalMs: 1000
        workloads:
        - className: small
          runtimeMs: 4000
          priority: 50
          request: 500m
          podCount: 2
";

#[test]
fn a_generator_makes_labs_and_arrivals() {
    let generator = read_generator("inline", GENERATOR).expect("a generator");
    let outcome = drive(&generator.trace).expect("it ends");
    let text = format!(
        "floor {} ms, least {} ms\n{}",
        generator.floor_ms,
        generator.least_ms,
        shown(&generator.trace, &outcome)
    );
    expect![[r#"
        floor 7000 ms, least 7000 ms
        cohort 0 queue 0 x1 came 1, ran 1 to 5
        cohort 0 queue 1 x1 came 1, ran 1 to 5
        cohort 0 queue 0 x1 came 2, ran 2 to 6
        cohort 0 queue 1 x1 came 2, ran 2 to 6
        cohort 0 queue 0 x1 came 3, ran 5 to 9
        cohort 0 queue 1 x1 came 3, ran 5 to 9
        lendings 0, recalls 0, violations 0, owed 0 ms
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_topology_keeps_what_is_beyond_the_quotas() {
    let levels = "\
topology:
  levels:
    - name: rack
      count: 2
    - name: node
      count: 3
      capacity:
        cpu: 8
";
    let generator = read_generator("inline", &format!("{levels}{GENERATOR}")).expect("a generator");
    let [pool] = &generator.trace.pools[..] else { panic!("one cohort, one pool") };
    assert_eq!((pool.topology.chip_count(), pool.kept_chips), (48, 44));
    assert_eq!(drive(&generator.trace).expect("it ends").capacity_chips, 4);
}

#[test]
fn wrong_files_get_a_sentence_with_file_and_line() {
    let mut text = String::new();
    for (from, to) in [
        ("count: 3", "count: many"),
        ("request: 500m", "request: much"),
        ("runtimeMs: 4000", "runtime: 4000"),
        ("creationIntervalMs: 1000", "creationIntervalMs"),
        ("      workloadsSets:", "  workloadsSets:"),
        ("nominalQuota: \"2\"", "nominalQuota: \"0\""),
        (GENERATOR, ""),
    ] {
        let error = read_generator("g.yaml", &GENERATOR.replace(from, to)).expect_err("it is wrong");
        text += &format!("{error}\n");
    }
    for csv in [
        "job,num_gpu\n",
        "submission_time,duration,num_gpu\n0,5\n",
        "submission_time,duration,num_gpu\n\n0,-5,1\n",
        "submission_time,duration,num_gpu\n0,5,1000000\n",
    ] {
        text += &format!("{}\n", Cluster::read("north", "north.csv", csv).expect_err("it is wrong"));
    }
    expect![[r#"
        g.yaml, line 10: `count` is `many`; a whole number should be here
        g.yaml, line 16: `request` is `much`; write processors such as `20` or `500m`
        g.yaml, line 13: `runtimeMs` is missing here
        g.yaml, line 11: a line such as `key: value` should be here
        g.yaml, line 9: this line fits no level above it; correct its indentation
        g.yaml, line 1: the queues of a cohort have no quota; `nominalQuota` is theirs
        g.yaml, line 1: the file is empty; a map of keys should be here
        north.csv, line 1: there is no column `submission_time`; the first line names the columns
        north.csv, line 2: `` is no whole number of at least 0 in column `num_gpu`
        north.csv, line 3: `-5` is no whole number of at least 0 in column `duration`
        north.csv, line 2: a job of 1000000 accelerators; this cluster has 512
    "#]]
    .assert_eq(&text);
}

#[test]
fn the_same_trace_gives_the_same_page_byte_for_byte() {
    let page = || {
        let trace =
            organisations(&clusters("north 1: 0+100x8 0+100x8\nsouth 1: 50+10x8"), false).expect("a trace");
        let outcome = drive(&trace).expect("it ends");
        let mut figures = Figures::default();
        figures.add("queue_s", outcome.queueing(&trace, |_| true).mean_ms / 1_000.0);
        let plots = [Plot { name: "a < b", outcome: &outcome }];
        Page { title: "Lending", figures: &figures, plots: &plots }.to_html()
    };
    assert_eq!(page(), page());
    assert!(page().contains("a &lt; b") && !page().contains("NaN"), "{}", page());
}

#[test]
fn a_guarantee_that_is_not_kept_is_counted() {
    let trace = organisations(&clusters("north 2: 0+100x8 0+100x16"), false).expect("a trace");
    let account = Account::Contract(ContractId::from_bits(2));
    let bound = Bound { first: CellIndex(trace.pools[0].topology.first_chip().0), count: 16, account };
    let mut owed = Owed::new(&trace);
    owed.bound(PoolId::from_bits(1), &[bound]);
    owed.waits(0, true);
    owed.waits(1, true);
    owed.look(0);
    let late_ms = trace.recall_bound().ms() + 1;
    owed.waits(0, false);
    owed.look(late_ms);
    // The first was owed for too long. The second was not owed before: both do not fit at once.
    assert_eq!((owed.violations, owed.longest_ms), (1, late_ms));
    owed.finish(late_ms + 5);
    assert_eq!((owed.violations, owed.longest_ms), (1, late_ms));
}

#[test]
fn figures_are_one_json_object() {
    let mut figures = Figures::default();
    figures.add("a_vs_floor", 1.050_04);
    figures.add("jobs", 3.0);
    expect![[r#"{"a_vs_floor":1.05,"jobs":3}"#]].assert_eq(&figures.to_json());
}
