use std::os::unix::fs::symlink;

use expect_test::{Expect, expect};
use tempfile::TempDir;

use super::*;
use crate::{
    files::hash_of,
    folder::{DataFolder, Identity},
    ids::InstanceId,
};

fn lab() -> OrgId {
    OrgId::from_bits(1)
}

struct World {
    home: TempDir,
    store: Artefacts,
    _folder: DataFolder,
}

impl World {
    fn new() -> World {
        let home = TempDir::new().unwrap();
        let founding = Identity { instance: InstanceId(1), created_ms: 0 };
        let folder = DataFolder::open_or_create(&home.path().join("data"), founding).unwrap();
        let store = Artefacts::open(&folder, u64::MAX).unwrap();
        fs::create_dir(home.path().join("in")).unwrap();
        World { home, store, _folder: folder }
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.home.path().join(path)
    }

    fn pack(&self) -> Result<Packed, StoreError> {
        self.store.pack(lab(), &self.at("in"), BundleLimits::default())
    }

    fn unpack(&self, hash: Hash) -> Result<Manifest, StoreError> {
        self.store.unpack(lab(), hash, &self.at("out"), BundleLimits::default())
    }

    fn put(&self, bytes: &[u8]) -> Hash {
        self.store.put(lab(), &mut &*bytes, None).unwrap().hash
    }

    fn out_is_untouched(&self) {
        assert_eq!(files::names_in(self.home.path()).unwrap(), ["data", "in"]);
    }
}

/// Packs a folder that `prepare` has filled, and shows the refusal.
fn refusal(prepare: impl FnOnce(&Path), expected: Expect) {
    let world = World::new();
    prepare(&world.at("in"));
    expected.assert_eq(&world.pack().unwrap_err().to_string());
    assert!(describe(&world.at("in"), BundleLimits::default()).is_err());
}

fn show(manifest: &Manifest) -> String {
    let line = |file: &ManifestFile| {
        format!("{} {} {}\n", if file.executable { "x" } else { "-" }, file.bytes, file.path)
    };
    manifest.files().iter().map(line).collect()
}

