//! The engine as those who run it see it: a program with arguments, an environment, signals, exit codes and files.

use crate::openai::read_request;
use serde_json::{Value, json};
use sinew_infer::{Message, Role, chat_prompt};
use sinew_model::{Config, Model, Special, Tokenizer, Weights};
use sinew_tensor::Team;
use sinew_train::{Prepared, Recipe, RowKind, Sequence};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

mod published;

const CHILD: &str = "SINEW_ENGINE_TEST_ARGS";

/// The engine's own process: the other tests start this test program again with the arguments in the environment.
#[test]
fn child() {
    if let Ok(args) = std::env::var(CHILD) {
        let args = args.split('\u{1f}').map(Into::into);
        let code = format!("{:?}", crate::main(args));
        let code: String = code.chars().filter(char::is_ascii_digit).collect();
        std::process::exit(code.parse().unwrap());
    }
}

fn engine(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tests::child", "--nocapture"]);
    command.env(CHILD, args.join("\u{1f}")).env("SINEW_CPUS", "2").current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the engine to its end and returns exit code, output and errors.
fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn wait_for(lines: &mut BufReader<ChildStdout>, part: &str) -> String {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the engine ended before it said `{part}`: {seen}");
        if line.contains(part) {
            return line;
        }
        seen += &line;
    }
}

fn terminate(child: &mut Child) -> i32 {
    let kill = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", child.id())).status().unwrap();
    assert!(kill.success());
    child.wait().unwrap().code().unwrap()
}

/// A folder with prepared data in `data`, made once.
fn prepared() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let line =
            |i: u32| format!("The owner lends core {i} to lab {}, and the lab gives it back.\n", i * 7 % 13);
        fs::write(folder.path().join("text.txt"), (0..2000).map(line).collect::<String>()).unwrap();
        let (code, out, error) =
            run(&mut engine(folder.path(), &["prepare", "--text", "text.txt", "--out", "data"]));
        assert_eq!(code, 0, "{out}{error}");
        assert!(out.contains("vocabulary 1024") || out.contains("tokens to learn from"), "{out}");
        folder
    });
    folder.path()
}

fn train<'a>(data: &'a str, steps: &'a str) -> Vec<&'a str> {
    vec![
        "train",
        "--data",
        data,
        "--out",
        "model",
        "--steps",
        steps,
        "--seed",
        "5",
        "--checkpoint-every-s",
        "1",
    ]
}

