//! What this machine can enforce, found by trying it, and the sandbox that follows from it.

use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::{Pid, getegid, geteuid};
use serde::{Deserialize, Serialize};

use crate::cpuset::Cpuset;
use crate::error::{ExecError, Result};
use crate::order::{LeaseOrder, Network};

/// The first Landlock version that keeps a program from signalling processes outside its sandbox.
const LANDLOCK_SCOPES_ABI: u32 = 6;

/// How well one protection holds on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Support {
    /// The kernel enforces it.
    Enforced,
    /// It is enforced by a weaker means.
    Weaker {
        /// What the weaker means leaves open.
        how: String,
    },
    /// It cannot be enforced here.
    Unavailable {
        /// What the system said.
        why: String,
    },
}

impl Support {
    fn holds(&self) -> bool {
        !matches!(self, Self::Unavailable { .. })
    }

    fn of(result: std::result::Result<(), Errno>) -> Self {
        match result {
            Ok(()) => Self::Enforced,
            Err(errno) => Self::Unavailable { why: io::Error::from(errno).to_string() },
        }
    }
}

/// The first of the executor's users. The range lies between those of containers and the end of signed numbers;
/// nobody hands it out.
pub(crate) const FIRST_IDENTITY: u32 = 1_900_000_000;

/// What this machine can enforce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolation {
    /// A user other than the server's, or the server's own user without any privilege in a user namespace.
    pub identity: Support,
    /// Mounts of its own: the program sees only the files of its order.
    pub mount_namespace: Support,
    /// Processes of its own: the end of the first is the end of all, whoever kills it.
    pub process_namespace: Support,
    /// A network of its own, needed for [`Network::Loopback`].
    pub network_namespace: Support,
    /// Shared memory and queues of its own.
    pub ipc_namespace: Support,
    /// File rules that hold whatever is mounted.
    pub landlock: Support,
    /// The kernel's Landlock version, 0 where there is none.
    pub landlock_abi: u32,
    /// System calls that no program needs are refused.
    pub system_calls: Support,
    /// The program stays on the cores of its lease.
    pub cores: Support,
    /// The memory limit.
    pub memory: Support,
    /// The limit on processes and threads.
    pub processes: Support,
    /// A limit on what a work folder holds.
    pub disk: Support,
}

/// How a supervisor builds its sandbox. Decided once by the server, so that order and report agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sandbox {
    pub(crate) namespaces: Namespaces,
    /// Where the cores are held by a cpuset; otherwise a program may not change its affinity at all.
    pub(crate) cpuset: bool,
}

/// Who creates the namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Namespaces {
    /// Real root, which then becomes an unprivileged user.
    AsRoot,
    /// Any user, through a user namespace.
    AsUser,
    /// None: Landlock and system call rules alone, and processes are found one by one.
    Without,
    /// No sandbox at all, by the owner's choice: the program is as free as the server.
    Bare,
}

impl Isolation {
    /// Tries everything on this machine. Nothing stays behind.
    pub(crate) fn probe() -> Self {
        let landlock_abi = landlock_abi();
        let root = geteuid().is_root();
        let trial = |flag| Support::of(try_namespaces(flag, root));
        let process_namespace = trial(libc::CLONE_NEWPID);
        let user = Support::of(try_namespaces(0, false));
        Self {
            identity: identity(root, user),
            mount_namespace: trial(libc::CLONE_NEWNS),
            network_namespace: trial(libc::CLONE_NEWNET),
            ipc_namespace: trial(libc::CLONE_NEWIPC | libc::CLONE_NEWUTS),
            landlock: landlock_support(landlock_abi),
            landlock_abi,
            system_calls: system_calls(),
            cores: cores(),
            memory: Support::Weaker {
                how: "the limit holds for each process's own memory, not for their sum or what they share"
                    .into(),
            },
            processes: if process_namespace.holds() { Support::Enforced } else { shared_process_count() },
            process_namespace,
            disk: disk(),
        }
        .with_all_namespaces_or_none()
    }

    /// A sandbox with only some of the namespaces is not built, so where one is missing, none of the others protects.
    fn with_all_namespaces_or_none(mut self) -> Self {
        if self.has_namespaces() {
            return self;
        }
        for namespace in [
            &mut self.mount_namespace,
            &mut self.process_namespace,
            &mut self.network_namespace,
            &mut self.ipc_namespace,
        ] {
            if namespace.holds() {
                *namespace = Support::Unavailable { why: "not used, because another one is missing".into() };
            }
        }
        self.processes = shared_process_count();
        self
    }

