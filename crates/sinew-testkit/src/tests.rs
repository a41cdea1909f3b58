use super::{shared, skipped};

#[test]
fn a_skipped_test_is_named() {
    assert_eq!(skipped(Some("corpus::reads")), "skipped: corpus::reads (needs ../shared)\n");
}

#[test]
fn what_is_there_is_found() {
    if let Some(folder) = shared("data") {
        assert!(folder.is_dir());
    }
}
