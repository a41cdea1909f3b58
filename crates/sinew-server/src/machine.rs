//! What this machine has, and what the control plane itself uses of it.

use sinew_api::{ControlPlaneView, Lang, MachineView, Protection, ProtectionView, SupportWord};
use sinew_exec::{Isolation, Support};
use std::fs;
use std::time::Instant;

/// The numbers of the cores that this process may use, lowest first.
pub(crate) fn cores() -> Vec<u32> {
    // SAFETY: `set` is plain memory that the call fills, and its size is passed along.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        let read = libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set);
        (read == 0).then_some(set)
    };
    let Some(set) = set else { return vec![0] };
    let most = usize::try_from(libc::CPU_SETSIZE).unwrap_or(0);
    // SAFETY: the index stays below the size of the set.
    let numbers = (0..most).filter(|number| unsafe { libc::CPU_ISSET(*number, &set) });
    numbers.filter_map(|number| u32::try_from(number).ok()).collect()
}

/// What the executor found that this machine enforces, in a language.
pub(crate) fn view(lang: Lang, isolation: &Isolation, trusts_owner: bool) -> MachineView {
    let protections = Protection::ALL.map(|protection| {
        let (support, detail) = match support_of(isolation, protection) {
            Support::Enforced => (SupportWord::Enforced, None),
            Support::Weaker { how } => (SupportWord::Weaker, Some(how.clone())),
            Support::Unavailable { why } => (SupportWord::Unavailable, Some(why.clone())),
        };
        ProtectionView::of(lang, protection, support, detail)
    });
    MachineView { protections: protections.into(), owner_runs_bare: trusts_owner }
}

fn support_of(isolation: &Isolation, protection: Protection) -> &Support {
    match protection {
        Protection::Identity => &isolation.identity,
        Protection::Files => &isolation.mount_namespace,
        Protection::FileRules => &isolation.landlock,
        Protection::Processes => &isolation.process_namespace,
        Protection::Network => &isolation.network_namespace,
        Protection::SharedMemory => &isolation.ipc_namespace,
        Protection::SystemCalls => &isolation.system_calls,
        Protection::Cores => &isolation.cores,
        Protection::Memory => &isolation.memory,
        Protection::ProcessCount => &isolation.processes,
        Protection::Disk => &isolation.disk,
    }
}

/// An equal part of this machine's memory for each core, or nothing where the machine does not say how much it has.
pub(crate) fn memory_bytes_for_each_core() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib =
        line.and_then(|rest| rest.trim().split(' ').next()).and_then(|digits| digits.parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024 / u64::try_from(cores().len()).unwrap_or(1).max(1)
}

/// Measures what the server itself has used since it started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnUse {
    started: Instant,
}

impl OwnUse {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Processor time as a share of one core, and resident memory.
    pub(crate) fn view(self) -> ControlPlaneView {
        let elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        ControlPlaneView { cpu_milli: cpu_ms() * 1_000 / elapsed_ms, memory_bytes: resident_bytes() }
    }
}

fn cpu_ms() -> u64 {
    // SAFETY: `usage` is plain memory that the call fills.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let ms = |time: libc::timeval| time.tv_sec * 1_000 + time.tv_usec / 1_000;
    u64::try_from(ms(usage.ru_utime) + ms(usage.ru_stime)).unwrap_or(0)
}

fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let resident =
        pages.as_deref().and_then(|text| text.split(' ').nth(1)).and_then(|text| text.parse::<u64>().ok());
    resident.unwrap_or(0) * 4_096
}
