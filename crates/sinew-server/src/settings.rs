//! What a server is told when it starts.

use sinew_types::Name;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Everything a server needs to know. Read and checked once.
#[derive(Clone)]
pub struct Settings {
    /// The folder of the journal and the artefacts.
    pub data: PathBuf,
    /// Where HTTP is answered. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The organisation that a first start makes, which operates this Sinew.
    pub owner: Name,
    /// The secret of the key that a first start makes; drawn by chance where absent. Whoever gives it has kept it already, so
    /// that a kill right after the first start loses nothing.
    pub first_secret: Option<String>,
    /// The program that becomes a lease's supervisor, and its first arguments.
    pub supervisor: (PathBuf, Vec<OsString>),
    /// How much each organisation may store.
    pub quota_bytes: u64,
    /// How much output of each lease is kept.
    pub log_bytes: u64,
    /// How large the journal may grow.
    pub journal_max_bytes: Option<u64>,
    /// Whose programs run in a sandbox.
    pub sandbox: Sandboxed,
    /// The secret of the key that signs the logs of contracts; without it no invoice is proven here.
    pub log_seed: Option<[u8; 32]>,
}

/// Whose programs run in a sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandboxed {
    /// Everybody's.
    #[default]
    All,
    /// Those of everybody but the organisation that operates this Sinew; its own run as the server's user, free to do all
    /// that it may. They start sooner.
    Others,
}

/// Without its secrets, so that no log and no error can hold them.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            data, listen, owner, supervisor, quota_bytes, log_bytes, journal_max_bytes, sandbox, ..
        } = self;
        f.debug_struct("Settings")
            .field("data", data)
            .field("listen", listen)
            .field("owner", owner)
            .field("supervisor", supervisor)
            .field("quota_bytes", quota_bytes)
            .field("log_bytes", log_bytes)
            .field("journal_max_bytes", journal_max_bytes)
            .field("sandbox", sandbox)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// The usual settings: loopback, this very program as the supervisor.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        let exe = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
        Self {
            data,
            listen: SocketAddr::from(([127, 0, 0, 1], 7_390)),
            owner: "owner".parse().expect("a fixed name is well formed"),
            first_secret: None,
            supervisor: (exe, vec![OsString::from("supervise")]),
            quota_bytes: 20 << 30,
            log_bytes: 16 << 20,
            journal_max_bytes: None,
            sandbox: Sandboxed::All,
            log_seed: None,
        }
    }
}

#[cfg(test)]
mod tests;
