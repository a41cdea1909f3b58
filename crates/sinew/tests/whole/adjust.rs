//! Held back, released, resized: by its own organisation, while it waits and while it runs.

use crate::world::{World, shell, until, until_state};
use serde_json::json;

#[test]
fn a_workload_is_held_back_and_released_by_its_own_organisation_alone() {
    let world = World::new(1);
    let (lyra, vega) = (world.lab("lyra"), world.lab("vega"));
    world.contract(&lyra, "lyra", |_| {});
    lyra.must("/api/workloads", &shell("goes-on", "echo up; sleep 600"));
    let view = until_state(&lyra, "goes-on", &["running"]);
    let by_id = format!("/api/workloads/{}", view["id"].as_str().expect("an id"));
    let path = "/api/workloads/goes-on";

    assert_eq!(vega.patch(&by_id, &json!({"held": true})).status, 404);
    assert_eq!(lyra.patch(path, &json!({"hold": true})).status, 400, "an unknown field is an error");
    let too_large = lyra.patch(path, &json!({"least": "5 chips"}));
    assert_eq!(too_large.body["code"], "never-fits", "{}", too_large.body);
    assert_eq!(lyra.get(path).body["state"], "running");

    assert_eq!(lyra.patch(path, &json!({"held": true})).status, 200);
    until_state(&lyra, "goes-on", &["waiting"]);
    until("the reason", || (lyra.get(path).body["reason"]["code"] == "held").then_some(()));
    assert_eq!(lyra.patch(path, &json!({"held": false, "priority": 3})).status, 200);
    let view = until_state(&lyra, "goes-on", &["running"]);
    assert_eq!(view["epoch"], 2);
}
