//! What an organisation wants to run.

use crate::{Hash, Name, Shape, Span, canonical_enum, canonical_struct};
use std::collections::BTreeMap;
use std::fmt;

/// A program and what it finds when it starts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Program {
    /// The program and its arguments. `sinew` names the executor's own binary.
    pub argv: Vec<String>,
    /// Its environment beyond what every workload gets.
    pub env: BTreeMap<String, String>,
    /// A folder, as the hash of its manifest, found read-only at `$SINEW_BUNDLE`.
    pub bundle: Option<Hash>,
    /// Artefacts by the name they are found under in `$SINEW_INPUTS`.
    pub inputs: BTreeMap<String, Hash>,
    /// What it may reach.
    pub network: Network,
}

canonical_struct!(Program { argv, env, bundle, inputs, network });

/// What a workload may reach besides files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Network {
    /// Nothing at all.
    None,
    /// A loopback of its own, which nobody else is on.
    Loopback,
}

canonical_enum!(Network { None = "none" {}, Loopback = "loopback" {} });

/// One role of a gang.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Part {
    /// What this part does, such as `trainer`.
    pub role: Name,
    /// The smallest shape it runs on.
    pub least: Shape,
    /// The largest shape it makes use of.
    pub most: Shape,
    /// What runs.
    pub program: Program,
    /// The pools it may run in, by name; any that its contracts name where empty.
    pub pools: Vec<Name>,
}

canonical_struct!(Part { role, least, most, program, pools });

/// What somebody submits: a gang, a list of parts that start and stop together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WorkloadSpec {
    /// Its name, one of a kind in its organisation.
    pub name: Name,
    /// Its parts.
    pub parts: Vec<Part>,
    /// Higher goes first within one organisation.
    pub priority: i32,
    /// How often the program writes a checkpoint, where it does.
    pub checkpoint_every: Option<Span>,
    /// The release that this workload serves on the socket at `$SINEW_SOCKET`, for an endpoint.
    pub serves: Option<ReleaseRef>,
    /// How long a lease of it lasts at most, where its organisation said so.
    pub limit: Option<Span>,
}

canonical_struct!(WorkloadSpec { name, parts, priority, checkpoint_every, serves, limit });

/// A release by model name and version.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ReleaseRef {
    /// The model's name, one of a kind in its organisation.
    pub model: Name,
    /// Counts up from 1 for each model.
    pub version: u32,
}

canonical_struct!(ReleaseRef { model, version });

/// `chat-nano@1`.
impl fmt::Display for ReleaseRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.model, self.version)
    }
}
