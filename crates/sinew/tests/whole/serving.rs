//! The gateway and the endpoints behind it. The endpoints are workloads; their sockets are the test's own.

use crate::api::{Answer, Api};
use crate::world::{World, log_of, shell, until, until_state, work_folder};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

/// A lab with a contract over two cores.
fn lab(cores: u32) -> (World, Api) {
    let world = World::new(cores);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |_| {});
    (world, lab)
}

/// Releases a model whose weights no engine made: a run that leaves some bytes, and a gate that was given them.
fn release(lab: &Api, model: &str, version: u32) {
    let (train, gate) = (format!("train-{model}-{version}"), format!("gate-{model}-{version}"));
    let script = "mkdir $SINEW_OUT/model && echo weights > $SINEW_OUT/model/model.safetensors";
    lab.must("/api/workloads", &shell(&train, script));
    let weights = until_state(lab, &train, &["done"])["outputs"]["model/model.safetensors"].clone();
    let looks = json!({"name": gate, "least": "1 chip", "argv": ["true"], "inputs": {"weights": weights}});
    lab.must("/api/workloads", &looks);
    until_state(lab, &gate, &["done"]);
    let made = lab.must("/api/releases", &json!({"model": model, "trained_by": train, "gated_by": gate}));
    assert_eq!(made["reference"], format!("{model}@{version}"));
}

fn serve(lab: &Api, name: &str, serves: &str) {
    let body = json!({"name": name, "least": "1 chip", "argv": ["sh", "-c", "echo up; sleep 600"], "serves": serves});
    lab.must("/api/workloads", &body);
}

/// The socket of a running endpoint.
fn listen(world: &World, lab: &Api, name: &str) -> UnixListener {
    until("its program up", || log_of(lab, name).contains("up").then_some(()));
    let folder = File::open(work_folder(&world.data(), lab, name)).expect("its work folder");
    // Its path may be longer than a socket's may.
    let path = PathBuf::from(format!("/proc/self/fd/{}/endpoint.sock", folder.as_raw_fd()));
    UnixListener::bind(path).expect("a socket")
}

/// Answers so many requests with what was asked, and hands the questions back.
fn echo(listener: UnixListener, times: usize) -> JoinHandle<Vec<Value>> {
    thread::spawn(move || (0..times).map(|_| echo_one(&listener)).collect())
}

fn echo_one(listener: &UnixListener) -> Value {
    let (stream, _) = listener.accept().expect("the gateway");
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    let stream = reader.get_mut();
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).expect("the gateway listens");
    serde_json::from_slice(&body).expect("JSON")
}

fn chat(api: &Api, model: &str) -> Answer {
    api.post(
        "/v1/chat/completions",
        &json!({"model": model, "messages": [{"role": "user", "content": "hi"}]}),
    )
}

fn models(questions: JoinHandle<Vec<Value>>) -> Vec<Value> {
    questions.join().expect("it served").iter().map(|question| question["model"].clone()).collect()
}

#[test]
fn a_bare_model_name_reaches_its_newest_endpoint_by_its_full_name() {
    let (world, lab) = lab(2);
    release(&lab, "nano", 1);
    release(&lab, "nano", 2);
    serve(&lab, "old", "nano@1");
    serve(&lab, "new", "nano@2");
    let (old, new) = (echo(listen(&world, &lab, "old"), 1), echo(listen(&world, &lab, "new"), 2));
    for (asked, reached) in [("nano", "nano@2"), ("nano@1", "nano@1"), ("nano@2", "nano@2")] {
        let answer = chat(&lab, asked);
        assert_eq!(
            (answer.status, &answer.body["model"]),
            (200, &json!(reached)),
            "{asked}: {}",
            answer.body
        );
        assert_eq!(answer.body["messages"][0]["content"], "hi", "nothing else is changed");
    }
    assert_eq!((models(old), models(new)), (vec![json!("nano@1")], vec![json!("nano@2"); 2]));
    assert_eq!(chat(&lab, "nano@3").body["error"]["code"], "model_not_found");
}

