//! Uploads that say nothing, and everybody else.

use crate::api::Api;
use crate::world::{Program, free_port, owner_of, until};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;

/// How many uploads the server takes at once.
const AT_ONCE: usize = 64;
/// More than the server has threads for work that blocks.
const UPLOADS: usize = 530;

/// An upload that sends its head and waits to be told to go on, as `curl` does with large files.
fn announce(api: &Api) -> TcpStream {
    let address = api.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    let (host, key) = (address, &api.key);
    write!(
        stream,
        "POST /api/artefacts HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n\
         content-length: 1000\r\nexpect: 100-continue\r\n\r\n"
    )
    .expect("the server reads");
    stream.set_nonblocking(true).expect("a socket");
    stream
}

/// Whether the server has told this upload to go on since it was last asked.
fn is_told(mut stream: &TcpStream) -> bool {
    let mut said = [0; 64];
    let read = stream.read(&mut said).unwrap_or(0);
    said[..read].starts_with(b"HTTP/1.1 100")
}

#[test]
fn silent_uploads_take_their_turns_and_starve_nobody() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (data, home) = (folder.path().join("data"), folder.path().join("home"));
    let program = Program::up(&data, &home, free_port());
    let owner = owner_of(&program, &home);
    let stored = owner.must("/api/artefacts", &json!("kept before"))["hash"].clone();
    let mut waiting: Vec<TcpStream> = (0..UPLOADS).map(|_| announce(&owner)).collect();
    let mut taken = Vec::new();
    let mut look = |taken: &mut Vec<TcpStream>| {
        let (told, rest): (Vec<_>, Vec<_>) = waiting.drain(..).partition(is_told);
        waiting = rest;
        taken.extend(told);
        taken.len()
    };
    until("as many uploads as are taken at once", || (look(&mut taken) >= AT_ONCE).then_some(()));
    // Writes, and reads that need a thread of their own.
    owner.must("/api/keys", &json!({"label": "meanwhile", "roles": ["view"]}));
    let read = owner.get(&format!("/api/artefacts/{}", stored.as_str().expect("a hash")));
    assert_eq!((read.status, read.body), (200, json!("kept before")));
    assert_eq!(look(&mut taken), AT_ONCE, "the others wait");
    // One leaves, the next has its turn.
    drop(taken.pop());
    until("the next one's turn", || (look(&mut taken) == AT_ONCE).then_some(()));
}
