//! The process that supervisors are born from.
//!
//! A supervisor is a copy of a small process that is there already: to start this program anew for each lease would cost
//! more than most short programs take themselves. The nursery has one thread, holds nothing of any lease, and ends when
//! the server and all of its supervisors are gone. Supervisors do not need it: without one they go on as before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    socketpair,
};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid};

use crate::cpuset::Cpuset;
use crate::error::{ExecError, Result, Step};
use crate::executor::ExecutorSettings;
use crate::folder::LeaseFolder;
use crate::isolation::Namespaces;
use crate::order::check_lease_name;
use crate::process::ProcessHandle;
use crate::supervisor;
use crate::sweep::end_strays;

/// Begins a message that names cores and no lease.
const CORES: char = '@';
/// Longer than any message: a lease's name, or the numbers of all cores of a large machine.
const MESSAGE_MOST_BYTES: usize = 16 << 10;
/// How soon the nursery looks again for what a lost supervisor left, in milliseconds.
const SWEEP_AGAIN: u8 = 10;
/// Where supervisors say what nobody asked for; at this size it begins anew at the next start of a server.
const LOG: &str = "supervisors.log";
const LOG_MOST_BYTES: u64 = 1 << 20;

/// The server's end of the line to a nursery.
pub(crate) struct Nursery(OwnedFd);

impl Nursery {
    /// Starts one for this folder of leases, with all its supervisors held on these cores where there are any.
    pub(crate) fn start(settings: &ExecutorSettings, cores: &[u32]) -> Result<Self> {
        let pair = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC);
        let (own, theirs) = pair.step(|| "make a line to the nursery of supervisors".into())?;
        let exe = &settings.supervisor_exe;
        // It returns as soon as the nursery is a process of its own. Its environment, which a program might see, is empty.
        let output = Command::new(exe)
            .args(&settings.supervisor_args)
            .arg(settings.run_dir.join("leases"))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .output()
            .map_err(|source| ExecError::Supervisor { exe: exe.clone(), source })?;
        if output.status.success() {
            if !cores.is_empty() {
                let list = cores.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
                send(&own, &format!("{CORES}{list}"), &[]).step(|| "name the cores to the nursery".into())?;
            }
            return Ok(Self(own));
        }
        let why = format!("{} {}", output.status, String::from_utf8_lossy(&output.stderr));
        Err(ExecError::Supervisor { exe: exe.clone(), source: io::Error::other(why) })
    }

    /// Asks for a supervisor of a lease. It says how its start went over the line that comes back, and the line closes
    /// when it ends.
    pub(crate) fn supervise(&self, lease: &str) -> io::Result<UnixStream> {
        let (own, theirs) = UnixStream::pair()?;
        let fds = [theirs.as_raw_fd()];
        send(&self.0, lease, &[ControlMessage::ScmRights(&fds)])?;
        Ok(own)
    }
}

