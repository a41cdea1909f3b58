use super::{EndedLog, KEPT_MOST};
use std::fs;

#[test]
fn ends_are_known_after_a_restart_and_a_torn_line_is_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ended.log");
    let log = EndedLog::open(path.clone()).expect("a log");
    log.add("a", 1).expect("a line");
    log.add("b", 7).expect("a line");
    log.add("a", 2).expect("a line");
    let torn = fs::read_to_string(&path).expect("text") + "9";
    fs::write(&path, torn).expect("written");
    let again = EndedLog::open(path).expect("a log");
    assert_eq!([again.of("a"), again.of("b"), again.of("c")], [Some(2), Some(7), None]);
}

#[test]
fn only_the_newest_ends_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ended.log");
    let log = EndedLog::open(path.clone()).expect("a log");
    for at in 0..2 * KEPT_MOST + 10 {
        log.add(&at.to_string(), 1).expect("a line");
    }
    assert_eq!((log.of("0"), log.of(&(2 * KEPT_MOST).to_string())), (None, Some(1)));
    assert!(fs::read_to_string(&path).expect("text").lines().count() <= KEPT_MOST + 10);
}
