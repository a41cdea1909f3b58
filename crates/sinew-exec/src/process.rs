//! Naming processes safely: a number alone may belong to a later process.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use crate::status::ProcessMark;

/// Parent and start time of a process, from `/proc/PID/stat`.
pub(crate) struct ProcessLine {
    pub(crate) parent: i32,
    pub(crate) start_ticks: u64,
}

/// Reads what tells this process from a later one with the same number.
pub(crate) fn read_line(pid: i32) -> Option<ProcessLine> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name, in brackets, and may itself hold brackets and spaces.
    let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let start_ticks = fields.nth(17)?.parse().ok()?;
    Some(ProcessLine { parent, start_ticks })
}

/// Marks a living process so that it can be found again after a restart.
pub(crate) fn mark(pid: i32) -> Option<ProcessMark> {
    Some(ProcessMark { pid, start_ticks: read_line(pid)?.start_ticks })
}

/// A handle on one process, which stays right when its number is used again.
pub(crate) struct ProcessHandle(OwnedFd);

impl ProcessHandle {
    /// Opens a handle on whatever process has this number now.
    pub(crate) fn open(pid: i32) -> io::Result<Self> {
        // SAFETY: pidfd_open takes two integers and returns a new descriptor or -1.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let fd = i32::try_from(Errno::result(fd)?).map_err(io::Error::other)?;
        // SAFETY: the kernel just returned this descriptor and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Opens a handle on the marked process, or nothing where it is gone.
    pub(crate) fn of(mark: ProcessMark) -> Option<Self> {
        let handle = Self::open(mark.pid).ok()?;
        // Checked after opening: had the number changed hands, the start time would differ by now.
        (self::mark(mark.pid)? == mark).then_some(handle)
    }

    /// Sends a signal to exactly this process. A process that is gone is no error.
    pub(crate) fn signal(&self, signal: Signal) {
        use std::os::fd::AsRawFd;
        // SAFETY: pidfd_send_signal reads no memory when the third argument is null.
        unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                signal as i32,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
    }

    /// Waits until the process is over. `None` waits for ever. Says whether it is over.
    pub(crate) fn wait(&self, timeout_ms: Option<u16>) -> bool {
        let timeout = timeout_ms.map_or(PollTimeout::NONE, PollTimeout::from);
        loop {
            let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, timeout) {
                Ok(ready) => return ready > 0,
                Err(Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
    }
}

impl AsFd for ProcessHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
