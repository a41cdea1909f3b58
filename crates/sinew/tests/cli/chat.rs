//! `sinew chat` against anybody's server of OpenAI's API.

use crate::support::{Answer, sinew};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::thread::JoinHandle;

const CHUNK: &str = r#"data: {"choices":[{"index":0,"delta":{"content":"TEXT"},"finish_reason":null}]}"#;

/// A server of the outside that streams one answer after another, each a list of words; hands back the questions.
fn fake(answers: &'static [(&'static [&'static str], bool)]) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = move |(words, whole): &(&[&str], bool)| {
        let (mut stream, _) = listener.accept().expect("a client");
        let question = body(&mut stream);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("the client listens");
        for word in *words {
            write!(stream, "{}\n\n", CHUNK.replace("TEXT", word)).expect("the client listens");
        }
        if *whole {
            stream.write_all(b"data: [DONE]\n\n").expect("the client listens");
        }
        question
    };
    (address, std::thread::spawn(move || answers.iter().map(answer).collect()))
}

fn body(stream: &mut TcpStream) -> String {
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
    String::from_utf8(body).expect("text")
}

/// Talks to the server without any profile: key and address come from the environment.
fn chat(server: &str, arguments: &[&str], said: &str) -> Answer {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = sinew(folder.path());
    command.env("SINEW_SERVER", server).env("SINEW_KEY", "sk-1").args(["chat", "nano@1"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("its input is ours");
    input.write_all(said.as_bytes()).expect("it reads");
    drop(input);
    Answer::of(child.wait_with_output().expect("it ends"))
}

#[test]
fn a_conversation_goes_on_until_the_input_ends() {
    let (server, questions) = fake(&[(&["4", "2"], true), (&["hello"], true), (&["new"], true)]);
    let answer = chat(&server, &["--temperature", "0"], "17+25?\nhi\n/new\nhi\n").good();
    assert_eq!(answer, "42\nhello\nnew\n");
    let questions = questions.join().expect("it served");
    let contents = |question: &String| {
        let question: serde_json::Value = serde_json::from_str(question).expect("JSON");
        assert_eq!(question["temperature"], 0.0);
        let messages = question["messages"].as_array().expect("messages").clone();
        messages
            .iter()
            .map(|message| message["content"].as_str().expect("text").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(contents(&questions[0]), ["17+25?"]);
    assert_eq!(contents(&questions[1]), ["17+25?", "42", "hi"]);
    assert_eq!(contents(&questions[2]), ["hi"]);
}

#[test]
fn an_answer_that_breaks_off_is_an_error() {
    let (server, _questions) = fake(&[(&["4"], false)]);
    let complaint = chat(&server, &["--say", "17+25?"], "").bad(1);
    assert!(complaint.contains("the answer broke off: ask again"), "{complaint}");
}
