//! How many workloads a second one server takes, and how many it runs to their end. `cargo xtask bench submissions`
//! counts with larger numbers and prints the figures; here only what must come out is asserted.

use crate::api::Api;
use crate::world::{Program, free_port, owner_of, until};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// How many clients send one workload a request.
const CLIENTS: usize = 16;
/// How many workloads one batch holds.
const BATCH: usize = 1_000;
/// How many parts each core is lent in while many short jobs run.
const SHARES: u32 = 20;

/// What makes the owner's own programs run without a sandbox.
const BARE: &[&str] = &["--sandbox", "others"];

/// How many jobs are run; the other measurements follow from it.
fn jobs() -> usize {
    std::env::var("SINEW_JOBS").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

/// A connection that is kept, with as little work on this side as possible: client and server share the machine.
pub(crate) struct Line {
    stream: BufReader<TcpStream>,
    head: String,
}

impl Line {
    pub(crate) fn to(api: &Api) -> Self {
        let address = api.url.trim_start_matches("http://");
        let stream = TcpStream::connect(address).expect("the server takes connections");
        stream.set_nodelay(true).expect("a TCP stream");
        let head = format!(
            "Host: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n",
            api.key
        );
        Self { stream: BufReader::new(stream), head }
    }

    /// Sends a body and waits for the answer's.
    pub(crate) fn post(&mut self, path: &str, body: &str) -> (u16, Vec<u8>) {
        let request =
            format!("POST {path} HTTP/1.1\r\n{}Content-Length: {}\r\n\r\n{body}", self.head, body.len());
        self.stream.get_mut().write_all(request.as_bytes()).expect("the server reads");
        let (mut status, mut bytes) = (0, 0);
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("the server answers");
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest[..3].parse().expect("a status");
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                bytes = value.trim().parse().expect("a length");
            }
        }
        let mut answer = vec![0; bytes];
        self.stream.read_exact(&mut answer).expect("the whole answer");
        (status, answer)
    }
}

/// A server in a process of its own, with a pool of all cores in shares.
struct Scene {
    _program: Program,
    _folder: TempDir,
    owner: Api,
}

impl Scene {
    fn new(arguments: &[&str], shares: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (data, home) = (folder.path().join("data"), folder.path().join("home"));
        let program = Program::up_with(&data, &home, free_port(), |command| {
            command.args(arguments);
        });
        let owner = owner_of(&program, &home);
        let cores = thread::available_parallelism().map_or(1, usize::from).min(2);
        owner.must("/api/pools", &json!({"name": "north", "cores": cores, "shares_per_core": shares}));
        Self { _program: program, _folder: folder, owner }
    }

    /// Holds every chip, so that what comes after it waits.
    fn fill(&self, chips: usize) {
        let argv = ["sleep", "1000"];
        self.owner.must(
            "/api/workloads",
            &json!({"name": "filler", "least": format!("{chips} chips"), "argv": argv}),
        );
        until("a full pool", || {
            (self.owner.get("/api/workloads/filler").body["state"] == "running").then_some(())
        });
    }

    /// Ends what holds the chips, so that nothing of it outlives the test.
    fn clear(&self) {
        self.owner.delete("/api/workloads/filler");
        until("an end", || {
            (self.owner.get("/api/workloads/filler").body["state"] == "cancelled").then_some(())
        });
    }

    fn chips(&self) -> usize {
        let pool = self.owner.get("/api/pools/north").body;
        usize::try_from(pool["chips"].as_u64().expect("a count")).expect("few chips")
    }
}