    /// The same machine as if it had no namespaces, which is what many containers and hardened hosts offer.
    #[must_use]
    pub fn without_namespaces(mut self) -> Self {
        let none = || Support::Unavailable { why: "switched off in the settings".into() };
        self.mount_namespace = none();
        self.process_namespace = none();
        self.network_namespace = none();
        self.ipc_namespace = none();
        self.processes = shared_process_count();
        self
    }

    /// Whether all namespaces are there. A sandbox with only some of them is not built.
    fn has_namespaces(&self) -> bool {
        [&self.mount_namespace, &self.process_namespace, &self.network_namespace, &self.ipc_namespace]
            .iter()
            .all(|support| support.holds())
            && self.identity.holds()
    }

    /// The sandbox for an order, or what the order needs and this machine lacks.
    pub(crate) fn sandbox(&self, order: &LeaseOrder) -> Result<Sandbox> {
        if order.bare {
            check_cores(order)?;
            return Ok(Sandbox { namespaces: Namespaces::Bare, cpuset: false });
        }
        require(&self.system_calls, "system call rules", "use a kernel with seccomp filters")?;
        require(&self.cores, "cores", "let the server's user set the affinity of its processes")?;
        check_cores(order)?;
        let namespaces = match (self.has_namespaces(), geteuid().is_root()) {
            (true, true) => Namespaces::AsRoot,
            (true, false) => Namespaces::AsUser,
            (false, _) => Namespaces::Without,
        };
        if namespaces == Namespaces::Without {
            self.check_without_namespaces(order)?;
        }
        Ok(Sandbox { namespaces, cpuset: self.cores == Support::Enforced })
    }

    /// Without namespaces, files are held by Landlock alone, and other leases' processes by its scopes.
    fn check_without_namespaces(&self, order: &LeaseOrder) -> Result<()> {
        if order.network == Network::Loopback {
            return Err(ExecError::CannotEnforce {
                what: "a loopback of its own",
                why: "the namespaces of this machine cannot all be used".into(),
                advice: "allow them (see the isolation report), or order no network and use Unix sockets",
            });
        }
        if self.landlock_abi >= LANDLOCK_SCOPES_ABI {
            return Ok(());
        }
        Err(ExecError::CannotEnforce {
            what: "that files and processes of others stay out of reach",
            why: format!(
                "there are no namespaces, and Landlock is version {} where {LANDLOCK_SCOPES_ABI} is needed",
                self.landlock_abi
            ),
            advice: "allow user namespaces, or use Linux 6.12 or newer with Landlock",
        })
    }
}

fn require(support: &Support, what: &'static str, advice: &'static str) -> Result<()> {
    match support {
        Support::Unavailable { why } => Err(ExecError::CannotEnforce { what, why: why.clone(), advice }),
        _ => Ok(()),
    }
}

fn check_cores(order: &LeaseOrder) -> Result<()> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    let missing = |core: &&u32| !allowed.is_set(**core as usize).unwrap_or(false);
    match order.cores.iter().find(missing) {
        None => Ok(()),
        Some(core) => Err(ExecError::CannotEnforce {
            what: "the cores of the lease",
            why: format!("the server may not use core {core}"),
            advice: "name cores that the server may use itself",
        }),
    }
}

fn identity(root: bool, user_namespace: Support) -> Support {
    match (root, user_namespace) {
        (true, _) => Support::Enforced,
        (false, Support::Enforced) => {
            Support::Weaker { how: "programs run as the server's own user, without any privilege".into() }
        }
        (false, other) => other,
    }
}

/// Root gives each work folder a user of its own, whose processes are only the program's.
fn shared_process_count() -> Support {
    if runs_as_root() {
        return Support::Enforced;
    }
    Support::Unavailable { why: "without namespaces the user's other processes would count too".into() }
}

/// `Limits::file_bytes` bounds each file. Nothing that every machine has bounds how many there are.
fn disk() -> Support {
    Support::Weaker { how: "the limit holds for each file, not for the sum of a work folder".into() }
}

fn landlock_support(abi: u32) -> Support {
    match abi {
        0 => Support::Unavailable { why: "the kernel has no Landlock, or it is switched off".into() },
        _ => Support::Enforced,
    }
}

fn landlock_abi() -> u32 {
    const RULESET_VERSION: u32 = 1;
    // SAFETY: with a null attribute and size 0 the call only returns a number.
    let abi = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, RULESET_VERSION)
    };
    u32::try_from(abi).unwrap_or(0)
}

