//! A small folder in text, and the recipe of the published study.

use super::*;
use std::path::PathBuf;

const NODES: &str =
    "sn,cpu_milli,memory_mib,gpu,model\nn0,8000,9000,2,P100\nn1,8000,9000,2,P100\nn2,9000,9000,1,T4\n";
const PODS: &str = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\np0,1000,1000,1,460,\np1,1000,1000,1,1000,T4|A10\n\
                    p2,2000,1000,2,1000,\np3,4000,1000,0,0,\np4,1000,1000,1,500,A10\n";

/// A folder of its own for each test.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sinew-openb-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    for (file, text) in files {
        std::fs::write(folder.join(file), text).expect("a file");
    }
    folder
}

fn read(name: &str, nodes: &str, pods: &str) -> Result<Openb, TraceError> {
    let folder = folder(name, &[("x_node_list.csv", nodes), ("x_pod_list_small.csv", pods)]);
    let found = Openb::read(&folder, true);
    std::fs::remove_dir_all(folder).expect("it was there");
    found
}

#[test]
fn a_folder_is_read_with_its_models_and_equal_hosts_together() {
    let openb = read("read", NODES, PODS).expect("a trace");
    assert_eq!(openb.topology.hosts().iter().map(|hosts| hosts.count).collect::<Vec<_>>(), [2, 1]);
    let shown: Vec<String> = openb.mixes[0].1.iter().map(ToString::to_string).collect();
    let expected = [
        "1x460m 1000m 1000Mi",
        "1x1000m 1000m 1000Mi on 1",
        "2x1000m 2000m 1000Mi",
        "0x0m 4000m 1000Mi",
        "1x500m 1000m 1000Mi on ",
    ];
    assert_eq!(shown, expected);
    assert_eq!(openb.mixes[0].0, "small");
}

#[test]
fn nothing_is_given_out_twice_and_equal_seeds_are_equal_runs() {
    let openb = read("runs", NODES, PODS).expect("a trace");
    for policy in POLICIES {
        let given = openb.run(&openb.mixes[0].1, policy, 3).expect("it runs");
        assert!(given.at_100 <= given.at_130 && given.at_130 <= 100.0, "{policy} {given:?}");
        assert!(given.at_130 > 0.0, "{policy} {given:?}");
        assert_eq!(openb.run(&openb.mixes[0].1, policy, 3).expect("it runs"), given);
    }
}

#[test]
fn arrivals_ask_for_a_third_more_than_there_is() {
    let openb = read("arrivals", NODES, PODS).expect("a trace");
    let asked = |all: &[Share]| all.iter().map(|share| u64::from(share.device_milli())).sum::<u64>();
    let arrivals = openb.arrivals(&openb.mixes[0].1, 1);
    assert!(asked(&arrivals) >= 6_500 && asked(&arrivals) < 8_500, "{}", asked(&arrivals));
}

#[test]
fn typical_requests_are_the_most_frequent_ones() {
    let share = |text: &str| text.parse::<Share>().expect("a share");
    let mut mix = vec![share("1x460m 1000m 5Mi"); 96];
    mix.extend(["1x460m 1000m 7Mi", "1x100m 1000m 5Mi", "1x200m 1000m 5Mi"].map(share));
    assert_eq!(typical(&mix), [(share("1x460m 1000m 0Mi"), 97)]);
}

#[test]
fn wrong_files_are_refused_with_the_line() {
    let said = |nodes: &str, pods: &str| read("wrong", nodes, pods).expect_err("it is wrong").to_string();
    let head = "name,cpu_milli,memory_mib,num_gpu,gpu_milli\n";
    for (row, expected) in [
        ("p,1000,1,1,1001\n", "line 2: 1 devices of 1001 milli"),
        ("p,1000,1,1,0\n", "line 2: 1 devices of 0 milli"),
        ("p,1000,1,2,500\n", "line 2: 2 devices of 500 milli"),
        ("p,-1,1,1,500\n", "line 2: `-1` is no number"),
        ("p,1000,1,much,500\n", "line 2: `much` is no number"),
    ] {
        let text = said(NODES, &format!("{head}{row}"));
        assert!(text.contains(expected), "{text}");
    }
    assert!(said("sn,cpu_milli,memory_mib,gpu,model\n", PODS).contains("pool cannot be"));
    assert!(said("sn,cpu_milli\nn0,5\n", PODS).contains("no column `memory_mib`"));
}
