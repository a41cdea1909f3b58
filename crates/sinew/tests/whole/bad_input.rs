//! What bad input gets: one clear sentence, a 4xx or a non-zero exit, and nothing half done.

use crate::api::Answer;
use crate::world::{World, offer, offer_signed_by, secret, shell, until_state};
use serde_json::{Value, json};
use sinew_server::{Server, Settings};

/// The code of a problem, after checking its form (RFC 9457) and that its sentence says what to do.
fn code(answer: &Answer) -> String {
    assert!((400..500).contains(&answer.status), "{}", answer.body);
    assert_eq!(answer.body["status"], answer.status);
    let detail = answer.body["detail"].as_str().expect("a sentence");
    assert!(detail.len() > 20 && detail.lines().count() == 1, "{detail}");
    answer.body["code"].as_str().expect("a code").to_owned()
}

#[test]
fn wrong_contracts() {
    let world = World::new(2);
    let lab = world.lab("lyra");
    type Change = (&'static str, Value, &'static str);
    let cases: [Change; 11] = [
        ("guarantee", json!(["3 chips"]), "promises-too-much"),
        ("guarantee", json!(["2x2x4"]), "shape-never-fits"),
        ("guarantee", json!(["many"]), "malformed"),
        ("borrow_limit", json!("-1 chips"), "malformed"),
        ("ends", json!("2019-01-01T00:00:00.000Z"), "ends-before-start"),
        ("borrowed_price", json!("1 EUR/chip-hour"), "mixed-currencies"),
        ("guaranteed_price", json!("1 USD/hour"), "malformed"),
        ("notice", json!("0s"), "malformed"),
        ("rounding", json!("nicely"), "malformed"),
        ("colour", json!("blue"), "malformed"),
        ("pool", json!(format!("pool-{:032x}", 5)), "not-found"),
    ];
    for (field, value, expected) in cases {
        let refused = offer(&world.owner, &lab, |terms| terms[field] = value.clone()).expect_err(field);
        let found = code(&refused);
        assert!(found == expected || (field == "notice" && found == "no-time"), "{field}: {}", refused.body);
    }
    let wrong = offer_signed_by(&world.owner, &lab, "lyra", |_| {}).expect_err("another's signature");
    assert_eq!(code(&wrong), "wrong-signature");
    assert_eq!(world.owner.get("/api/contracts").body["items"], json!([]), "nothing half done");
}

#[test]
fn wrong_workloads() {
    let world = World::new(2);
    let lab = world.lab("lyra");
    assert_eq!(code(&lab.post("/api/workloads", &shell("early", "true"))), "no-capacity");
    world.contract(&lab, "lyra", |_| {});
    let with = |field: &str, value: Value| {
        let mut body = shell("x", "true");
        body[field] = value;
        code(&lab.post("/api/workloads", &body))
    };
    assert_eq!(with("least", json!("3 chips")), "never-fits");
    assert_eq!(with("least", json!("2 hosts")), "never-fits");
    assert_eq!(with("least", json!("2 pods")), "shape-never-fits");
    assert_eq!(with("least", json!("0 chips")), "shape-empty");
    assert_eq!(with("most", json!("0 chips")), "least-above-most");
    assert_eq!(with("argv", json!([])), "empty-program");
    assert_eq!(with("name", json!("../../etc")), "malformed");
    assert_eq!(with("gpus", json!(8)), "malformed");
    assert_eq!(with("bundle", json!("0".repeat(64))), "not-found");
    assert_eq!(with("inputs", json!({"../x": "0".repeat(64)})), "malformed");
    assert_eq!(with("network", json!("internet")), "malformed");
    assert_eq!(with("serves", json!("chat@1")), "no-such-release");
    assert_eq!(code(&lab.post("/api/workloads", &json!("not an object"))), "malformed");
    assert_eq!(code(&lab.get("/api/nothing")), "no-such-route");
    assert_eq!(lab.get("/api/workloads").body["items"], json!([]));
    let program = json!({"name": "ghost", "least": "1 chip", "argv": ["/no/such/program"]});
    lab.must("/api/workloads", &program);
    let failed = until_state(&lab, "ghost", &["failed"]);
    assert!(
        failed["exit"].as_str().is_some_and(|exit| exit.contains("not started") || exit.contains("127")),
        "{failed}"
    );
}

