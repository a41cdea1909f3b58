use super::{add_record, read_record};
use expect_test::{Expect, expect};
use std::fs;

/// Adds records to a file that holds this, and shows what a reader finds.
fn check(before: &str, added: &[u32], shown: Expect) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("record.json");
    fs::write(&path, before).expect("written");
    added.iter().for_each(|number| add_record(&path, &serde_json::json!({"n": number})).expect("added"));
    let found = read_record::<serde_json::Value>(&path);
    shown.assert_eq(&found.map_or_else(|error| error.to_string(), |found| format!("{found:?}")));
}

#[test]
fn the_newest_whole_line_counts() {
    check("", &[1, 2], expect![[r#"Some(Object {"n": Number(2)})"#]]);
    check("{\"n\":1}\n{\"n\":", &[], expect![[r#"Some(Object {"n": Number(1)})"#]]);
    check("{\"n\":1}\n{\"n\":", &[3], expect![[r#"Some(Object {"n": Number(3)})"#]]);
    check("{\"n\":", &[], expect!["None"]);
    check("{\"n\":{}", &[4], expect![[r#"Some(Object {"n": Number(4)})"#]]);
    check("", &[], expect!["None"]);
}

#[test]
fn a_record_of_the_version_before_has_no_line_end() {
    check("{\"n\":1}", &[], expect![[r#"Some(Object {"n": Number(1)})"#]]);
    check("{\"n\":1}", &[2], expect![[r#"Some(Object {"n": Number(2)})"#]]);
}
