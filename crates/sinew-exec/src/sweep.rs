//! Ends every descendant of a process where no namespace does it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

use crate::process::{ProcessHandle, mark, read_line};

/// Kills every descendant of this process and waits until none is left.
///
/// The process must be a subreaper, so that orphans come to it and cannot get away. A process that forks between
/// the look and the kill leaves a child, but its own end wakes the wait below, and the next look finds the child.
pub(crate) fn end_all_descendants() {
    loop {
        // Most leave none, and then nobody needs to look through all processes of the machine.
        if reap_all() {
            return;
        }
        for pid in descendants(getpid().as_raw()) {
            let Some(mark) = mark(pid) else { continue };
            if let Some(handle) = ProcessHandle::of(mark) {
                handle.signal(Signal::SIGKILL);
            }
        }
        if waitpid(Pid::from_raw(-1), None) == Err(Errno::ECHILD) {
            return;
        }
    }
}

/// Takes the ends of all children that are over; says whether there is none left.
fn reap_all() -> bool {
    loop {
        match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return true,
            Ok(WaitStatus::StillAlive) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

/// Kills what is below this process and not below one of these children of it; says whether there was nothing. Whoever
/// escapes by a fork at this very moment becomes a child of this process, and is found by the next look.
pub(crate) fn end_strays(kept: &BTreeSet<i32>) -> bool {
    let own = getpid().as_raw();
    let below: BTreeSet<i32> = kept.iter().flat_map(|child| descendants(*child)).collect();
    let all = descendants(own).into_iter();
    let strays: Vec<i32> = all.filter(|pid| !kept.contains(pid) && !below.contains(pid)).collect();
    for pid in &strays {
        let Some(mark) = mark(*pid) else { continue };
        if let Some(handle) = ProcessHandle::of(mark) {
            handle.signal(Signal::SIGKILL);
        }
    }
    strays.is_empty()
}

/// All processes below this one, found by their parents.
fn descendants(root: i32) -> BTreeSet<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(line) = read_line(pid) {
            children.entry(line.parent).or_default().push(pid);
        }
    }
    let mut found = BTreeSet::new();
    let mut waiting = vec![root];
    while let Some(pid) = waiting.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if found.insert(*child) {
                waiting.push(*child);
            }
        }
    }
    found
}
