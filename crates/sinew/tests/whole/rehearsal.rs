//! KAI's reclaim scene through the API and the durable journal, on a pool that rehearses: a borrower's one-chip jobs hold
//! all hosts, and as many of the lender come. `cargo xtask bench kai-reclaim` runs it at KAI's size.

use crate::api::Api;
use crate::submissions::Line;
use crate::world::{World, until};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// How many workloads one batch holds.
const BATCH: usize = 1_000;
/// How long to wait between two looks, so that not looking is what is measured.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How many hosts of 8 the pool has; KAI's scene has 500.
fn hosts() -> usize {
    std::env::var("SINEW_KAI_HOSTS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

fn batches(jobs: usize) -> Vec<String> {
    let body = |from: usize| {
        let mut body = String::from(r#"{"workloads":["#);
        for at in from..jobs.min(from + BATCH) {
            let comma = if at == from { "" } else { "," };
            write!(body, r#"{comma}{{"name":"job-{at}","least":"1 chip","argv":["train"]}}"#)
                .expect("a string has room");
        }
        body + "]}"
    };
    (0..jobs).step_by(BATCH).map(body).collect()
}

/// What the lab has of the whole pool, under this name.
fn held(owner: &Api, lab: &str, what: &str) -> u64 {
    let view = owner.get("/api/pools/racks/cells?depth=0").body;
    let shares = view["cells"][0]["shares"].as_array().cloned().unwrap_or_default();
    shares
        .iter()
        .find(|share| share["organisation"] == lab)
        .and_then(|share| share[what].as_u64())
        .unwrap_or(0)
}

/// Sends all and waits until the lab holds a chip for each. Answers how long both took.
fn fill(world: &World, lab: &Api, name: &str, (jobs, what): (usize, &str)) -> Duration {
    let bodies = batches(jobs);
    let began = Instant::now();
    let mut line = Line::to(lab);
    for body in &bodies {
        let (status, answer) = line.post("/api/workloads/batch", body);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    }
    until(&format!("{name} with all chips"), || {
        std::thread::sleep(LOOK_EVERY);
        (held(&world.owner, name, what) == jobs as u64).then_some(())
    });
    began.elapsed()
}

#[test]
fn a_lender_gets_all_its_hosts_back_through_the_api() {
    let world = World::new(1);
    let (hosts, chips) = (hosts(), hosts() * 8);
    let level = |name: &str, count: usize| format!("[[level]]\nname = \"{name}\"\ncount = {count}\n");
    let topology = format!("model = \"h100\"\n{}{}", level("host", hosts), level("chip", 8));
    world.owner.must("/api/pools", &json!({"name": "racks", "topology": topology, "rehearsal": true}));
    let pool = world.owner.get("/api/pools/racks").body["id"].clone();
    let (borrower, lender) = (world.lab("borrower"), world.lab("lender"));
    let all = format!("{chips} chips");
    let limits = |terms: &mut Value, guarantee: Value, borrow: &str, lend: &str| {
        terms["pool"] = pool.clone();
        terms["guarantee"] = guarantee;
        terms["borrow_limit"] = json!(borrow);
        terms["lend_limit"] = json!(lend);
    };
    world.contract(&lender, "lender", |terms| limits(terms, json!([all]), "0 chips", &all));
    world.contract(&borrower, "borrower", |terms| limits(terms, json!([]), &all, "0 chips"));
    fill(&world, &borrower, "borrower", (chips, "borrowed"));
    assert_eq!(held(&world.owner, "lender", "lent"), chips as u64, "all is on loan");
    let took = fill(&world, &lender, "lender", (chips, "own"));
    assert_eq!(held(&world.owner, "borrower", "borrowed"), 0);
    println!("FIGURES {}", json!({"api_s": took.as_secs_f64(), "api_jobs": chips}));
}
