use super::*;

#[test]
fn chunks_hold_text_or_an_error() {
    let text = r#"{"choices":[{"index":0,"delta":{"content":"42"},"finish_reason":null}]}"#;
    assert_eq!(piece(text).expect("a chunk"), "42");
    let last = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    assert_eq!(piece(last).expect("a chunk"), "");
    let usage = r#"{"choices":[],"usage":{"total_tokens":3}}"#;
    assert_eq!(piece(usage).expect("a chunk"), "");
    let failed = piece(r#"{"error":{"message":"out of room","type":"server_error"}}"#).expect_err("an error");
    assert_eq!(failed.to_string(), "out of room");
    assert!(piece("{").is_err());
}
