//! Invariant 7 at the door: what one lab reads, lists or infers never holds another lab's data.

use crate::world::{World, log_of, shell, until_state};
use serde_json::{Value, json};
use sinew_proof::{Checkpoint, Frontier, NodeHash, Note};

fn both_parties_get_the_proof(parties: &[&crate::api::Api], contract: &str) {
    let proof = format!("/api/invoices/{contract}/1/proof");
    for party in parties {
        let (proof, log) =
            (party.get(&proof), party.get(&format!("/api/contracts/{contract}/log/checkpoint")));
        assert_eq!((proof.status, log.status), (200, 200), "both parties get what proves their bill");
        let (proof, log) = (proof.body.as_str().expect("a text"), log.body.as_str().expect("a text"));
        assert!(proof.starts_with("sinew/invoice-proof/v1\n") && proof.ends_with(log), "{proof}");
    }
}

#[test]
fn a_rivals_things_look_like_things_that_do_not_exist() {
    let world = World::new(2);
    let (lyra, vega) = (world.lab("lyra"), world.lab("vega"));
    let contract = world.contract(&lyra, "lyra", |_| {});
    let artefact = lyra.must("/api/artefacts", &json!("secret bytes"))["hash"].clone();
    let workload = lyra.must("/api/workloads", &shell("secret-plan", "echo secret output"))["id"].clone();
    until_state(&lyra, "secret-plan", &["done"]);
    let invoice = world.owner.must(&format!("/api/contracts/{contract}/invoices"), &json!({}));
    assert_eq!(invoice["number"], 1);
    both_parties_get_the_proof(&[&world.owner, &lyra], &contract);
    let flows_seen = |lab: &crate::api::Api| lab.get("/api/money").body["items"].as_array().map(Vec::len);
    assert_eq!((flows_seen(&lyra), flows_seen(&vega)), (Some(1), Some(0)), "a lab sees its own flows only");
    for format in ["csv", "focus", "hledger", "beancount"] {
        let holds_it = |lab: &crate::api::Api| {
            let file = lab.get(&format!("/api/export/{format}"));
            file.body.as_str().map(|text| text.contains(&format!("{contract}/1")))
        };
        assert_eq!((holds_it(&lyra), holds_it(&vega)), (Some(true), Some(false)), "{format}");
    }
    let (workload, artefact) = (workload.as_str().expect("an id"), artefact.as_str().expect("a hash"));
    let none = "0".repeat(32);
    let pairs = [
        (format!("/api/contracts/{contract}"), format!("/api/contracts/contract-{none}")),
        (format!("/api/invoices/{contract}/1"), format!("/api/invoices/contract-{none}/1")),
        (
            format!("/api/export/csv?contract={contract}&number=1"),
            format!("/api/export/csv?contract=contract-{none}&number=1"),
        ),
        (format!("/api/invoices/{contract}/1/proof"), format!("/api/invoices/contract-{none}/1/proof")),
        (
            format!("/api/contracts/{contract}/log/checkpoint"),
            format!("/api/contracts/contract-{none}/log/checkpoint"),
        ),
        (format!("/api/workloads/{workload}"), format!("/api/workloads/workload-{none}")),
        ("/api/workloads/secret-plan".to_owned(), "/api/workloads/no-plan".to_owned()),
        (format!("/api/workloads/{workload}/logs"), format!("/api/workloads/workload-{none}/logs")),
        (format!("/api/workloads/{workload}/files/x"), format!("/api/workloads/workload-{none}/files/x")),
        (format!("/api/artefacts/{artefact}"), format!("/api/artefacts/{}", "0".repeat(64))),
        ("/api/pools/north".to_owned(), "/api/pools/south".to_owned()),
    ];
    for (theirs, nothing) in pairs {
        let (theirs_answer, nothing_answer) = (vega.get(&theirs), vega.get(&nothing));
        assert_eq!(theirs_answer.status, 404, "{theirs}");
        let last = |path: &str| {
            if let Some((_, query)) = path.split_once("?contract=") {
                return query.replace("&number=", "/");
            }
            path.trim_end_matches("/logs")
                .trim_end_matches("/files/x")
                .trim_end_matches("/proof")
                .trim_end_matches("/log/checkpoint")
                .trim_start_matches("/api/")
                .to_owned()
        };
        let bare = |body: &Value, path: &str| {
            let mut text = body.to_string();
            for part in last(path).split('/') {
                text = text.replace(part, "…");
            }
            text
        };
        assert_eq!(bare(&theirs_answer.body, &theirs), bare(&nothing_answer.body, &nothing), "{theirs}");
    }
    assert_eq!(vega.delete(&format!("/api/workloads/{workload}")).status, 404);
    assert_eq!(log_of(&lyra, "secret-plan"), "secret output\n");
}

/// The leaf hashes of a tile of entries: each entry has its length in two bytes before it.
fn hashed(mut entries: &[u8]) -> Vec<NodeHash> {
    let mut hashes = Vec::new();
    while let Some((length, rest)) = entries.split_first_chunk::<2>() {
        let (leaf, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)));
        hashes.push(NodeHash::leaf(leaf));
        entries = rest;
    }
    hashes
}

