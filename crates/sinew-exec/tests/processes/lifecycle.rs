//! How leases start, end and are told apart.

use crate::support::{Site, machines, now_ms};
use sinew_exec::{ExecError, ExitStatus, LeaseStatus, Limits, Observed};

#[test]
fn exit_status_and_output_are_kept() {
    for (machine, isolation) in machines() {
        let site = Site::on(isolation);
        let (ending, output) = site.run(&site.shell("a", "echo said; echo complained >&2; exit 7"));
        assert_eq!(
            (ending.status, output.as_str()),
            (ExitStatus::Code(7), "said\ncomplained\n"),
            "{machine}"
        );
        assert_eq!((ending.output_bytes, ending.output_dropped_bytes), (16, 0), "{machine}");
    }
}

#[test]
fn a_signal_of_the_program_is_told_as_such() {
    let site = Site::new();
    let (ending, _) = site.run(&site.shell("a", "kill -SEGV $$"));
    assert_eq!(ending.status, ExitStatus::Signal(11));
}

#[test]
fn start_and_end_are_told_in_order() {
    let site = Site::new();
    site.executor.start(&site.shell("a", "true")).expect("a start");
    let (first, second) = (site.event(), site.event());
    let Observed::Started { at_ms } = first.what else { panic!("{first:?}") };
    let Observed::Exited(ending) = second.what else { panic!("{second:?}") };
    assert!(at_ms <= ending.at_ms);
    assert_eq!((first.epoch, second.epoch), (1, 1));
}

#[test]
fn a_program_that_is_not_there_is_an_error_each_time() {
    for (machine, isolation) in machines() {
        let site = Site::on(isolation);
        let order = site.order("a", &["no-such-program"]);
        for _ in 0..2 {
            let Err(ExecError::CouldNotStart { why, .. }) = site.executor.start(&order) else {
                panic!("{machine}: it started")
            };
            assert!(why.contains("run `no-such-program`"), "{machine}: {why}");
        }
        let (_, status) = site.executor.status("a").expect("a status").expect("a lease");
        assert!(matches!(status, LeaseStatus::Exited(_)), "{machine}: {status:?}");
    }
}

#[test]
fn output_beyond_the_limit_keeps_its_head_and_its_newest_end() {
    let site = Site::new();
    let mut order = site.shell("a", "echo first; seq 1 20000; echo last");
    order.limits = Limits { output_bytes: 4096, ..Limits::default() };
    let (ending, output) = site.run(&order);
    assert!(output.starts_with("first\n1\n2\n"), "{output}");
    assert!(output.ends_with("20000\nlast\n"), "{output}");
    assert!(output.contains("[dropped]"), "{output}");
    assert!(output.len() <= 4096 + "[dropped]".len());
    let kept = output.replace("[dropped]", "").len() as u64;
    assert_eq!(ending.output_dropped_bytes + kept, ending.output_bytes);
}

#[test]
fn a_program_that_hears_its_notice_ends_by_itself() {
    for (machine, isolation) in machines() {
        let site = Site::on(isolation);
        let gate = site.gate("a", "ready");
        let script = "trap 'echo saved; exit 3' TERM; echo > ready; while :; do sleep 0.05; done";
        site.executor.start(&site.shell("a", script)).expect("a start");
        gate.wait();
        site.executor.notice("a", 1, now_ms() + 3_600_000).expect("a notice");
        assert_eq!(site.ending("a").status, ExitStatus::Code(3), "{machine}");
        assert_eq!(site.output("a"), "saved\n", "{machine}");
    }
}

/// Ignores the notice, leaves its session, forks twice and closes all that it inherited.
pub(crate) const STUBBORN: &str = r#"
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
heard, say = os.pipe()
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            os.write(say, b"x")
            os.closerange(0, 100)
            while True: time.sleep(1)
        os._exit(0)
for _ in range(3): os.read(heard, 1)
with open("ready", "w") as ready: ready.write("x")
while True: time.sleep(1)
"#;

#[test]
fn a_stubborn_program_leaves_no_process_after_the_deadline() {
    for (machine, isolation) in machines() {
        let site = Site::on(isolation);
        let gate = site.gate("a", "ready");
        let mut order = site.python("a", STUBBORN);
        order.program.push(site.folder.clone().into());
        site.executor.start(&order).expect("a start");
        gate.wait();
        assert!(site.living().len() >= 4, "{machine}: {:?}", site.living());
        let deadline = now_ms() + 300;
        site.executor.notice("a", 1, deadline).expect("a notice");
        let ending = site.ending("a");
        assert_eq!(ending.status, ExitStatus::KilledAtDeadline, "{machine}");
        assert!(ending.at_ms >= deadline, "{machine}: the program lost time that was promised");
        assert_eq!(site.living(), Vec::<String>::new(), "{machine}");
    }
}

#[test]
fn a_later_deadline_gives_no_more_time() {
    let site = Site::new();
    let gate = site.gate("a", "ready");
    site.executor.start(&site.python("a", STUBBORN)).expect("a start");
    gate.wait();
    site.executor.notice("a", 1, now_ms() + 200).expect("a notice");
    site.executor.notice("a", 1, now_ms() + 3_600_000).expect("a notice again");
    assert_eq!(site.ending("a").status, ExitStatus::KilledAtDeadline);
}