fn system_calls() -> Support {
    const GET_ACTION_AVAILABLE: u32 = 2;
    let action = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the kernel reads one u32 from a pointer that is valid during the call.
    let asked = unsafe { libc::syscall(libc::SYS_seccomp, GET_ACTION_AVAILABLE, 0, &raw const action) };
    Support::of(Errno::result(asked).map(drop))
}

fn cores() -> Support {
    if Cpuset::is_usable() {
        return Support::Enforced;
    }
    let own: nix::Result<CpuSet> = sched_getaffinity(Pid::from_raw(0));
    match own {
        Ok(_) => Support::Weaker {
            how: "no cpuset can be made, so programs are bound once and may not change it".into(),
        },
        Err(errno) => Support::of(Err(errno)),
    }
}

/// Tries namespaces in a child, so that this process keeps its own.
fn try_namespaces(flags: i32, as_root: bool) -> std::result::Result<(), Errno> {
    // Written before the fork: a child of a process with threads must not allocate.
    let uid_map = format!("{0} {0} 1", geteuid());
    let gid_map = format!("{0} {0} 1", getegid());
    // SAFETY: the child makes system calls only, and leaves by _exit.
    let child = unsafe { libc::fork() };
    match child {
        -1 => Err(Errno::last()),
        0 => {
            let errno = try_in_child(flags, as_root, [uid_map.as_bytes(), gid_map.as_bytes()]);
            // SAFETY: _exit ends the child without running anything of its parent.
            unsafe { libc::_exit(errno as i32) }
        }
        _ => {
            let mut status = 0;
            // SAFETY: waits for the child that was just made; `status` is valid.
            while unsafe { libc::waitpid(child, &raw mut status, 0) } == -1 && Errno::last() == Errno::EINTR {
            }
            match libc::WEXITSTATUS(status) {
                0 if libc::WIFEXITED(status) => Ok(()),
                errno => Err(Errno::from_raw(errno)),
            }
        }
    }
}

/// Makes the namespaces and uses them once: some systems let anybody make them and then forbid every use.
fn try_in_child(flags: i32, as_root: bool, maps: [&[u8]; 2]) -> Errno {
    // SAFETY: every call here takes integers or pointers to constants that outlive it, and none allocates.
    unsafe {
        if !as_root {
            if libc::unshare(libc::CLONE_NEWUSER) != 0 {
                return Errno::last();
            }
            let files: [&std::ffi::CStr; 2] = [c"/proc/self/uid_map", c"/proc/self/gid_map"];
            write_all(c"/proc/self/setgroups", b"deny");
            for (file, map) in files.iter().zip(maps) {
                if !write_all(file, map) {
                    return Errno::last();
                }
            }
        }
        if libc::unshare(flags) != 0 {
            return Errno::last();
        }
        if flags & libc::CLONE_NEWNS != 0 {
            let private = libc::MS_REC | libc::MS_PRIVATE;
            if libc::mount(std::ptr::null(), c"/".as_ptr(), std::ptr::null(), private, std::ptr::null()) != 0
            {
                return Errno::last();
            }
            if libc::mount(c"tmpfs".as_ptr(), c"/".as_ptr(), c"tmpfs".as_ptr(), 0, std::ptr::null()) != 0 {
                return Errno::last();
            }
        }
    }
    Errno::from_raw(0)
}

fn write_all(path: &std::ffi::CStr, text: &[u8]) -> bool {
    // SAFETY: the path ends in a zero byte, the text is valid for its length, and the descriptor is our own.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if fd < 0 {
            return false;
        }
        let written = libc::write(fd, text.as_ptr().cast(), text.len());
        let failed = Errno::last_raw();
        libc::close(fd);
        Errno::set_raw(failed);
        usize::try_from(written) == Ok(text.len())
    }
}

/// Root must not be what a program runs as, so each work folder then gets a user of its own.
pub(crate) fn runs_as_root() -> bool {
    geteuid().is_root()
}

/// The unprivileged user for a work folder when the server is root: one for each folder, never in use elsewhere.
pub(crate) fn identity_of(work_dir: &Path) -> u32 {
    const COUNT: u64 = 200_000_000;
    FIRST_IDENTITY + u32::try_from(stable_hash(work_dir) % COUNT).expect("the remainder is below the count")
}

/// FNV-1a: the same path has the same number after every restart, without a table of them.
pub(crate) fn stable_hash(path: &Path) -> u64 {
    use std::os::unix::ffi::OsStrExt;
    let bytes = path.as_os_str().as_bytes().iter();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;
