//! The first process of a lease's sandbox. It builds the sandbox, starts the program in it, and waits.
//!
//! In a process namespace it is process 1: when it ends, for whatever reason, the kernel ends all others. It dies
//! with the supervisor, so that nothing outlives the one who keeps the deadline.

use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, SigSet, Signal, kill, signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{
    ForkResult, Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, execve, fchown, fork, getegid, geteuid,
    setsid,
};

use crate::confine;
use crate::cpuset::go_with_the_rest;
use crate::error::{ExecError, Result, Step};
use crate::folder::{LeaseFolder, OrderRecord};
use crate::isolation::{Namespaces, identity_of, runs_as_root};
use crate::order::{LeaseOrder, Network};
use crate::status::ExitStatus;
use crate::sweep::end_all_descendants;
use crate::tree;

const PROGRAM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The ends of the pipes that the sandbox holds.
pub(crate) struct SandboxPipes {
    /// Gives one byte once the supervisor has written down which process this is.
    pub(crate) go: PipeReader,
    /// Takes the text of what failed before the program ran; closes when the program runs.
    pub(crate) problem: PipeWriter,
    /// Takes how the program ended.
    pub(crate) ending: PipeWriter,
    /// Takes the program's output.
    pub(crate) output: PipeWriter,
}

/// The ends of the same pipes that the supervisor holds.
pub(crate) struct SupervisorPipes {
    pub(crate) go: PipeWriter,
    pub(crate) problem: PipeReader,
    pub(crate) ending: PipeReader,
    pub(crate) output: PipeReader,
}

/// Makes the pipes between supervisor and sandbox.
fn make_pipes() -> io::Result<(SandboxPipes, SupervisorPipes)> {
    let (go, give_go) = io::pipe()?;
    let (read_problem, problem) = io::pipe()?;
    let (read_ending, ending) = io::pipe()?;
    let (read_output, output) = io::pipe()?;
    let outer =
        SupervisorPipes { go: give_go, problem: read_problem, ending: read_ending, output: read_output };
    Ok((SandboxPipes { go, problem, ending, output }, outer))
}

/// Starts the sandbox's first process and returns its number. That process itself never returns from here.
pub(crate) fn spawn(record: &OrderRecord, folder: &LeaseFolder) -> Result<(i32, SupervisorPipes)> {
    const ALL: i32 =
        libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    let namespaces = match record.sandbox.namespaces {
        Namespaces::AsRoot => ALL,
        Namespaces::AsUser => ALL | libc::CLONE_NEWUSER,
        Namespaces::Without | Namespaces::Bare => 0,
    };
    let (inner, outer) = make_pipes().step(|| "make pipes to the sandbox".into())?;
    if runs_as_root() && record.sandbox.namespaces != Namespaces::Bare {
        // A program may open its own output once more, by name.
        let user = identity_of(&record.order.work_dir);
        fchown(&inner.output, Some(user.into()), Some(user.into())).step(|| "hand over the output".into())?;
    }
    // Read before: in a new user namespace everybody is nobody until the maps are written.
    let user = User { id: geteuid().as_raw(), group: getegid().as_raw() };
    // SAFETY: without CLONE_VM and with a null stack this is a fork, and the supervisor has one thread only.
    let pid = unsafe { libc::syscall(libc::SYS_clone, namespaces | libc::SIGCHLD, 0, 0, 0, 0) };
    let pid = Errno::result(pid).step(|| "make the sandbox's first process".into())?;
    if pid == 0 {
        close_all_but(&inner);
        run(record, folder, &user, inner);
    }
    Ok((i32::try_from(pid).expect("process numbers are small"), outer))
}

