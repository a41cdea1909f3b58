//! What holds when the server or a supervisor is killed, and what a lease's cores are worth.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sinew_exec::{Executor, ExitStatus, LastMoments, LeaseStatus, Observed};

use crate::lifecycle::STUBBORN;
use crate::support::{Site, machines, now_ms, own_cores};

/// Tells the test binary that it is the server of a test, and in which folder.
const SERVER_FOLDER: &str = "SINEW_EXEC_TEST_SERVER";
/// The same for a server whose lease has a contract's end.
const CONTRACT_FOLDER: &str = "SINEW_EXEC_TEST_CONTRACT";
const WITHOUT_NAMESPACES: &str = "SINEW_EXEC_TEST_WITHOUT_NAMESPACES";

/// Not a test of its own: the process that plays the server which is killed.
#[test]
fn play_the_server() {
    let Ok(folder) = std::env::var(SERVER_FOLDER) else { return };
    let all = Executor::capabilities();
    let plain = std::env::var_os(WITHOUT_NAMESPACES).is_some();
    let site = Site::open(Path::new(&folder), if plain { all.without_namespaces() } else { all });
    let gate = site.gate("a", "ready");
    let mut order = site.python("a", STUBBORN);
    order.program.push(site.folder.clone().into());
    site.executor.start(&order).expect("a start");
    gate.wait();
    let deadline = now_ms() + 1_000;
    site.executor.notice("a", 1, deadline).expect("a notice");
    eprintln!("noticed {deadline}");
    loop {
        std::thread::park();
    }
}

/// Starts a server that gives a notice, kills it, and returns the deadline of that notice.
fn kill_a_server_in_its_notice(folder: &Path, plain: bool) -> u64 {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "survival::play_the_server", "--nocapture"]).env(SERVER_FOLDER, folder);
    if plain {
        command.env(WITHOUT_NAMESPACES, "1");
    }
    kill_when_it_says(&mut command, "noticed ")
}

/// Starts a process, kills it when it says a word, and returns the time after that word.
fn kill_when_it_says(command: &mut Command, word: &str) -> u64 {
    let mut server = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a server");
    let said = BufReader::new(server.stderr.take().expect("its errors"));
    let time = said.lines().find_map(|line| {
        let line = line.expect("text");
        line.strip_prefix(word).map(|time| time.parse().expect("a time"))
    });
    server.kill().expect("a kill");
    server.wait().expect("an end");
    time.expect("a word with a time")
}

#[test]
fn a_killed_server_changes_no_deadline() {
    for (machine, isolation) in machines() {
        let place = Site::new();
        let deadline = kill_a_server_in_its_notice(&place.folder, machine == "without namespaces");
        let site = Site::open(&place.folder, isolation);
        let adopted = site.executor.adopt().expect("leases");
        let [(lease, 1, LeaseStatus::Running { deadline_unix_ms, .. })] = adopted.as_slice() else {
            panic!("{machine}: {adopted:?}")
        };
        assert_eq!((lease.as_str(), *deadline_unix_ms), ("a", Some(deadline)), "{machine}");
        let ending = site.ending("a");
        assert_eq!(ending.status, ExitStatus::KilledAtDeadline, "{machine}");
        assert!(ending.at_ms >= deadline, "{machine}");
        assert_eq!(site.living(), Vec::<String>::new(), "{machine}");
    }
}

/// Not a test of its own: the process that plays a server which starts a lease with an end, and is killed.
#[test]
fn play_the_server_of_a_contract() {
    let Ok(folder) = std::env::var(CONTRACT_FOLDER) else { return };
    let site = Site::open(Path::new(&folder), Executor::capabilities());
    let gate = site.gate("a", "ready");
    let mut order = site.python("a", STUBBORN);
    order.program.push(site.folder.clone().into());
    let kill_unix_ms = now_ms() + 4_000;
    order.last = Some(LastMoments { notice_unix_ms: kill_unix_ms - 1_000, kill_unix_ms });
    site.executor.start(&order).expect("a start");
    gate.wait();
    eprintln!("ends {kill_unix_ms}");
    loop {
        std::thread::park();
    }
}

#[test]
fn a_contracts_end_is_kept_by_the_supervisor_alone() {
    let place = Site::new();
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "survival::play_the_server_of_a_contract", "--nocapture"]);
    command.env(CONTRACT_FOLDER, &place.folder);
    let kill_at = kill_when_it_says(&mut command, "ends ");
    let site = Site::open(&place.folder, Executor::capabilities());
    site.executor.adopt().expect("leases");
    let ending = site.ending("a");
    assert_eq!(ending.status, ExitStatus::KilledAtDeadline);
    assert!(ending.at_ms >= kill_at, "the program lost time that its contract gives it");
    assert_eq!(site.living(), Vec::<String>::new());
}

#[test]
fn a_contracts_end_begins_with_a_notice() {
    for (machine, isolation) in machines() {
        let site = Site::on(isolation);
        let mut order = site.shell("a", "trap 'echo saved; exit 75' TERM; while :; do sleep 0.02; done");
        let notice_unix_ms = now_ms() + 2_000;
        order.last = Some(LastMoments { notice_unix_ms, kill_unix_ms: notice_unix_ms + 3_600_000 });
        let (ending, output) = site.run(&order);
        assert_eq!((ending.status, output.as_str()), (ExitStatus::Code(75), "saved\n"), "{machine}");
        assert!(ending.at_ms >= notice_unix_ms, "{machine}: told before its contract says");
    }
}

