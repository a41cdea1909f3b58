//! The words of Sinew as types: identities, times, amounts, shapes, topology and workloads.
//!
//! Everything above speaks in these types, so what they check is checked once, here. This crate
//! depends on the standard library alone and never reads a clock, a file, the environment or chance.

mod amount;
mod hash;
mod id;
mod name;
mod region;
mod shape;
mod share;
mod time;
mod topology;
pub mod value;
mod workload;

pub use amount::{Asset, Meter, Money, Price, Quantity, Rounding};
pub use hash::Hash;
pub use id::{ContractId, Id, KeyId, OrgId, PoolId, WorkloadId};
pub use name::Name;
pub use region::{CellRange, Region, RegionFlaw};
pub use shape::Shape;
pub use share::{Hosts, Share, WHOLE_MILLI};
pub use time::{Instant, Span};
pub use topology::{CellIndex, Fabric, Level, Resources, Tier, Topology, TopologyFlaw};
pub use value::{Canonical, Malformed, Value};
pub use workload::{Network, Part, Program, ReleaseRef, WorkloadSpec};

#[cfg(test)]
mod tests;
