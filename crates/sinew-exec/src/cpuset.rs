//! Holds a lease's processes on its cores by a cpuset of the server's own control group (version 1).
//!
//! The cpuset is made below the group that the server is in, never beside it: what the server was given is
//! what it may give on. Where no such group can be written, affinity alone has to do.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{ExecError, Result, Step};

const MOUNTED_AT: &str = "/sys/fs/cgroup/cpuset";

/// How often this process has tried.
static TRIALS: AtomicU32 = AtomicU32::new(0);

/// One lease's cpuset.
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

    /// The cpuset of a lease folder, whether or not it is there.
    pub(crate) fn of(lease_dir: &Path) -> Option<Self> {
        let name = crate::isolation::stable_hash(lease_dir);
        Some(Self(own_group()?.join(format!("sinew-{name:016x}"))))
    }

    /// Makes the cpuset with these cores.
    pub(crate) fn create(&self, cores: &[u32]) -> Result<()> {
        let own = self.0.parent().expect("a cpuset lies below the server's");
        match fs::create_dir(&self.0) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                return Err(ExecError::File { action: "create", path: self.0.clone(), source });
            }
            _ => {}
        }
        let list = cores.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        fs::write(self.0.join("cpuset.mems"), mems(own))
            .step(|| "give the cpuset its memory nodes".into())?;
        fs::write(self.0.join("cpuset.cpus"), &list).step(|| format!("give the cpuset the cores {list}"))
    }

    /// Moves this process into the cpuset; its children follow.
    pub(crate) fn join(&self) -> Result<()> {
        fs::write(self.0.join("cgroup.procs"), "0").step(|| "join the cpuset".into())
    }

    /// Removes the cpuset. One that still holds a process stays.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_dir(&self.0);
    }
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