/// What the supervisor has open is none of this process's business, and an end of a pipe that stays open here
/// would keep its reader waiting. Their owners in this copy of the supervisor are never used or dropped.
fn close_all_but(pipes: &SandboxPipes) {
    let mut kept =
        [pipes.go.as_raw_fd(), pipes.problem.as_raw_fd(), pipes.ending.as_raw_fd(), pipes.output.as_raw_fd()];
    kept.sort_unstable();
    let mut first = 3;
    for last in kept.map(|fd| fd - 1).into_iter().chain([i32::MAX]) {
        if first <= last {
            // SAFETY: the call takes integers only; nothing in this process uses what it closes.
            unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        }
        first = last.saturating_add(2);
    }
}

/// The supervisor's user, as it is outside.
struct User {
    id: u32,
    group: u32,
}

fn run(record: &OrderRecord, folder: &LeaseFolder, user: &User, mut pipes: SandboxPipes) -> ! {
    if record.sandbox.namespaces == Namespaces::Bare {
        let Err(error) = become_bare(record, &mut pipes);
        give_up(&mut pipes.problem, &error);
    }
    let program = prepare(record, folder, user, &mut pipes).and_then(|()| start_program(record, &pipes));
    match program {
        Ok(program) => watch(program, record.sandbox.namespaces, pipes),
        Err(error) => give_up(&mut pipes.problem, &error),
    }
}

fn give_up(problem: &mut PipeWriter, error: &ExecError) -> ! {
    let _ = problem.write_all(error.chain().as_bytes());
    exit_now()
}

fn exit_now() -> ! {
    // SAFETY: _exit runs nothing of the supervisor whose copy this process is.
    unsafe { libc::_exit(0) }
}

/// Builds everything around the program, from the outside in.
fn prepare(record: &OrderRecord, folder: &LeaseFolder, user: &User, pipes: &mut SandboxPipes) -> Result<()> {
    let order = &record.order;
    handled_signals().thread_block().step(|| "hold back signals".into())?;
    if record.sandbox.namespaces == Namespaces::AsUser {
        map_user(user)?;
    }
    die_with_supervisor(record.sandbox.namespaces, &pipes.problem)?;
    wait_for_go(&mut pipes.go)?;
    // When memory runs out, the program goes before the server. Best effort: some systems forbid it.
    let _ = fs::write("/proc/self/oom_score_adj", "500");
    if record.sandbox.cpuset {
        go_with_the_rest()?;
    }
    confine::bind_to_cores(&order.cores)?;
    match record.sandbox.namespaces {
        Namespaces::Without | Namespaces::Bare => {
            prctl::set_child_subreaper(true).step(|| "take in orphans".into())?
        }
        Namespaces::AsRoot | Namespaces::AsUser => {
            nix::unistd::sethostname("lease").step(|| "name the sandbox".into())?;
            tree::enter(&folder.root_path(), order)?;
            if order.network == Network::Loopback {
                raise_loopback()?;
            }
        }
    }
    confine::drop_privileges(order)?;
    prctl::set_dumpable(false).step(|| "hide the first process's memory".into())?;
    // Changing the user forgets what to die of.
    die_with_supervisor(record.sandbox.namespaces, &pipes.problem)
}

/// Becomes the program at once, as soon as its supervisor has written down which process it is.
fn become_bare(record: &OrderRecord, pipes: &mut SandboxPipes) -> Result<std::convert::Infallible> {
    die_with_supervisor(Namespaces::Bare, &pipes.problem)?;
    wait_for_go(&mut pipes.go)?;
    confine::bind_to_cores(&record.order.cores)?;
    become_program(record, pipes)
}

fn handled_signals() -> SigSet {
    SigSet::from_iter([Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGUSR1])
}

/// Keeps the user's own numbers, which is all that a user may map.
fn map_user(user: &User) -> Result<()> {
    let maps = [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{0} {0} 1", user.id)),
        ("gid_map", format!("{0} {0} 1", user.group)),
    ];
    for (file, text) in maps {
        fs::write(format!("/proc/self/{file}"), text).step(|| format!("write the namespace's {file}"))?;
    }
    Ok(())
}