#[test]
fn the_log_is_served_in_tiles_to_its_parties_only() {
    let world = World::new(2);
    let (lyra, vega) = (world.lab("lyra"), world.lab("vega"));
    let contract = world.contract(&lyra, "lyra", |_| {});
    let log = format!("/api/contracts/{contract}/log");
    assert_eq!(lyra.get(&format!("{log}/tile/0/000.p/1")).status, 404, "nothing is signed before an invoice");
    lyra.must("/api/workloads", &shell("plan", "echo done"));
    until_state(&lyra, "plan", &["done"]);
    world.owner.must(&format!("/api/contracts/{contract}/invoices"), &json!({}));
    let note = lyra.get(&format!("{log}/checkpoint")).body;
    let note: Note = note.as_str().expect("a text").parse().expect("a note");
    let checkpoint: Checkpoint = note.text.parse().expect("a checkpoint");
    let width = checkpoint.size;
    for party in [&world.owner, &lyra] {
        let (status, entries) = party.get_bytes(&format!("{log}/tile/entries/000.p/{width}"));
        let (_, tile) = party.get_bytes(&format!("{log}/tile/0/000.p/{width}"));
        let leaves = hashed(&entries);
        let bytes: Vec<u8> = leaves.iter().flat_map(|leaf| *leaf.bytes()).collect();
        assert_eq!((status, bytes), (200, tile), "hashes of what the entries hold");
        let mut tree = Frontier::default();
        leaves.into_iter().for_each(|leaf| tree.push(leaf).expect("a leaf fits"));
        assert_eq!(
            (tree.size(), tree.root()),
            (width, checkpoint.root),
            "all of it leads to the signed root"
        );
    }
    let more = lyra.get(&format!("{log}/tile/0/000.p/{}", width + 1));
    assert_eq!((more.status, &more.body["code"]), (404, &json!("no-tile")), "{}", more.body);
    let wrong = lyra.get(&format!("{log}/tile/0/0"));
    assert_eq!((wrong.status, &wrong.body["code"]), (400, &json!("malformed")), "{}", wrong.body);
    let none = format!("contract-{}", "0".repeat(32));
    for path in ["0/000.p/1", "entries/000.p/1", "0/0", "9/000"] {
        let theirs = vega.get(&format!("{log}/tile/{path}"));
        let nothing = vega.get(&format!("/api/contracts/{none}/log/tile/{path}"));
        assert_eq!((theirs.status, nothing.status), (404, 404), "{path}");
        let theirs = theirs.body.to_string().replace(contract.as_str(), &none);
        assert_eq!(theirs, nothing.body.to_string(), "{path}");
    }
}

#[test]
fn lists_and_pages_hold_only_ones_own() {
    let world = World::new(2);
    let (lyra, vega) = (world.lab("lyra"), world.lab("vega"));
    world.contract(&lyra, "lyra", |_| {});
    world.contract(&vega, "vega", |terms| terms["guarantee"] = json!(["1 chip"]));
    lyra.must("/api/workloads", &shell("secret-plan", "sleep 30"));
    until_state(&lyra, "secret-plan", &["running"]);
    for path in [
        "/api/console",
        "/api/workloads",
        "/api/contracts",
        "/api/invoices",
        "/api/payments",
        "/api/statements",
        "/api/money",
        "/api/pools",
        "/api/organisations",
        "/api/artefacts",
        "/api/endpoints",
        "/api/releases",
        "/api/keys",
        "/v1/models",
    ] {
        let answer = vega.get(path);
        assert_eq!(answer.status, 200, "{path}");
        let text = answer.body.to_string();
        assert!(!text.contains("lyra") && !text.contains("secret"), "{path}: {text}");
    }
    let seen = world.owner.get("/api/console").body.to_string();
    assert!(
        seen.contains("lyra") && !seen.contains("secret-plan"),
        "the owner sees who holds its cores, and not for what"
    );
    assert_eq!(vega.get("/metrics").status, 403);
    // What a lab waits for says nothing about who is in its way.
    vega.must("/api/workloads", &json!({"name": "wide", "least": "2 chips", "argv": ["true"]}));
    let why = vega.get("/api/workloads/wide/explain").body.to_string();
    assert!(why.contains("busy") && !why.contains("lyra"), "{why}");
}

#[test]
fn keys_open_their_own_organisation_and_only_with_their_roles() {
    let world = World::new(1);
    let lyra = world.lab("lyra");
    let view_only = lyra.must("/api/keys", &json!({"label": "reader", "roles": ["view"]}));
    let reader = crate::api::Api::new(&lyra.url, view_only["key"].as_str().expect("a secret"));
    assert_eq!(reader.get("/api/me").body["organisation"]["name"], "lyra");
    let refused = reader.post("/api/workloads", &shell("x", "true"));
    assert_eq!((refused.status, refused.body["code"].as_str()), (403, Some("not-allowed")));
    assert_eq!(reader.post("/api/artefacts", &json!("x")).status, 403);
    assert_eq!(lyra.post("/api/organisations", &json!({"name": "mine"})).body["code"], "operator-only");
    let id = view_only["id"].as_str().expect("an id").to_owned();
    assert_eq!(lyra.delete(&format!("/api/keys/{id}")).status, 200);
    assert_eq!(reader.get("/api/me").status, 401);
    assert_eq!(crate::api::Api::new(&lyra.url, "sk-sinew-guess").get("/api/console").status, 401);
}
