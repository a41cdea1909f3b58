//! A published model behind the server: the stories that llama2.c tells, through OpenAI's older completions.

use super::*;
use crate::openai::completions::read_text_request;
use sinew_model::published::gguf_from_llama2c;

fn stories() -> Option<Server> {
    let shared = sinew_testkit::shared("data/stories260k")?;
    let read = |name: &str| fs::read(shared.join(name)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bytes = gguf_from_llama2c(&read("stories260K.bin"), &read("tok512.bin")).unwrap();
    fs::write(folder.path().join("model.gguf"), bytes).unwrap();
    Some(Server::of(folder, "model.gguf", "stories@1"))
}

impl Server {
    fn goes_on(&self, change: Value) -> (u16, String) {
        let mut body = json!({"model": "stories@1", "prompt": [1], "temperature": 0, "max_tokens": 40});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.ask("POST", "/v1/completions", &body.to_string())
    }

    fn text(&self, change: Value) -> Value {
        let (status, body) = self.goes_on(change);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

#[test]
fn a_published_model_goes_on_with_texts() {
    let Some(mut server) = stories() else { return };
    let whole = server.text(json!({}));
    let text = whole["choices"][0]["text"].as_str().unwrap();
    assert!(text.starts_with(" Once upon a time, there was a little girl named Lily. She loved"), "{text}");
    assert_eq!(
        (&whole["choices"][0]["finish_reason"], &whole["usage"]["total_tokens"]),
        (&json!("length"), &json!(41))
    );
    // The prompt's text begins with the token that every text begins with.
    let asked = server.text(json!({"prompt": "Once upon a time", "stop": "named Li"}));
    assert_eq!(asked["choices"][0]["text"], ", there was a little girl ");
    assert_eq!(asked["usage"]["prompt_tokens"], 5);
    let (status, streamed) =
        server.goes_on(json!({"stream": true, "stream_options": {"include_usage": true}}));
    let parts: Vec<Value> = streamed
        .split("\n\n")
        .filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok())
        .collect();
    let joined: String = parts.iter().filter_map(|part| part["choices"][0]["text"].as_str()).collect();
    assert_eq!((status, joined.as_str(), &parts[parts.len() - 1]["usage"]), (200, text, &whole["usage"]));
    assert!(streamed.ends_with("data: [DONE]\n\n"));
    let several = server.text(json!({"prompt": [[1], [1, 403], [1]]}));
    let texts: Vec<&str> = (0..3).map(|index| several["choices"][index]["text"].as_str().unwrap()).collect();
    assert!(texts[0] == text && texts[2] == text && texts[1].starts_with(" upon a time"), "{texts:?}");
    assert_eq!(terminate(&mut server.child), 0);
}

#[test]
fn an_echo_tells_of_the_prompt_what_was_told_of_the_answer() {
    let Some(mut server) = stories() else { return };
    let said = server.text(json!({"logprobs": 2}));
    let said = &said["choices"][0];
    let tokens = said["logprobs"]["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 40);
    let joined: String = tokens.iter().map(|token| token.as_str().unwrap()).collect();
    assert_eq!(said["text"], joined);
    let echoed = server.text(json!({"prompt": format!("Once upon a time{}", &joined[17..]), "logprobs": 2, "echo": true, "max_tokens": 0}));
    let echoed = &echoed["choices"][0];
    let all = &echoed["logprobs"];
    assert_eq!((&all["tokens"][0], &all["token_logprobs"][0]), (&json!("<s>"), &Value::Null));
    assert_eq!(echoed["text"], format!("<s>{joined}"));
    for name in ["tokens", "token_logprobs", "top_logprobs"] {
        assert_eq!(all[name].as_array().unwrap()[1..], *said["logprobs"][name].as_array().unwrap(), "{name}");
    }
    // Told only from a place on, the rest has the same bits.
    let prompt = format!("Once upon a time{}", &joined[17..]);
    let ends =
        server.text(json!({"prompt": [prompt, "Once upon"], "logprobs": 2, "echo": true, "max_tokens": 0, "logprobs_from": [30, 0]}));
    let late = &ends["choices"][0]["logprobs"];
    for name in ["token_logprobs", "top_logprobs"] {
        let (late, all) = (late[name].as_array().unwrap(), all[name].as_array().unwrap());
        let from = late.iter().skip(1).position(|value| !value.is_null()).unwrap() + 1;
        assert!(from > 3 && late[..from].iter().all(Value::is_null), "{name}");
        assert_eq!(late[from..], all[from..], "{name}");
    }
    assert_eq!(late["tokens"], all["tokens"]);
    let greedy = &all["top_logprobs"][5];
    let best = greedy
        .as_object()
        .unwrap()
        .iter()
        .max_by(|a, b| a.1.as_f64().unwrap().total_cmp(&b.1.as_f64().unwrap()));
    assert_eq!(best.unwrap().0.as_str(), all["tokens"][5].as_str().unwrap());
    assert_eq!(terminate(&mut server.child), 0);
}

#[test]
fn what_a_published_model_cannot_do_is_said() {
    let Some(mut server) = stories() else { return };
    let (status, body) = server.chat(json!({"model": "stories@1"}));
    assert!(status == 400 && body.contains("no_chat_template") && body.contains("/v1/completions"), "{body}");
    for (change, code) in [
        (json!({"prompt": [512]}), "context_length_exceeded"),
        (json!({"prompt": ""}), ""),
        (json!({"prompt": vec![3; 512]}), "context_length_exceeded"),
        (json!({"prompt": ["a", "b"], "stream": true}), "unsupported_value"),
    ] {
        let (status, body) = server.goes_on(change);
        assert!(body.contains(code) && (status == 400 || code.is_empty()), "{body}");
    }
    assert_eq!(terminate(&mut server.child), 0);
}

#[test]
fn samplers_are_read_with_their_limits() {
    let read = |change: Value| {
        let mut body = json!({"model": "m", "prompt": "hi"});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        read_text_request(body.to_string().as_bytes())
    };
    let full = read(json!({
        "top_k": -1, "min_p": 0.1, "repetition_penalty": 1.5, "presence_penalty": -2, "frequency_penalty": 2,
        "logit_bias": {"7": -100, "8": 1.5}, "logprobs": 5, "echo": true, "best_of": 1, "max_tokens": 0,
    }))
    .unwrap();
    let sampling = &full.sampling;
    assert_eq!((sampling.top_k, sampling.min_p, sampling.repetition), (0, 0.1, 1.5));
    assert_eq!((sampling.presence, sampling.frequency), (-2.0, 2.0));
    assert_eq!(sampling.biases, [(7, -100.0), (8, 1.5)]);
    assert_eq!((full.likeliest, full.echo, full.tokens_most), (Some(5), true, 0));
    for (change, want) in [
        (json!({"logprobs": 6}), "from 0 to 5"),
        (json!({"top_k": -2}), "from 0, or -1"),
        (json!({"min_p": 2}), "between 0 and 1"),
        (json!({"logit_bias": {"a": 1}}), "has `a`"),
        (json!({"logit_bias": {"1": 101}}), "numbers from -100 to 100"),
        (json!({"logit_bias": 3}), "an object from token ids"),
        (json!({"prompt": null}), "`prompt` is missing"),
        (json!({"prompt": [1.5]}), "`prompt` must be a text"),
        (json!({"prompt": vec!["a"; 17]}), "at most 16"),
        (json!({"suffix": "x"}), "not a known parameter"),
        (json!({"best_of": 2}), "must be 1"),
        (json!({"logprobs_from": [1, 2]}), "one for each prompt"),
        (json!({"logprobs_from": -1}), "a whole number from 0"),
    ] {
        let error = read(change.clone()).unwrap_err();
        assert!(error.status == 400 && error.message.contains(want), "{change}: {}", error.message);
    }
}
