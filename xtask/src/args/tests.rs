use super::parse;
use expect_test::{Expect, expect};

fn check(line: &str, shown: Expect) {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let text = match parse(&words) {
        Ok(task) => format!("{task:?}"),
        Err(error) => format!("error: {error:#}"),
    };
    shown.assert_eq(&text);
}

#[test]
fn tasks_are_read() {
    check("tidy", expect!["Tidy"]);
    check("test", expect!["Test(TestOptions { install: false, only: [] })"]);
    check(
        "test --install --only lints --only python",
        expect!["Test(TestOptions { install: true, only: [Lints, Python] })"],
    );
    check("sim", expect!["Sim(SimOptions { seeds: 100, seed: None, words: [] })"]);
    check(
        "sim --seed 7 --steps 40 --only 1,5",
        expect![[
            r#"Sim(SimOptions { seeds: 100, seed: Some("7"), words: ["--steps", "40", "--only", "1,5"] })"#
        ]],
    );
    check("bench list", expect!["BenchList"]);
    check("bench demo --json out.json", expect![[r#"Bench { name: "demo", json: Some("out.json") }"#]]);
}

#[test]
fn wrong_words_are_named() {
    check("tidyy", expect!["error: `tidyy` is not understood; `cargo xtask help` shows what there is"]);
    check("sim --seeds", expect!["error: `--seeds` needs a value"]);
    check(
        "sim --fast",
        expect!["error: `--fast` is not an option of `cargo xtask sim`; see `cargo xtask help`"],
    );
    check("test --only", expect!["error: `--only` needs the name of a step"]);
    check(
        "test --fast",
        expect!["error: `--fast` is not an option of `cargo xtask test`; see `cargo xtask help`"],
    );
    check(
        "test --only lint",
        expect![
            "error: there is no step `lint`; the steps are format, lints, tidy, build, tests, verifiers, exports, demo, python, browser, resume, web"
        ],
    );
}
