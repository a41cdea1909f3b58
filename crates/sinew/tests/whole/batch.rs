//! Workloads submitted together, pools in shares, and an owner that trusts its own programs.

use crate::world::{World, log_of, until_state};
use serde_json::json;
use sinew_server::Sandboxed;

fn job(name: &str) -> serde_json::Value {
    json!({"name": name, "least": "1 chip", "argv": ["true"]})
}

#[test]
fn a_batch_runs_and_repeats_itself_under_its_key() {
    let world = World::new(1);
    let body = json!({"workloads": [job("a"), job("b"), job("c")]});
    let first = world.owner.try_post("/api/workloads/batch", &body, Some("once")).expect("an answer");
    let again = world.owner.try_post("/api/workloads/batch", &body, Some("once")).expect("an answer");
    assert_eq!((first.status, &first.body), (200, &again.body));
    for (at, name) in ["a", "b", "c"].into_iter().enumerate() {
        assert_eq!(until_state(&world.owner, name, &["done"])["id"], first.body["ids"][at]);
    }
}

#[test]
fn a_batch_with_one_wrong_workload_submits_none() {
    let world = World::new(1);
    let mut wrong = job("b");
    wrong["least"] = json!("9 chips");
    for (body, status, code) in [
        (json!({"workloads": [job("a"), wrong]}), 422, "never-fits"),
        (json!({"workloads": [job("a"), job("a")]}), 409, "name-taken"),
        (json!({"workloads": [job("a"), {"name": "b"}]}), 400, "malformed"),
        (json!({"workloads": []}), 400, "malformed"),
    ] {
        let answer = world.owner.post("/api/workloads/batch", &body);
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{}", answer.body);
    }
    assert_eq!(world.owner.get("/api/workloads").body["items"], json!([]));
}

#[test]
fn an_owner_may_run_its_own_programs_bare_and_nobody_elses() {
    let world = World::with(1, |settings| settings.sandbox = Sandboxed::Others);
    assert_eq!(world.owner.get("/api/machine").body["owner_runs_bare"], true);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |_| {});
    // A sandbox shows a program none of the server's folders.
    let look = json!({"name": "look", "least": "1 chip",
        "argv": ["sh", "-c", format!("ls {} && echo seen", world.data().display())]});
    world.owner.must("/api/workloads", &look);
    until_state(&world.owner, "look", &["done"]);
    assert!(log_of(&world.owner, "look").contains("seen"));
    lab.must("/api/workloads", &look);
    until_state(&lab, "look", &["failed"]);
    assert!(!log_of(&lab, "look").contains("seen"));
}

#[test]
fn many_small_programs_share_a_core() {
    let world = World::with(1, |_| {});
    let refused = world.owner.post("/api/pools", &json!({"name": "south", "cores": 1, "shares_per_core": 3}));
    assert_eq!((refused.status, &refused.body["code"]), (400, &json!("malformed")));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 {
        println!("skipped: many_small_programs_share_a_core (needs 2 cores)");
        return;
    }
    let pool = world.owner.must("/api/pools", &json!({"name": "south", "cores": 1, "shares_per_core": 10}));
    assert_eq!(pool["chips"], 10);
    let mut wide = job("wide");
    wide["least"] = json!("10 chips");
    wide["pools"] = json!(["south"]);
    wide["argv"] = json!(["sh", "-c", "echo $SINEW_CPUS $OMP_NUM_THREADS"]);
    world.owner.must("/api/workloads", &wide);
    until_state(&world.owner, "wide", &["done"]);
    assert_eq!(log_of(&world.owner, "wide"), "1 1\n");
}
