use super::*;
use crate::error::{REFUSED, UNREACHABLE, WRONG_USAGE};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// A server of the outside: gives each connection one of the answers, or hangs up where there is none, and hands
/// back the requests that it saw.
fn fake(answers: Vec<Option<String>>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let serve = move || answers.into_iter().map(|answer| serve_one(&listener, answer.as_deref())).collect();
    (address, std::thread::spawn(serve))
}

fn serve_one(listener: &TcpListener, answer: Option<&str>) -> String {
    let (mut stream, _) = listener.accept().expect("a client");
    let request = read_request(&mut stream);
    if let Some(answer) = answer {
        stream.write_all(answer.as_bytes()).expect("the client listens");
    }
    request
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        let ends = line.trim().is_empty();
        request.push_str(&line);
        if ends {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    request + &String::from_utf8(body).expect("text")
}

fn answer(status: &str, headers: &str, body: &str) -> Option<String> {
    let length = body.len();
    Some(format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"))
}

fn client(address: &str) -> Client {
    Client::new(address, Some("sk-1"), "fr").expect("an address")
}

fn code_of(error: &anyhow::Error) -> u8 {
    error.downcast_ref::<CliError>().expect("one of ours").exit_code()
}

#[test]
fn a_problem_becomes_its_sentence_and_its_exit_code() {
    let problem = Problem::new(409, "name-taken", "there is already a pool `north`; choose another name");
    let body = serde_json::to_string(&problem).expect("JSON");
    let (address, server) = fake(vec![answer("409 Conflict", "", &body)]);
    let error = client(&address).get::<()>("/api/pools").expect_err("a no");
    assert_eq!(error.to_string(), "there is already a pool `north`; choose another name [name-taken]");
    assert_eq!(code_of(&error), REFUSED);
    let request = server.join().expect("it served").remove(0).to_ascii_lowercase();
    assert!(request.contains("authorization: bearer sk-1"), "{request}");
    assert!(request.contains("accept-language: fr"), "{request}");
}

#[test]
fn a_post_whose_answer_got_lost_is_sent_again_with_the_same_key() {
    let (address, server) = fake(vec![None, answer("200 OK", "", "7")]);
    let seven: u32 = client(&address).post("/api/pools", &"north").expect("the second try works");
    assert_eq!(seven, 7);
    let requests = server.join().expect("it served");
    let key = |request: &String| {
        let line = request.lines().find(|line| line.to_ascii_lowercase().starts_with("idempotency-key"));
        line.expect("every POST has a key").to_owned()
    };
    assert_eq!(key(&requests[0]), key(&requests[1]));
    assert!(requests[1].ends_with("\"north\""), "{}", requests[1]);
}

#[test]
fn a_list_is_read_page_by_page() {
    let pages = [r#"{"items":[1,2],"next":"b c"}"#, r#"{"items":[3],"next":null}"#];
    let (address, server) = fake(pages.iter().map(|page| answer("200 OK", "", page)).collect());
    let all: Vec<u32> = client(&address).list("/api/keys?state=active").expect("two pages");
    assert_eq!(all, [1, 2, 3]);
    let second = server.join().expect("it served").remove(1);
    assert!(second.starts_with("GET /api/keys?state=active&limit=500&after=b%20c "), "{second}");
}

#[test]
fn a_piece_says_where_to_go_on() {
    let positioned = answer("200 OK", "sinew-next: 1099511627779\r\n", "abc");
    let (address, server) = fake(vec![positioned, answer("200 OK", "", "abc")]);
    let log = client(&address).piece("/api/workloads/w/logs", 4).expect("a piece of a log");
    assert_eq!((log.bytes.as_slice(), log.next), (&b"abc"[..], 1_099_511_627_779));
    let file = client(&address).piece("/api/workloads/w/files/out/x", 4).expect("a piece of a file");
    assert_eq!(file.next, 7);
    assert!(server.join().expect("it served")[0].starts_with("GET /api/workloads/w/logs?from=4 "));
}

#[test]
fn nobody_there_and_no_address_have_codes_of_their_own() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let error = client(&address).get::<()>("/api/me").expect_err("nobody");
    assert_eq!(code_of(&error), UNREACHABLE);
    let refused = Client::new("https://127.0.0.1", None, "en").expect_err("no TLS here");
    assert_eq!(refused.exit_code(), WRONG_USAGE);
}

#[test]
fn the_form_of_openai_is_understood_too() {
    let body = r#"{"error":{"message":"no model `x`","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#;
    assert_eq!(reason(body), Some(("model_not_found".to_owned(), "no model `x`".to_owned())));
    assert_eq!(reason("<html>"), None);
}

#[test]
fn a_part_of_a_path_cannot_leave_its_place() {
    assert_eq!(encoded("lyra/train-1?"), "lyra%2Ftrain-1%3F");
}
