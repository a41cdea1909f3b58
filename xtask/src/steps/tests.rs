use super::{Step, chosen};
use expect_test::{Expect, expect};

fn check(only: &str, shown: Expect) {
    let asked: Vec<Step> =
        only.split_whitespace().map(|name| Step::named(name).expect("a step's name")).collect();
    let names: Vec<&str> = chosen(&asked).into_iter().map(Step::name).collect();
    shown.assert_eq(&names.join(" "));
}

#[test]
fn nothing_asked_is_everything() {
    check("", expect!["format lints tidy build tests verifiers exports demo python browser resume web"]);
}

#[test]
fn a_step_brings_what_it_needs_in_order() {
    check("web format", expect!["format web"]);
    check("verifiers", expect!["verifiers"]);
    check("python", expect!["build demo python"]);
    check("resume lints", expect!["lints build demo resume"]);
}