#[test]
fn a_folder_comes_back_as_it_was() {
    let world = World::new();
    fs::create_dir_all(world.at("in/lib/deep")).unwrap();
    fs::create_dir_all(world.at("in/empty")).unwrap();
    fs::write(world.at("in/lib.txt"), "text").unwrap();
    fs::write(world.at("in/lib/deep/data"), vec![7; 600_000]).unwrap();
    fs::write(world.at("in/run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(world.at("in/run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    symlink("../lib.txt", world.at("in/lib/same")).unwrap();
    symlink("lib", world.at("in/lib64")).unwrap();

    let packed = world.pack().unwrap();
    expect![[r#"
        - 4 lib.txt
        - 600000 lib/deep/data
        - 4 lib/same
        - 600000 lib64/deep/data
        - 4 lib64/same
        x 10 run.sh
    "#]]
    .assert_eq(&show(&packed.manifest));
    assert_eq!(describe(&world.at("in"), BundleLimits::default()).unwrap(), packed.manifest);
    assert_eq!(world.store.list(lab()).unwrap().len(), 4);

    assert_eq!(world.unpack(packed.hash).unwrap(), packed.manifest);
    assert_eq!(fs::read(world.at("out/lib/deep/data")).unwrap(), vec![7; 600_000]);
    assert!(fs::metadata(world.at("out/run.sh")).unwrap().permissions().mode() & 0o100 != 0);
    // A copy, not a link: what the workload does to it changes nothing in the store.
    fs::write(world.at("out/lib.txt"), "changed").unwrap();
    world.store.verify(lab(), hash_of(b"text")).unwrap();
    assert!(matches!(world.unpack(packed.hash), Err(StoreError::NotEmpty { .. })));
    fs::write(world.at("in/lib.txt"), "changed").unwrap();
    let same = describe(&world.at("out"), BundleLimits::default()).unwrap();
    assert_eq!(same.files()[0].sha256, hash_of(b"changed"));
}

#[test]
fn what_leads_out_of_the_folder_is_refused() {
    let shown = expect![
        "out cannot be part of a bundle, because it is a link that leaves the folder: change or remove it, then pack again"
    ];
    refusal(|dir| symlink("/etc/passwd", dir.join("out")).unwrap(), shown);
    let shown = expect![
        "up cannot be part of a bundle, because it is a link that leaves the folder: change or remove it, then pack again"
    ];
    refusal(|dir| symlink("../data/sinew.json", dir.join("up")).unwrap(), shown);
    let shown = expect![
        "self cannot be part of a bundle, because it is a link that leads to itself or to a process's own files: change or remove it, then pack again"
    ];
    refusal(|dir| symlink("self", dir.join("self")).unwrap(), shown);
    let shown = expect![
        "nowhere cannot be part of a bundle, because it leads to nothing: change or remove it, then pack again"
    ];
    refusal(|dir| symlink("nothing", dir.join("nowhere")).unwrap(), shown);
    let shown = expect![
        "a/round cannot be part of a bundle, because it leads round in a circle, or is too deep: change or remove it, then pack again"
    ];
    refusal(
        |dir| {
            fs::create_dir(dir.join("a")).unwrap();
            symlink("..", dir.join("a/round")).unwrap();
        },
        shown,
    );
}

#[test]
fn what_is_no_file_is_refused_without_opening_it() {
    let shown = expect![
        "pipe cannot be part of a bundle, because it is neither a file nor a folder: change or remove it, then pack again"
    ];
    refusal(
        |dir| {
            let mode = Mode::RUSR | Mode::WUSR;
            rustix::fs::mknodat(rustix::fs::CWD, dir.join("pipe"), FileType::Fifo, mode, 0).unwrap();
        },
        shown,
    );
    let shown = expect![
        "socket cannot be part of a bundle, because it is neither a file nor a folder: change or remove it, then pack again"
    ];
    refusal(|dir| drop(std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap()), shown);
    let shown = expect![
        ". cannot be part of a bundle, because it holds a name that is not UTF-8: change or remove it, then pack again"
    ];
    refusal(
        |dir| {
            use std::os::unix::ffi::OsStrExt;
            fs::write(dir.join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
        },
        shown,
    );
}

#[test]
fn a_bundle_has_bounds() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        fs::write(world.at("in").join(name), "12345").unwrap();
    }
    let packed = world.pack().unwrap();
    for (limits, what) in [
        (BundleLimits { files_most: 2, bytes_most: 100 }, "files"),
        (BundleLimits { files_most: 3, bytes_most: 14 }, "bytes"),
    ] {
        let refused =
            |error| matches!(error, StoreError::BundleTooLarge { what: found, .. } if found == what);
        assert!(refused(world.store.pack(lab(), &world.at("in"), limits).unwrap_err()));
        assert!(refused(world.store.unpack(lab(), packed.hash, &world.at("out"), limits).unwrap_err()));
    }
    world.out_is_untouched();
    let exactly = BundleLimits { files_most: 3, bytes_most: 15 };
    world.store.unpack(lab(), packed.hash, &world.at("out"), exactly).unwrap();
}

#[test]
fn a_hostile_manifest_writes_nothing() {
    let world = World::new();
    let hash = world.put(b"12345");
    let manifest = |path: &str, bytes: u64| {
        let text =
            r#"{"files":[{"bytes":BYTES,"executable":false,"path":"PATH","sha256":"HASH"}],"format":1}"#;
        let text = text.replace("BYTES", &bytes.to_string()).replace("PATH", path);
        world.put(text.replace("HASH", &hash.to_string()).as_bytes())
    };
    for (path, bytes) in [("../up", 5), ("/abs", 5), ("a/../../b", 5), ("short", 4), ("long", 6)] {
        let error = world.unpack(manifest(path, bytes)).unwrap_err();
        assert!(matches!(error, StoreError::BadManifest { .. }), "{path}: {error:?}");
        world.out_is_untouched();
    }
    assert!(matches!(world.unpack(hash), Err(StoreError::BadManifest { .. })));
    assert!(matches!(world.unpack(hash_of(b"?")), Err(StoreError::NoArtefact { .. })));
    world.unpack(manifest("right", 5)).unwrap();
}

#[test]
fn damage_and_gaps_are_found_and_leave_nothing_behind() {
    let world = World::new();
    fs::write(world.at("in/a"), "12345").unwrap();
    fs::write(world.at("in/b"), "67890").unwrap();
    let packed = world.pack().unwrap();
    let path = world.store.path(lab(), hash_of(b"67890"));
    fs::remove_file(&path).unwrap();
    assert!(matches!(world.unpack(packed.hash), Err(StoreError::NoArtefact { .. })));
    world.out_is_untouched();
    fs::write(&path, "67891").unwrap();
    assert!(matches!(world.unpack(packed.hash), Err(StoreError::DamagedArtefact { .. })));
    world.out_is_untouched();
    let manifest = world.store.path(lab(), packed.hash);
    fs::remove_file(&manifest).unwrap();
    fs::write(&manifest, "{}").unwrap();
    assert!(matches!(world.unpack(packed.hash), Err(StoreError::DamagedArtefact { .. })));
}