#[test]
fn an_endpoint_that_never_accepts_blocks_nobody() {
    let (world, lab) = lab(2);
    release(&lab, "nano", 1);
    serve(&lab, "deaf", "nano@1");
    let deaf = listen(&world, &lab, "deaf");
    // No queue: one connection fills it, and whoever comes after waits.
    rustix::net::listen(&deaf, 0).expect("a shorter queue");
    let folder = File::open(work_folder(&world.data(), &lab, "deaf")).expect("its work folder");
    let _first = UnixStream::connect(format!("/proc/self/fd/{}/endpoint.sock", folder.as_raw_fd()));
    // More than the server has threads for requests.
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let lab = lab.clone();
            thread::spawn(move || chat(&lab, "nano"))
        })
        .collect();
    lab.must("/api/keys", &json!({"label": "meanwhile", "roles": ["view"]}));
    while !waiting.iter().all(JoinHandle::is_finished) {
        assert_eq!(lab.get("/api/me").status, 200, "others are answered all the while");
    }
    for one in waiting {
        let answer = one.join().expect("an answer");
        let code = &answer.body["error"]["code"];
        assert_eq!((answer.status, code), (503, &json!("endpoint_unavailable")), "{}", answer.body);
    }
}

#[test]
fn a_key_that_may_only_look_neither_chats_nor_changes_anything() {
    let (world, lab) = lab(1);
    release(&lab, "nano", 1);
    serve(&lab, "serves", "nano@1");
    let questions = echo(listen(&world, &lab, "serves"), 1);
    let key = |roles: Value| {
        let made = lab.must("/api/keys", &json!({"label": "some", "roles": roles}));
        Api::new(&lab.url, made["key"].as_str().expect("a secret"))
    };
    let looks = key(json!(["view"]));
    assert_eq!(looks.get("/v1/models").body["data"][0]["id"], "nano@1");
    let refused = chat(&looks, "nano");
    assert_eq!(
        (refused.status, &refused.body["error"]["code"]),
        (403, &json!("not_allowed")),
        "{}",
        refused.body
    );
    let release = json!({"model": "nano", "trained_by": "train-nano-1", "gated_by": "gate-nano-1"});
    let writes = [
        ("/api/workloads", shell("x", "true")),
        ("/api/releases", release),
        ("/api/artefacts", json!("bytes")),
        ("/api/artefacts/collect", json!({"older_than": "0s"})),
    ];
    for (path, body) in writes {
        assert_eq!(looks.post(path, &body).status, 403, "{path}");
    }
    assert_eq!(looks.delete("/api/workloads/serves").status, 403);
    let keys = || lab.get("/api/keys").body["items"].as_array().map(Vec::len);
    let before = keys();
    let more = looks.post("/api/keys", &json!({"label": "more", "roles": ["sign"]}));
    assert_eq!((more.status, more.body["code"].as_str()), (403, Some("not-allowed")));
    assert_eq!(keys(), before, "no key makes one that may more");
    assert_eq!(lab.get("/api/workloads/serves").body["state"], "running");
    // And who may operate is answered by the endpoint that the other never reached.
    assert_eq!(chat(&key(json!(["view", "operate"])), "nano").status, 200);
    assert_eq!(models(questions).len(), 1);
}

#[test]
fn pages_of_endpoints_hold_each_of_them_once() {
    let (_world, lab) = lab(1);
    release(&lab, "nano", 1);
    for name in ["echo", "alpha", "delta", "bravo", "charlie"] {
        serve(&lab, name, "nano@1");
    }
    let mut seen: Vec<String> = Vec::new();
    let mut after = String::new();
    while seen.len() <= 5 {
        let page = lab.get(&format!("/api/endpoints?limit=2{after}")).body;
        let items = page["items"].as_array().expect("a list").clone();
        seen.extend(items.iter().map(|item| item["workload"].as_str().expect("a name").to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["alpha", "bravo", "charlie", "delta", "echo"]);
}
