//! Notices and deadlines, with and without a server.

use crate::api::Api;
use crate::world::{
    Program, World, add_lab, free_port, owner_of, owner_signing_key, shell, sign, until, until_state,
};
use serde_json::{Value, json};
use std::fs;

/// How many processes of the machine have this text in their command line.
fn processes_with(text: &str) -> usize {
    let entries = fs::read_dir("/proc").expect("a Linux machine");
    let line = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).ok();
    let has = |line: &Vec<u8>| String::from_utf8_lossy(line).contains(text);
    entries.flatten().filter_map(line).filter(has).count()
}

/// Ignores TERM, forks twice, leaves its session: everything that a program does to stay.
fn stubborn(seconds: &str) -> String {
    format!(
        "trap '' TERM; (setsid sh -c \"trap '' TERM; sleep {seconds} & sleep {seconds}\" &) ; echo up; sleep {seconds}"
    )
}

#[test]
fn nothing_stays_after_the_deadline() {
    let world = World::new(1);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |terms| terms["borrow_limit"] = json!("0 chips"));
    let seconds = "12345.671";
    lab.must("/api/workloads", &shell("stubborn", &stubborn(seconds)));
    until("all three sleeping", || (processes_with(seconds) >= 3).then_some(()));
    assert_eq!(lab.delete("/api/workloads/stubborn").status, 200);
    until_state(&lab, "stubborn", &["cancelled"]);
    assert_eq!(processes_with(seconds), 0);
}

#[test]
fn the_deadline_is_kept_while_the_server_is_dead() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (data, home, port) = (folder.path().join("data"), folder.path().join("home"), free_port());
    let mut program = Program::up(&data, &home, port);
    let lab = lab_of(&program, &home);
    let seconds = "12345.672";
    lab.must("/api/workloads", &shell("stubborn", &stubborn(seconds)));
    until("all three sleeping", || (processes_with(seconds) >= 3).then_some(()));
    assert_eq!(lab.delete("/api/workloads/stubborn").status, 200);
    until("the notice at the supervisor", || notice_arrived(&data).then_some(()));
    program.kill();
    until("nothing of it left, without a server", || (processes_with(seconds) == 0).then_some(()));
    let _again = Program::up(&data, &home, port);
    let view = until_state(&lab, "stubborn", &["cancelled"]);
    assert_eq!(view["epoch"], 1);
}

#[test]
fn a_contract_ends_while_the_server_is_dead() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (data, home, port) = (folder.path().join("data"), folder.path().join("home"), free_port());
    let mut program = Program::up(&data, &home, port);
    // Long enough for the workload to start and the server to be killed; short enough to wait for.
    let ends = wall_clock().plus(sinew_types::Span::from_ms(12_000));
    let lab = lab_with(&program, &home, |terms| terms["ends"] = json!(ends.to_string()));
    let seconds = "12345.673";
    lab.must("/api/workloads", &shell("stubborn", &stubborn(seconds)));
    until("all three sleeping", || (processes_with(seconds) >= 3).then_some(()));
    assert!(!notice_arrived(&data), "the contract's end came before the server was killed");
    program.kill();
    until("nothing of it left, without a server", || (processes_with(seconds) == 0).then_some(()));
    assert!(wall_clock() < ends, "it was there after its contract's end");
    let _again = Program::up(&data, &home, port);
    let view = until_state(&lab, "stubborn", &["waiting"]);
    assert_eq!(view["epoch"], 1, "{view}");
}

fn wall_clock() -> sinew_types::Instant {
    let since = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970");
    sinew_types::Instant::from_ms(i64::try_from(since.as_millis()).expect("a clock before the end of time"))
}

/// Whether a supervisor has written down a deadline.
fn notice_arrived(data: &std::path::Path) -> bool {
    let Ok(leases) = fs::read_dir(data.join("run/leases")) else { return false };
    let files = leases
        .flatten()
        .filter_map(|lease| fs::read_dir(lease.path()).ok())
        .flat_map(|files| files.flatten());
    let mut texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    texts.any(|text| {
        let newest = text.lines().next_back().unwrap_or_default();
        let status: Value = serde_json::from_str(newest).unwrap_or_default();
        status["deadline_unix_ms"].is_u64()
    })
}

/// A lab with a contract at a server that runs as a process.
pub(crate) fn lab_of(program: &Program, home: &std::path::Path) -> Api {
    lab_with(program, home, |_| {})
}

fn lab_with(program: &Program, home: &std::path::Path, change: impl FnOnce(&mut Value)) -> Api {
    let owner = owner_of(program, home);
    owner.must("/api/pools", &json!({"name": "north", "cores": 1}));
    let lab = add_lab(&owner, "lyra");
    let id = offer_from(&owner, &lab, home, change);
    sign(&lab, "lyra", &id);
    lab
}

fn offer_from(owner: &Api, lab: &Api, home: &std::path::Path, change: impl FnOnce(&mut Value)) -> String {
    let id = |api: &Api| api.get("/api/me").body["organisation"]["id"].clone();
    let mut terms = json!({
        "owner": id(owner), "lab": id(lab), "pool": owner.get("/api/pools/north").body["id"],
        "guarantee": ["1 chip"], "borrow_limit": "0 chips", "lend_limit": "1 chip",
        "notice": "1s", "kill_grace": "1s", "hand_over": "1s",
        "starts": "2020-01-01T00:00:00.000Z", "ends": "2099-01-01T00:00:00.000Z",
        "guaranteed_price": "3.60 USD/chip-hour", "borrowed_price": "1.80 USD/chip-hour", "rounding": "half-even",
    });
    change(&mut terms);
    let contract = sinew_types::ContractId::from_bits(77);
    let wire: sinew_api::TermsWire = serde_json::from_value(terms.clone()).expect("terms");
    let bytes = wire.to_terms().expect("terms").signing_bytes(contract);
    let signature = until("the owner's signing key", || {
        home.join("profiles/owner/signing.key")
            .exists()
            .then(|| owner_signing_key(home).sign(&bytes).to_string())
    });
    let body = json!({"id": contract.to_string(), "terms": terms, "signature": signature});
    until("the owner's public key at the server", || {
        (owner.post("/api/contracts", &body).status == 200).then_some(())
    });
    contract.to_string()
}