fn send(line: &OwnedFd, text: &str, control: &[ControlMessage<'_>]) -> io::Result<()> {
    let pieces = [IoSlice::new(text.as_bytes())];
    sendmsg::<()>(line.as_raw_fd(), &pieces, control, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

/// Becomes a nursery for this folder of leases. Call it first in a process that has one thread and whose standard input
/// is the server's line: `sinew supervise DIR`.
///
/// Returns in the calling process with its exit code. The nursery itself goes on as another process, in a session of its
/// own, and never returns from here.
#[must_use]
pub fn supervise(leases_dir: &Path) -> i32 {
    match detach(leases_dir) {
        Ok(()) => 0,
        Err(problem) => {
            eprint!("{problem}");
            1
        }
    }
}

/// Leaves the server's session and process group, so that nothing which ends the server ends a lease.
fn detach(leases_dir: &Path) -> std::result::Result<(), String> {
    let threads = fs::read_dir("/proc/self/task").map(Iterator::count).unwrap_or(0);
    if threads != 1 {
        return Err(format!("supervisors are born in a process with one thread, not {threads}"));
    }
    let line = io::stdin().as_fd().try_clone_to_owned();
    let line = line.map_err(|error| format!("cannot hold the server's line: {error}"))?;
    // SAFETY: this process has one thread, so the child may do whatever it could have done.
    match unsafe { fork() } {
        Err(errno) => Err(format!("cannot make the nursery's process: {errno}")),
        Ok(ForkResult::Parent { .. }) => Ok(()),
        Ok(ForkResult::Child) => {
            let kept = own_session(leases_dir).and_then(|()| Keeper::new(line));
            match kept {
                Ok(mut keeper) => keeper.keep(leases_dir),
                Err(error) => eprintln!("{}", error.chain()),
            }
            std::process::exit(0)
        }
    }
}

fn own_session(leases_dir: &Path) -> Result<()> {
    setsid().step(|| "leave the server's session".into())?;
    let path = leases_dir.parent().unwrap_or(leases_dir).join(LOG);
    let long = fs::metadata(&path).is_ok_and(|about| about.len() > LOG_MOST_BYTES);
    if long {
        fs::remove_file(&path).step(|| format!("empty {LOG}"))?;
    }
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let log = opened.step(|| format!("open {LOG}"))?;
    let nothing = File::open("/dev/null").step(|| "open /dev/null".into())?;
    dup2_stdin(&nothing).step(|| "close the input".into())?;
    dup2_stdout(&log).step(|| format!("turn the output to {LOG}"))?;
    dup2_stderr(&log).step(|| format!("turn the errors to {LOG}"))
}

/// The nursery itself.
struct Keeper {
    /// Gone when the server is.
    line: Option<OwnedFd>,
    signals: SignalFd,
    supervisors: BTreeMap<i32, LeaseFolder>,
    /// The first processes of sandboxes whose supervisors are lost, until they are gone.
    firsts: BTreeSet<i32>,
    /// Where to say that nothing is left of a lost supervisor's lease.
    lost: Vec<PathBuf>,
    cpuset: Option<Cpuset>,
}

impl Keeper {
    fn new(line: OwnedFd) -> Result<Self> {
        // What a killed supervisor leaves comes here, and is ended here.
        prctl::set_child_subreaper(true).step(|| "take in orphans".into())?;
        let ends = SigSet::from(Signal::SIGCHLD);
        ends.thread_block().step(|| "hold back signals".into())?;
        let signals = SignalFd::with_flags(&ends, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC);
        let signals = signals.step(|| "hear of ends".into())?;
        Ok(Self {
            line: Some(line),
            signals,
            supervisors: BTreeMap::new(),
            firsts: BTreeSet::new(),
            lost: Vec::new(),
            cpuset: None,
        })
    }

    /// Serves until the server and all supervisors are gone.
    fn keep(&mut self, leases_dir: &Path) {
        loop {
            let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            fds.extend(self.line.as_ref().map(|line| PollFd::new(line.as_fd(), PollFlags::POLLIN)));
            let timeout = if self.lost.is_empty() { PollTimeout::NONE } else { SWEEP_AGAIN.into() };
            let polled = poll(&mut fds, timeout).is_ok();
            let asked = polled && fds.get(1).is_some_and(|fd| fd.any().unwrap_or(false));
            drop(fds);
            self.reap();
            if asked {
                self.serve(leases_dir);
            }
            if self.line.is_none() && self.supervisors.is_empty() && self.lost.is_empty() {
                if let Some(cpuset) = &self.cpuset {
                    cpuset.leave();
                }
                return;
            }
        }
    }

    /// Takes the ends of supervisors and of what lost ones left.
    fn reap(&mut self) {
        while let Ok(Some(_)) = self.signals.read_signal() {}
        loop {
            let (pid, well) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid.as_raw(), code == 0),
                Ok(WaitStatus::Signaled(pid, ..)) => (pid.as_raw(), false),
                Ok(WaitStatus::StillAlive) | Err(_) => break,
                Ok(_) => continue,
            };
            self.firsts.remove(&pid);
            if let Some(folder) = self.supervisors.remove(&pid)
                && !well
            {
                self.lose(folder);
            }
        }
        self.sweep();
    }

    /// A sandbox's first process dies with its supervisor and ends what is in it. A program without one may leave others.
    fn lose(&mut self, folder: LeaseFolder) {
        let Ok(Some(record)) = folder.read_order() else { return };
        let epoch = record.order.epoch;
        if record.sandbox.namespaces == Namespaces::Bare {
            self.lost.push(folder.swept_path(epoch));
        } else if let Ok(Some(status)) = folder.read_status(epoch) {
            // One that was reaped before its supervisor is gone; its number may be anybody's.
            let alive = status.init.filter(|init| ProcessHandle::of(*init).is_some());
            self.firsts.extend(alive.map(|init| init.pid));
        }
    }

    /// Ends what lost supervisors left, and says so when there is nothing more of it.
    fn sweep(&mut self) {
        if self.lost.is_empty() {
            return;
        }
        let kept = self.supervisors.keys().chain(&self.firsts).copied().collect();
        if end_strays(&kept) {
            for path in self.lost.drain(..) {
                if let Err(error) = File::create(&path) {
                    eprintln!("cannot write {}: {error}", path.display());
                }
            }
        }
    }

    /// Takes one request, and forks its supervisor.
    fn serve(&mut self, leases_dir: &Path) {
        let Some(line) = &self.line else { return };
        let (lease, mut answer) = match receive(line) {
            Ok(Message::Supervise(lease, answer)) => (lease, answer),
            Ok(Message::Cores(cores)) => {
                match Cpuset::enter(leases_dir, &cores) {
                    Ok(cpuset) => self.cpuset = Some(cpuset),
                    Err(error) => {
                        // Nothing may run on other cores than its own: whoever asks next finds nobody.
                        eprintln!("{}", error.chain());
                        std::process::exit(1);
                    }
                }
                return;
            }
            Ok(Message::Over) => {
                self.line = None;
                return;
            }
            Err(error) => {
                eprintln!("a request of the server cannot be read: {error}");
                return;
            }
        };
        let folder = LeaseFolder::at(leases_dir.join(lease));
        // SAFETY: this process has one thread, so the child may do whatever it could have done.
        match unsafe { fork() } {
            Err(errno) => _ = write!(answer, "cannot make the supervisor's process: {errno}"),
            Ok(ForkResult::Parent { child }) => _ = self.supervisors.insert(child.as_raw(), folder),
            Ok(ForkResult::Child) => {
                self.line = None;
                let _ = SigSet::from(Signal::SIGCHLD).thread_unblock();
                supervisor::run(&folder, answer);
                // SAFETY: _exit ends this process at once. What `exit` would do besides is for the program whose copy this
                // is, and would touch, and so copy, its pages.
                unsafe { libc::_exit(0) }
            }
        }
    }
}

/// What the server says to a nursery.
enum Message {
    /// Hold everything on these cores.
    Cores(Vec<u32>),
    /// Supervise a lease, and answer over this line.
    Supervise(String, UnixStream),
    /// The server is gone.
    Over,
}

fn receive(line: &OwnedFd) -> io::Result<Message> {
    let mut name = [0; MESSAGE_MOST_BYTES];
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let mut pieces = [IoSliceMut::new(&mut name)];
    let received = recvmsg::<()>(line.as_raw_fd(), &mut pieces, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC);
    let message = match received {
        Err(Errno::ECONNRESET) => return Ok(Message::Over),
        received => received?,
    };
    let (bytes, mut answer) = (message.bytes, None);
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = control {
            for fd in fds {
                // SAFETY: the kernel just made this descriptor for this process, and nobody else owns it.
                answer = Some(UnixStream::from(unsafe { OwnedFd::from_raw_fd(fd) }));
            }
        }
    }
    let text = String::from_utf8_lossy(&name[..bytes]).into_owned();
    if let Some(list) = text.strip_prefix(CORES) {
        let cores: std::result::Result<Vec<u32>, _> = list.split(',').map(str::parse).collect();
        return Ok(Message::Cores(cores.map_err(io::Error::other)?));
    }
    let Some(answer) = answer else { return Ok(Message::Over) };
    check_lease_name(&text).map_err(io::Error::other)?;
    Ok(Message::Supervise(text, answer))
}

/// What a supervisor says when the program runs.
pub(crate) const READY: &[u8] = b"ready\n";

/// Hears how a start went: nothing to say where the program runs, or what went wrong.
pub(crate) fn hear(line: &mut UnixStream) -> io::Result<std::result::Result<(), String>> {
    let mut said = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match line.read(&mut piece) {
            Ok(0) => return Ok(Err(String::from_utf8_lossy(&said).into_owned())),
            Ok(count) => said.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if said == READY {
            return Ok(Ok(()));
        }
    }
}
