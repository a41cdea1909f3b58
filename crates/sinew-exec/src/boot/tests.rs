use super::Boot;
use std::fs;

#[test]
fn a_folder_of_another_boot_is_told_from_one_of_this() {
    let folder = tempfile::tempdir().expect("a folder");
    let boot = Boot::of(folder.path());
    assert!(!boot.is_new(), "nobody used it before");
    boot.begin().expect("written");
    assert!(!Boot::of(folder.path()).is_new());
    fs::write(folder.path().join("boot"), "another").expect("written");
    assert!(Boot::of(folder.path()).is_new());
}
