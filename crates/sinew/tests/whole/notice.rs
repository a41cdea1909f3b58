//! Notices that do not reach their supervisor at once.

use crate::world::{World, log_of, shell, until, until_state};
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the server asked of a supervisor, oldest first.
type Asked = Arc<Mutex<Vec<String>>>;

/// Stands between the server and a lease's supervisor: leaves a request without an answer where `drops` says so, given
/// the request and how many came before, and passes on all others.
fn stand_between(lease: &Path, drops: fn(&str, usize) -> bool) -> Asked {
    let (socket, behind) = (lease.join("control.sock"), lease.join("behind.sock"));
    fs::rename(&socket, &behind).expect("the supervisor's socket");
    let listener = UnixListener::bind(&socket).expect("a socket in its place");
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut server = BufReader::new(stream.expect("the server"));
            let mut request = String::new();
            server.read_line(&mut request).expect("a request");
            let before = {
                let mut seen = seen.lock().expect("no thread panics");
                seen.push(request.clone());
                seen.len() - 1
            };
            if !drops(&request, before) {
                pass_on(&behind, &request, server.get_mut());
            }
        }
    });
    asked
}

fn pass_on(behind: &Path, request: &str, server: &mut UnixStream) {
    let mut supervisor = UnixStream::connect(behind).expect("the supervisor");
    supervisor.write_all(request.as_bytes()).expect("it reads");
    let mut reply = String::new();
    BufReader::new(supervisor).read_line(&mut reply).expect("it answers");
    server.write_all(reply.as_bytes()).expect("the server listens");
}

fn is_kill(request: &str) -> bool {
    request.contains("\"Kill\"")
}

/// A lab's workload under a contract with this notice, and its lease's folder.
fn running(notice: &str) -> (World, crate::api::Api, PathBuf) {
    let world = World::new(1);
    let lab = world.lab("lyra");
    world.contract(&lab, "lyra", |terms| terms["notice"] = json!(notice));
    lab.must("/api/workloads", &shell("stays", "echo up; sleep 600"));
    until("its program up", || log_of(&lab, "stays").contains("up").then_some(()));
    let view = lab.get("/api/workloads/stays").body;
    let id = view["id"].as_str().and_then(|id| id.rsplit('-').next()).expect("an id").to_owned();
    let lease = world.data().join("run/leases").join(id);
    (world, lab, lease)
}

#[test]
fn a_notice_that_was_not_answered_is_given_again() {
    // Longer than the test waits: only a notice can end it in time.
    let (_world, lab, lease) = running("90s");
    let asked = stand_between(&lease, |_, before| before < 2);
    assert_eq!(lab.delete("/api/workloads/stays").status, 200);
    until_state(&lab, "stays", &["cancelled"]);
    let asked = asked.lock().expect("no thread panics");
    assert!(asked.len() >= 3 && !asked.iter().any(|request| is_kill(request)), "{asked:?}");
}

#[test]
fn what_no_notice_reaches_is_killed_at_its_deadline() {
    let (_world, lab, lease) = running("1s");
    let asked = stand_between(&lease, |request, _| !is_kill(request));
    assert_eq!(lab.delete("/api/workloads/stays").status, 200);
    until_state(&lab, "stays", &["cancelled"]);
    let asked = asked.lock().expect("no thread panics");
    let first_kill = asked.iter().position(|request| is_kill(request));
    assert!(first_kill.is_some_and(|at| at > 1), "notices first, as often as there was time: {asked:?}");
}
