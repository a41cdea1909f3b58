use super::{allowed, complaints};
use expect_test::{Expect, expect};

const DENY: &str = "[licenses]\nallow = [\"MIT\", \"Apache-2.0\", \"Apache-2.0 WITH LLVM-exception\"]\n";

fn check(licence: &str, shown: Expect) {
    let allowed = allowed(DENY).expect("a list");
    shown.assert_eq(&complaints(&[("pack 1.0.0".to_owned(), licence.to_owned())], &allowed).join("\n"));
}

#[test]
fn a_choice_needs_one_and_a_sum_needs_all() {
    check("MIT OR GPL-3.0", expect![""]);
    check("GPL-3.0/MIT", expect![""]);
    check("MIT AND (GPL-3.0 OR Apache-2.0)", expect![""]);
    check("Apache-2.0 WITH LLVM-exception", expect![""]);
    check("MIT+", expect![""]);
    check(
        "MIT AND GPL-3.0",
        expect![
            "pack 1.0.0 has the licence `MIT AND GPL-3.0`, which deny.toml does not allow: use another package"
        ],
    );
    check(
        "MIT WITH Other-exception",
        expect![
            "pack 1.0.0 has the licence `MIT WITH Other-exception`, which deny.toml does not allow: use another package"
        ],
    );
}

#[test]
fn what_cannot_be_read_is_not_allowed() {
    check("", expect!["pack 1.0.0 declares no licence: use another package"]);
    check(
        "(MIT OR Apache-2.0",
        expect![
            "pack 1.0.0 has the licence `(MIT OR Apache-2.0`, which deny.toml does not allow: use another package"
        ],
    );
    check(
        "MIT Apache-2.0",
        expect![
            "pack 1.0.0 has the licence `MIT Apache-2.0`, which deny.toml does not allow: use another package"
        ],
    );
}

#[test]
fn a_list_that_is_not_there_is_an_error() {
    let error = allowed("[bans]\n").expect_err("no list");
    expect!["deny.toml lacks the list `allow` in [licenses]"].assert_eq(&format!("{error:#}"));
}
