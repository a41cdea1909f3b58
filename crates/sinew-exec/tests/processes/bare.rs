//! Programs without a sandbox, as an owner may run its own: freer, and as surely ended.

use std::fs;

use nix::sys::signal::{Signal, kill};
use sinew_exec::{ExitStatus, LeaseOrder, Observed};

use crate::lifecycle::STUBBORN;
use crate::support::{Site, now_ms};
use crate::survival::supervisor_of;

fn bare(mut order: LeaseOrder) -> LeaseOrder {
    order.bare = true;
    order
}

#[test]
fn status_output_and_environment_are_those_of_a_lease() {
    let site = Site::new();
    let (ending, output) = site.run(&bare(site.shell("a", "pwd; echo $HOME; exit 3")));
    let home = site.work_dir("a").display().to_string();
    assert_eq!((ending.status, output), (ExitStatus::Code(3), format!("{home}\n{home}\n")));
}

#[test]
fn it_sees_the_machine_as_the_server_does() {
    let site = Site::new();
    fs::write(site.folder.join("secret"), "seen").expect("written");
    let (_, output) = site.run(&bare(site.shell("a", "cat $FOLDER/secret")));
    assert_eq!(output, "seen");
}

#[test]
fn a_program_that_is_not_there_is_an_error_each_time() {
    let site = Site::new();
    let order = bare(site.order("a", &["/no/such/program"]));
    for _ in 0..2 {
        let problem = site.executor.start(&order).expect_err("no such program").to_string();
        assert!(problem.contains("/no/such/program"), "{problem}");
    }
}

#[test]
fn what_it_leaves_behind_ends_with_it() {
    let site = Site::new();
    let script =
        "(setsid sleep 1000 $FOLDER &) ; setsid sh -c 'sleep 1000 & exec sleep 1000' $FOLDER & exit 0";
    let (ending, _) = site.run(&bare(site.shell("a", script)));
    assert_eq!((ending.status, site.living()), (ExitStatus::Code(0), Vec::new()));
}

#[test]
fn a_stubborn_one_is_gone_after_its_deadline() {
    let site = Site::new();
    let gate = site.gate("a", "ready");
    let mut order = bare(site.python("a", STUBBORN));
    order.program.push(site.folder.clone().into());
    site.executor.start(&order).expect("a start");
    gate.wait();
    site.executor.notice("a", 1, now_ms() + 300).expect("a notice");
    assert_eq!((site.ending("a").status, site.living()), (ExitStatus::KilledAtDeadline, Vec::new()));
}

#[test]
fn a_killed_supervisor_takes_it_along() {
    let site = Site::new();
    let gate = site.gate("a", "ready");
    let mut order = bare(site.python("a", STUBBORN));
    order.program.push(site.folder.clone().into());
    site.executor.start(&order).expect("a start");
    gate.wait();
    kill(supervisor_of(&site, "a"), Signal::SIGKILL).expect("a kill");
    while !matches!(site.event().what, Observed::Lost { .. }) {}
    assert_eq!(site.living(), Vec::<String>::new());
}

#[test]
fn a_killed_nursery_is_replaced_and_takes_nothing_along() {
    let site = Site::new();
    site.executor.start(&bare(site.shell("a", "sleep 1000"))).expect("a start");
    let supervisor = supervisor_of(&site, "a");
    let stat = fs::read_to_string(format!("/proc/{supervisor}/stat")).expect("a living supervisor");
    let fields = stat.rsplit(')').next().expect("fields").split_whitespace();
    let nursery: i32 = fields.clone().nth(1).and_then(|parent| parent.parse().ok()).expect("a parent");
    kill(nix::unistd::Pid::from_raw(nursery), Signal::SIGKILL).expect("a kill");
    let (ending, _) = site.run(&bare(site.shell("b", "exit 5")));
    assert_eq!(ending.status, ExitStatus::Code(5));
    site.executor.kill("a", 1).expect("a kill");
    assert_eq!(site.ending("a").status, ExitStatus::KilledByOrder);
}
