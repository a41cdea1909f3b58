use std::fs;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::folder::Identity;

fn data() -> (TempDir, DataFolder) {
    let home = TempDir::new().unwrap();
    let founding = Identity { instance: InstanceId(1), created_ms: 0 };
    let folder = DataFolder::open_or_create(&home.path().join("data"), founding).unwrap();
    (home, folder)
}

fn open(folder: &DataFolder) -> Journal {
    Journal::open(folder, JournalOptions::default()).unwrap()
}

fn records(bodies: &[&str]) -> Vec<Record> {
    bodies.iter().map(|&body| Record { version: 1, body: body.to_owned() }).collect()
}

fn bodies(reader: &JournalReader, from_seq: u64) -> Vec<String> {
    let mut bodies = Vec::new();
    reader
        .read(from_seq, &mut |row| {
            bodies.push(row.body.to_owned());
            ControlFlow::Continue(())
        })
        .unwrap();
    bodies
}

/// Changes the file behind the journal's back, as only a broken disk or a person would.
fn tamper(folder: &DataFolder, sql: &str) -> rusqlite::Result<()> {
    Connection::open(folder.path().join(FILE))?.execute_batch(sql)
}

fn shows(folder: &DataFolder, error: &StoreError, expected: &Expect) {
    expected.assert_eq(&error.to_string().replace(&folder.path().display().to_string(), ""));
}

#[test]
fn what_is_appended_is_read_back_after_a_start() {
    let (_home, folder) = data();
    let mut journal = open(&folder);
    assert_eq!(journal.append(10, &records(&["a", "b"])).unwrap(), 1..3);
    assert_eq!(journal.append(11, &[]).unwrap(), 3..3);
    assert_eq!(journal.append(12, &records(&["c"])).unwrap(), 3..4);
    drop(journal);
    let journal = open(&folder);
    assert_eq!(journal.last_seq(), 3);
    assert_eq!(bodies(journal.reader(), 0), ["a", "b", "c"]);
    assert_eq!(bodies(journal.reader(), 3), ["c"]);
    assert_eq!(bodies(journal.reader(), 4), Vec::<String>::new());
    let mut first = Vec::new();
    let stop = &mut |row: Row<'_>| {
        first.push((row.seq, row.at_ms, row.version));
        ControlFlow::Break(())
    };
    journal.reader().read(1, stop).unwrap();
    assert_eq!(first, [(1, 10, 1)]);
    journal.reader().check().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_records_come_back_as_they_were(
        groups in prop::collection::vec((any::<u64>(), prop::collection::vec((any::<u32>(), ".{0,40}"), 0..6)), 0..8),
        from_seq in 0_u64..40,
    ) {
        let (_home, folder) = data();
        let mut journal = open(&folder);
        let mut expected = Vec::new();
        for (at_ms, group) in groups {
            let group: Vec<Record> =
                group.into_iter().map(|(version, body)| Record { version, body }).collect();
            let seqs = journal.append(at_ms, &group).unwrap();
            expected.extend(seqs.zip(group).map(|(seq, record)| (seq, at_ms, record.version, record.body)));
        }
        drop(journal);
        let reader = JournalReader::open(folder.path()).unwrap();
        let mut found = Vec::new();
        reader.read(from_seq, &mut |row| {
            found.push((row.seq, row.at_ms, row.version, row.body.to_owned()));
            ControlFlow::Continue(())
        }).unwrap();
        expected.retain(|(seq, ..)| *seq >= from_seq);
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn records_are_never_changed_even_by_sql() {
    let (_home, folder) = data();
    open(&folder).append(1, &records(&["a", "b"])).unwrap();
    for sql in [
        "UPDATE records SET body = 'x' WHERE seq = 1",
        "DELETE FROM records WHERE seq = 2",
        "INSERT INTO records VALUES (4, 1, 1, 'x')",
        "INSERT OR REPLACE INTO records VALUES (1, 1, 1, 'x')",
        "INSERT INTO records VALUES (3, 1, 1, 7.5, 1)",
        "INSERT INTO records VALUES (3, 1, 'one', 'x')",
    ] {
        assert!(tamper(&folder, sql).is_err(), "{sql}");
    }
    assert_eq!(bodies(open(&folder).reader(), 1), ["a", "b"]);
}

#[test]
fn a_full_disk_records_nothing_and_goes_on_when_there_is_space() {
    let (_home, folder) = data();
    let mut journal = Journal::open(&folder, JournalOptions { max_bytes: Some(100_000) }).unwrap();
    let group = records(&["x".repeat(3_000).as_str(); 5]);
    let error = loop {
        if let Err(error) = journal.append(1, &group) {
            break error;
        }
    };
    let shown = expect!["the disk is full at /journal.sqlite: nothing was recorded; free space and retry"];
    shows(&folder, &error, &shown);
    let before = journal.last_seq();
    assert!(before > 0 && before.is_multiple_of(5));
    assert_eq!(JournalReader::open(folder.path()).unwrap().last_seq().unwrap(), before);
    assert!(matches!(journal.put_snapshot(before, 1, &[0; 50_000]), Err(StoreError::Full { .. })));
    assert_eq!(journal.reader().latest_snapshot().unwrap(), SnapshotSearch::default());

    journal.set_max_bytes(Some(1_000_000)).unwrap();
    assert_eq!(journal.append(2, &group).unwrap(), before + 1..before + 6);
    journal.put_snapshot(before, 1, &[0; 50_000]).unwrap();
    drop(journal);
    assert_eq!(bodies(open(&folder).reader(), 1).len() as u64, before + 5);
}

#[test]
fn only_a_flush_that_failed_leaves_doubt() {
    let error = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
    let (_home, folder) = data();
    let mut journal = open(&folder);
    for full in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_SHMSIZE] {
        assert!(matches!(journal.write_failed("append to", error(full)), StoreError::Full { .. }));
        journal.append(1, &records(&["a"])).unwrap();
    }
    let doubt = journal.write_failed("append to", error(ffi::SQLITE_IOERR_FSYNC));
    assert!(matches!(doubt, StoreError::Unconfirmed { source: Some(_), .. }));
    let refused = journal.append(1, &records(&["b"]));
    assert!(matches!(refused, Err(StoreError::Unconfirmed { source: None, .. })));
    assert!(matches!(journal.put_snapshot(1, 1, b"s"), Err(StoreError::Unconfirmed { .. })));
    drop(journal);
    open(&folder).append(1, &records(&["b"])).unwrap();
}

