//! What happens to reports while the journal has no room.

use crate::leaving::lab_of;
use crate::world::{Program, free_port, log_of, shell, until, until_state, work_folder};
use serde_json::json;
use std::fs::{self, File};
use std::path::Path;

/// How often the server said that a write found no room.
fn refusals(remarks: &Path) -> usize {
    let text = fs::read_to_string(remarks).expect("the server's remarks");
    text.lines().filter(|line| line.contains("the disk is full at")).count()
}

#[test]
fn an_end_that_found_no_room_is_recorded_when_there_is_some() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (data, home, port) = (folder.path().join("data"), folder.path().join("home"), free_port());
    let remarks = folder.path().join("remarks");
    let program = Program::up_with(&data, &home, port, |command| {
        command.args(["--journal-limit", &(512 << 10).to_string()]);
        command.stderr(File::create(&remarks).expect("a file"));
    });
    let lab = lab_of(&program, &home);
    lab.must("/api/workloads", &shell("waits", "echo up; until [ -e go ]; do sleep 0.05; done; echo over"));
    until("its program up", || log_of(&lab, "waits").contains("up").then_some(()));
    // Stands for anything else on the same disk.
    let filler = rusqlite::Connection::open(data.join("journal.sqlite")).expect("the journal opens");
    filler.busy_timeout(crate::world::PATIENCE).expect("a patient connection");
    filler
        .execute_batch("CREATE TABLE filler (bytes BLOB); INSERT INTO filler VALUES (zeroblob(131072));")
        .expect("room at first");
    // Large ones to come near, small ones until not even one of them fits; an end is larger.
    for label in ["x".repeat(4_000), "y".to_owned()] {
        let fits = || lab.post("/api/keys", &json!({"label": label, "roles": ["view"]})).status == 200;
        assert!((0..2_000).any(|_| !fits()), "the journal never filled up");
    }
    let before = refusals(&remarks);
    fs::write(work_folder(&data, &lab, "waits").join("go"), "").expect("a file");
    until("the report refused", || (refusals(&remarks) > before).then_some(()));
    assert_eq!(
        lab.get("/api/workloads/waits").body["state"],
        "running",
        "nothing is said that is not recorded"
    );
    filler.execute_batch("DROP TABLE filler").expect("space is freed");
    let view = until_state(&lab, "waits", &["done", "failed"]);
    assert_eq!(view["state"], "done", "{view}");
    assert_eq!(log_of(&lab, "waits"), "up\nover\n");
}