fn job(name: &str, argv: &str) -> String {
    format!(r#"{{"name":"{name}","least":"1 chip","argv":[{argv}]}}"#)
}

fn batch(from: usize, count: usize) -> String {
    let mut body = String::from(r#"{"workloads":["#);
    for at in from..from + count {
        let comma = if at == from { "" } else { "," };
        write!(body, "{comma}{}", job(&format!("job-{at}"), r#""/bin/true""#)).expect("a string has room");
    }
    body + "]}"
}

fn per_s(count: usize, began: Instant) -> f64 {
    f64::from(u32::try_from(count).expect("a small count")) / began.elapsed().as_secs_f64()
}

/// Submissions in batches, two clients at a time so that one is decided while the other is written down.
fn batched(count: usize) -> f64 {
    let scene = Scene::new(&[], 1);
    scene.fill(scene.chips());
    let began = Instant::now();
    thread::scope(|scope| {
        for client in 0..2 {
            let owner = &scene.owner;
            scope.spawn(move || {
                let mut line = Line::to(owner);
                for from in (client * BATCH..count).step_by(2 * BATCH) {
                    let (status, answer) =
                        line.post("/api/workloads/batch", &batch(from, BATCH.min(count - from)));
                    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
                }
            });
        }
    });
    let rate = per_s(count, began);
    assert_eq!(scene.owner.get(&format!("/api/workloads/job-{}", count - 1)).body["state"], "waiting");
    scene.clear();
    rate
}

/// Submissions one by one.
fn single(count: usize) -> f64 {
    let scene = Scene::new(&[], 1);
    scene.fill(scene.chips());
    let began = Instant::now();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let owner = &scene.owner;
            scope.spawn(move || {
                let mut line = Line::to(owner);
                for at in (client..count).step_by(CLIENTS) {
                    let (status, answer) =
                        line.post("/api/workloads", &job(&format!("job-{at}"), r#""/bin/true""#));
                    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
                }
            });
        }
    });
    let rate = per_s(count, began);
    scene.clear();
    rate
}

/// Jobs from their submission to their recorded end.
fn run_jobs(arguments: &[&str], count: usize) -> f64 {
    let scene = Scene::new(arguments, SHARES);
    let began = Instant::now();
    let mut line = Line::to(&scene.owner);
    for from in (0..count).step_by(BATCH) {
        let (status, answer) = line.post("/api/workloads/batch", &batch(from, BATCH.min(count - from)));
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    }
    until("the end of all jobs", || {
        // Not so often that looking is what is measured.
        thread::sleep(Duration::from_millis(20));
        let active = scene.owner.get("/api/workloads?state=active&limit=1").body;
        active["items"].as_array().is_some_and(Vec::is_empty).then_some(())
    });
    let rate = per_s(count, began);
    let all = scene.owner.get("/api/workloads?limit=1000").body;
    let failed = all["items"].as_array().expect("a list").iter().find(|view| view["state"] != "done");
    assert_eq!(failed, None, "every job is done");
    rate
}

fn now_ns() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos()
}

/// On an idle server, one after the other: from the request to the program's own first line, and to its recorded end.
fn latencies(arguments: &[&str], count: usize) -> (f64, f64) {
    let scene = Scene::new(arguments, 1);
    let mut line = Line::to(&scene.owner);
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for at in 0..count {
        let name = format!("job-{at}");
        let began = now_ns();
        assert_eq!(line.post("/api/workloads", &job(&name, r#""date","+%s%N""#)).0, 200);
        let view = until("its end", || {
            let view = scene.owner.get(&format!("/api/workloads/{name}")).body;
            (view["state"] == "done").then_some(view)
        });
        assert_eq!(view["epoch"], 1);
        let log = crate::world::log_of(&scene.owner, &name);
        let started: u128 = log.trim().parse().unwrap_or_else(|_| panic!("a time, not `{log}`"));
        starts.push(started.saturating_sub(began));
        ends.push(now_ns() - began);
    }
    (median_ms(starts), median_ms(ends))
}

fn median_ms(mut times_ns: Vec<u128>) -> f64 {
    times_ns.sort_unstable();
    f64::from(u32::try_from(times_ns[times_ns.len() / 2] / 1_000).expect("less than an hour")) / 1_000.0
}

/// What a transaction with as many rows as a submission makes records costs SQLite itself on this disk.
fn floor(folder: &Path, rows: usize, each: usize) -> f64 {
    let mut connection = rusqlite::Connection::open(folder.join("floor.sqlite")).expect("a database");
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).expect("WAL");
    connection.pragma_update(None, "synchronous", "full").expect("FULL");
    connection
        .execute("CREATE TABLE IF NOT EXISTS rows (at INTEGER PRIMARY KEY, body TEXT)", ())
        .expect("a table");
    let body = "x".repeat(300);
    let began = Instant::now();
    for _ in (0..rows).step_by(each) {
        let transaction = connection.transaction().expect("a transaction");
        for _ in 0..each {
            transaction
                .prepare_cached("INSERT INTO rows (body) VALUES (?1)")
                .and_then(|mut insert| insert.execute([&body]))
                .expect("a row");
        }
        transaction.commit().expect("a commit");
    }
    per_s(rows, began)
}

/// What starting a program and waiting for it costs without anything around it, on two cores.
fn spawns(count: usize) -> f64 {
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..count / 2 {
                    assert!(Command::new("/bin/true").status().expect("it runs").success());
                }
            });
        }
    });
    per_s(count, began)
}

#[test]
fn many_come_and_all_are_run() {
    let jobs = jobs();
    let floor_folder = tempfile::tempdir().expect("a temporary folder");
    let mut figures = json!({});
    let mut tell = |name: &str, value: f64| {
        println!("{name} {value:.3}");
        figures[name] = Value::from(value);
    };
    tell("batched_per_s", batched(jobs * 20));
    tell("rows_per_s", floor(floor_folder.path(), jobs * 20, 100));
    tell("single_per_s", single(jobs * 4));
    tell("commits_per_s", floor(floor_folder.path(), jobs, 1));
    tell("spawns_per_s", spawns(jobs));
    let (bare, sandboxed) = (run_jobs(BARE, jobs), run_jobs(&[], jobs));
    tell("jobs_per_s", bare);
    tell("sandboxed_jobs_per_s", sandboxed);
    tell("sandbox_ms", 1_000.0 / sandboxed - 1_000.0 / bare);
    let (start, end) = latencies(BARE, jobs / 20);
    let (sandboxed_start, sandboxed_end) = latencies(&[], jobs / 20);
    tell("start_median_ms", start);
    tell("sandboxed_start_median_ms", sandboxed_start);
    tell("end_median_ms", end);
    tell("sandboxed_end_median_ms", sandboxed_end);
    tell("sandbox_latency_ms", sandboxed_end - end);
    println!("FIGURES {figures}");
}