fn metrics(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_run_file_says_all_and_a_wrong_one_is_refused_in_words() {
    let data = prepared().join("data");
    let folder = tempfile::tempdir().unwrap();
    let head = format!("data = {:?}\nout = \"model\"\nsteps = 4\nseed = 5\n", data.display().to_string());
    let body = "tensorboard = true\nevaluate_every_steps = 3\n[model]\nnum_hidden_layers = 1\n[recipe]\nrows = 2\nmix = [\"Text\"]\n";
    let try_file = |text: String| {
        fs::write(folder.path().join("run.toml"), text).unwrap();
        run(&mut engine(folder.path(), &["train", "--config", "run.toml"]))
    };
    let (code, out, error) = try_file(format!("{head}{body}"));
    assert_eq!(code, 0, "{out}{error}");
    assert!(out.contains("held-out loss"), "{out}");
    let config = fs::read_to_string(folder.path().join("model/config.json")).unwrap();
    assert!(config.contains("\"num_hidden_layers\": 1"), "{config}");
    let looked: Vec<u64> = metrics(folder.path())
        .iter()
        .filter(|line| line["event"] == "evaluated" && line["held_out_loss"].as_f64().is_some())
        .map(|line| line["step"].as_u64().unwrap())
        .collect();
    assert_eq!(looked, [3, 4]);
    assert_eq!(fs::read_dir(folder.path().join("tensorboard")).unwrap().count(), 1);
    let wrong = [
        (format!("{head}[model]\nlayers = 2\n"), "[model] has `layers`, which is not known; it may have"),
        (format!("{head}[model]\nvocab_size = 5\n"), "give at least that many"),
        (format!("{head}[recipe]\nrows = 0\n"), "the recipe has rows = 0; give 1 to"),
        (format!("{head}[recipe]\nrows = \"x\"\n"), "[recipe] has a value of the wrong kind"),
        (format!("{head}[recipe]\nsteps = 9\n"), "give them at the top of the file"),
        (head.replace("steps = 4", "steps = 0"), "has steps = 0; give 1 to 100000000"),
        (format!("{head}checkpoint_every_s = 0\n"), "has checkpoint_every_s = 0; give 1 to 86400"),
        ("data = 1".to_owned(), "is not a run file"),
        (format!("{head}speed = 9\n"), "unknown field `speed`"),
    ];
    for (text, want) in wrong {
        let (code, out, error) = try_file(text);
        assert_eq!(code, 1, "{out}");
        assert!(error.contains(want), "{error}");
    }
}

#[test]
fn a_run_file_keeps_all_that_it_writes_in_its_own_folder() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = prepared().join("data").display().to_string();
    let path = folder.path().join("run.toml");
    let text =
        format!("data = {data:?}\nout = \"model\"\nsteps = 1\nseed = 5\n[model]\nnum_hidden_layers = 1\n");
    fs::write(&path, text).unwrap();
    let args = ["train", "--config", path.to_str().unwrap()];
    let (code, out, error) = run(&mut engine(elsewhere.path(), &args));
    assert_eq!(code, 0, "{out}{error}");
    for name in ["model", "metrics.jsonl", "checkpoint"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_notice_leaves_a_checkpoint_that_the_next_start_takes_up() {
    let data = prepared().join("data");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("metrics.jsonl"), "{\"event\":\"started\"}\n{\"step\":1,\"cut\":0}")
        .unwrap();
    let mut stopped_at = None;
    let kept = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut command = engine(folder.path(), &train(data.to_str().unwrap(), "1000000"));
        let mut child = command.env("SINEW_CHECKPOINT", kept.path()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        if let Some(step) = stopped_at {
            wait_for(&mut lines, &format!("goes on from step {step} "));
        }
        wait_for(&mut lines, "% of peak");
        assert_eq!(terminate(&mut child), i32::from(crate::EXIT_STOPPED));
        let last = metrics(folder.path()).pop().unwrap();
        assert_eq!(last["event"], "stopped");
        assert!(last["step"].as_u64() > stopped_at);
        stopped_at = last["step"].as_u64();
    }
    let lines = metrics(folder.path());
    let line = lines.iter().rfind(|line| line["loss"].is_f64()).unwrap();
    for (name, want) in [("steps", json!(1_000_000)), ("threads", json!(2))] {
        assert_eq!(line[name], want, "{line}");
    }
    for name in ["step", "tokens_per_s", "peak_share", "left_s", "t_ms"] {
        assert!(line[name].as_f64().is_some_and(|value| value > 0.0), "{name} in {line}");
    }
    assert!(lines.iter().any(|line| line["event"] == "checkpoint" && line["ms"].is_f64()));
    assert!(!folder.path().join("model").exists(), "an unfinished run has no model");
    assert!(fs::read_dir(kept.path()).unwrap().count() > 0 && !folder.path().join("checkpoint").exists());
}

#[test]
fn a_finished_run_has_the_same_weights_file_with_one_core_and_with_two() {
    let data = prepared().join("data");
    let data = data.to_str().unwrap();
    let mut files = Vec::new();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (folder, cores) in folders.iter().zip(["1", "2"]) {
        let (code, out, error) = run(engine(folder.path(), &train(data, "12")).env("SINEW_CPUS", cores));
        assert_eq!(code, 0, "{out}{error}");
        assert_eq!(metrics(folder.path()).pop().unwrap()["event"], "finished");
        files.push(fs::read(folder.path().join("model/model.safetensors")).unwrap());
        // A second start finds the run finished and writes the same model.
        fs::remove_dir_all(folder.path().join("model")).unwrap();
        assert_eq!(run(&mut engine(folder.path(), &train(data, "12"))).0, 0);
        assert!(fs::read(folder.path().join("model/model.safetensors")).unwrap() == files[0]);
    }
    assert!(files[0] == files[1]);
    let gate = ["gate", "--data", data, "--model", "model", "--report", "report.json", "--random-weights"];
    let (code, out, error) = run(&mut engine(folders[0].path(), &gate));
    assert_eq!(code, i32::from(crate::EXIT_NOT_PASSED), "{out}{error}");
    assert!(out.contains("NOT passed"), "{out}");
    let report: Value =
        serde_json::from_slice(&fs::read(folders[0].path().join("report.json")).unwrap()).unwrap();
    assert_eq!((&report["passed"], &report["figures"][1]["name"]), (&json!(false), &json!("sums_right")));
    let (code, _, error) = run(&mut engine(folders[0].path(), &train(data, "13")));
    assert!(code == 1 && error.contains("belongs to another run"), "{code}: {error}");
}

#[test]
fn what_is_trained_has_the_form_of_what_is_served() {
    let data = Prepared::read(&prepared().join("data")).unwrap();
    let recipe = Recipe { mix: vec![RowKind::Dialogues], ..Recipe::nano(10, 5) };
    let special = |special| data.tokenizer.special(special);
    let (mut row, mut turns_most) = (Sequence::default(), 0);
    for index in 0..recipe.rows {
        row.fill(&data, &recipe, 9, index);
        for conversation in row.tokens.split(|token| *token == special(Special::Begin)).skip(1) {
            let mut messages = Vec::new();
            let turns: Vec<&[u32]> = conversation.split(|token| *token == special(Special::End)).collect();
            for turn in &turns[..turns.len() - 1] {
                let role = if turn[0] == special(Special::User) { Role::User } else { Role::Assistant };
                let text = String::from_utf8(data.tokenizer.decode(turn)).unwrap();
                messages.push(Message { role, text });
                if role == Role::User {
                    let prompt = chat_prompt(&data.tokenizer, &messages).unwrap();
                    let shown = prompt.len().min(conversation.len() + 1);
                    assert_eq!(prompt[1..shown], conversation[..shown - 1]);
                }
            }
            turns_most = turns_most.max(messages.len() / 2);
        }
    }
    assert!(turns_most >= 3, "{turns_most}");
}

#[test]
fn calibration_tells_the_speed_and_writes_nothing() {
    let data = prepared().join("data");
    let folder = tempfile::tempdir().unwrap();
    let (code, out, _) = run(&mut engine(folder.path(), &["calibrate", "--data", data.to_str().unwrap()]));
    let line = out.lines().find(|line| line.starts_with('{')).unwrap();
    let told: Value = serde_json::from_str(line).unwrap();
    assert!(code == 0 && told["tokens_per_s"].as_f64() > Some(0.0) && told["step_ms"].as_f64() > Some(0.0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn wrong_use_gets_one_clear_sentence() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("empty.txt"), "").unwrap();
    let none = ["prepare", "--registry", "nowhere", "--out", "data"];
    let cases: [(&[&str], i32, &str); 6] = [
        (&["train", "--steps", "0"], 2, "0 is not in 1..="),
        (&["dance"], 2, "unrecognized subcommand"),
        (
            &["prepare", "--text", "empty.txt", "--out", "data"],
            1,
            "`empty.txt` cannot be used as training text: it is empty",
        ),
        (&none, 1, "give a text with --text PATH"),
        (&train("nowhere", "5"), 1, "cannot read `nowhere/manifest.json`"),
        (&["serve", "--model", "nowhere", "--name", "m"], 1, "SINEW_SOCKET is not set"),
    ];
    for (args, want_code, want) in cases {
        let (code, _, error) = run(&mut engine(folder.path(), args));
        assert!(code == want_code && error.contains(want), "{args:?}: {code} {error}");
    }
    let (code, _, error) = run(engine(folder.path(), &train("nowhere", "5")).env("SINEW_CPUS", "none"));
    assert!(
        code == 1 && error.contains("SINEW_CPUS is `none`; set it to the number of cores"),
        "{code} {error}"
    );
}

/// A server of random weights in a folder of its own.
struct Server {
    folder: TempDir,
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Server {
    fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let tokenizer = Tokenizer::train(&"the owner lends 12 cores to the lab ".repeat(40), 300).unwrap();
        let weights = Weights::random(Config { layers: 1, ..Config::nano(320) }, 4, &Team::new(1));
        Model { weights, tokenizer }.write(&folder.path().join("model")).unwrap();
        Server::of(folder, "model", "chat-nano")
    }

    fn of(folder: TempDir, model: &str, name: &str) -> Server {
        let args = ["serve", "--model", model, "--name", name];
        let mut child = engine(folder.path(), &args).env("SINEW_SOCKET", "socket").spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        wait_for(&mut lines, "serving on socket");
        Server { folder, child, lines }
    }

    fn connect(&self, method: &str, path: &str, body: &str) -> UnixStream {
        let length = body.len();
        self.send(&format!("{method} {path} HTTP/1.1\r\ncontent-length: {length}\r\n"), body)
    }

    fn send(&self, head: &str, body: &str) -> UnixStream {
        let mut stream = UnixStream::connect(self.folder.path().join("socket")).unwrap();
        let head = format!("{head}host: x\r\nconnection: close\r\n\r\n");
        stream.write_all((head + body).as_bytes()).unwrap();
        stream
    }

    /// Status and body; chunked bodies are joined.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut text = String::new();
        self.connect(method, path, body).read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        if !head.contains("transfer-encoding: chunked") {
            return (status, body.to_owned());
        }
        let mut joined = String::new();
        let mut rest = body;
        while let Some((length, tail)) = rest.split_once("\r\n") {
            let length = usize::from_str_radix(length, 16).unwrap();
            joined += &tail[..length];
            rest = &tail[length + 2..];
        }
        (status, joined)
    }

    fn chat(&self, change: Value) -> (u16, String) {
        let mut body =
            json!({"model": "chat-nano", "messages": [{"role": "user", "content": "hi"}], "seed": 7});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.ask("POST", "/v1/chat/completions", &body.to_string())
    }
}

#[test]
fn the_server_speaks_openais_form() {
    let mut server = Server::start();
    assert_eq!(server.ask("GET", "/health", "").0, 200);
    let (_, models) = server.ask("GET", "/v1/models", "");
    let models: Value = serde_json::from_str(&models).unwrap();
    assert_eq!((&models["object"], &models["data"][0]["id"]), (&json!("list"), &json!("chat-nano")));
    assert_eq!(server.ask("GET", "/v1/models/chat-nano", "").0, 200);
    assert_eq!(server.ask("GET", "/v1/models/other", "").0, 404);
    assert_eq!(server.ask("PUT", "/v1/models", "").0, 404);

    let (status, whole) = server.chat(json!({"max_tokens": 20}));
    let whole: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!((status, &whole["object"]), (200, &json!("chat.completion")));
    let text = whole["choices"][0]["message"]["content"].as_str().unwrap();
    let usage = &whole["usage"];
    let tokens = |name: &str| usage[name].as_u64().unwrap();
    assert_eq!(tokens("total_tokens"), tokens("prompt_tokens") + tokens("completion_tokens"));
    assert!((1..=20).contains(&tokens("completion_tokens")));

    let (_, again) = server.chat(json!({"max_tokens": 20}));
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["choices"], whole["choices"], "the same seed gives the same answer");
    assert_ne!(again["id"], whole["id"]);

    let stream =
        json!({"max_completion_tokens": 20, "stream": true, "stream_options": {"include_usage": true}});
    let (_, events) = server.chat(stream);
    let parts: Vec<&str> = events.split("\n\n").filter(|part| !part.is_empty()).collect();
    assert_eq!(parts.last(), Some(&"data: [DONE]"));
    let parts: Vec<Value> = parts[..parts.len() - 1]
        .iter()
        .map(|part| serde_json::from_str(part.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    assert!(
        parts.iter().all(|part| part["object"] == "chat.completion.chunk" && part["id"] == parts[0]["id"])
    );
    assert_eq!(parts[0]["choices"][0]["delta"]["role"], "assistant");
    let deltas = parts.iter().filter_map(|part| part["choices"][0]["delta"]["content"].as_str());
    assert_eq!(deltas.collect::<String>(), text, "both forms give the same text");
    let (last, before) = (&parts[parts.len() - 1], &parts[parts.len() - 2]);
    assert_eq!((&last["usage"], &last["choices"]), (usage, &json!([])));
    assert_eq!(before["choices"][0]["finish_reason"], whole["choices"][0]["finish_reason"]);
    assert_eq!(terminate(&mut server.child), 0);
    wait_for(&mut server.lines, "stopped");
    assert!(!server.folder.path().join("socket").exists());
}

#[test]
fn bad_requests_get_openais_errors() {
    let mut server = Server::start();
    let long = "lab ".repeat(2000);
    let cases = [
        (json!({"model": "other"}), 404, "model", "model_not_found"),
        (json!({"messages": []}), 400, "messages", "empty_array"),
        (json!({"messages": [{"role": "robot", "content": "x"}]}), 400, "messages[0].role", "invalid_value"),
        (
            json!({"messages": [{"role": "user", "content": long}]}),
            400,
            "messages",
            "context_length_exceeded",
        ),
        (json!({"n": 2}), 400, "n", "unsupported_value"),
    ];
    for (change, want_status, param, code) in cases {
        let (status, body) = server.chat(change);
        let body: Value = serde_json::from_str(&body).unwrap();
        let error = &body["error"];
        assert_eq!(
            (status, &error["param"], &error["code"]),
            (want_status, &json!(param), &json!(code)),
            "{error}"
        );
        assert!(error["type"] == "invalid_request_error" && error["message"].as_str().unwrap().len() > 10);
    }
    let mut answer = String::new();
    let head = "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2000000\r\n";
    let body = "x".repeat((1 << 20) + 1);
    server.send(head, &body).read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
    assert_eq!(terminate(&mut server.child), 0);
}

#[test]
fn clients_that_leave_do_not_block_the_others() {
    let mut server = Server::start();
    let body = json!({"model": "chat-nano", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    for _ in 0..60 {
        drop(server.connect("POST", "/v1/chat/completions", &body.to_string()));
    }
    let mut answered = false;
    while !answered {
        let (status, _) = server.chat(json!({"max_tokens": 2}));
        assert!([200, 429].contains(&status), "{status}");
        answered = status == 200;
    }
    let open = server.connect("POST", "/v1/chat/completions", &body.to_string());
    assert_eq!(terminate(&mut server.child), 0, "an open answer does not hold the end up");
    drop(open);
}

#[test]
fn requests_are_read_with_all_their_forms() {
    let read = |change: Value| {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        read_request(body.to_string().as_bytes())
    };
    let plain = read(json!({})).unwrap();
    assert!(!plain.stream && plain.tokens_most.is_none() && plain.stops.is_empty());
    let full = read(json!({
        "messages": [
            {"role": "developer", "content": "brief"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "name": "x"},
        ],
        "temperature": 0, "top_p": 0.5, "seed": -3, "stop": ["x", "y"], "max_tokens": 3, "max_completion_tokens": 4,
        "stream": true, "n": 1, "user": "u", "presence_penalty": 0, "tools": null, "response_format": {"type": "text"},
    }))
    .unwrap();
    assert_eq!((full.messages[0].role, full.messages[1].text.as_str()), (Role::System, "ab"));
    assert_eq!((full.sampling.temperature, full.sampling.top_p, full.tokens_most), (0.0, 0.5, Some(4)));
    assert_eq!(full.stops, ["x", "y"]);
    let refused = [
        (json!({"temperature": 3}), "between 0 and 2"),
        (json!({"temperature": "hot"}), "must be a number"),
        (json!({"top_p": -0.1}), "between 0 and 1"),
        (json!({"max_tokens": 0}), "whole number above 0"),
        (json!({"seed": 1.5}), "must be a whole number"),
        (json!({"stop": [1]}), "array of strings"),
        (json!({"stop": ["a", "b", "c", "d", "e"]}), "at most 4"),
        (json!({"stream": 1}), "true or false"),
        (json!({"stream_options": {}}), "needs `stream`"),
        (json!({"top_logprobs": 3}), "needs `logprobs` to be true"),
        (json!({"logprobs": true, "top_logprobs": 21}), "from 0 to 20"),
        (json!({"tools": [{}]}), "does not support `tools`"),
        (json!({"colour": "red"}), "`colour` is not a known parameter"),
        (json!({"messages": "hi"}), "`messages` must be an array"),
        (json!({"messages": [3]}), "`messages[0]` must be an object"),
        (json!({"messages": [{"role": "user"}]}), "`messages[0].content` must be"),
        (json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}), "reads text only"),
        (json!({"model": null}), "`model` is missing"),
    ];
    for (change, want) in refused {
        let error = read(change).unwrap_err();
        assert!(error.status == 400 && error.message.contains(want), "{}", error.message);
    }
    assert!(read_request(b"[]").unwrap_err().message.contains("JSON object"));
}
