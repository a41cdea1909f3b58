use super::*;

#[test]
fn staging_is_whole_or_gone() {
    let home = tempfile::tempdir().unwrap();
    let target = home.path().join("target");
    let staging = Staging::beside(&target).unwrap();
    fs::write(staging.path().join("half"), "x").unwrap();
    drop(staging);
    assert_eq!(names_in(home.path()).unwrap(), Vec::<String>::new());

    fs::create_dir(&target).unwrap();
    let staging = Staging::beside(&target).unwrap();
    fs::write(staging.path().join("whole"), "x").unwrap();
    staging.sync().unwrap();
    staging.finish().unwrap();
    assert_eq!(names_in(&target).unwrap(), ["whole"]);
    assert!(matches!(Staging::beside(&target), Err(StoreError::NotEmpty { .. })));
    assert!(matches!(Staging::beside(&target.join("whole")), Err(StoreError::NotAFolder { .. })));
}

#[test]
fn what_a_crash_left_is_removed() {
    let home = tempfile::tempdir().unwrap();
    let target = home.path().join("target");
    fs::create_dir(home.path().join(".target.partial")).unwrap();
    fs::write(home.path().join(".target.partial/old"), "x").unwrap();
    let staging = Staging::beside(&target).unwrap();
    staging.finish().unwrap();
    assert_eq!(names_in(&target).unwrap(), Vec::<String>::new());
}

#[test]
fn a_file_is_replaced_whole_even_after_a_crash() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("config");
    fs::write(sibling(&path, ".tmp"), "torn").unwrap();
    write_whole(&path, b"one").unwrap();
    write_whole(&path, b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(names_in(home.path()).unwrap(), ["config"]);
}
