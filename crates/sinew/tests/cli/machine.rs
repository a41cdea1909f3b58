//! What the machine enforces, by command line.

use crate::support::{World, sinew};
use serde_json::Value;
use sinew_exec::{Executor, Isolation, Support};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

#[test]
fn a_lab_reads_what_the_owners_machine_enforces() {
    let world = World::new();
    world.lab("lyra");
    let shown = world.json("lyra", "machine");
    let protections = shown["protections"].as_array().expect("a list");
    let table = world.run("lyra", "machine").good();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), protections.len() + 1, "a head, and a line each: {table}");
    for (line, view) in lines.iter().skip(1).zip(protections) {
        for field in ["name", "support", "says"] {
            assert!(line.contains(view[field].as_str().expect("text")), "{field} in {line}");
        }
    }
    let french = world.run("lyra", "--lang fr machine").good();
    let disk = french.lines().find(|line| line.starts_with("limite de disque"));
    assert!(disk.is_some_and(|line| line.contains("  affaibli  ")), "{french}");
    world.run("nobody", "machine").bad(2);
}

/// How many of the machine's protections do not fully hold.
fn gaps(found: &Isolation) -> usize {
    let all = [
        &found.identity,
        &found.mount_namespace,
        &found.landlock,
        &found.process_namespace,
        &found.network_namespace,
        &found.ipc_namespace,
        &found.system_calls,
        &found.cores,
        &found.memory,
        &found.processes,
        &found.disk,
    ];
    all.iter().filter(|support| ***support != Support::Enforced).count()
}

fn start(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = sinew(folder);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

/// The line that says what is not enforced; every other line on standard error would be a surprise as well.
fn told(line: &str, gaps: usize) {
    let rest = line.strip_prefix("not enforced here: ").unwrap_or_else(|| panic!("{line}"));
    let list = rest.strip_suffix("; see `sinew machine`\n").unwrap_or_else(|| panic!("{line}"));
    assert_eq!(list.split(", ").count(), gaps, "{line}");
    assert!(list.contains("disk limit (weaker)"), "{line}");
}

#[test]
fn up_says_in_one_line_what_is_not_enforced() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = start(folder.path(), &["up", "--json", "--listen", "127.0.0.1:0"]);
    let mut ready = String::new();
    let out = child.stdout.take().expect("its output is ours");
    BufReader::new(out).read_line(&mut ready).expect("a line");
    let _: Value = serde_json::from_str(&ready).expect("the answer is JSON alone");
    child.kill().and_then(|()| child.wait()).expect("it is ours");
    let mut said = String::new();
    child.stderr.take().expect("ours").read_to_string(&mut said).expect("text");
    told(&said, gaps(&Executor::capabilities()));
}

#[test]
fn the_demo_says_it_before_its_story() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = start(folder.path(), &["demo", "--exit", "--listen", "127.0.0.1:0"]);
    let mut said = String::new();
    BufReader::new(child.stderr.as_mut().expect("ours")).read_line(&mut said).expect("a line");
    let pid = child.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().expect("a signal");
    told(&said, gaps(&Executor::capabilities()));
    assert!(child.wait().expect("it ends").success(), "stopped, and everything is kept");
}
