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

/// A journal as version 1 wrote it, a line a record: milliseconds, then the event. It is never written again: whatever
/// changes, it must replay to the same invoice. A new version adds a file of its own.
const JOURNAL_V1: &str = include_str!("tests/journal-v1.txt");

#[test]
fn a_journal_of_version_1_replays_to_the_same_invoice() {
    let mut control = Control::default();
    for line in JOURNAL_V1.lines() {
        let (at_ms, body) = line.split_once(' ').expect("milliseconds, then an event");
        let at = Instant::from_ms(at_ms.parse().expect("milliseconds"));
        let value = codec::from_text(body).expect("canonical text");
        let event = Event::from_value(&value).expect("an event of version 1");
        assert_eq!(event.to_value().to_json(), body, "the canonical form has not changed");
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
}
