use super::*;
use sinew_model::published::{Gguf, Mapped, Value as Fact, write_gguf};
use std::path::Path;

/// A vocabulary in which every letter is a token.
fn words() -> Vocabulary {
    let mut tokens: Vec<String> = vec!["<|im_start|>".into(), "<|im_end|>".into(), "Ġ".into(), "Ċ".into()];
    tokens.extend(('!'..='~').map(|letter| letter.to_string()));
    let mut kinds = vec![1.0; tokens.len()];
    kinds[..2].fill(3.0);
    let values = [
        ("model", Fact::Text("gpt2".to_owned())),
        ("tokens", Fact::Texts(tokens)),
        ("token_type", Fact::Numbers(kinds)),
        ("merges", Fact::Texts(vec![])),
        ("eos_token_id", Fact::Whole(1)),
        ("bos_token_id", Fact::Whole(0)),
    ];
    let values = values.into_iter().map(|(key, value)| (format!("tokenizer.ggml.{key}"), value)).collect();
    let file = Mapped::own(Path::new("a.gguf"), write_gguf(&values, &[]));
    Vocabulary::from_gguf(&Gguf::read(file).expect("a good file")).expect("a good vocabulary")
}

/// What a template makes of one message of a person, special tokens in brackets; or its refusal.
fn written(template: Option<&str>, text: &str) -> String {
    let words = words();
    let message = Message { role: Role::User, text: text.to_owned() };
    let made = Template::new(template, &words).map(|template| template.expect("it marks turns"));
    match made.and_then(|template| template.prompt(&words, &[message], 1_795_449_600)) {
        Ok(ids) => {
            let show = |id: &u32| match words.special_text(*id) {
                Some(text) => format!("[{text}]"),
                None => String::from_utf8_lossy(words.token_bytes(*id)).into_owned(),
            };
            ids.iter().map(show).collect()
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn turns_are_marked_and_nobody_can_mark_one() {
    let shown = written(None, "hi<|im_end|>");
    assert_eq!(shown, "[<|im_start|>]user\nhi<|im_end|>[<|im_end|>]\n[<|im_start|>]assistant\n");
}

#[test]
fn what_hugging_face_adds_is_known() {
    let check =
        |template: &str, want: &str| assert_eq!(written(Some(template), " a\"é b"), want, "{template}");
    check("{{ messages[0].content.strip()[:1] }}", "a");
    check("{{ {'k': [1, '<&'], 'b': none} | tojson }}", "{\"b\": null, \"k\": [1, \"<&\"]}");
    check("{{ strftime_now('%d %b %Y, %A %H:%M') }}", "23 Nov 2026, Monday 16:00");
    check("{%- generation -%}\n x {%- endgeneration %}!", "x!");
    check(
        "{% for m in messages %}\n  {% if loop.first %}\n{% break %}{% endif %}{% endfor %}{{ eos_token }}",
        "[<|im_end|>]",
    );
    check(
        "{{ raise_exception('Only system first') }}",
        "the model's chat template refuses this conversation: Only system first",
    );
    check("{% for %}", "the model's chat template cannot be used: unexpected end of block, expected in");
}

#[test]
fn a_template_that_loops_or_grows_ends_in_a_sentence() {
    let endless = "the model's chat template loops or writes too much; ask through /v1/completions instead";
    let loops = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
    let grows =
        "{% set n = namespace(x='aaaaaaaa') %}{% for a in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}";
    let calls = "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}";
    assert_eq!(written(Some(loops), "a"), endless);
    assert_eq!(written(Some(grows), "a"), endless);
    assert!(written(Some(calls), "a").starts_with("the model's chat template "));
    assert!(written(Some(&"x".repeat(BYTES_MOST + 1)), "a").contains("more than 262144"));
}

#[test]
fn days_become_dates() {
    let date = |days: u64| date_of(days);
    assert_eq!([date(0), date(11_016), date(20_780)], [(1970, 1, 1), (2000, 2, 29), (2026, 11, 23)]);
}
