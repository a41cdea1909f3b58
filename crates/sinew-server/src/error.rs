//! What the world does to the server.

use sinew_exec::ExecError;
use sinew_store::StoreError;
use std::io;
use std::net::SocketAddr;

/// Why a server does not start or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Nobody can listen there.
    #[error("cannot listen on {address}: {}", listen_advice(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The data folder or the journal cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The executor cannot be used.
    #[error("cannot run workloads on this machine")]
    Exec(#[from] ExecError),
    /// A journal record says something that this version does not know.
    #[error(
        "journal record {seq} cannot be read ({why}): it was written by a newer Sinew or damaged; use the newer binary or restore a backup"
    )]
    Record {
        /// Which record.
        seq: u64,
        /// What is wrong.
        why: String,
    },
    /// The system refuses something basic.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

fn listen_advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => "the port is in use; stop who uses it, or choose another with --listen",
        io::ErrorKind::PermissionDenied => {
            "this user may not use that port; choose one above 1023 with --listen"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; choose one of its own with --listen"
        }
        _ => "choose another address with --listen",
    }
}
