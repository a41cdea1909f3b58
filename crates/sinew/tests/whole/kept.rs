//! What is kept of leases that ended: logs and checkpoints, in their organisation's store.

use crate::api::Api;
use crate::world::{World, log_of, shell, until, until_state};
use serde_json::json;
use std::fs;
use std::path::PathBuf;

/// The folders of all workloads of all organisations.
fn workload_folders(world: &World) -> Vec<PathBuf> {
    let entries =
        |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let organisations = entries(world.data().join("orgs"));
    organisations.flat_map(|organisation| entries(organisation.join("workloads"))).collect()
}

/// As after the loss of the disk that holds what runs: the store is elsewhere.
fn lose_workload_folders(world: &World) {
    let folders = workload_folders(world);
    assert!(!folders.is_empty());
    folders.iter().for_each(|folder| fs::remove_dir_all(folder).expect("the folder goes"));
}

/// What one lease of a workload printed.
fn log_of_lease(api: &Api, name: &str, epoch: u64) -> String {
    let answer = api.get(&format!("/api/workloads/{name}/logs?from={}", epoch << 40));
    answer.body.as_str().map_or_else(|| answer.body.to_string(), str::to_owned)
}

/// Saves when it is told to leave; the next lease says what it found and is done.
const SAVES: &str = "cd \"$SINEW_CHECKPOINT\" || exit 1
if [ -e deep/step ]; then echo goes on from $(cat deep/step); exit 0; fi
trap 'mkdir deep; echo 41 > deep/step; echo saved; exit 75' TERM
echo up; while :; do sleep 0.05; done";

#[test]
fn a_checkpoint_comes_back_where_the_work_folder_is_lost() {
    let mut world = World::new(1);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |_| {});
    lab.must("/api/workloads", &shell("saves", SAVES));
    until("its first line", || log_of(&lab, "saves").contains("up").then_some(()));
    world.drain();
    lose_workload_folders(&world);
    world.start(|_| {});
    let view = until_state(&lab, "saves", &["done", "failed"]);
    assert_eq!((&view["state"], &view["epoch"]), (&json!("done"), &json!(2)), "{view}");
    assert_eq!(log_of_lease(&lab, "saves", 1), "up\nsaved\n", "the first lease's log, from the store");
    assert_eq!(log_of_lease(&lab, "saves", 2), "goes on from 41\n");
    assert_eq!(view["outputs"], json!({}), "what is kept is none of its outputs");
}

#[test]
fn a_collection_leaves_logs_and_the_newest_checkpoint() {
    let world = World::new(1);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |_| {});
    let script = "echo said; echo 7 > $SINEW_CHECKPOINT/step; echo 8 > $SINEW_OUT/result";
    lab.must("/api/workloads", &shell("short", script));
    until_state(&lab, "short", &["done"]);
    lab.must("/api/artefacts", &json!("referred to by nothing"));
    let hashes = || {
        let items = lab.get("/api/artefacts").body["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item["hash"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(hashes().len(), 4);
    // A collection spares what was put in the same millisecond.
    until("the last upload gone", || {
        lab.must("/api/artefacts/collect", &json!({"older_than": "0s"}));
        (hashes().len() == 3).then_some(())
    });
    let kept: Vec<String> =
        ["said\n", "7\n", "8\n"].map(|text| sinew_store::hash_of(text.as_bytes()).to_string()).into();
    assert!(kept.iter().all(|hash| hashes().contains(hash)));
    until("the workload's folder collected", || workload_folders(&world).is_empty().then_some(()));
    assert_eq!(log_of(&lab, "short"), "said\n");
}

/// Saves something else at each notice, and never ends by itself.
const SAVES_AGAIN: &str = "trap 'head -c 3000 /dev/urandom > $SINEW_CHECKPOINT/step; exit 75' TERM
echo up $SINEW_EPOCH; while :; do sleep 0.05; done";

#[test]
fn a_workload_that_is_recalled_often_keeps_room_for_one_checkpoint_only() {
    let mut world = World::with(1, |settings| settings.quota_bytes = 7_000);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |_| {});
    lab.must("/api/workloads", &shell("again", SAVES_AGAIN));
    for epoch in 1..=4 {
        until("the next lease", || log_of_lease(&lab, "again", epoch).contains("up").then_some(()));
        world.drain();
        world.start(|_| {});
    }
    let said: String = (1..=4).map(|epoch| log_of_lease(&lab, "again", epoch)).collect();
    assert_eq!(said, "up 1\nup 2\nup 3\nup 4\n", "nothing is said to be lost");
    let view = lab.get("/api/organisations/lyra").body;
    assert_eq!(view["used_bytes"], json!(3_000 + said.len()), "{view}");
}

#[test]
fn a_checkpoint_with_a_link_in_it_is_not_kept_by_half() {
    let world = World::new(1);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |_| {});
    let script = "cd $SINEW_CHECKPOINT; echo 1 > step-1; ln -s step-1 newest";
    lab.must("/api/workloads", &shell("links", script));
    until_state(&lab, "links", &["done"]);
    let line = "sinew: the checkpoint is not kept in the store: `checkpoint/newest` is neither a folder nor a plain file";
    let said = log_of(&lab, "links");
    assert!(said.starts_with(line), "{said}");
}

#[test]
fn a_checkpoint_beyond_the_quota_stops_nothing_and_is_said() {
    let world = World::with(1, |settings| settings.quota_bytes = 4_096);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |_| {});
    let script =
        "cd $SINEW_CHECKPOINT; for part in 1 2 3; do head -c 2000 /dev/urandom > $part; done; echo wrote";
    lab.must("/api/workloads", &shell("large", script));
    until_state(&lab, "large", &["done"]);
    let said = log_of(&lab, "large");
    let line = "sinew: the checkpoint is not kept in the store: it has 6000 bytes and the organisation's quota leaves 4096";
    assert!(said.starts_with(&format!("wrote\n{line}")), "{said}");
    let view = lab.get("/api/organisations/lyra").body;
    assert_eq!(view["used_bytes"], json!(said.len()), "only the log takes room: {view}");
}

#[test]
fn no_program_writes_what_is_kept_of_it() {
    let world = World::new(1);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |_| {});
    let script = "cd $SINEW_OUT; mkdir -p .sinew/checkpoint; echo forged | tee .sinew/log .sinew/checkpoint/step > own";
    lab.must("/api/workloads", &shell("forges", script));
    let view = until_state(&lab, "forges", &["done"]);
    let outputs: Vec<&String> = view["outputs"].as_object().expect("outputs").keys().collect();
    assert_eq!(outputs, ["own"]);
    let said = log_of(&lab, "forges");
    assert!(said.contains("`out/.sinew/log` is not kept: names below `.sinew/` are Sinew's own"), "{said}");
    assert!(said.contains("`out/.sinew/checkpoint/step` is not kept"), "{said}");
}