#[test]
fn other_files_and_versions_are_refused() {
    let (_home, folder) = data();
    drop(open(&folder));
    tamper(&folder, "PRAGMA user_version = 2").unwrap();
    let shown = expect![
        "/journal.sqlite was written by a newer Sinew (journal version 2); this one reads up to 1: use the newer binary"
    ];
    shows(&folder, &Journal::open(&folder, JournalOptions::default()).unwrap_err(), &shown);
    shows(&folder, &JournalReader::open(folder.path()).unwrap_err(), &shown);

    tamper(&folder, "PRAGMA user_version = 1; PRAGMA application_id = 0").unwrap();
    let shown =
        expect!["/journal.sqlite is not a Sinew journal: move it away, or restore the folder from a backup"];
    shows(&folder, &Journal::open(&folder, JournalOptions::default()).unwrap_err(), &shown);
    fs::write(folder.path().join(FILE), "no database at all, but long enough for a header".repeat(100))
        .unwrap();
    shows(&folder, &Journal::open(&folder, JournalOptions::default()).unwrap_err(), &shown);
    shows(&folder, &JournalReader::open(folder.path()).unwrap_err(), &shown);
}

#[test]
fn the_journal_of_another_instance_is_refused() {
    let (_home, folder) = data();
    drop(open(&folder));
    tamper(&folder, "UPDATE identity SET instance = '00000000000000000000000000000002'").unwrap();
    let error = Journal::open(&folder, JournalOptions::default()).unwrap_err();
    assert!(matches!(error, StoreError::WrongInstance { found: InstanceId(2), .. }), "{error}");
}

#[test]
fn a_missing_record_is_found() {
    let (_home, folder) = data();
    open(&folder).append(1, &records(&["a", "b", "c"])).unwrap();
    tamper(&folder, "DROP TRIGGER records_stay; DELETE FROM records WHERE seq = 2").unwrap();
    let reader = JournalReader::open(folder.path()).unwrap();
    let shown = expect!["/journal.sqlite lacks record 2: restore the folder from a backup"];
    shows(&folder, &reader.check().unwrap_err(), &shown);
    let mut seen = 0;
    let count = &mut |_: Row<'_>| {
        seen += 1;
        ControlFlow::Continue(())
    };
    shows(&folder, &reader.read(1, count).unwrap_err(), &shown);
    assert_eq!(seen, 1);
    assert_eq!(bodies(&reader, 3), ["c"]);
}

