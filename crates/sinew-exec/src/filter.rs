//! The system calls that a program is refused.
//!
//! A refused call fails like one that the system does not have or does not permit, so that a program can go on.
//! The list names what reaches other processes, the kernel's own parts, new privileges and other machines.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter, sock_filter,
};

use crate::error::{ExecError, Result};
use crate::isolation::{Namespaces, Sandbox};
use crate::order::Network;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Calls that no program of a lease needs.
const REFUSED: &[i64] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    // Namespaces, roots and mounts.
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    // The kernel's own parts.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    // Key rings are shared by all processes of a user.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Clocks and names of the machine.
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];

/// Further calls of one processor family.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] =
    &[libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS_uselib, libc::SYS__sysctl];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[];

/// Calls that programs replace by others where they are missing. Their arguments lie in memory, out of a
/// filter's sight, so no rule could tell good ones from bad ones.
const MISSING: &[i64] =
    &[libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

/// Shared memory and queues with names, which without a namespace are common to a user's processes.
const SHARED_NAMES: &[i64] =
    &[libc::SYS_shmget, libc::SYS_shmat, libc::SYS_semget, libc::SYS_msgget, libc::SYS_mq_open];

const NAMESPACE_FLAGS: &[i32] = &[
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// Programs ask with these which personality they have, or switch off address randomisation.
const PERSONALITIES: &[u64] = &[0, 0xffff_ffff, libc::ADDR_NO_RANDOMIZE as u64];

/// Refuses these calls to this process and all its children, for good.
pub(crate) fn apply(sandbox: &Sandbox, network: Network) -> Result<()> {
    let refused = u32::try_from(libc::EPERM).expect("error numbers are small and positive");
    let missing = u32::try_from(libc::ENOSYS).expect("error numbers are small and positive");
    let missing_rules = MISSING.iter().map(|call| (*call, Vec::new())).collect();
    install(missing_rules, missing)?;
    install(refused_rules(sandbox, network)?, refused)
}

fn refused_rules(sandbox: &Sandbox, network: Network) -> Result<Rules> {
    let shared = sandbox.namespaces == Namespaces::Without;
    let mut rules: Rules = REFUSED.iter().chain(REFUSED_HERE).map(|call| (*call, Vec::new())).collect();
    for call in [libc::SYS_clone, libc::SYS_unshare] {
        let flags = NAMESPACE_FLAGS.iter().map(|flag| rule(vec![has_bits(0, flag.unsigned_abs())?]));
        rules.insert(call, flags.collect::<Result<_>>()?);
    }
    let odd_personality = PERSONALITIES.iter().map(|known| differs(0, *known)).collect::<Result<_>>()?;
    rules.insert(libc::SYS_personality, vec![rule(odd_personality)?]);
    if !sandbox.cpuset {
        rules.insert(libc::SYS_sched_setaffinity, Vec::new());
    }
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        rules.insert(call, socket_rules(network, shared)?);
    }
    if shared {
        // Landlock does not hold connections to sockets that lie in a folder, so nobody connects to any.
        rules.extend(SHARED_NAMES.iter().chain(&[libc::SYS_connect]).map(|call| (*call, Vec::new())));
    }
    Ok(rules)
}

/// Refuses families that lead out of the sandbox, and without namespaces also datagrams, which need no connection.
fn socket_rules(network: Network, shared: bool) -> Result<Vec<SeccompRule>> {
    let allowed: &[i32] = match network {
        Network::None => &[libc::AF_UNIX],
        Network::Loopback => &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK],
    };
    let others = allowed.iter().map(|family| differs(0, u64::from(family.unsigned_abs())));
    let mut rules = vec![rule(others.collect::<Result<_>>()?)?];
    if shared {
        const KIND: u64 = 0xf;
        for kind in [libc::SOCK_DGRAM, libc::SOCK_RAW, libc::SOCK_SEQPACKET] {
            let condition = condition(1, SeccompCmpOp::MaskedEq(KIND), u64::from(kind.unsigned_abs()))?;
            rules.push(rule(vec![condition])?);
        }
    }
    Ok(rules)
}

fn has_bits(argument: u8, bits: u32) -> Result<SeccompCondition> {
    condition(argument, SeccompCmpOp::MaskedEq(u64::from(bits)), u64::from(bits))
}

fn differs(argument: u8, value: u64) -> Result<SeccompCondition> {
    condition(argument, SeccompCmpOp::Ne, value)
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).map_err(failed)
}

fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule> {
    SeccompRule::new(conditions).map_err(failed)
}

fn install(rules: Rules, errno: u32) -> Result<()> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(failed)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), arch);
    let compiled: BpfProgram = filter.and_then(TryInto::try_into).map_err(failed)?;
    let mut program = foreign_numbers_guard(errno);
    program.extend(compiled);
    apply_filter(&program).map_err(failed)
}

/// On x86-64 each call also has a second number (x32), which a list of the first ones would let through.
fn foreign_numbers_guard(errno: u32) -> BpfProgram {
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const FIRST_X32: u32 = 0x4000_0000;
    if !cfg!(target_arch = "x86_64") {
        return Vec::new();
    }
    vec![
        sock_filter { code: LOAD_WORD, jt: 0, jf: 0, k: 0 },
        sock_filter { code: JUMP_IF_AT_LEAST, jt: 0, jf: 1, k: FIRST_X32 },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ERRNO | errno },
    ]
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ExecError {
    ExecError::Step { step: "set the system call rules".into(), source: std::io::Error::other(error) }
}
