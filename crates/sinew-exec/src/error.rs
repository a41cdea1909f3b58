//! What the world can do to an executor, a variant for each thing that callers do differently.

use std::io;
use std::path::PathBuf;

/// Why an order could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The order itself is wrong; sending it again changes nothing.
    #[error("the order for lease {lease} is not usable: {what}")]
    InvalidOrder {
        /// The lease of the order.
        lease: String,
        /// What is wrong and what to write instead.
        what: String,
    },
    /// An order with a newer epoch was seen before this one. Nothing was done.
    #[error(
        "lease {lease}: epoch {ordered} is older than epoch {seen}, which was seen before; nothing was done"
    )]
    StaleEpoch {
        /// The lease of the order.
        lease: String,
        /// The epoch of the order.
        ordered: u64,
        /// The newest epoch seen for this lease.
        seen: u64,
    },
    /// The lease has no living supervisor with this epoch.
    #[error("lease {lease} does not run with epoch {epoch}; its end is in its status or comes as an event")]
    NotRunning {
        /// The lease that was named.
        lease: String,
        /// The epoch that was named.
        epoch: u64,
    },
    /// The lease still runs, so its folder stays.
    #[error("lease {lease} still runs with epoch {epoch}; kill it and wait for its end before forgetting it")]
    StillRunning {
        /// The lease that was named.
        lease: String,
        /// The epoch that runs.
        epoch: u64,
    },
    /// The order needs a protection that this machine does not have.
    #[error("this machine cannot enforce {what}: {why}; {advice}")]
    CannotEnforce {
        /// What the order needs.
        what: &'static str,
        /// Why the machine cannot give it.
        why: String,
        /// What to change.
        advice: &'static str,
    },
    /// The supervisor took the order but the program did not start. The lease is over.
    #[error("the program of lease {lease} did not start: {why}")]
    CouldNotStart {
        /// The lease of the order.
        lease: String,
        /// The step that failed and what the system said.
        why: String,
    },
    /// The supervisor itself could not be run.
    #[error("cannot run the supervisor `{}`; check that the file is there and may be executed", exe.display())]
    Supervisor {
        /// The executable that was tried.
        exe: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file or folder of the executor could not be used.
    #[error("cannot {action} `{}`; check its permissions and that the disk is not full", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file of the executor holds something else than the executor wrote.
    #[error("`{}` is not a record of this version; move it away or use the version that wrote it", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Where its text breaks.
        #[source]
        source: serde_json::Error,
    },
    /// A step of building the sandbox failed.
    #[error("cannot {step}")]
    Step {
        /// The step, as a verb and its object.
        step: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

pub(crate) type Result<T> = std::result::Result<T, ExecError>;

impl ExecError {
    /// The whole chain of causes in one line, as it is kept in a status.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

/// Names the step in which a system call failed.
pub(crate) trait Step<T> {
    fn step(self, step: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<io::Error>> Step<T> for std::result::Result<T, E> {
    fn step(self, step: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| ExecError::Step { step: step(), source: source.into() })
    }
}
