use std::error::Error as _;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde::Serialize;
use sinew_types::Hash;

use super::*;

fn refusal(text: &str) -> String {
    from_text(text).unwrap_err().source().expect("the parser's own words").to_string()
}

/// Shows why each of these texts has no value.
fn check_refused(texts: &[&str], expected: Expect) {
    let shown: Vec<String> = texts.iter().map(|text| format!("{text:?} -> {}\n", refusal(text))).collect();
    expected.assert_eq(&shown.concat());
}

/// A list in a list in a list.
fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

#[test]
fn what_is_written_by_hand_is_read() {
    let text = r#" { "b" : [ null , true , -1 ] , "a" : "\u00e9\n" } "#;
    assert_eq!(from_text(text).unwrap().to_json(), r#"{"a":"é\n","b":[null,true,-1]}"#);
    for number in [i64::MIN, -1, 0, i64::MAX] {
        assert_eq!(from_text(&number.to_string()).unwrap(), Value::Int(number));
    }
}

#[test]
fn numbers_that_are_not_exact_integers_are_refused() {
    let texts = [
        "1.0",
        "1e3",
        "-0",
        "[1,0.5]",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "01",
        "+1",
        "NaN",
        "1e999",
    ];
    check_refused(
        &texts,
        expect![[r#"
            "1.0" -> a number is not a 64-bit integer (larger ones are written as text) at line 1 column 3
            "1e3" -> a number is not a 64-bit integer (larger ones are written as text) at line 1 column 3
            "-0" -> a number is not a 64-bit integer (larger ones are written as text) at line 1 column 2
            "[1,0.5]" -> a number is not a 64-bit integer (larger ones are written as text) at line 1 column 6
            "9223372036854775808" -> a number is not a 64-bit integer (larger ones are written as text) at line 1 column 19
            "-9223372036854775809" -> a number is not a 64-bit integer (larger ones are written as text) at line 1 column 20
            "18446744073709551616" -> a number is not a 64-bit integer (larger ones are written as text) at line 1 column 20
            "01" -> invalid number at line 1 column 2
            "+1" -> expected value at line 1 column 1
            "NaN" -> expected value at line 1 column 1
            "1e999" -> number out of range at line 1 column 5
        "#]],
    );
}

#[test]
fn a_field_written_twice_is_refused_in_any_spelling() {
    let texts = [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"[{"x":{"a":1,"b":2,"a":3}}]"#];
    check_refused(
        &texts,
        expect![[r#"
            "{\"a\":1,\"a\":1}" -> the field "a" is written twice at line 1 column 10
            "{\"a\":1,\"\\u0061\":2}" -> the field "a" is written twice at line 1 column 15
            "[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]" -> the field "a" is written twice at line 1 column 22
        "#]],
    );
    let long = "k".repeat(1 << 16);
    assert!(refusal(&format!("{{\"{long}\":1,\"{long}\":2}}")).len() < 300, "a message stays short");
}

#[test]
fn text_that_is_no_json_is_refused() {
    let texts = [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "'a'",
        "1 2",
        "[]]",
        "\"\\ud800\"",
        "\"a\nb\"",
        "\u{feff}1",
    ];
    check_refused(
        &texts,
        expect![[r#"
            "" -> EOF while parsing a value at line 1 column 0
            " " -> EOF while parsing a value at line 1 column 1
            "{" -> EOF while parsing an object at line 1 column 1
            "[1,]" -> trailing comma at line 1 column 4
            "{\"a\":1,}" -> trailing comma at line 1 column 8
            "{a:1}" -> key must be a string at line 1 column 2
            "'a'" -> expected value at line 1 column 1
            "1 2" -> trailing characters at line 1 column 3
            "[]]" -> trailing characters at line 1 column 3
            "\"\\ud800\"" -> unexpected end of hex escape at line 1 column 8
            "\"a\nb\"" -> control character (\u0000-\u001F) found while parsing a string at line 2 column 0
            "\u{feff}1" -> expected value at line 1 column 1
        "#]],
    );
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    assert_eq!(from_text(&nested(127)).unwrap().to_json(), nested(127));
    let objects = r#"{"a":"#.repeat(1_000_000);
    for hostile in [nested(128), nested(1_000_000), "[".repeat(1_000_000), objects] {
        assert!(refusal(&hostile[..]).contains("recursion limit exceeded"));
    }
}

#[test]
fn a_message_says_what_to_do() {
    let error = from_text("[\n1,\n2.5]").unwrap_err();
    let shown = format!("{error}\n{}", error.source().expect("a cause"));
    expect![[r#"
        the text cannot be read as a value: correct it at the place that the cause names
        a number is not a 64-bit integer (larger ones are written as text) at line 3 column 3"#]]
    .assert_eq(&shown);
}

#[test]
fn a_hash_in_a_form_is_its_text() {
    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct Form {
        #[serde(with = "hash_text")]
        hash: Hash,
    }
    let form = Form { hash: crate::hash_of(b"abc") };
    let text = serde_json::to_string(&form).unwrap();
    assert_eq!(text, r#"{"hash":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}"#);
    assert_eq!(serde_json::from_str::<Form>(&text).unwrap(), form);
    let error = serde_json::from_str::<Form>(&text.replace("ba78", "BA78")).unwrap_err();
    expect!["a hash is not a SHA-256 of 64 lower-case hexadecimal digits at line 1 column 75"]
        .assert_eq(&error.to_string());
}

/// Any letters at all, control characters as well.
fn any_text() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..6).prop_map(String::from_iter)
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any_text().prop_map(Value::Text),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            prop::collection::btree_map(any_text(), inner, 0..6).prop_map(Value::Map),
        ]
    })
}

proptest! {
    #[test]
    fn what_a_value_writes_is_read_as_that_value(value in any_value()) {
        prop_assert_eq!(from_text(&value.to_json()).unwrap(), value);
    }

    #[test]
    fn what_is_read_has_one_text(text in "[\\[\\]{},:\"a0-2e.\\\\u -]{0,24}") {
        if let Ok(value) = from_text(&text) {
            prop_assert_eq!(from_text(&value.to_json()).unwrap(), value);
        }
    }

    #[test]
    fn a_text_cut_off_is_refused(value in any_value(), cut: prop::sample::Index) {
        let text = Value::List(vec![value]).to_json();
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        prop_assert!(from_text(&text[..*cut.get(&ends)]).is_err());
    }

    #[test]
    fn no_text_makes_it_panic(text: String) {
        let _ = from_text(&text);
    }
}
