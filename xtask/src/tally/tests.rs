use super::{Tally, of_cargo, of_node, of_pytest};
use expect_test::{Expect, expect};

fn check(tally: Tally, shown: Expect) {
    shown.assert_eq(&tally.to_string());
}

#[test]
fn cargo_results_add_up() {
    let output = "\
test a ... ok
test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
    check(of_cargo(output), expect!["5 passed, 1 failed, 1 skipped"]);
}

#[test]
fn a_rust_test_without_the_shared_folder_is_skipped_and_not_passed() {
    let output = "\
test corpus::reads ... skipped: corpus::reads (needs ../shared)
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
    check(of_cargo(output), expect!["2 passed, 0 failed, 1 skipped"]);
}

#[test]
fn a_runner_that_did_not_compile_failed_once() {
    check(of_cargo("error: could not compile `sinew`").ended(false), expect!["0 passed, 1 failed"]);
    check(of_cargo("test result: FAILED. 2 passed; 2 failed;").ended(false), expect!["2 passed, 2 failed"]);
}

#[test]
fn pytest_is_read_from_its_last_summary() {
    check(of_pytest("6 passed in 1.20s\n"), expect!["6 passed, 0 failed"]);
    check(
        of_pytest("==== 1 failed, 4 passed, 1 skipped, 2 errors in 3.00s ====\n"),
        expect!["4 passed, 3 failed, 1 skipped"],
    );
    check(of_pytest("no tests ran in 0.01s\n"), expect!["0 passed, 0 failed"]);
}

#[test]
fn node_is_read_in_both_of_its_forms() {
    check(
        of_node("ℹ tests 4\nℹ pass 3\nℹ fail 1\nℹ cancelled 0\nℹ skipped 0\n"),
        expect!["3 passed, 1 failed"],
    );
    check(
        of_node("# pass 2\n# fail 0\n# cancelled 1\n# skipped 1\n"),
        expect!["2 passed, 1 failed, 1 skipped"],
    );
}
