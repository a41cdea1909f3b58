use std::{collections::BTreeSet, ops::ControlFlow};

use expect_test::{Expect, expect};
use sinew_types::OrgId;
use tempfile::TempDir;

use super::*;
use crate::{Artefacts, Identity, InstanceId, Journal, JournalOptions, Record, hash_of};

fn lab() -> OrgId {
    OrgId::from_bits(1)
}

struct World {
    home: TempDir,
    folder: DataFolder,
    journal: Journal,
    store: Artefacts,
}

impl World {
    fn new() -> World {
        let home = TempDir::new().unwrap();
        let founding = Identity { instance: InstanceId(1), created_ms: 0 };
        let folder = DataFolder::open_or_create(&home.path().join("data"), founding).unwrap();
        let journal = Journal::open(&folder, JournalOptions::default()).unwrap();
        let store = Artefacts::open(&folder, u64::MAX).unwrap();
        World { home, folder, journal, store }
    }

    /// Puts an artefact and then records its hash, as the server does.
    fn work(&mut self, text: &str) {
        let hash = self.store.put(lab(), &mut text.as_bytes(), None).unwrap().hash;
        self.journal.append(1, &[Record { version: 1, body: hash.to_string() }]).unwrap();
    }

    fn at(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    fn backup(&self) -> Result<BackupReport, StoreError> {
        backup(self.folder.path(), &self.at("backup"), 9)
    }

    /// Damages the backup and shows why it is not restored.
    fn refusal(&self, damage: impl FnOnce(&Path), expected: &Expect) {
        self.backup().unwrap();
        damage(&self.at("backup"));
        let error = restore(&self.at("backup"), &self.at("again")).unwrap_err();
        expected.assert_eq(&error.to_string().replace(&self.home.path().display().to_string(), ""));
        assert_eq!(files::names_in(self.home.path()).unwrap(), ["backup", "data"]);
        fs::remove_dir_all(self.at("backup")).unwrap();
    }
}

/// Opens a folder as the server would, and reads every artefact that its journal refers to.
fn check_whole(path: &Path) -> u64 {
    let folder = DataFolder::open(path).unwrap();
    let journal = Journal::open(&folder, JournalOptions::default()).unwrap();
    let store = Artefacts::open(&folder, u64::MAX).unwrap();
    journal
        .reader()
        .read(1, &mut |row| {
            store.verify(lab(), row.body.parse().unwrap()).unwrap();
            ControlFlow::Continue(())
        })
        .unwrap();
    journal.last_seq()
}

#[test]
fn a_backup_becomes_the_same_folder_again() {
    let mut world = World::new();
    world.work("one");
    world.work("two");
    world.journal.put_snapshot(2, 1, b"state").unwrap();
    let report = world.backup().unwrap();
    assert_eq!((report.last_seq, report.files, report.taken_ms), (2, 4, 9));
    world.work("three");
    assert!(matches!(world.backup(), Err(StoreError::NotEmpty { .. })));

    assert_eq!(restore(&world.at("backup"), &world.at("again")).unwrap(), report);
    assert_eq!(check_whole(&world.at("again")), 2);
    let reader = JournalReader::open(&world.at("again")).unwrap();
    assert_eq!(reader.latest_snapshot().unwrap().snapshot.unwrap().body, b"state");
    assert!(matches!(restore(&world.at("backup"), &world.at("again")), Err(StoreError::NotEmpty { .. })));
    assert_eq!(files::names_in(world.home.path()).unwrap(), ["again", "backup", "data"]);
    assert_eq!(files::names_in(&world.at("backup")).unwrap(), [SUMS, ABOUT, journal::FILE, "orgs", IDENTITY]);
}

#[test]
fn a_backup_under_load_lacks_nothing_that_its_journal_refers_to() {
    let mut world = World::new();
    world.work("first");
    let (data, to) = (world.folder.path().to_path_buf(), world.at("backup"));
    let running = std::thread::spawn(move || backup(&data, &to, 9).unwrap());
    let mut count = 0;
    while !running.is_finished() {
        world.work(&format!("work {count}"));
        count += 1;
        match world.store.collect(lab(), &BTreeSet::from([hash_of(b"first")]), 0) {
            Ok(_) | Err(StoreError::CollectionHeld) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let report = running.join().unwrap();
    restore(&world.at("backup"), &world.at("again")).unwrap();
    assert_eq!(check_whole(&world.at("again")), report.last_seq);
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let mut world = World::new();
    world.work("one");
    let artefact = hash_of(b"one").to_string();
    let artefact = format!("orgs/{:032x}/artefacts/{}/{}", lab().bits(), &artefact[..2], &artefact[2..]);

    let shown = expect![
        "the backup /backup cannot be used, because orgs/00000000000000000000000000000001/artefacts/76/92c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed is not what was backed up: nothing was restored; take another backup"
    ];
    world.refusal(
        |backup| {
            fs::remove_file(backup.join(&artefact)).unwrap();
            fs::write(backup.join(&artefact), "onE").unwrap();
        },
        &shown,
    );
    let shown = expect![
        "the backup /backup cannot be used, because it lacks orgs/00000000000000000000000000000001/artefacts/76/92c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed: nothing was restored; take another backup"
    ];
    world.refusal(|backup| fs::remove_file(backup.join(&artefact)).unwrap(), &shown);
    let shown = expect![
        "the backup /backup cannot be used, because journal.sqlite is not what was backed up: nothing was restored; take another backup"
    ];
    world.refusal(
        |backup| {
            let path = backup.join(journal::FILE);
            let mut bytes = fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(path, bytes).unwrap();
        },
        &shown,
    );
    let shown = expect![
        "the backup /backup cannot be used, because SHA256SUMS is not what was backed up: nothing was restored; take another backup"
    ];
    world.refusal(|backup| fs::write(backup.join(SUMS), "").unwrap(), &shown);
    let shown = expect![
        "the backup /backup cannot be used, because backup.json cannot be read (No such file or directory (os error 2)): nothing was restored; take another backup"
    ];
    world.refusal(|backup| fs::remove_file(backup.join(ABOUT)).unwrap(), &shown);
    let shown = expect![
        "/backup was written by a newer Sinew (format 2); this one reads up to 1: use the newer binary"
    ];
    world.refusal(|backup| fs::write(backup.join(ABOUT), r#"{"format":2}"#).unwrap(), &shown);
}

#[test]
fn a_hostile_list_cannot_write_elsewhere() {
    let mut world = World::new();
    world.work("one");
    let shown = expect![[
        r#"the backup /backup cannot be used, because SHA256SUMS has a line that no backup writes: "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  ../escaped": nothing was restored; take another backup"#
    ]];
    world.refusal(
        |backup| {
            let mut report: BackupReport =
                serde_json::from_slice(&fs::read(backup.join(ABOUT)).unwrap()).unwrap();
            let sums = fs::read_to_string(backup.join(SUMS)).unwrap()
                + &format!("{}  ../escaped\n", hash_of(b"one"));
            report.sums_sha256 = hash_of(sums.as_bytes());
            fs::write(backup.join(SUMS), sums).unwrap();
            fs::write(backup.join(ABOUT), serde_json::to_vec(&report).unwrap()).unwrap();
        },
        &shown,
    );
}

#[test]
fn a_folder_without_artefacts_goes_round_twice() {
    let home = TempDir::new().unwrap();
    let at = |name: &str| home.path().join(name);
    let founding = Identity { instance: InstanceId(1), created_ms: 0 };
    let folder = DataFolder::open_or_create(&at("data"), founding).unwrap();
    drop(Journal::open(&folder, JournalOptions::default()).unwrap());
    backup(&at("data"), &at("first"), 1).unwrap();
    restore(&at("first"), &at("again")).unwrap();
    backup(&at("again"), &at("second"), 2).unwrap();
    assert_eq!(restore(&at("second"), &at("third")).unwrap().last_seq, 0);
}

#[test]
fn damaged_data_makes_no_backup() {
    let mut world = World::new();
    world.work("one");
    let path = world.store.path(lab(), hash_of(b"one"));
    fs::remove_file(&path).unwrap();
    fs::write(&path, "onE").unwrap();
    assert!(matches!(world.backup(), Err(StoreError::DamagedArtefact { .. })));
    assert_eq!(files::names_in(world.home.path()).unwrap(), ["data"]);
    let nothing = backup(&world.at("nowhere"), &world.at("backup"), 9);
    assert!(matches!(nothing, Err(StoreError::NoSinew { .. })));
}
