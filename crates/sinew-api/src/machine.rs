//! What the server's machine enforces on workloads.

use crate::Lang;
use crate::catalogue::{protection_name, protection_text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that a workload is kept from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Running as the server's own user.
    Identity,
    /// Files of others, by mounts of its own.
    Files,
    /// Files of others, by rules.
    FileRules,
    /// Processes of others.
    Processes,
    /// The machine's network.
    Network,
    /// Shared memory and queues of others.
    SharedMemory,
    /// System calls that no program needs.
    SystemCalls,
    /// Cores of others.
    Cores,
    /// Too much memory.
    Memory,
    /// Too many processes.
    ProcessCount,
    /// Too much disk.
    Disk,
}

impl Protection {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::Identity,
        Self::Files,
        Self::FileRules,
        Self::Processes,
        Self::Network,
        Self::SharedMemory,
        Self::SystemCalls,
        Self::Cores,
        Self::Memory,
        Self::ProcessCount,
        Self::Disk,
    ];

    /// Its word for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Files => "files",
            Self::FileRules => "file-rules",
            Self::Processes => "processes",
            Self::Network => "network",
            Self::SharedMemory => "shared-memory",
            Self::SystemCalls => "system-calls",
            Self::Cores => "cores",
            Self::Memory => "memory",
            Self::ProcessCount => "process-count",
            Self::Disk => "disk",
        }
    }
}

/// How well a protection holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SupportWord {
    /// The kernel enforces it.
    Enforced,
    /// It is enforced by a weaker means.
    Weaker,
    /// It cannot be enforced on this machine.
    Unavailable,
}

/// One protection on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProtectionView {
    /// For programs, such as `memory`.
    pub protection: String,
    /// For people.
    pub name: String,
    /// How well it holds.
    pub support: SupportWord,
    /// What that means for a workload and its neighbours.
    pub says: String,
    /// What the system said, in its own words; absent where it is enforced.
    pub detail: Option<String>,
}

impl ProtectionView {
    /// A protection in a language.
    #[must_use]
    pub fn of(lang: Lang, protection: Protection, support: SupportWord, detail: Option<String>) -> Self {
        Self {
            protection: protection.code().to_owned(),
            name: protection_name(lang, protection),
            support,
            says: protection_text(lang, protection, support),
            detail,
        }
    }
}

/// The machine that workloads run on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineView {
    /// What it can and what it cannot enforce.
    pub protections: Vec<ProtectionView>,
    /// Whether the programs of the server's own organisation run without all of it, by its choice. Others' never do.
    #[serde(default)]
    pub owner_runs_bare: bool,
}

impl MachineView {
    /// What is only weaker or unavailable.
    pub fn gaps(&self) -> impl Iterator<Item = &ProtectionView> {
        self.protections.iter().filter(|view| view.support != SupportWord::Enforced)
    }
}