#[test]
fn damage_by_the_disk_is_found() {
    let (_home, folder) = data();
    let mut journal = open(&folder);
    for _ in 0..200 {
        journal.append(1, &records(&["x".repeat(500).as_str()])).unwrap();
    }
    drop(journal);
    let path = folder.path().join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 64].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let error = JournalReader::open(folder.path()).unwrap().check().unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_snapshot_is_found_again_and_the_newest_two_stay() {
    let (_home, folder) = data();
    let mut journal = open(&folder);
    assert_eq!(journal.reader().latest_snapshot().unwrap(), SnapshotSearch::default());
    journal.append(1, &records(&["a", "b", "c"])).unwrap();
    assert!(matches!(
        journal.put_snapshot(4, 1, b"ahead"),
        Err(StoreError::SnapshotAhead { seq: 4, last_seq: 3, .. })
    ));
    for seq in 1..=3 {
        journal.put_snapshot(seq, 9, format!("state {seq}").as_bytes()).unwrap();
    }
    let newest = Snapshot { seq: 3, version: 9, body: b"state 3".to_vec() };
    let found = journal.reader().latest_snapshot().unwrap();
    assert_eq!(found, SnapshotSearch { snapshot: Some(newest), damaged_seqs: vec![] });
    assert_eq!(journal.reader().number("SELECT min(seq) FROM snapshots").unwrap(), 2);
}

#[test]
fn a_damaged_snapshot_gives_way_to_the_older_and_then_to_a_full_replay() {
    let (_home, folder) = data();
    let mut journal = open(&folder);
    journal.append(1, &records(&["a", "b"])).unwrap();
    journal.put_snapshot(1, 1, b"one").unwrap();
    journal.put_snapshot(2, 1, b"two").unwrap();
    tamper(&folder, "UPDATE snapshots SET body = x'00' WHERE seq = 2").unwrap();
    let found = journal.reader().latest_snapshot().unwrap();
    assert_eq!(found.snapshot.map(|snapshot| snapshot.body), Some(b"one".to_vec()));
    assert_eq!(found.damaged_seqs, [2]);
    tamper(&folder, "UPDATE snapshots SET version = 2 WHERE seq = 1").unwrap();
    let found = journal.reader().latest_snapshot().unwrap();
    assert_eq!(found, SnapshotSearch { snapshot: None, damaged_seqs: vec![2, 1] });
}

#[test]
fn a_reader_in_another_connection_sees_whole_groups() {
    let (_home, folder) = data();
    let mut journal = open(&folder);
    journal.append(1, &records(&["a"; 10])).unwrap();
    let path = folder.path().to_path_buf();
    let reading = std::thread::spawn(move || {
        let reader = JournalReader::open(&path).unwrap();
        let mut seen = 0;
        while seen < 2_000 {
            seen = bodies(&reader, 1).len();
            assert_eq!(seen % 10, 0);
        }
    });
    while !reading.is_finished() {
        journal.append(1, &records(&["a"; 10])).unwrap();
    }
    reading.join().unwrap();
}

#[test]
fn the_writer_may_live_on_any_thread() {
    fn is_send<T: Send>() {}
    is_send::<Journal>();
    is_send::<JournalReader>();
}

#[test]
fn a_reader_cannot_write_and_needs_a_journal() {
    let (_home, folder) = data();
    assert!(matches!(JournalReader::open(folder.path()), Err(StoreError::NoSinew { .. })));
    drop(open(&folder));
    let reader = JournalReader::open(folder.path()).unwrap();
    assert!(reader.connection.execute("INSERT INTO records VALUES (1, 1, 1, 'x')", ()).is_err());
}

#[test]
fn a_still_journal_is_read_whatever_its_path_and_nothing_is_left_beside_it() {
    let (home, folder) = data();
    open(&folder).append(1, &records(&["a"])).unwrap();
    let place = home.path().join("50% off? #1 ü");
    fs::create_dir(&place).unwrap();
    fs::copy(folder.path().join(FILE), place.join(FILE)).unwrap();
    let reader = JournalReader::open_still(&place.join(FILE)).unwrap();
    assert_eq!(bodies(&reader, 1), ["a"]);
    drop(reader);
    assert_eq!(files::names_in(&place).unwrap(), [FILE]);
}
