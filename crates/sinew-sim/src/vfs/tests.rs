use super::*;
use sinew_store::{InstanceId, Journal, Record, StoreError};
use std::ops::ControlFlow;

const INSTANCE: InstanceId = InstanceId(7);

fn open(disk: &Disk) -> Journal {
    let journal = Journal::open_on(VFS, &disk.path("journal.sqlite"), INSTANCE).expect("the journal opens");
    disk.sync_folder();
    journal
}

fn record(text: &str) -> Record {
    Record { version: 1, body: text.to_owned() }
}

fn bodies(journal: &Journal) -> Vec<String> {
    let mut found = Vec::new();
    journal
        .reader()
        .read(1, &mut |row| {
            found.push(row.body.to_owned());
            ControlFlow::Continue(())
        })
        .expect("the journal is whole");
    journal.reader().check().expect("the journal is whole");
    found
}

/// The process ends without a word, and the power with it where that is asked.
fn crash(disk: &Disk, journal: Journal, power: bool, seed: u64) {
    disk.stop();
    drop(journal);
    disk.crash(power, &mut Chance::of(seed));
}

#[test]
fn what_was_acknowledged_survives_every_power_cut() {
    for seed in 0..40 {
        let disk = Disk::new();
        let mut journal = open(&disk);
        for number in 0..30 {
            let group = [record(&format!("a{number}")), record(&"b".repeat(3_000))];
            journal.append(number, &group).expect("the disk is well");
        }
        crash(&disk, journal, true, seed);
        assert_eq!(bodies(&open(&disk)).len(), 60, "seed {seed}");
    }
}

#[test]
fn a_file_that_was_never_synced_may_be_lost_or_torn() {
    let mut left = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let mut plates = Plates::default();
        plates.open(0, "file", true).expect("made");
        plates.write(0, "file", 0, &[1; 2 * SECTOR_BYTES]).expect("written");
        plates.sync(0, "file").expect("synced");
        plates.write(0, "file", 0, &[2; 2 * SECTOR_BYTES]).expect("written");
        plates.open(0, "other", true).expect("made");
        plates.crash(true, &mut Chance::of(seed));
        let file = plates.content("file").expect("it was synced");
        assert_eq!(file.len(), 2 * SECTOR_BYTES);
        left.insert((file[0], file[SECTOR_BYTES], plates.exists("other")));
    }
    // Both sectors old, both new, either one torn; the other file there or not.
    assert_eq!(left.iter().map(|(a, b, _)| (a, b)).collect::<std::collections::BTreeSet<_>>().len(), 4);
    assert!(left.iter().any(|(.., there)| *there) && left.iter().any(|(.., there)| !there));
}

#[test]
fn the_death_of_a_process_alone_loses_nothing() {
    let mut plates = Plates::default();
    plates.open(0, "file", true).expect("made");
    plates.write(0, "file", 3, &[1; 5]).expect("written");
    plates.crash(false, &mut Chance::of(1));
    assert_eq!(plates.content("file").expect("there"), [0, 0, 0, 1, 1, 1, 1, 1]);
    assert_eq!(plates.write(0, "file", 0, &[9]), Err(Failure::Off), "the dead write nothing");
}

#[test]
fn a_group_that_the_power_cut_off_is_there_whole_or_not_at_all() {
    let (mut whole, mut gone) = (0, 0);
    for seed in 0..60 {
        let disk = Disk::new();
        let mut journal = open(&disk);
        journal.append(1, &[record("kept")]).expect("the disk is well");
        disk.set_faults(|faults| faults.power_lasts = Some(seed % 12));
        let group: Vec<Record> = (0..6).map(|number| record(&format!("{number}").repeat(2_000))).collect();
        let told = journal.append(2, &group);
        crash(&disk, journal, true, seed);
        match (bodies(&open(&disk)).len(), told.is_ok()) {
            (7, _) => whole += 1,
            (1, false) => gone += 1,
            (records, told) => panic!("seed {seed}: {records} records although told {told}"),
        }
    }
    assert!(whole > 0 && gone > 0, "both happen: {whole} and {gone}");
}

#[test]
fn a_full_disk_records_nothing_and_goes_on_with_space() {
    let disk = Disk::new();
    let mut journal = open(&disk);
    journal.append(1, &[record("kept")]).expect("the disk is well");
    disk.set_faults(|faults| faults.capacity_bytes = Some(disk_bytes(&[10_000, 0])));
    let group = [record(&"a".repeat(9_000)), record(&"b".repeat(90_000))];
    assert!(matches!(journal.append(2, &group), Err(StoreError::Full { .. })));
    assert_eq!(bodies(&journal), ["kept"]);
    disk.set_faults(|faults| faults.capacity_bytes = None);
    journal.append(3, &[record("again")]).expect("there is space");
    crash(&disk, journal, true, 3);
    assert_eq!(bodies(&open(&disk)), ["kept", "again"]);
}

/// A capacity that lets a little more than the empty journal in.
fn disk_bytes(more: &[u64]) -> u64 {
    64 * 1_024 + more.iter().sum::<u64>()
}

#[test]
fn a_flush_that_failed_makes_the_journal_refuse_more() {
    let disk = Disk::new();
    let mut journal = open(&disk);
    disk.set_faults(|faults| (faults.flush_ms, faults.flush_fails_in) = (20, Some(0)));
    assert!(matches!(journal.append(1, &[record("maybe")]), Err(StoreError::Unconfirmed { .. })));
    assert!(matches!(journal.append(1, &[record("no")]), Err(StoreError::Unconfirmed { source: None, .. })));
    assert!(disk.take_spent_ms() >= 20, "a slow disk costs fake time");
    crash(&disk, journal, true, 5);
    let left = bodies(&open(&disk));
    assert!(left.is_empty() || left == ["maybe"]);
}

#[test]
fn a_second_connection_is_refused() {
    let disk = Disk::new();
    let first = open(&disk);
    assert!(Journal::open_on(VFS, &disk.path("journal.sqlite"), INSTANCE).is_err());
    drop(first);
    open(&disk);
}
