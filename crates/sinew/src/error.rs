//! What the world does to the command line, and the exit code that each thing has.

use std::io;
use std::path::PathBuf;

/// Done.
pub(crate) const DONE: u8 = 0;
/// Something failed that no other code names.
pub(crate) const FAILED: u8 = 1;
/// The command line, a file that it names or a setting is wrong.
pub(crate) const WRONG_USAGE: u8 = 2;
/// The server said no.
pub(crate) const REFUSED: u8 = 3;
/// A verification found a difference.
pub(crate) const DIFFERS: u8 = 4;
/// The server cannot be reached.
pub(crate) const UNREACHABLE: u8 = 5;
/// The workload that was followed did not finish well.
pub(crate) const WORKLOAD_FAILED: u8 = 6;

/// A variant for each thing that callers or exit codes tell apart.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The server answered with a no that has a reason.
    #[error("{detail} [{code}]")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// For programs.
        code: String,
        /// For people.
        detail: String,
    },
    /// The server answered that it failed.
    #[error("the server at {server} failed ({status}): {detail}")]
    Server {
        /// Its address.
        server: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        detail: String,
    },
    /// Nobody answers there.
    #[error("cannot reach the server at {server}: start it with `sinew up`, or name another with --server")]
    Unreachable {
        /// Its address.
        server: String,
        /// What the network said.
        #[source]
        source: ureq::Error,
    },
    /// The answer has no form that this version knows.
    #[error(
        "the answer of {server} to {path} cannot be read: is it a Sinew server of version {}?",
        env!("CARGO_PKG_VERSION")
    )]
    Answer {
        /// Whose answer.
        server: String,
        /// To what.
        path: String,
        /// What is wrong with it.
        #[source]
        source: anyhow::Error,
    },
    /// What was typed makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A verification found a difference; what differs was printed.
    #[error("the journal and what it says differ: see the lines marked `differs`")]
    Differs,
    /// The proof of an invoice does not hold; why was printed.
    #[error(
        "the proof does not hold: see the line marked `differs`, and rest nothing on this invoice until its owner \
         sends a proof that does"
    )]
    ProofDiffers,
    /// A proof that a witness does not cosign.
    #[error("not cosigned: {0}")]
    NotAccepted(String),
    /// A workload that was followed did not finish well.
    #[error("workload `{name}` {how}")]
    Workload {
        /// Its name.
        name: String,
        /// How it ended.
        how: String,
    },
    /// Whoever read the standard output has gone, as `head` does.
    #[error("nobody reads the output any more")]
    OutputClosed,
    /// A private file that others may read.
    #[error("{} can be read by others: run `chmod 600 {}`, and think of its key as known", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// Keys must not lie where the server's data lies.
    #[error(
        "the keys would lie in {}, inside the server's data folder {}: choose another folder with --home",
        home.display(), data.display()
    )]
    HomeInsideData {
        /// The folder of the keys.
        home: PathBuf,
        /// The data folder.
        data: PathBuf,
    },
    /// A file or folder cannot be used.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl CliError {
    /// The exit code of this error.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Refused { .. } => REFUSED,
            Self::Unreachable { .. } => UNREACHABLE,
            Self::Usage(_) => WRONG_USAGE,
            Self::Differs | Self::ProofDiffers | Self::NotAccepted(_) => DIFFERS,
            Self::Workload { .. } => WORKLOAD_FAILED,
            Self::OutputClosed => DONE,
            Self::Server { .. }
            | Self::Answer { .. }
            | Self::Exposed { .. }
            | Self::HomeInsideData { .. }
            | Self::File { .. } => FAILED,
        }
    }
}

/// Names what was being done, and with what, when the file system says no.
pub(crate) trait At<T> {
    /// Adds the verb and the path.
    fn at(self, doing: &'static str, path: &std::path::Path) -> Result<T, CliError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, doing: &'static str, path: &std::path::Path) -> Result<T, CliError> {
        self.map_err(|source| CliError::File { doing, path: path.to_path_buf(), source })
    }
}
