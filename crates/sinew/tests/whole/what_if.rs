//! Asking before doing: the answer is what then happens, nothing changes, and nobody reads about others.

use crate::world::{World, offer, shell, until_state};
use serde_json::{Value, json};

fn asked(shape: &str, least: &str) -> Value {
    json!({"name": "what-if", "least": least, "most": shape, "argv": ["true"]})
}

#[test]
fn what_would_follow_is_said_and_nothing_is_done() {
    let world = World::new(2);
    let (lab, rival) = (world.lab("lyra"), world.lab("vega"));
    world.contract(&lab, "lyra", |_| {});
    let records = |api: &crate::api::Api| api.get("/api/console").body["workloads"].clone();
    let before = records(&lab);
    let free = lab.must("/api/what-if/run", &asked("2 chips", "1 chip"));
    assert_eq!(
        (&free["starts"], &free["own_chips"], &free["borrowed_chips"]),
        (&json!(true), &json!(1), &json!(1))
    );
    assert!(free["took_us"].as_u64().is_some_and(|us| us < 10_000_000), "{free}");
    assert_eq!(lab.get("/api/workloads").body["items"], json!([]), "nothing was made");
    assert_eq!(records(&lab), before);
    // It really comes to that.
    let run = json!({"name": "long", "least": "1 chip", "most": "2 chips", "argv": ["sleep", "600"]});
    lab.must("/api/workloads", &run);
    let running = until_state(&lab, "long", &["running"]);
    assert_eq!(running["chips"], json!(2));
    let full = lab.must("/api/what-if/run", &asked("1 chip", "1 chip"));
    assert_eq!(full["starts"], json!(false));
    assert!(full["reason"].as_str().is_some_and(|why| why.contains("1 chip")), "{full}");
    // Who has nothing there is told so, and nothing about anybody else.
    let nothing = rival.post("/api/what-if/run", &asked("1 chip", "1 chip"));
    assert_eq!((nothing.status, nothing.body["code"].as_str()), (422, Some("no-capacity")));
    assert!(!nothing.body.to_string().contains("long") && !nothing.body.to_string().contains("lyra"));
    assert_eq!(lab.post("/api/what-if/run", &asked("3 chips", "3 chips")).body["code"], json!("never-fits"));
    assert_eq!(
        lab.post("/api/what-if/run", &shell("x", "true")).status,
        200,
        "any workload may be asked about"
    );
    lab.delete("/api/workloads/long");
}

#[test]
fn an_owner_asks_what_a_contract_would_come_to() {
    let world = World::new(2);
    let lab = world.lab("lyra");
    let mut terms = Value::Null;
    assert!(offer(&world.owner, &lab, |drafted| terms = drafted.clone()).is_ok());
    let promised = world.owner.must("/api/what-if/contract", &terms);
    assert_eq!(promised["chips"], json!(1));
    for field in ["recall_bound", "notice", "kill_grace", "hand_over", "income_at_most"] {
        assert!(promised[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {promised}");
    }
    terms["guarantee"] = json!(["3 chips"]);
    let refused = world.owner.post("/api/what-if/contract", &terms);
    assert_eq!(refused.body["code"], json!("promises-too-much"));
    assert_ne!(lab.post("/api/what-if/contract", &terms).status, 200, "only the owner asks about its pool");
}
