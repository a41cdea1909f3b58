use super::{complaints, crate_heads, on_the_map};
use crate::repository::TextFile;
use expect_test::{Expect, expect};

fn file(path: &str, text: &str) -> TextFile {
    TextFile { path: path.to_owned(), text: text.to_owned() }
}

fn check(path: &str, text: &str, shown: Expect) {
    shown.assert_eq(&complaints(&file(path, text)).join("\n"));
}

#[test]
fn a_long_file_is_split() {
    check("web/src/App.svelte", &"\n".repeat(600), expect![""]);
    check(
        "web/src/App.svelte",
        &"\n".repeat(601),
        expect!["web/src/App.svelte has 601 lines of at most 600: split it by subject"],
    );
    check("web/package-lock.json", &"\n".repeat(601), expect![""]);
}

#[test]
fn banned_words_are_named_with_their_line() {
    check(
        "a.rs",
        "fn a() {\n    todo!()\n}\n",
        expect!["a.rs:2 holds todo!(: what is not here is not pretended"],
    );
    check(
        "a.rs",
        "unimplemented!()",
        expect!["a.rs:1 holds unimplemented!(: what is not here is not pretended"],
    );
    check("a.rs", "dbg!(1)", expect!["a.rs:1 holds dbg!(: a finished program does not print its insides"]);
    check(
        "a.rs",
        "#[ignore]\n#[allow(dead_code)]\n#![allow(dead_code)]",
        expect![[r#"
            a.rs:1 holds #[ignore: a test that is not run is no test: make it run, or remove it
            a.rs:2 holds #[allow(: write #[expect(lint, reason = "...")], which says why and ends when its cause ends
            a.rs:3 holds #![allow(: write #[expect(lint, reason = "...")] at the place, which says why and ends when its cause ends"#]],
    );
    check("CONTRIBUTING.md", "never `todo!()`", expect![""]);
}

#[test]
fn folders_of_one_machine_are_found() {
    check(
        "run.sh",
        "cd /work/main\n# a/work/b\ncat \"/home/ann/x\"\n",
        expect![[r#"
            run.sh:1 names /work/, a folder of one machine: use a relative path
            run.sh:3 names /home/, a folder of one machine: use a relative path"#]],
    );
    check("notes.md", "https://example.org/work/", expect![""]);
}

#[test]
fn a_crate_opens_with_what_it_is_for() {
    let files = [file("crates/a/src/lib.rs", "//! A.\n"), file("crates/b/src/main.rs", "use std::io;\n")];
    let folders = ["crates/a".to_owned(), "crates/b".to_owned()];
    let shown = expect!["crates/b/src/main.rs must open with `//!`: what it is for and what it never does"];
    shown.assert_eq(&crate_heads(&folders, &files).join("\n"));
}

#[test]
fn a_crate_is_on_the_map() {
    let shown = expect!["ARCHITECTURE.md does not name `sinew-core`: add a paragraph for it"];
    shown.assert_eq(&on_the_map(&["sinew-types", "sinew-core"], Some("`sinew-types`: words")).join("\n"));
    let shown = expect!["ARCHITECTURE.md is missing: it is the map of the crates"];
    shown.assert_eq(&on_the_map(&["sinew-types"], None).join("\n"));
}