#[test]
fn the_same_key_does_it_once() {
    let world = World::new(2);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |_| {});
    let post = |body: &Value| lab.try_post("/api/workloads", body, Some("key-1")).expect("an answer");
    let first = post(&shell("once", "true"));
    let again = post(&shell("once", "true"));
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.body["id"], again.body["id"]);
    assert_eq!(code(&post(&shell("other", "true"))), "idempotency-key-reused");
}

#[test]
fn the_same_key_makes_one_pool() {
    let world = World::new(1);
    let free = std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1);
    // All that is left, so that a second time there is nothing to take.
    let body = json!({"name": "south", "cores": free});
    let post = |body: &Value| world.owner.try_post("/api/pools", body, Some("pool-1")).expect("an answer");
    let (first, again) = (post(&body), post(&body));
    assert_eq!((first.status, again.status), (200, 200), "{} {}", first.body, again.body);
    assert_eq!(first.body["id"], again.body["id"]);
    assert_eq!(world.owner.get("/api/pools").body["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(code(&post(&json!({"name": "west", "cores": 1}))), "idempotency-key-reused");
}

#[test]
fn a_key_without_roles_is_refused() {
    let world = World::new(1);
    let lab = world.lab("lyra");
    let key = |roles: Value| lab.post("/api/keys", &json!({"label": "x", "roles": roles}));
    assert_eq!(code(&key(json!([]))), "no-roles");
    assert_eq!(code(&key(json!(["rule"]))), "malformed");
    assert_eq!(lab.get("/api/keys").body["items"].as_array().map(Vec::len), Some(1), "nothing half done");
}

#[test]
fn a_full_disk_loses_nothing_and_heals() {
    let mut world = World::with(1, |settings| settings.journal_max_bytes = Some(160 << 10));
    let lab = world.lab("lyra");
    let mut accepted = 0;
    let refused = loop {
        let answer = lab.post("/api/keys", &json!({"label": "x".repeat(4_000), "roles": ["view"]}));
        if answer.status != 200 {
            break answer;
        }
        accepted += 1;
        assert!(accepted < 200, "the journal never filled up");
    };
    assert_eq!((refused.status, refused.body["code"].as_str()), (507, Some("no-space")));
    let keys = |api: &crate::api::Api| api.get("/api/keys?limit=1000").body["items"].as_array().map(Vec::len);
    assert_eq!(keys(&lab), Some(accepted + 1), "what was refused was not done");
    world.stop();
    world.start(|settings| settings.journal_max_bytes = None);
    assert_eq!(keys(&lab), Some(accepted + 1), "what was acknowledged is there");
    lab.must("/api/keys", &json!({"label": "after", "roles": ["view"]}));
}

#[test]
fn a_port_in_use_and_foreign_folders() {
    let world = World::new(1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut settings = Settings::new(folder.path().join("data"));
    settings.first_secret = Some(secret("other"));
    settings.listen = world.owner.url.trim_start_matches("http://").parse().expect("an address");
    let said = Server::start(settings.clone()).err().expect("the port is in use").to_string();
    assert!(said.contains("in use") && said.contains("--listen"), "{said}");
    assert!(!settings.data.exists(), "nothing half done");
    settings.listen.set_port(0);
    settings.data = world.data();
    let said = Server::start(settings.clone()).err().expect("the folder is taken").to_string();
    assert!(said.contains("another Sinew"), "{said}");
    std::fs::write(folder.path().join("novel.txt"), "text").expect("a file");
    settings.data = folder.path().to_owned();
    let said = Server::start(settings).err().expect("the folder is somebody else's").to_string();
    assert!(said.contains("belongs to something else") && said.contains("--data"), "{said}");
}

#[test]
fn a_newer_journal_is_left_alone() {
    let mut world = World::new(1);
    world.stop();
    let path = world.data().join("journal.sqlite");
    let before = std::fs::read(&path).expect("the journal");
    let newer = rusqlite::Connection::open(&path).expect("the journal opens");
    newer.pragma_update(None, "user_version", 99).expect("a newer version");
    drop(newer);
    let mut settings = Settings::new(world.data());
    settings.listen.set_port(0);
    let said = Server::start(settings).err().expect("a newer journal").to_string();
    assert!(said.contains("newer Sinew") && said.contains("newer binary"), "{said}");
    std::fs::write(&path, before).expect("the journal as it was");
    world.start(|_| {});
    assert_eq!(world.owner.get("/api/me").status, 200);
}
