//! The supervisor of one lease: a process that outlives the server and keeps epoch, deadline, status and output.
//!
//! One thread, one loop. It ends only after no process of the lease is left, and its last act is the final status.

use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::sys::wait::waitpid;
use nix::time::clock_gettime;
use nix::unistd::{getppid, setsid};

use crate::chown;
use crate::control::{self, Action, Reply, Request};
use crate::error::{ExecError, Result, Step};
use crate::folder::{LeaseFolder, OrderRecord, RECORD_VERSION, create_private};
use crate::init::{self, SupervisorPipes};
use crate::isolation::{Namespaces, identity_of, runs_as_root};
use crate::nursery::READY;
use crate::order::LastMoments;
use crate::output::OutputWriter;
use crate::process::{ProcessHandle, mark};
use crate::status::{Ending, ExitStatus, State, StatusRecord};
use crate::sweep::end_all_descendants;

/// Output is read in pieces, between which orders and the deadline have their turn. They begin small, since each page
/// that is touched costs as much as a few calls of the kernel and many programs say little, and grow with the output.
const PIECE_LEAST_BYTES: usize = 1024;
const PIECE_MOST_BYTES: usize = 64 * 1024;

/// Supervises the lease of a folder to its end. The line hears how its start went, and closes at the very end.
pub(crate) fn run(folder: &LeaseFolder, mut line: UnixStream) {
    let started = setsid().step(|| "leave the nursery's session".into()).and_then(|_| take_lease(folder));
    let answer = match &started {
        Ok(_) => READY.to_vec(),
        Err(error) => error.chain().into_bytes(),
    };
    let _ = line.write_all(&answer);
    if let Ok(Some(mut supervisor)) = started {
        supervisor.watch();
        supervisor.finish();
    }
}

/// Takes the lease and starts its program, unless another supervisor has or had this epoch.
fn take_lease(folder: &LeaseFolder) -> Result<Option<Supervisor>> {
    let record = folder.read_order()?.ok_or_else(|| ExecError::File {
        action: "find",
        path: folder.order_path(),
        source: io::ErrorKind::NotFound.into(),
    })?;
    let Some(lock) = folder.lock()? else { return Ok(None) };
    let epoch = record.order.epoch;
    if folder.read_status(epoch)?.is_some() {
        return Ok(None);
    }
    let mut status = StatusRecord {
        version: RECORD_VERSION,
        epoch,
        started_at_ms: now_ms(),
        deadline_unix_ms: None,
        init: None,
        nursery: mark(getppid().as_raw()),
        state: State::Taken,
    };
    match start(folder, record, status.clone(), lock) {
        Ok(supervisor) => Ok(Some(supervisor)),
        Err(error) => {
            let why = match &error {
                ExecError::CouldNotStart { why, .. } => why.clone(),
                other => other.chain(),
            };
            status.state = State::Ended(Ending {
                at_ms: now_ms(),
                status: ExitStatus::CouldNotStart(why),
                cpu_time_ms: 0,
                peak_memory_bytes: 0,
                output_bytes: 0,
                output_dropped_bytes: 0,
            });
            folder.write_status(&status)?;
            Err(error)
        }
    }
}

fn start(
    folder: &LeaseFolder,
    record: OrderRecord,
    mut status: StatusRecord,
    lock: File,
) -> Result<Supervisor> {
    prctl::set_child_subreaper(true).step(|| "take in orphans".into())?;
    let namespaces = record.sandbox.namespaces;
    prepare_folders(folder, &record)?;
    let (pid, pipes) = init::spawn(&record, folder)?;
    let SupervisorPipes { mut go, mut problem, ending, output } = pipes;
    let init = ProcessHandle::open(pid).step(|| "hold the sandbox's first process".into())?;
    // Written before the program may start: from here on this epoch never starts again, and a server that finds the
    // supervisor lost can wait for this process. Without a sandbox to build, the program is what starts next.
    status.init = mark(pid);
    if namespaces == Namespaces::Bare {
        status.state = State::Running;
    }
    folder.write_status(&status)?;
    let listener = control::listen(folder.path()).step(|| "open the control socket".into())?;
    let writer = OutputWriter::create(folder.path(), record.order.limits.output_bytes)
        .step(|| "create the output".into())?;
    let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)
        .step(|| "make a timer".into())?;
    fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).step(|| "read the output piece by piece".into())?;
    go.write_all(&[1]).step(|| "let the sandbox go".into())?;
    let mut text = String::new();
    problem.read_to_string(&mut text).step(|| "hear from the sandbox".into())?;
    if !text.is_empty() {
        let _ = waitpid(nix::unistd::Pid::from_raw(pid), None);
        return Err(ExecError::CouldNotStart { lease: record.order.lease, why: text });
    }
    if namespaces != Namespaces::Bare {
        status.started_at_ms = now_ms();
        status.state = State::Running;
        folder.write_status(&status)?;
    }
    Ok(Supervisor {
        folder: folder.clone(),
        namespaces,
        status,
        listener,
        init,
        init_pid: pid,
        ending: Some(ending),
        output: Some(output),
        piece: vec![0; PIECE_LEAST_BYTES],
        writer,
        timer,
        last: record.order.last.map(Last::reckoned),
        deadline: None,
        killed: None,
        _lock: lock,
    })
}