/// The kernel kills process 1 of a namespace together with the supervisor, and with it all others. Without a
/// namespace this process is told instead, and ends the others itself.
fn die_with_supervisor(namespaces: Namespaces, problem: &PipeWriter) -> Result<()> {
    let told_by = match namespaces {
        Namespaces::Without => Signal::SIGUSR1,
        Namespaces::AsRoot | Namespaces::AsUser | Namespaces::Bare => Signal::SIGKILL,
    };
    prctl::set_pdeathsig(told_by).step(|| "bind this process to its supervisor".into())?;
    // A supervisor that died before the line above tells nobody, but its end of this pipe is closed by now.
    let mut fds = [PollFd::new(problem.as_fd(), PollFlags::empty())];
    match poll(&mut fds, PollTimeout::ZERO) {
        Ok(0) => Ok(()),
        _ => exit_now(),
    }
}

fn wait_for_go(go: &mut PipeReader) -> Result<()> {
    match go.read(&mut [0]).step(|| "wait for the supervisor".into())? {
        1 => Ok(()),
        _ => exit_now(),
    }
}

fn raise_loopback() -> Result<()> {
    let raise = || "raise the sandbox's loopback".into();
    // SAFETY: socket takes integers; ifreq is plain data for which zero is a value; the ioctl reads the name and
    // the flags of the request that it is given; the descriptor is closed once, here.
    let done = unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        Errno::result(socket).step(raise)?;
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = from.cast_signed();
        }
        request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).expect("the flag fits its field");
        let done = Errno::result(libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const request));
        libc::close(socket);
        done
    };
    done.map(drop).step(raise)
}

fn start_program(record: &OrderRecord, pipes: &SandboxPipes) -> Result<Pid> {
    // SAFETY: this process has one thread, so the child may do whatever it could have done.
    match unsafe { fork() }.step(|| "make the program's process".into())? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let Err(error) = become_program(record, pipes);
            let _ = (&pipes.problem).write_all(error.chain().as_bytes());
            exit_now()
        }
    }
}

fn become_program(record: &OrderRecord, pipes: &SandboxPipes) -> Result<std::convert::Infallible> {
    let order = &record.order;
    setsid().step(|| "start a session for the program".into())?;
    // Opened before the file rules, so that it needs none.
    let nothing = fs::File::open("/dev/null").step(|| "open /dev/null".into())?;
    dup2_stdin(&nothing).step(|| "close the program's input".into())?;
    dup2_stdout(&pipes.output).step(|| "take the program's output".into())?;
    dup2_stderr(&pipes.output).step(|| "take the program's errors".into())?;
    close_the_rest()?;
    chdir(&order.work_dir).step(|| format!("enter {}", order.work_dir.display()))?;
    reset_signals();
    handled_signals().thread_unblock().step(|| "let signals through".into())?;
    let environment = environment(order);
    match record.sandbox.namespaces {
        Namespaces::Bare => confine::set_limits(&order.limits, &record.sandbox)?,
        _ => confine::shut_in(order, &record.sandbox)?,
    }
    execute(order, &environment)
}

/// A signal that the server or its shell ignored would stay ignored in the program.
fn reset_signals() {
    for number in Signal::iterator() {
        // SAFETY: the default action installs no handler. Two signals refuse a change, and never had another action.
        let _ = unsafe { signal(number, SigHandler::SigDfl) };
    }
}

