//! What Sinew keeps on disk: the journal (SQLite), each organisation's artefacts, backup and restore, and the
//! data folder's identity and lock.
//!
//! It acknowledges only what is durable, and a kill at any instant leaves whole records and whole artefacts.
//! It never looks inside a record, never spawns a thread, never reads the clock for what it records (only a
//! file's own age comes from the file system), and never lets one organisation's bytes serve another.
//!
//! ```text
//! DATA/sinew.json                               who this folder belongs to
//! DATA/lock                                     held by the one process that may write
//! DATA/journal.sqlite                           records and snapshots
//! DATA/orgs/ORGANISATION/artefacts/ab/cdef...   bytes named by their SHA-256
//! ```
//!
//! ORGANISATION is the 32 hexadecimal digits of the organisation's identity.

mod artefacts;
mod backup;
mod bundle;
pub mod codec;
mod error;
mod files;
mod folder;
mod ids;
mod journal;
mod pack;
mod quota;
mod snapshot;

pub use artefacts::{Artefacts, Collected, Put, Stored};
pub use backup::{BackupReport, backup, restore};
pub use bundle::{BundleLimits, Manifest, ManifestFile};
pub use error::StoreError;
pub use files::hash_of;
pub use folder::{DataFolder, Identity};
pub use ids::InstanceId;
pub use journal::{Journal, JournalOptions, JournalReader, Record, Row};
pub use pack::{Packed, describe};
pub use snapshot::{Snapshot, SnapshotSearch};