#[test]
fn the_earlier_of_a_notice_and_a_contracts_end_is_kept() {
    let site = Site::new();
    let (soon, late) = (300, 3_600_000);
    // The deadline of the server's notice, and the contract's kill; the contract's own notice is far away.
    for (lease, deadline_ms, kill_ms) in [("a", soon, late), ("b", late, soon)] {
        let gate = site.gate(lease, "ready");
        let mut order = site.python(lease, STUBBORN);
        order.last = Some(LastMoments { notice_unix_ms: now_ms() + late, kill_unix_ms: now_ms() + kill_ms });
        site.executor.start(&order).expect("a start");
        gate.wait();
        site.executor.notice(lease, 1, now_ms() + deadline_ms).expect("a notice");
        assert_eq!(site.ending(lease).status, ExitStatus::KilledAtDeadline, "{lease}");
    }
}

/// An order as the version before wrote it: it knows nothing of a contract's end.
#[test]
fn an_order_of_the_version_before_is_still_read() {
    let site = Site::new();
    let (ending, _) = site.run(&site.shell("a", "exit 4"));
    let path = site.folder.join("run/leases/a/order.json");
    let text = fs::read_to_string(&path).expect("an order");
    let mut record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    record["order"].as_object_mut().expect("an order").remove("last");
    fs::write(&path, record.to_string()).expect("written");
    let again = Site::open(&site.folder, Executor::capabilities());
    let adopted = again.executor.adopt().expect("leases");
    assert_eq!(adopted, [("a".to_owned(), 1, LeaseStatus::Exited(ending))]);
}

#[test]
fn a_restarted_server_finds_how_a_lease_ended() {
    let site = Site::new();
    let (ending, _) = site.run(&site.shell("a", "exit 4"));
    let again = Site::open(&site.folder, Executor::capabilities());
    let adopted = again.executor.adopt().expect("leases");
    assert_eq!(adopted, [("a".to_owned(), 1, LeaseStatus::Exited(ending))]);
}

/// The supervisor of a lease: the holder of its lock.
pub(crate) fn supervisor_of(site: &Site, lease: &str) -> Pid {
    let path = site.folder.join("run/leases").join(lease).join("supervisor.lock");
    let inode = format!(":{} ", fs::metadata(path).expect("a lock").ino());
    let locks = fs::read_to_string("/proc/locks").expect("the locks");
    let line = locks.lines().find(|line| line.contains(&inode)).expect("a supervisor");
    let pid = line.split_whitespace().nth(4).and_then(|word| word.parse().ok());
    Pid::from_raw(pid.expect("a process"))
}

#[test]
fn a_killed_supervisor_takes_everything_with_it_and_is_seen_as_lost() {
    for (machine, isolation) in machines() {
        let site = Site::on(isolation.clone());
        let gate = site.gate("a", "ready");
        let mut order = site.python("a", STUBBORN);
        order.program.push(site.folder.clone().into());
        site.executor.start(&order).expect("a start");
        gate.wait();
        kill(supervisor_of(&site, "a"), Signal::SIGKILL).expect("a kill");
        loop {
            match site.event().what {
                Observed::Lost { .. } => break,
                Observed::Started { .. } => {}
                Observed::Exited(ending) => panic!("{machine}: {ending:?}"),
            }
        }
        assert_eq!(site.living(), Vec::<String>::new(), "{machine}");
        let again = Site::open(&site.folder, isolation);
        let adopted = again.executor.adopt().expect("leases");
        assert_eq!(adopted, [("a".to_owned(), 1, LeaseStatus::Lost)], "{machine}");
        again.executor.forget("a", 1).expect("forgotten");
    }
}

/// A process and two children, all busy, and tries to get another core.
const GREEDY: &str = r#"
import os, time
others = set(range(os.cpu_count())) - os.sched_getaffinity(0)
own = os.sched_getaffinity(0)
for wanted in ([others] if others else []) + [others | own]:
    try: os.sched_setaffinity(0, wanted)
    except OSError as error: print("refused", error.errno)
    print("left own core" if os.sched_getaffinity(0) != own else "own core")
start = time.monotonic()
children = [os.fork() for _ in range(2)]
work = 0
while time.monotonic() - start < 1.0: work += 1
if 0 in children: os._exit(0)
for child in children: os.waitpid(child, 0)
used = os.times()
busy = used.user + used.system + used.children_user + used.children_system
print("share", busy / (time.monotonic() - start))
"#;

#[test]
fn busy_processes_on_one_core_get_one_cores_time() {
    for (machine, isolation) in machines() {
        let site = Site::on(isolation);
        let mut order = site.python("a", GREEDY);
        order.cores = vec![*own_cores().last().expect("a core")];
        let (ending, output) = site.run(&order);
        assert_eq!(ending.status, ExitStatus::Code(0), "{machine}: {output}");
        assert!(!output.contains("left"), "{machine}: {output}");
        let share = output.lines().find_map(|line| line.strip_prefix("share ")).expect("a share");
        // Start-up of the interpreter counts as work but not as time, hence the allowance.
        assert!(share.parse::<f64>().expect("a number") < 1.25, "{machine}: {output}");
    }
}

#[test]
fn a_deep_folder_is_no_hindrance() {
    let site = Site::new();
    let deep: PathBuf = site.folder.join("d".repeat(100)).join("e".repeat(100));
    fs::create_dir_all(&deep).expect("a deep folder");
    let below = Site::open(&deep, Executor::capabilities());
    below.executor.start(&below.shell("a", "sleep 1000")).expect("a start");
    below.executor.kill("a", 1).expect("a kill");
    assert_eq!(below.ending("a").status, ExitStatus::KilledByOrder);
}
