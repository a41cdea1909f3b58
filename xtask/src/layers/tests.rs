use super::complaints;
use crate::repository::{Dependency, Kind, Member};
use expect_test::{Expect, expect};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Each line is `crate -> needed`, with `(dev)` or `(build)` behind it, or a crate alone.
fn check(text: &str, shown: Expect) {
    let mut members: BTreeMap<String, Vec<Dependency>> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let needed = words.get(2).map(|name| (*name).to_owned());
        let kind = match words.get(3) {
            None => Kind::Normal,
            Some(&"(dev)") => Kind::Dev,
            Some(_) => Kind::Build,
        };
        let dependencies = members.entry(words[0].to_owned()).or_default();
        if let Some(name) = needed {
            dependencies.push(Dependency { name: name.clone(), kind });
            members.entry(name).or_default();
        }
    }
    let member = |(name, dependencies)| Member { name, folder: PathBuf::new(), dependencies };
    let members: Vec<Member> = members.into_iter().map(member).collect();
    shown.assert_eq(&complaints(&members).join("\n"));
}

#[test]
fn edges_down_and_the_meant_ones_are_right() {
    check(
        "sinew-contract -> sinew-types\nsinew-core -> sinew-sched\nsinew-server -> sinew-exec\n\
         sinew -> sinew-engine\nsinew-engine -> sinew-api\nsinew-eval -> sinew-infer\n\
         sinew-ledger -> sinew-testkit (dev)",
        expect![""],
    );
}

#[test]
fn edges_up_and_between_siblings_are_wrong() {
    check(
        "sinew-types -> sinew-core",
        expect![
            "sinew-types must not depend on sinew-core: sinew-types is in layer 0, sinew-core in layer 3, and edges go down"
        ],
    );
    check(
        "sinew-sched -> sinew-ledger (dev)",
        expect![
            "sinew-sched must not depend on sinew-ledger: sinew-sched is in layer 2, sinew-ledger in layer 2, and edges go down"
        ],
    );
    check(
        "sinew-infer -> sinew-train",
        expect![
            "sinew-infer must not depend on sinew-train: sinew-infer is in layer 2, sinew-train in layer 2, and edges go down"
        ],
    );
}

#[test]
fn the_lanes_meet_in_one_place() {
    check(
        "sinew-server -> sinew-engine",
        expect![
            "sinew-server must not depend on sinew-engine: the lending lane and the model lane meet only through sinew-api"
        ],
    );
    check(
        "sinew-train -> sinew-types",
        expect![
            "sinew-train must not depend on sinew-types: the lending lane and the model lane meet only through sinew-api"
        ],
    );
}

#[test]
fn the_executor_stands_alone() {
    check(
        "sinew-exec -> sinew-types",
        expect![
            "sinew-exec must not depend on sinew-types: it runs programs for anybody and knows no other crate of Sinew: convert in sinew-server"
        ],
    );
}

#[test]
fn helpers_of_tests_stay_in_tests() {
    check(
        "sinew-core -> sinew-testkit",
        expect!["sinew-core must not depend on sinew-testkit: it is for tests: make it a dev-dependency"],
    );
    check(
        "xtask -> sinew-types",
        expect![
            "xtask must not depend on sinew-types: the workshop and the product know nothing of each other"
        ],
    );
}

#[test]
fn an_unknown_crate_is_named() {
    check("sinew-extra", expect!["sinew-extra has no layer: add it to the table in xtask/src/layers.rs"]);
}
