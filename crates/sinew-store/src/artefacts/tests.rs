use expect_test::expect;
use tempfile::TempDir;

use super::*;
use crate::{files::hash_of, folder::Identity, ids::InstanceId};

fn lab() -> OrgId {
    OrgId::from_bits(1)
}

fn rival() -> OrgId {
    OrgId::from_bits(2)
}

fn data() -> (TempDir, DataFolder) {
    let home = TempDir::new().unwrap();
    let founding = Identity { instance: InstanceId(1), created_ms: 0 };
    let folder = DataFolder::open_or_create(&home.path().join("data"), founding).unwrap();
    (home, folder)
}

fn put(store: &Artefacts, org: OrgId, bytes: &[u8]) -> Result<Put, StoreError> {
    store.put(org, &mut &*bytes, None)
}

fn in_an_hour_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap() + 3_600_000
}

struct Breaks;

impl Read for Breaks {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

#[test]
fn bytes_come_back_under_their_hash() {
    let (_home, folder) = data();
    let store = Artefacts::open(&folder, u64::MAX).unwrap();
    let first = put(&store, lab(), b"weights").unwrap();
    assert_eq!(first, Put { hash: hash_of(b"weights"), bytes: 7, new: true });
    let again = store.put(lab(), &mut &b"weights"[..], Some(first.hash)).unwrap();
    assert_eq!(again, Put { new: false, ..first });
    let mut bytes = Vec::new();
    store.open_artefact(lab(), first.hash).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"weights");
    assert_eq!(store.len(lab(), first.hash).unwrap(), 7);
    assert_eq!(store.list(lab()).unwrap(), [Stored { hash: first.hash, bytes: 7 }]);
    assert_eq!(store.used_bytes(lab()).unwrap(), 7);
    assert_eq!(put(&store, lab(), b"").unwrap().bytes, 0);
}

