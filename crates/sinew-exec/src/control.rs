//! The line between server and supervisor: one Unix socket in the lease's folder, one request and one answer each.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long one side waits for the other's line. Both are on this machine and answer at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A line longer than this is none of ours.
const LINE_MOST_BYTES: u64 = 4096;

/// What the server asks of a supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) epoch: u64,
    pub(crate) action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Action {
    /// Tell the program to end, and end everything at the deadline.
    Notice { deadline_unix_ms: u64 },
    /// End everything now.
    Kill,
}

/// What a supervisor answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reply {
    Done,
    /// The supervisor runs another epoch. Nothing was done.
    OtherEpoch(u64),
}

/// A socket's path may have 107 bytes, and a data folder may lie deeper. A path through an open descriptor is short.
fn short_path(folder: &Path) -> io::Result<(File, PathBuf)> {
    let folder = open_path(folder, libc::O_DIRECTORY)?;
    let path = through(&folder).join("control.sock");
    Ok((folder, path))
}

fn open_path(path: &Path, flags: i32) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_PATH | flags).open(path)
}

fn through(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Connects to a socket that a program made in its folder. The program could put a link to another's socket in its
/// place, which the server may use and the program may not; so links are not followed.
pub(crate) fn connect_inside(folder: &Path, name: &str) -> io::Result<UnixStream> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a socket has a plain name without `/`"));
    }
    let folder = open_path(folder, libc::O_DIRECTORY | libc::O_NOFOLLOW)?;
    let socket = open_path(&through(&folder).join(name), libc::O_NOFOLLOW)?;
    if !socket.metadata()?.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a socket"));
    }
    UnixStream::connect(through(&socket))
}

/// Opens the supervisor's end. A socket that a dead supervisor left is replaced.
pub(crate) fn listen(folder: &Path) -> io::Result<UnixListener> {
    let (_folder, path) = short_path(folder)?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Sends one request and waits for the answer.
pub(crate) fn ask(folder: &Path, request: Request) -> io::Result<Reply> {
    let (_folder, path) = short_path(folder)?;
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    write_line(&mut stream, &request)?;
    read_line(&stream)
}

/// Reads one request, lets the supervisor act, and answers. A broken line is nobody's loss: the server asks again.
pub(crate) fn answer(listener: &UnixListener, act: impl FnOnce(Request) -> Reply) {
    let Ok((mut stream, _)) = listener.accept() else { return };
    // The supervisor also has a deadline to keep, so a silent peer gets little of its time.
    let within = Some(Duration::from_millis(200));
    if stream.set_nonblocking(false).is_err() || stream.set_read_timeout(within).is_err() {
        return;
    }
    if let Ok(request) = read_line(&stream) {
        let _ = write_line(&mut stream, &act(request));
    }
}

fn write_line<T: Serialize>(stream: &mut UnixStream, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line)
}

fn read_line<T: for<'a> Deserialize<'a>>(stream: &UnixStream) -> io::Result<T> {
    let mut line = String::new();
    BufReader::new(stream.take(LINE_MOST_BYTES)).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}
