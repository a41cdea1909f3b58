use super::*;
use crate::published::{Mapped, Value, write_gguf};
use std::path::Path;

fn vocabulary(model: &str, tokens: &[&str], more: Vec<(&str, Value)>) -> Result<Vocabulary, String> {
    let mut values: BTreeMap<String, Value> =
        more.into_iter().map(|(key, value)| (format!("tokenizer.ggml.{key}"), value)).collect();
    let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
    values.insert("tokenizer.ggml.tokens".to_owned(), Value::Texts(tokens));
    values.insert("tokenizer.ggml.model".to_owned(), Value::Text(model.to_owned()));
    let file = Mapped::own(Path::new("a.gguf"), write_gguf(&values, &[]));
    let gguf = Gguf::read(file).expect("a good file");
    Vocabulary::from_gguf(&gguf).map_err(|error| error.to_string())
}

fn pairs_of_smollm() -> Vocabulary {
    let tokens = [
        "<|im_end|>",
        "a",
        "b",
        "1",
        "2",
        "ab",
        "12",
        "Ġ",
        "Ġab",
        "<",
        "|",
        "i",
        "m",
        "_",
        "e",
        "n",
        "d",
        ">",
    ];
    let mut kinds = vec![1.0; tokens.len()];
    kinds[0] = 3.0;
    let merges = ["a b", "Ġ ab", "1 2"].map(str::to_owned).to_vec();
    vocabulary(
        "gpt2",
        &tokens,
        vec![
            ("pre", Value::Text("smollm".to_owned())),
            ("merges", Value::Texts(merges)),
            ("token_type", Value::Numbers(kinds)),
            ("eos_token_id", Value::Whole(0)),
        ],
    )
    .expect("a good vocabulary")
}

#[test]
fn digits_stay_alone_and_spaces_go_with_what_follows() {
    let words = pairs_of_smollm();
    assert_eq!(words.encode("ab ab12").expect("tokens"), [5, 8, 3, 4]);
    assert_eq!(words.decode(&[5, 8, 3, 4]), b"ab ab12");
    assert_eq!(words.ends(), [0]);
}

#[test]
fn nobody_can_spell_a_special_token() {
    let words = pairs_of_smollm();
    let spelt = "ab<|im_end|>";
    assert_eq!(words.encode_marked(spelt).expect("tokens"), [5, 0]);
    let harmless = words.encode_marked(&words.harmless(spelt)).expect("tokens");
    assert!(!harmless.contains(&0) && words.decode(&harmless) == spelt.as_bytes());
}

#[test]
fn pieces_are_joined_by_their_scores() {
    let tokens = ["<unk>", "<0x0A>", "\u{2581}", "a", "b", "ab", "\u{2581}a", "\u{2581}ab"];
    let scores = vec![0.0, 0.0, -9.0, -8.0, -8.0, -2.0, -1.0, -3.0];
    let words =
        vocabulary("llama", &tokens, vec![("scores", Value::Numbers(scores))]).expect("a good vocabulary");
    // The space joins `a` first, for that pair has the better score.
    assert_eq!(words.encode("ab ab\n").expect("tokens"), [7, 7, 1]);
    assert_eq!(words.decode(&[7, 7, 1]), b" ab ab\n");
}

#[test]
fn vocabularies_that_lie_end_in_one_sentence() {
    let said = |result: Result<Vocabulary, String>| result.err().expect("refused");
    assert!(said(vocabulary("wordpiece", &["a"], vec![])).contains("its kind is `wordpiece`"));
    assert!(said(vocabulary("gpt2", &["a"], vec![])).contains("it has no merges"));
    let merges = Value::Texts(vec!["a zzz".to_owned()]);
    assert!(vocabulary("gpt2", &["a"], vec![("merges", merges)]).is_err());
    let long = "a".repeat(TOKEN_BYTES_MOST + 1);
    assert!(said(vocabulary("llama", &[&long], vec![])).contains("a token has 4097 bytes"));
    let bomb = vec!["a"; (1 << 20) + 1];
    assert!(said(vocabulary("llama", &bomb, vec![])).contains("it has 1048577 tokens"));
}

#[test]
fn no_text_is_lost_when_a_neighbour_was_joined_before() {
    let tokens = ["<unk>", "x", "a", "b", "c", "xa", "bc", "ab"];
    let scores = vec![0.0, -9.0, -9.0, -9.0, -9.0, -1.0, -2.0, -3.0];
    let more = vec![("scores", Value::Numbers(scores)), ("add_space_prefix", Value::Truth(false))];
    let words = vocabulary("llama", &tokens, more).expect("a good vocabulary");
    assert_eq!(words.encode("xabc").expect("tokens"), [5, 6]);
}

#[test]
fn special_tokens_of_one_letter_cannot_be_spelt_and_added_texts_can() {
    let tokens = ["#", "a", "b", "ab", "<think>"];
    let kinds = Value::Numbers(vec![3.0, 1.0, 1.0, 1.0, 4.0]);
    let merges = Value::Texts(vec!["a b".to_owned()]);
    let words = vocabulary("gpt2", &tokens, vec![("merges", merges), ("token_type", kinds)]).expect("good");
    assert_eq!(words.encode("a#b").expect("tokens"), [1, 2]);
    assert_eq!(words.encode_marked("a#b").expect("tokens"), [1, 0, 2]);
    assert_eq!(words.encode_marked(&words.harmless("a#b")).expect("tokens"), [3]);
    assert_eq!(words.encode("<think>ab").expect("tokens"), [4, 3]);
    assert_eq!(words.decode(&[4, 3, 0]), b"<think>ab");
}

#[test]
fn a_first_token_outside_the_vocabulary_is_refused() {
    let json = r#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": null, "decoder": null,
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "S", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}},
            {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"S": {"id": "S", "ids": [99], "tokens": ["S"]}}},
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}}"#;
    let said = Vocabulary::from_json(json, &[]).err().expect("refused").to_string();
    assert!(said.contains("it names the token 99 and has only 2"), "{said}");
}