#[test]
fn organisations_share_nothing() {
    let (_home, folder) = data();
    let store = Artefacts::open(&folder, u64::MAX).unwrap();
    let hash = put(&store, lab(), b"secret").unwrap().hash;
    assert!(!store.contains(rival(), hash).unwrap());
    assert!(matches!(store.open_artefact(rival(), hash), Err(StoreError::NoArtefact { .. })));
    assert_eq!(store.used_bytes(rival()).unwrap(), 0);
    assert!(put(&store, rival(), b"secret").unwrap().new);
    assert_eq!(store.collect(rival(), &BTreeSet::new(), in_an_hour_ms()).unwrap().count, 1);
    store.verify(lab(), hash).unwrap();
    let mode = fs::metadata(artefacts_dir(folder.path(), lab())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn other_bytes_than_announced_and_broken_senders_leave_nothing() {
    let (_home, folder) = data();
    let store = Artefacts::open(&folder, u64::MAX).unwrap();
    let error = store.put(lab(), &mut &b"b"[..], Some(hash_of(b"a"))).unwrap_err();
    expect![[r#"the bytes have the hash 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d, and ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb was announced: nothing was stored; send them again"#]].assert_eq(&error.to_string());
    let broken = store.put(lab(), &mut (&b"half"[..]).chain(Breaks), None);
    assert!(matches!(broken, Err(StoreError::Source { .. })));
    assert_eq!(store.list(lab()).unwrap(), []);
    assert_eq!(store.used_bytes(lab()).unwrap(), 0);
    let temps = artefacts_dir(folder.path(), lab()).join(TEMP);
    assert_eq!(files::names_in(&temps).unwrap(), Vec::<String>::new());
}

#[test]
fn the_quota_holds_while_bytes_stream_in() {
    let (_home, folder) = data();
    let store = Artefacts::open(&folder, 10).unwrap();
    put(&store, lab(), b"12345678").unwrap();
    let error = put(&store, lab(), b"abc").unwrap_err();
    expect![
        "the artefact does not fit: 8 of 10 bytes are used; remove old artefacts, or ask for a larger quota"
    ]
    .assert_eq(&error.to_string());
    // An endless sender is stopped by the quota, not by the disk.
    let endless = store.put(lab(), &mut io::repeat(1), None);
    assert!(matches!(endless, Err(StoreError::QuotaExceeded { limit: 10, used: 8 })));
    put(&store, rival(), b"1234567890").unwrap();
    // What is there already needs no further space, when its hash is announced.
    let known = Some(hash_of(b"12345678"));
    assert!(!store.put(lab(), &mut &b"12345678"[..], known).unwrap().new);
    assert!(matches!(
        store.put(lab(), &mut &b"12345678abc"[..], known),
        Err(StoreError::QuotaExceeded { .. })
    ));
    put(&store, lab(), b"ab").unwrap();
    assert_eq!(store.used_bytes(lab()).unwrap(), 10);
    store.set_quota(lab(), Some(13));
    put(&store, lab(), b"abc").unwrap();
    assert_eq!(
        store.collect(lab(), &BTreeSet::new(), in_an_hour_ms()).unwrap(),
        Collected { count: 3, bytes: 13 }
    );
    put(&store, lab(), b"1234567890abc").unwrap();
}

#[test]
fn two_senders_at_once_share_one_quota() {
    let (_home, folder) = data();
    let store = Artefacts::open(&folder, 1_000_000).unwrap();
    let stored: u64 = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..4_u8)
            .map(|byte| {
                let store = &store;
                scope.spawn(move || put(store, lab(), &vec![byte; 400_000]).map_or(0, |put| put.bytes))
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    assert!(stored <= 800_000);
    assert_eq!(store.used_bytes(lab()).unwrap(), stored);
    let on_disk: u64 = store.list(lab()).unwrap().iter().map(|stored| stored.bytes).sum();
    assert_eq!(on_disk, stored);
}

#[test]
fn collection_spares_what_is_kept_and_what_is_young() {
    let (_home, folder) = data();
    let store = Artefacts::open(&folder, u64::MAX).unwrap();
    let kept = put(&store, lab(), b"kept").unwrap().hash;
    put(&store, lab(), b"gone").unwrap();
    let keep = BTreeSet::from([kept]);
    assert_eq!(store.collect(lab(), &keep, 1_000).unwrap(), Collected::default());
    assert_eq!(store.collect(lab(), &keep, in_an_hour_ms()).unwrap(), Collected { count: 1, bytes: 4 });
    assert_eq!(store.list(lab()).unwrap(), [Stored { hash: kept, bytes: 4 }]);
    assert_eq!(store.used_bytes(lab()).unwrap(), 4);
    let held = hold_collection(folder.path()).unwrap();
    assert!(matches!(store.collect(lab(), &keep, 1_000), Err(StoreError::CollectionHeld)));
    drop(held);
    store.collect(lab(), &keep, 1_000).unwrap();
}

#[test]
fn putting_again_makes_an_artefact_young_and_heals_it() {
    let (_home, folder) = data();
    let store = Artefacts::open(&folder, u64::MAX).unwrap();
    let hash = put(&store, lab(), b"weights").unwrap().hash;
    let path = store.path(lab(), hash);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "damage").unwrap();
    File::open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert!(matches!(store.verify(lab(), hash), Err(StoreError::DamagedArtefact { .. })));
    put(&store, lab(), b"weights").unwrap();
    store.verify(lab(), hash).unwrap();
    assert_eq!(store.collect(lab(), &BTreeSet::new(), 1_000).unwrap(), Collected::default());
}

#[test]
fn what_a_crash_left_half_written_is_removed_at_the_start() {
    let (_home, folder) = data();
    let store = Artefacts::open(&folder, u64::MAX).unwrap();
    put(&store, lab(), b"whole").unwrap();
    let temps = artefacts_dir(folder.path(), lab()).join(TEMP);
    fs::write(temps.join("0"), "ha").unwrap();
    drop(store);
    let store = Artefacts::open(&folder, u64::MAX).unwrap();
    assert_eq!(files::names_in(&temps).unwrap(), Vec::<String>::new());
    assert_eq!(store.used_bytes(lab()).unwrap(), 5);
    assert_eq!(store.organisations().unwrap(), [lab()]);
    put(&store, lab(), b"more").unwrap();
}

#[test]
fn only_paths_that_a_store_writes_have_a_hash() {
    let hash = hash_of(b"x");
    let path = path_in(&artefacts_dir(Path::new(""), lab()), hash);
    let path = path.to_str().unwrap();
    assert_eq!(path.split('/').nth(1), Some("00000000000000000000000000000001"), "digits, without a prefix");
    assert_eq!(hash_of_path(path), Some(hash));
    for hostile in [format!("{path}/x"), format!("/{path}"), format!("../{path}"), path.replace("orgs", "..")]
    {
        assert_eq!(hash_of_path(&hostile), None, "{hostile}");
    }
}