/// Makes what the sandbox is built on, and gives the work folder to its user.
fn prepare_folders(folder: &LeaseFolder, record: &OrderRecord) -> Result<()> {
    let order = &record.order;
    create_private(&init::temporary_dir(&order.work_dir))?;
    if record.sandbox.namespaces == Namespaces::Bare {
        return Ok(());
    }
    create_private(&folder.root_path())?;
    if runs_as_root() {
        chown::give(&order.work_dir, identity_of(&order.work_dir))?;
    }
    Ok(())
}

struct Supervisor {
    folder: LeaseFolder,
    namespaces: Namespaces,
    status: StatusRecord,
    listener: UnixListener,
    init: ProcessHandle,
    init_pid: i32,
    ending: Option<PipeReader>,
    /// Gone when every process closed its output.
    output: Option<PipeReader>,
    /// What output is read into.
    piece: Vec<u8>,
    writer: OutputWriter,
    timer: TimerFd,
    /// What the contract set from the start; gone as soon as the program is told.
    last: Option<Last>,
    /// On the clock that no one sets and that goes on while the machine sleeps.
    deadline: Option<Duration>,
    killed: Option<ExitStatus>,
    _lock: File,
}

/// The last moments of a lease, on the same clock as its deadline.
struct Last {
    notice: Duration,
    kill: Duration,
    kill_unix_ms: u64,
}

impl Last {
    /// Reckoned once, at the start: a wall clock that jumps later moves no contract's end.
    fn reckoned(moments: LastMoments) -> Self {
        let (now_ms, now) = (now_ms(), since_boot());
        let at = |unix_ms: u64| now.saturating_add(Duration::from_millis(unix_ms.saturating_sub(now_ms)));
        let kill_unix_ms = moments.kill_unix_ms;
        Self { notice: at(moments.notice_unix_ms), kill: at(kill_unix_ms), kill_unix_ms }
    }
}

/// What is waiting for the supervisor.
struct Waiting {
    request: bool,
    output: bool,
    ring: bool,
    end: bool,
}

impl Supervisor {
    /// Serves orders, output and the deadline until the sandbox's first process is over.
    fn watch(&mut self) {
        if let Some(notice) = self.last.as_ref().map(|last| last.notice) {
            self.set_timer(notice);
        }
        loop {
            let Some(waiting) = self.wait() else { continue };
            if waiting.end {
                return;
            }
            if waiting.ring {
                self.ring();
            }
            if waiting.request {
                self.serve();
            }
            if waiting.output {
                self.take_output();
            }
        }
    }

    fn wait(&self) -> Option<Waiting> {
        let ready = PollFlags::POLLIN;
        let mut fds = vec![
            PollFd::new(self.listener.as_fd(), ready),
            PollFd::new(self.timer.as_fd(), ready),
            PollFd::new(self.init.as_fd(), ready),
        ];
        fds.extend(self.output.as_ref().map(|output| PollFd::new(output.as_fd(), ready)));
        poll(&mut fds, PollTimeout::NONE).ok()?;
        let is_ready = |index: usize| fds.get(index).is_some_and(|fd| fd.any().unwrap_or(false));
        Some(Waiting { request: is_ready(0), ring: is_ready(1), end: is_ready(2), output: is_ready(3) })
    }

    fn serve(&mut self) {
        let Ok(listener) = self.listener.try_clone() else { return };
        control::answer(&listener, |request| self.act(request));
    }

    fn act(&mut self, request: Request) -> Reply {
        if request.epoch != self.status.epoch {
            return Reply::OtherEpoch(self.status.epoch);
        }
        match request.action {
            Action::Notice { deadline_unix_ms } => self.notice(deadline_unix_ms),
            Action::Kill => self.end_all(ExitStatus::KilledByOrder),
        }
        Reply::Done
    }

    /// The timer rang: for the contract's own notice, unless one came before, and else for the deadline.
    fn ring(&mut self) {
        let _ = self.timer.wait();
        match self.last.take() {
            Some(last) => self.leave_by(last.kill, last.kill_unix_ms),
            None => self.end_all(ExitStatus::KilledAtDeadline),
        }
    }