#[test]
fn an_order_to_kill_ends_everything() {
    for (machine, isolation) in machines() {
        let site = Site::on(isolation);
        let gate = site.gate("a", "ready");
        let mut order = site.python("a", STUBBORN);
        order.program.push(site.folder.clone().into());
        site.executor.start(&order).expect("a start");
        gate.wait();
        site.executor.kill("a", 1).expect("a kill");
        assert_eq!(site.ending("a").status, ExitStatus::KilledByOrder, "{machine}");
        assert_eq!(site.living(), Vec::<String>::new(), "{machine}");
    }
}

#[test]
fn what_a_program_leaves_behind_ends_with_it() {
    for (machine, isolation) in machines() {
        let site = Site::on(isolation);
        let script = "setsid sh -c 'while :; do sleep 1; done' $FOLDER > /dev/null 2>&1 & exit 5";
        let (ending, _) = site.run(&site.shell("a", script));
        assert_eq!(ending.status, ExitStatus::Code(5), "{machine}");
        assert_eq!(site.living(), Vec::<String>::new(), "{machine}");
    }
}

#[test]
fn the_same_order_twice_runs_once() {
    let site = Site::new();
    let order = site.shell("a", "echo ran >> count");
    site.run(&order);
    site.executor.start(&order).expect("no error");
    let counted = std::fs::read_to_string(site.work_dir("a").join("count")).expect("a count");
    assert_eq!(counted, "ran\n");
}

#[test]
fn an_older_epoch_is_refused_and_a_newer_one_replaces_what_runs() {
    let site = Site::new();
    let gate = site.gate("a", "ready");
    let mut order = site.python("a", STUBBORN);
    order.epoch = 5;
    site.executor.start(&order).expect("a start");
    gate.wait();
    let mut old = order.clone();
    old.epoch = 4;
    let refused = site.executor.start(&old);
    assert!(matches!(refused, Err(ExecError::StaleEpoch { ordered: 4, seen: 5, .. })), "{refused:?}");
    for stale in [site.executor.kill("a", 4), site.executor.notice("a", 4, 0)] {
        assert!(matches!(stale, Err(ExecError::StaleEpoch { ordered: 4, seen: 5, .. })), "{stale:?}");
    }
    let mut new = site.shell("a", "echo new");
    new.epoch = 6;
    site.executor.start(&new).expect("a newer start");
    let mut ends = Vec::new();
    while ends.len() < 2 {
        let event = site.event();
        if let Observed::Exited(ending) = event.what {
            ends.push((event.epoch, ending.status));
        }
    }
    ends.sort_by_key(|(epoch, _)| *epoch);
    assert_eq!(ends, [(5, ExitStatus::KilledByOrder), (6, ExitStatus::Code(0))]);
}

#[test]
fn a_forgotten_lease_never_runs_again() {
    let site = Site::new();
    let order = site.shell("a", "echo ran >> count");
    site.run(&order);
    site.executor.forget("a", 1).expect("forgotten");
    site.executor.forget("a", 1).expect("forgotten twice");
    assert_eq!(site.executor.status("a").expect("a status"), None);
    site.executor.start(&order).expect("no error");
    let old = sinew_exec::LeaseOrder { epoch: 0, ..order };
    assert!(matches!(site.executor.start(&old), Err(ExecError::StaleEpoch { .. })));
    let counted = std::fs::read_to_string(site.work_dir("a").join("count")).expect("a count");
    assert_eq!(counted, "ran\n");
}

#[test]
fn a_running_lease_is_not_forgotten() {
    let site = Site::new();
    site.executor.start(&site.shell("a", "sleep 1000")).expect("a start");
    assert!(matches!(site.executor.forget("a", 1), Err(ExecError::StillRunning { .. })));
    site.executor.kill("a", 1).expect("a kill");
    site.ending("a");
    assert!(matches!(site.executor.kill("a", 1), Err(ExecError::NotRunning { .. })));
}

#[test]
fn unusable_orders_are_refused_with_a_reason() {
    let site = Site::new();
    let good = site.shell("a", "true");
    let shown = |order: &sinew_exec::LeaseOrder| site.executor.start(order).expect_err("refused").to_string();
    let mut order = good.clone();
    order.lease = "../b".into();
    assert!(shown(&order).contains("the name of a lease has"), "{}", shown(&order));
    let mut order = good.clone();
    order.program.clear();
    assert!(shown(&order).contains("names no program"), "{}", shown(&order));
    let mut order = good.clone();
    order.cores = vec![1000];
    assert!(shown(&order).contains("may not use core 1000"), "{}", shown(&order));
    let mut order = good.clone();
    order.bundle_dir = Some(order.work_dir.join("bundle"));
    std::fs::create_dir(order.work_dir.join("bundle")).expect("a bundle");
    assert!(shown(&order).contains("one in the other"), "{}", shown(&order));
    let mut order = good;
    order.read_only.push(site.folder.join("run"));
    assert!(shown(&order).contains("the folders of leases"), "{}", shown(&order));
    assert_eq!(site.executor.adopt().expect("leases"), []);
}