/// Marks all other descriptors, whoever left them open, to close when the program starts.
fn close_the_rest() -> Result<()> {
    const FIRST: u32 = 3;
    // SAFETY: the call takes integers only and closes nothing before the program starts.
    let done = unsafe { libc::syscall(libc::SYS_close_range, FIRST, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    Errno::result(done).map(drop).step(|| "close what the program must not inherit".into())
}

/// Nothing of the server's environment reaches a program.
fn environment(order: &LeaseOrder) -> Vec<(OsString, OsString)> {
    let home = order.work_dir.as_os_str().to_owned();
    let temporary = temporary_dir(&order.work_dir).into_os_string();
    let mut environment: std::collections::BTreeMap<OsString, OsString> = [
        ("PATH".into(), PROGRAM_PATH.into()),
        ("HOME".into(), home),
        ("TMPDIR".into(), temporary),
        ("LANG".into(), "C.UTF-8".into()),
    ]
    .into();
    environment.extend(order.environment.iter().map(|(name, value)| (name.into(), value.into())));
    environment.into_iter().collect()
}

/// Where a program keeps what it needs for a short time.
pub(crate) fn temporary_dir(work_dir: &Path) -> std::path::PathBuf {
    work_dir.join(".tmp")
}

fn execute(order: &LeaseOrder, environment: &[(OsString, OsString)]) -> Result<std::convert::Infallible> {
    let text = |word: &OsStr| {
        CString::new(word.as_bytes()).step(|| format!("pass `{}`: it holds a zero byte", word.display()))
    };
    let name = order.program[0].as_os_str();
    let words = order.program.iter().map(|word| text(word)).collect::<Result<Vec<_>>>()?;
    let mut pairs = Vec::new();
    for (name, value) in environment {
        let pair = [name.as_bytes(), b"=", value.as_bytes()].concat();
        pairs.push(text(OsStr::from_bytes(&pair))?);
    }
    let mut last = Errno::ENOENT;
    for path in candidates(name, environment) {
        match execve(text(&path)?.as_c_str(), &words, &pairs) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(error @ Errno::EACCES) => last = error,
            Err(error) => return Err(error).step(|| format!("run `{}`", path.display())),
        }
    }
    Err(last).step(|| format!("run `{}`: not found, or not allowed by the order", name.display()))
}

/// The files that a program's name may mean, as a shell would look for them.
fn candidates(name: &OsStr, environment: &[(OsString, OsString)]) -> Vec<OsString> {
    if name.as_bytes().contains(&b'/') {
        return vec![name.to_owned()];
    }
    let path = environment.iter().find(|(variable, _)| variable == "PATH");
    let folders = path.map(|(_, value)| std::env::split_paths(value).collect::<Vec<_>>());
    folders.into_iter().flatten().map(|folder| folder.join(name).into_os_string()).collect()
}

/// Waits for the program and takes in orphans. Passes the notice on. Ends when the program has ended.
fn watch(program: Pid, namespaces: Namespaces, pipes: SandboxPipes) -> ! {
    let SandboxPipes { problem, mut ending, output, go } = pipes;
    drop((problem, output, go));
    loop {
        match handled_signals().wait() {
            Ok(Signal::SIGTERM) => _ = kill(program, Signal::SIGTERM),
            Ok(Signal::SIGCHLD) => {
                if let Some(status) = reap(program) {
                    let _ = ending.write_all(&encode(&status));
                    break;
                }
            }
            // Only without namespaces: the supervisor is gone.
            Ok(Signal::SIGUSR1) if namespaces == Namespaces::Without => break,
            _ => {}
        }
    }
    if namespaces == Namespaces::Without {
        end_all_descendants();
    }
    exit_now()
}

fn reap(program: Pid) -> Option<ExitStatus> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == program => return Some(ExitStatus::Code(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == program => {
                return Some(ExitStatus::Signal(signal as i32));
            }
            Ok(WaitStatus::StillAlive) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// How a process ended, in the system's own word for it.
pub(crate) fn exit_of(status: i32) -> Option<ExitStatus> {
    if libc::WIFEXITED(status) {
        return Some(ExitStatus::Code(libc::WEXITSTATUS(status)));
    }
    libc::WIFSIGNALED(status).then(|| ExitStatus::Signal(libc::WTERMSIG(status)))
}

fn encode(status: &ExitStatus) -> Vec<u8> {
    serde_json::to_vec(status).unwrap_or_default()
}

/// Reads what `watch` wrote. Nothing where the first process was killed before it could write.
pub(crate) fn read_ending(mut pipe: PipeReader) -> io::Result<Option<ExitStatus>> {
    let mut text = Vec::new();
    pipe.read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text).ok())
}
