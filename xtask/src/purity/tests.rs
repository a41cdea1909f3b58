use super::{dependencies, lint_files, modules, money};
use crate::repository::{Dependency, Kind, Member, TextFile};
use expect_test::{Expect, expect};
use std::path::PathBuf;

/// Files are written as `== PATH` and their lines below it.
fn files(text: &str) -> Vec<TextFile> {
    let parts = text.split("== ").filter(|part| !part.is_empty());
    let file = |part: &str| {
        let (path, text) = part.split_once('\n').expect("a path and a text");
        TextFile { path: path.to_owned(), text: text.to_owned() }
    };
    parts.map(file).collect()
}

fn check(complaints: Vec<String>, shown: Expect) {
    shown.assert_eq(&complaints.join("\n"));
}

fn check_dependencies(name: &str, needed: &str, shown: Expect) {
    let dependency = |word: &str| match word.strip_suffix("(dev)") {
        Some(name) => Dependency { name: name.to_owned(), kind: Kind::Dev },
        None => Dependency { name: word.to_owned(), kind: Kind::Normal },
    };
    let dependencies_of = needed.split_whitespace().map(dependency).collect();
    let member = Member { name: name.to_owned(), folder: PathBuf::new(), dependencies: dependencies_of };
    check(dependencies(&member), shown);
}

#[test]
fn lints_of_pure_crates_are_the_templates() {
    let tree = "== xtask/clippy-pure.toml\na = 1\n== crates/sinew-types/clippy.toml\na = 1\n\
                == crates/sinew-core/clippy.toml\na = 2\n";
    check(
        lint_files(&["sinew-types", "sinew-core", "sinew-sched", "sinew-exec"], &files(tree)),
        expect![[r#"
            crates/sinew-core/clippy.toml differs from xtask/clippy-pure.toml: `cp xtask/clippy-pure.toml crates/sinew-core/clippy.toml`
            crates/sinew-sched/clippy.toml differs from xtask/clippy-pure.toml: `cp xtask/clippy-pure.toml crates/sinew-sched/clippy.toml`"#]],
    );
}

#[test]
fn pure_crates_depend_on_pure_crates() {
    check_dependencies("sinew-core", "sinew-types thiserror proptest(dev)", expect![""]);
    check_dependencies(
        "sinew-core",
        "serde tokio",
        expect![[r#"
        sinew-core is pure and must not depend on serde
        sinew-core is pure and must not depend on tokio"#]],
    );
    check_dependencies(
        "sinew-types",
        "thiserror",
        expect!["sinew-types is pure and must not depend on thiserror"],
    );
    check_dependencies("sinew-server", "tokio", expect![""]);
}

#[test]
fn pure_source_names_no_module_that_reaches_outside() {
    let tree = "== crates/sinew-core/src/lib.rs\n// std::fs is not ours\nuse std::fs;\n\
                == crates/sinew-core/src/tests.rs\nuse std::env;\n\
                == crates/sinew-exec/src/lib.rs\nuse std::thread;\n";
    check(
        modules(&files(tree)),
        expect!["crates/sinew-core/src/lib.rs:2 names std::fs: a pure crate is given what it needs"],
    );
}

#[test]
fn money_denies_floats() {
    let tree = "== crates/sinew-ledger/src/lib.rs\n//! Money.\n\
                == crates/sinew-contract/src/lib.rs\n\
                #![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]\n";
    check(
        money(&["sinew-ledger", "sinew-contract"], &files(tree)),
        expect![
            "crates/sinew-ledger/src/lib.rs lacks the line `#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]`"
        ],
    );
}
