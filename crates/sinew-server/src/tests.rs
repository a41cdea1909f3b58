//! What is generated or built ahead must be current. The server as its clients meet it is tested in `crates/sinew/tests`.

use crate::openapi_json;
use sha2::{Digest, Sha256};
use sinew_core::{Control, Event, Recorded, State};
use sinew_store::codec;
use sinew_types::{Canonical, Instant};
use std::fs;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    let crate_folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    Path::new(&crate_folder).join("../..")
}

#[test]
fn the_committed_openapi_is_current() {
    let path = repository().join("docs/openapi.json");
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == openapi_json(),
        "docs/openapi.json is old: run `cargo run --release -- openapi > docs/openapi.json`"
    );
}

/// The stamp's definition stands in `web/vite.config.ts`.
#[test]
fn the_committed_pages_are_current() {
    let web = repository().join("web");
    let single = [
        "index.html",
        "package-lock.json",
        "package.json",
        "svelte.config.js",
        "tsconfig.json",
        "vite.config.ts",
    ];
    let mut paths: Vec<String> = single.map(str::to_owned).to_vec();
    collect(&web, "src", &mut paths);
    paths.sort();
    let hex =
        |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let line =
        |path: &String| format!("{path}\0{}\n", hex(&fs::read(web.join(path)).expect("a source file")));
    let stamp = hex(paths.iter().map(line).collect::<String>().as_bytes());
    let built = fs::read_to_string(web.join("dist/source.sha256")).unwrap_or_default();
    assert_eq!(built.trim(), stamp, "web/dist is older than its source: run `npm run build` in web/");
}

fn collect(web: &Path, folder: &str, paths: &mut Vec<String>) {
    for entry in fs::read_dir(web.join(folder)).expect("a source folder").flatten() {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(web, &path, paths);
        } else {
            paths.push(path);
        }
    }
}

/// Journals as each version wrote them, a line a record: milliseconds, then the event. They are never written again:
/// whatever changes, they must replay to the same invoice. A new version adds a file of its own.
const JOURNAL_V1: &str = include_str!("tests/journal-v1.txt");
const JOURNAL_V2: &str = include_str!("tests/journal-v2.txt");

#[test]
fn journals_of_every_version_replay_to_the_same_invoice() {
    let first = replayed(JOURNAL_V1, false);
    let second = replayed(JOURNAL_V2, true);
    // The later one also says whose cells are whose.
    assert_eq!((first.invoices, first.workloads.len()), (second.invoices, second.workloads.len()));
    assert_eq!(second.bindings.of(sinew_types::PoolId::from_bits(7)).count(), 1);
}

/// The state after a journal, whose text is what is written today where `current`.
fn replayed(journal: &str, current: bool) -> State {
    let mut control = Control::default();
    for line in journal.lines() {
        let (at_ms, body) = line.split_once(' ').expect("milliseconds, then an event");
        let at = Instant::from_ms(at_ms.parse().expect("milliseconds"));
        let value = codec::from_text(body).expect("canonical text");
        let event = Event::from_value(&value).expect("an event of that version");
        let again = event.to_value();
        assert_eq!(Event::from_value(&again).as_ref(), Ok(&event), "and it comes back in today's form");
        assert!(!current || again.to_json() == body, "the canonical form has not changed: {body}");
        control.replay(&Recorded { at, event });
    }
    let state = control.state();
    let totals: Vec<String> = state.invoices.values().map(|invoice| invoice.total.to_string()).collect();
    assert_eq!(totals, ["0.0675 USD"]);
    assert!(state.contracts.values().all(sinew_contract::Contract::signatures_hold));
    assert_eq!(State::from_value(&state.to_value()).as_ref(), Ok(state));
    // What came later leaves no trace where it was not used, so a snapshot of then reads as one of now.
    let text = state.to_value().to_json();
    assert!(!text.contains("quota_bytes") && !text.contains("\"kept\""));
    state.clone()
}

/// An upgrade finds a journal wherever its last server left it, also with leases that are held: whose cells are whose is
/// settled from the leases and written down.
#[test]
fn a_journal_of_version_1_goes_on_from_every_record() {
    let lines: Vec<&str> = JOURNAL_V1.lines().collect();
    for length in 1..=lines.len() {
        let mut control = Control::default();
        for line in &lines[..length] {
            let (at_ms, body) = line.split_once(' ').expect("milliseconds, then an event");
            let at = Instant::from_ms(at_ms.parse().expect("milliseconds"));
            let event = Event::from_value(&codec::from_text(body).expect("text")).expect("an event");
            control.replay(&Recorded { at, event });
        }
        let now = control.state().at;
        control.settle(now);
        let state = control.state();
        let signed = state.contracts.values().filter(|c| c.lab_signature.is_some()).count();
        let bound: u32 =
            state.pools.keys().flat_map(|pool| state.bindings.of(*pool)).map(|run| run.count).sum();
        assert_eq!(
            usize::try_from(bound),
            Ok(signed),
            "each contract guarantees one chip ({length} records)"
        );
        for workload in state.workloads.values() {
            let Some(lease) = workload.lease() else { continue };
            for (cell, holding) in lease.cells.iter() {
                let whose =
                    state.bindings.of(workload.pool).find(|run| run.first == cell).map(|run| run.account);
                let own = whose.unwrap_or(sinew_sched::Account::Owner) == workload.account;
                assert_eq!(
                    holding == sinew_sched::Holding::Own,
                    own,
                    "as the promise map says ({length} records)"
                );
            }
        }
    }
}
