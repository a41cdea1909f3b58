use expect_test::{Expect, expect};
use tempfile::TempDir;

use super::*;

fn founding(instance: u128) -> Identity {
    Identity { instance: InstanceId(instance), created_ms: 7 }
}

/// Opens `data` in a fresh folder that `prepare` has seen, and shows the refusal with the folder's own path
/// left out.
fn refusal(prepare: impl FnOnce(&Path), expected: Expect) {
    let home = TempDir::new().unwrap();
    let path = home.path().join("data");
    prepare(&path);
    let error = DataFolder::open_or_create(&path, founding(1)).unwrap_err();
    let shown = error.to_string().replace(&home.path().display().to_string(), "");
    expected.assert_eq(&shown.replace(&std::process::id().to_string(), "PID"));
}

#[test]
fn a_new_folder_is_private_and_keeps_its_identity() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("deep/data");
    let folder = DataFolder::open_or_create(&path, founding(1)).unwrap();
    assert_eq!(folder.identity(), founding(1));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    expect![[r#"
        {"format":1,"instance":"00000000000000000000000000000001","created_ms":7}
    "#]]
    .assert_eq(&fs::read_to_string(path.join(IDENTITY)).unwrap());
    drop(folder);

    let again = DataFolder::open_or_create(&path, founding(2)).unwrap();
    assert_eq!(again.identity(), founding(1));
    again.expect_instance(InstanceId(1)).unwrap();
    let error = again.expect_instance(InstanceId(2)).unwrap_err().to_string();
    assert!(error.contains("belongs to the Sinew instance 00000000000000000000000000000001"), "{error}");
}

#[test]
fn a_file_is_no_folder() {
    let shown = expect!["/data is a file, and Sinew needs a folder: choose another with --data"];
    refusal(|path| fs::write(path, "x").unwrap(), shown);
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let shown = expect!["/data belongs to something else: choose an empty folder with --data"];
    refusal(
        |path| {
            fs::create_dir(path).unwrap();
            fs::write(path.join("lock"), "somebody's").unwrap();
        },
        shown,
    );
    let shown = expect!["/data belongs to something else: choose an empty folder with --data"];
    refusal(
        |path| {
            fs::create_dir(path).unwrap();
            fs::write(path.join("notes.txt"), "mine").unwrap();
        },
        shown,
    );
}

#[test]
fn one_process_at_a_time() {
    let mut first = None;
    let shown = expect![
        "/data is in use by another Sinew (process PID): stop it first, or choose another folder with --data"
    ];
    refusal(|path| first = Some(DataFolder::open_or_create(path, founding(1)).unwrap()), shown);
}

#[test]
fn a_newer_format_is_refused() {
    let shown = expect![
        "/data was written by a newer Sinew (format 2); this one reads up to 1: use the newer binary"
    ];
    refusal(
        |path| {
            fs::create_dir(path).unwrap();
            fs::write(path.join(IDENTITY), r#"{"format":2,"colour":"blue"}"#).unwrap();
        },
        shown,
    );
}

#[test]
fn a_damaged_identity_is_refused() {
    for text in ["", "{", "{}", r#"{"format":1,"instance":"1","created_ms":7}"#] {
        let shown = expect![
            "/data/sinew.json cannot be read as Sinew's identity file: restore the folder from a backup"
        ];
        refusal(
            |path| {
                fs::create_dir(path).unwrap();
                fs::write(path.join(IDENTITY), text).unwrap();
            },
            shown,
        );
    }
}

#[test]
fn a_folder_that_may_not_be_written_is_refused() {
    let home = TempDir::new().unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o555)).unwrap();
    let path = home.path().join("data");
    let attempt = std::thread::spawn(move || {
        if rustix::process::geteuid().is_root() {
            // Root may write anywhere, so this one thread gives that right up.
            let mut sets = rustix::thread::capabilities(None).unwrap();
            sets.effective = rustix::thread::CapabilitySet::empty();
            rustix::thread::set_capabilities(None, sets).unwrap();
        }
        DataFolder::open_or_create(&path, founding(1)).unwrap_err()
    });
    let error = attempt.join().unwrap();
    // Root without its rights still owns the folder, and its owner may not write there either.
    assert!(matches!(error, StoreError::NotWritable { .. }), "{error:?}");
}

#[test]
fn a_crash_of_the_first_start_is_no_obstacle() {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join(LOCK), "sinew process 1\n").unwrap();
    fs::write(home.path().join(IDENTITY_TEMP), "{\"for").unwrap();
    let folder = DataFolder::open_or_create(home.path(), founding(3)).unwrap();
    assert_eq!(folder.identity(), founding(3));
    assert_eq!(files::names_in(home.path()).unwrap(), [LOCK, IDENTITY]);
}

#[test]
fn reading_needs_no_lock_but_a_folder() {
    let home = TempDir::new().unwrap();
    assert!(matches!(DataFolder::inspect(home.path()), Err(StoreError::NoSinew { .. })));
    assert!(matches!(DataFolder::open(home.path()), Err(StoreError::NoSinew { .. })));
    assert_eq!(files::names_in(home.path()).unwrap(), Vec::<String>::new());
    let _folder = DataFolder::open_or_create(home.path(), founding(3)).unwrap();
    assert_eq!(DataFolder::inspect(home.path()).unwrap(), founding(3));
    assert!(matches!(DataFolder::open(home.path()), Err(StoreError::InUse { .. })));
}
