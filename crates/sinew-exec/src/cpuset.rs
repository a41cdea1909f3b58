//! Holds the processes of leases on their cores by a cpuset of the server's own control group (version 1).
//!
//! The cpuset is made below the group that the server is in, never beside it: what the server was given is
//! what it may give on. Where no such group can be written, affinity alone has to do.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use nix::errno::Errno;

use crate::error::{ExecError, Result, Step};

const MOUNTED_AT: &str = "/sys/fs/cgroup/cpuset";

/// How often this process has tried.
static TRIALS: AtomicU32 = AtomicU32::new(0);

/// The cpuset of all leases with the same cores.
pub(crate) struct Cpuset(PathBuf);

impl Cpuset {
    /// Whether the server may make cpusets. Makes one and removes it.
    pub(crate) fn is_usable() -> bool {
        let Some(own) = own_group() else { return false };
        // Two servers in one process may look at once.
        let turn = TRIALS.fetch_add(1, Ordering::Relaxed);
        let trial = own.join(format!("sinew-trial-{}-{turn}", std::process::id()));
        let made = fs::create_dir(&trial).and_then(|()| fs::write(trial.join("cpuset.mems"), mems(&own)));
        let _ = fs::remove_dir(&trial);
        made.is_ok()
    }

    /// Makes the cpuset of these cores below this process's group, and moves this process into it: all that it starts from
    /// now on is there from the beginning, which costs nothing, where a move makes the kernel wait for all its processors.
    pub(crate) fn enter(leases_dir: &Path, cores: &[u32]) -> Result<Self> {
        let own = own_group().ok_or_else(|| ExecError::CannotEnforce {
            what: "the cores of the lease",
            why: "the control group of the server is gone".into(),
            advice: "restart the server, which then looks again at what this machine can do",
        })?;
        let list = cores.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let name = crate::isolation::stable_hash(&leases_dir.join(&list));
        let cpuset = Self(own.join(format!("sinew-{name:016x}")));
        match fs::create_dir(&cpuset.0) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                return Err(ExecError::File { action: "create", path: cpuset.0, source });
            }
            _ => {}
        }
        fs::write(cpuset.0.join("cpuset.mems"), mems(&own))
            .step(|| "give the cpuset its memory nodes".into())?;
        fs::write(cpuset.0.join("cpuset.cpus"), &list)
            .step(|| format!("give the cpuset the cores {list}"))?;
        fs::write(cpuset.0.join("cgroup.procs"), "0").step(|| "join the cpuset".into())?;
        go_first();
        Ok(cpuset)
    }

    /// Leaves the cpuset and removes it. One that still holds a process stays.
    pub(crate) fn leave(&self) {
        if let Some(own) = self.0.parent() {
            let _ = fs::write(own.join("cgroup.procs"), "0");
        }
        let _ = fs::remove_dir(&self.0);
    }
}

/// The priority that programs get: the server's.
static SERVERS_NICE: AtomicI32 = AtomicI32::new(0);

/// A supervisor shares its cores with its program, and must have its turn however many threads that has. Whoever may not
/// raise a priority cannot make cpusets either.
fn go_first() {
    // SAFETY: both calls take integers only.
    unsafe {
        SERVERS_NICE.store(libc::getpriority(libc::PRIO_PROCESS, 0), Ordering::Relaxed);
        libc::setpriority(libc::PRIO_PROCESS, 0, -20);
    }
}

/// Takes a program's process back to the server's own priority.
pub(crate) fn go_with_the_rest() -> Result<()> {
    let nice = SERVERS_NICE.load(Ordering::Relaxed);
    // SAFETY: the call takes integers only.
    let done = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
    Errno::result(done).map(drop).step(|| "give the program its priority".into())
}

fn mems(own: &Path) -> Vec<u8> {
    fs::read(own.join("cpuset.effective_mems")).unwrap_or_default()
}

/// The control group that this process is in.
fn own_group() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.split_once(":cpuset:").map(|(_, path)| path))?;
    let own = Path::new(MOUNTED_AT).join(path.trim_start_matches('/'));
    own.is_dir().then_some(own)
}