    /// A notice by the server. What the contract set from the start stays the latest deadline.
    fn notice(&mut self, deadline_unix_ms: u64) {
        let left = Duration::from_millis(deadline_unix_ms.saturating_sub(now_ms()));
        let deadline = since_boot().saturating_add(left);
        match self.last.take() {
            Some(last) if last.kill < deadline => self.leave_by(last.kill, last.kill_unix_ms),
            _ => self.leave_by(deadline, deadline_unix_ms),
        }
    }

    /// Tells the program once, and keeps the earliest deadline: a notice that is repeated, or that was reckoned
    /// with a clock which jumped since, never gives more time than was first agreed.
    fn leave_by(&mut self, deadline: Duration, deadline_unix_ms: u64) {
        if self.deadline.is_none() {
            self.init.signal(Signal::SIGTERM);
        }
        if self.deadline.is_some_and(|known| known <= deadline) {
            return;
        }
        self.deadline = Some(deadline);
        self.set_timer(deadline);
        self.status.deadline_unix_ms = Some(deadline_unix_ms);
        self.record();
    }

    fn set_timer(&mut self, at: Duration) {
        // A timer of zero would never ring.
        let left = at.saturating_sub(since_boot()).max(Duration::from_nanos(1));
        let expiration = Expiration::OneShot(TimeSpec::from_duration(left));
        if let Err(errno) = self.timer.set(expiration, TimerSetTimeFlags::empty()) {
            eprintln!("cannot set the timer for the deadline, so it is kept now: {errno}");
            self.end_all(ExitStatus::KilledAtDeadline);
        }
    }

    /// Kills everything. The first reason is the one that is kept.
    fn end_all(&mut self, reason: ExitStatus) {
        self.killed.get_or_insert(reason);
        self.init.signal(Signal::SIGKILL);
    }

    /// Reads one piece of output. Says whether there may be more.
    fn take_output(&mut self) -> bool {
        let Some(output) = &mut self.output else { return false };
        match output.read(&mut self.piece) {
            Ok(count @ 1..) => {
                self.writer.take(&self.piece[..count]);
                if count == self.piece.len() {
                    self.piece.resize((4 * count).min(PIECE_MOST_BYTES), 0);
                }
                true
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Ok(0) | Err(_) => {
                self.output = None;
                false
            }
        }
    }

    /// Makes sure that nothing is left, and writes down how it ended.
    fn finish(&mut self) {
        let usage = self.reap();
        if matches!(self.namespaces, Namespaces::Without | Namespaces::Bare) {
            end_all_descendants();
        }
        while self.take_output() {}
        let told = if self.namespaces == Namespaces::Bare {
            usage.exit.filter(|exit| self.killed.is_none() || matches!(exit, ExitStatus::Code(_)))
        } else {
            self.ending.take().and_then(|pipe| init::read_ending(pipe).ok().flatten())
        };
        let killed = self.killed.take().unwrap_or(ExitStatus::Signal(libc::SIGKILL));
        let (output_bytes, output_dropped_bytes) = self.writer.counts();
        self.status.state = State::Ended(Ending {
            at_ms: now_ms(),
            status: told.unwrap_or(killed),
            cpu_time_ms: usage.cpu_time_ms,
            peak_memory_bytes: usage.peak_memory_bytes,
            output_bytes,
            output_dropped_bytes,
        });
        self.record();
    }

    /// Takes the first process's end, and with it the time that its namespace used.
    fn reap(&self) -> Usage {
        let mut status = 0;
        // SAFETY: rusage is plain integers, for which zero is a value.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are valid, and the process is a child of this one that nobody else waits for.
        while unsafe { libc::wait4(self.init_pid, &raw mut status, 0, &raw mut usage) } == -1
            && Errno::last() == Errno::EINTR
        {}
        let ms =
            |time: libc::timeval| u64::try_from(time.tv_sec * 1000 + time.tv_usec / 1000).unwrap_or_default();
        Usage {
            exit: init::exit_of(status),
            cpu_time_ms: ms(usage.ru_utime) + ms(usage.ru_stime),
            peak_memory_bytes: u64::try_from(usage.ru_maxrss).unwrap_or_default() * 1024,
        }
    }

    /// A status that cannot be written must not stop the supervisor: the deadline matters more.
    fn record(&self) {
        if let Err(error) = self.folder.write_status(&self.status) {
            eprintln!("{}", error.chain());
        }
    }
}

struct Usage {
    /// How the process that was waited for ended: the program itself where there is no sandbox.
    exit: Option<ExitStatus>,
    cpu_time_ms: u64,
    peak_memory_bytes: u64,
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn since_boot() -> Duration {
    clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default()
}
