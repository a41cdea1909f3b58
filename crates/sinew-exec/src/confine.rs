//! What a process gives up before it becomes the program: privileges, limits, files, system calls.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, Scope,
};
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{AccessFlags, Gid, Pid, Uid, access, setgroups, setresgid, setresuid};

use crate::error::{ExecError, Result, Step};
use crate::filter;
use crate::isolation::{Namespaces, Sandbox, identity_of, runs_as_root};
use crate::order::{LeaseOrder, Limits, Network};
use crate::tree::{DEVICES, SYSTEM_PATHS};

/// The newest Landlock whose file rights this crate knows how to give back where a program needs them.
const FILE_RIGHTS: ABI = ABI::V5;

/// Binds this process to the cores of the lease.
pub(crate) fn bind_to_cores(cores: &[u32]) -> Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core as usize).step(|| format!("name core {core}"))?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).step(|| "bind to the cores of the lease".into())
}

/// Becomes a user without any privilege. Root becomes the work folder's own user.
pub(crate) fn drop_privileges(order: &LeaseOrder) -> Result<()> {
    const LAST_CAPABILITY: libc::c_ulong = 63;
    for capability in 0..=LAST_CAPABILITY {
        // Fails beyond the kernel's last capability, and for a user who has none; both leave nothing to drop.
        // SAFETY: this prctl takes integers only.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
    if runs_as_root() {
        let user = identity_of(&order.work_dir);
        let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
        setgroups(&[]).step(|| "leave root's groups".into())?;
        setresgid(gid, gid, gid).step(|| "leave root's group".into())?;
        setresuid(uid, uid, uid).step(|| "become the work folder's own user".into())?;
    }
    clear_capabilities()?;
    prctl::set_no_new_privs().step(|| "refuse new privileges".into())
}

fn clear_capabilities() -> Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    let none = [0_u32; 6];
    // SAFETY: version 3 reads a header of two words and two sets of three words each, which both are here.
    let done = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    Errno::result(done).map(drop).step(|| "drop all capabilities".into())
}

/// Shuts this process in. What follows can only be the program.
pub(crate) fn shut_in(order: &LeaseOrder, sandbox: &Sandbox) -> Result<()> {
    umask(Mode::from_bits_truncate(0o077));
    set_limits(&order.limits, sandbox)?;
    check_readable(order)?;
    restrict_files(order, sandbox).map_err(|error| ExecError::Step {
        step: "set the file rules".into(),
        source: std::io::Error::other(error),
    })?;
    filter::apply(sandbox, order.network)
}

/// Sets what every process of the program may use.
pub(crate) fn set_limits(limits: &Limits, sandbox: &Sandbox) -> Result<()> {
    let mut wanted = vec![(Resource::RLIMIT_CORE, 0), (Resource::RLIMIT_NOFILE, limits.open_files)];
    // A user's limit counts all of its processes, so it is set where they are the program's alone.
    let shared = matches!(sandbox.namespaces, Namespaces::Without | Namespaces::Bare);
    if !shared || order_has_own_user() {
        wanted.push((Resource::RLIMIT_NPROC, limits.processes));
    }
    wanted.extend(limits.file_bytes.map(|bytes| (Resource::RLIMIT_FSIZE, bytes)));
    // Data, not address space: many programs reserve far more addresses than they ever use.
    wanted.extend(limits.memory_bytes.map(|bytes| (Resource::RLIMIT_DATA, bytes)));
    for (resource, most) in wanted {
        setrlimit(resource, most, most).step(|| format!("set the limit {resource:?} to {most}"))?;
    }
    Ok(())
}

/// After root became the work folder's user, that user has a number of the executor's own range.
fn order_has_own_user() -> bool {
    nix::unistd::geteuid().as_raw() >= crate::isolation::FIRST_IDENTITY
}

/// Says at the start which folder the program's user cannot read, not later by a strange error of the program.
fn check_readable(order: &LeaseOrder) -> Result<()> {
    for path in order.shared_paths() {
        access(path, AccessFlags::R_OK)
            .step(|| format!("read {} as the program's user; let others read it", path.display()))?;
    }
    access(&order.work_dir, AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK).step(|| {
        let path = order.work_dir.display();
        format!("use {path} as the program's user; let others pass the folders above it")
    })
}

fn restrict_files(
    order: &LeaseOrder,
    sandbox: &Sandbox,
) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let all = AccessFs::from_all(FILE_RIGHTS);
    let read = AccessFs::from_read(FILE_RIGHTS);
    let mut attributes = Ruleset::default().handle_access(all)?.scope(Scope::from_all(ABI::V6))?;
    if order.network == Network::None {
        attributes = attributes.handle_access(AccessNet::from_all(ABI::V4))?;
    }
    let mut rules = attributes.create()?;
    for path in SYSTEM_PATHS {
        rules = allow(rules, Path::new(path), read)?;
    }
    for path in DEVICES {
        rules = allow(rules, Path::new(path), AccessFs::ReadFile | AccessFs::WriteFile)?;
    }
    for path in order.shared_paths() {
        rules = allow(rules, path, read)?;
    }
    rules = allow(rules, &order.work_dir, all)?;
    if sandbox.namespaces != Namespaces::Without {
        // These hold only the program's own things. Without namespaces they are everybody's.
        rules = allow(rules, Path::new("/dev/shm"), all)?;
        let own_processes = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::WriteFile;
        rules = allow(rules, Path::new("/proc"), own_processes)?;
        for path in ["/etc/hosts", "/etc/passwd", "/etc/group"] {
            rules = allow(rules, Path::new(path), AccessFs::ReadFile.into())?;
        }
    }
    rules.restrict_self()?;
    Ok(())
}

/// Allows what lies at a path, if anything does. Rights that only folders have are left out for a file.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    rights: BitFlags<AccessFs>,
) -> std::result::Result<RulesetCreated, Box<dyn std::error::Error + Send + Sync>> {
    if !path.exists() {
        return Ok(rules);
    }
    let rights = if path.is_dir() { rights } else { rights & AccessFs::from_file(FILE_RIGHTS) };
    Ok(rules.add_rule(PathBeneath::new(PathFd::new(path)?, rights))?)
}
