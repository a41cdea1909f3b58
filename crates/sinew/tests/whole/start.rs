//! How long the whole server takes to start, young and old. `cargo xtask bench start` makes it older than CI does.

use crate::api::Api;
use crate::world::{Program, free_port, owner_of};
use serde_json::json;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Keys that come and go; each makes four records.
fn keys() -> u32 {
    std::env::var("SINEW_START_KEYS").ok().and_then(|text| text.parse().ok()).unwrap_or(700)
}

/// Makes and revokes keys, several clients at a time: records without anything that stays.
fn age(owner: &Api, keys: u32) {
    let each = keys / 8;
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let owner = owner.clone();
            thread::spawn(move || {
                for _ in 0..each {
                    let key = owner.must("/api/keys", &json!({"label": "passing", "roles": ["view"]}));
                    let id = key["id"].as_str().expect("an id");
                    assert_eq!(owner.delete(&format!("/api/keys/{id}")).status, 200);
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().expect("no client panics"));
}

/// Kills the server and starts it again a few times; the median of the times until it answers.
fn start_ms(program: &mut Program, at: (&Path, &Path, u16)) -> f64 {
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            program.kill();
            let begun = Instant::now();
            *program = Program::up(at.0, at.1, at.2);
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

#[test]
fn an_old_journal_starts_with_everything_that_a_young_one_had() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (data, home, port) = (folder.path().join("data"), folder.path().join("home"), free_port());
    let mut program = Program::up(&data, &home, port);
    let owner = owner_of(&program, &home);
    let before = owner.get("/api/keys").body;
    // Young is not empty: what a server keeps at hand, such as answered requests, has filled up.
    age(&owner, keys() / 4);
    let young_ms = start_ms(&mut program, (&data, &home, port));
    age(&owner, keys() - keys() / 4);
    let old_ms = start_ms(&mut program, (&data, &home, port));
    assert_eq!(owner.get("/api/keys").body, before, "what came and went left nothing");
    let records =
        sinew_store::JournalReader::open(&data).expect("the journal opens").last_seq().expect("a number");
    let made = [keys() / 4, keys() - keys() / 4].map(|keys| keys / 8 * 8).iter().sum::<u32>();
    assert!(records >= u64::from(made) * 2, "{records} records of {made} keys");
    println!("FIGURES {}", json!({"young_ms": young_ms, "old_ms": old_ms, "records": records}));
}
