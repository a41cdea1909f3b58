use super::{Figure, Report, field, number};
use expect_test::expect;

fn report() -> Report {
    let total = Figure {
        name: "total_s".to_owned(),
        value: 241.26,
        unit: "s",
        peer: None,
        goal_at_most: Some(240.0),
        goal_at_least: None,
    };
    let peer = Some(("sqlite3".to_owned(), 0.5));
    let start = Figure {
        name: "start_s".to_owned(),
        value: 0.25,
        unit: "s",
        peer,
        goal_at_most: Some(1.0),
        goal_at_least: None,
    };
    Report {
        bench: "demo",
        what: "how long it takes",
        commit: "abc".to_owned(),
        machine: "2 cores".to_owned(),
        figures: vec![total, start],
    }
}

#[test]
fn the_page_is_a_table_with_its_command() {
    expect![[r#"
        # Benchmark `demo`: how long it takes

        | figure  | value | unit | peer    | peer's value | ratio | goal          |
        | ------- | ----- | ---- | ------- | ------------ | ----- | ------------- |
        | total_s | 241.3 | s    |         |              |       | <= 240 missed |
        | start_s | 0.25  | s    | sqlite3 | 0.50         | 0.50  | <= 1 met      |

        `cargo xtask bench demo` · commit abc · 2 cores
    "#]]
    .assert_eq(&report().page());
}

#[test]
fn json_has_every_field() {
    expect![[r#"{"bench":"demo","commit":"abc","figures":[{"goal":"<= 240","name":"total_s","peer":null,"peer_value":null,"ratio":null,"unit":"s","value":241.26},{"goal":"<= 1","name":"start_s","peer":"sqlite3","peer_value":0.5,"ratio":0.5,"unit":"s","value":0.25}],"machine":"2 cores"}"#]]
    .assert_eq(&report().json().to_string());
}

#[test]
fn numbers_have_the_digits_that_matter() {
    let shown = [12.0, 1234.56, 24.16, 0.487, 0.00048].map(number).join(" ");
    expect!["12 1235 24.2 0.49 0.00048"].assert_eq(&shown);
}

#[test]
fn a_field_of_the_machine_is_found() {
    assert_eq!(field("model name\t: Fast One\n", "model name"), Some("Fast One"));
    assert_eq!(field("", "model name"), None);
}
