//! What clients send, checked for form here and nowhere else.

use serde::{Deserialize, Serialize};
use sinew_types::{Hash, Malformed, Name, Network, Part, Program, ReleaseRef, Shape, Span, WorkloadSpec};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A new organisation, with its first key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganisationRequest {
    /// Its name, one of a kind.
    pub name: String,
    /// SHA-256 of the first key's secret, where the sender has drawn and kept one; the server draws it where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_sha256: Option<String>,
}

/// A new API key of the sender's organisation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// What people call it.
    pub label: String,
    /// Any of `view`, `operate`, `sign`.
    pub roles: Vec<String>,
}

/// The key that an organisation signs contracts with.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicKeyRequest {
    /// Ed25519, 64 hexadecimal digits.
    pub public_key: String,
}

/// How much an organisation may store.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaRequest {
    /// In bytes; null for what every organisation may.
    pub quota_bytes: Option<u64>,
}

/// Where an organisation stands in the tree by which idle capacity is shared.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceRequest {
    /// Name or id of the organisation that it belongs to; null at the root.
    pub under: Option<String>,
    /// What it weighs among its sisters: with 2 it gets twice as much of what is idle as one with 1.
    #[serde(default = "one")]
    #[schema(minimum = 1, default = 1)]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

/// A new pool: cores of this machine, or cells that a topology file describes.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolRequest {
    /// Its name.
    pub name: String,
    /// How many of the cores that no pool has yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<u32>,
    /// The text of a topology file. Such a pool can be promised, and nothing runs on it until an executor serves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology: Option<String>,
    /// Whether leases of such a pool begin, are recalled, end and are billed all the same, and no program runs: work that has
    /// a limit ends with it, other work when it is told to leave.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rehearsal: bool,
    /// In how many equal parts each core is lent: a chip of the pool is then such a part. 1 where absent; a divisor of 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares_per_core: Option<u32>,
}

/// A program to run, and on how much.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadRequest {
    /// Its name, one of a kind in the organisation.
    pub name: String,
    /// The smallest shape that it runs on, such as `1 chip`.
    pub least: String,
    /// The largest shape that it makes use of; the smallest where absent.
    pub most: Option<String>,
    /// The program and its arguments. `sinew` is Sinew's own binary.
    pub argv: Vec<String>,
    /// Its environment beyond what every workload gets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// A folder, by the hash of its manifest.
    pub bundle: Option<String>,
    /// Artefacts by the name that they are found under.
    #[serde(default)]
    pub inputs: BTreeMap<String, InputWire>,
    /// `none` or `loopback`.
    #[serde(default)]
    pub network: Option<String>,
    /// Higher goes first within the organisation.
    #[serde(default)]
    pub priority: i32,
    /// How often it writes a checkpoint, such as `10s`.
    pub checkpoint_every: Option<String>,
    /// How long it runs at most each time that it gets its cells, such as `2h`; then it is told to leave and ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The pools it may run in; any where empty.
    #[serde(default)]
    pub pools: Vec<String>,
    /// The release that it serves, such as `chat-nano@1`, for an endpoint.
    pub serves: Option<String>,
}

/// Workloads that are submitted together: all of them or none.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// What should run, in this order where nothing else sets them apart.
    pub workloads: Vec<WorkloadRequest>,
}

/// The hash of an artefact.
pub type InputWire = String;

/// A model to release.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// The model's name.
    pub model: String,
    /// The workload that trained it, by name or id.
    pub trained_by: String,
    /// The workload that ran its gate, by name or id.
    pub gated_by: String,
}

/// Which artefacts may go.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectRequest {
    /// Those that nothing refers to and that are older than this, such as `7d`.
    pub older_than: String,
}

fn field<T: std::str::FromStr<Err = Malformed>>(name: &str, text: &str) -> Result<T, Malformed> {
    text.parse().map_err(|wrong: Malformed| wrong.inside(name))
}

impl WorkloadRequest {
    /// The workload, if each field reads well.
    pub fn to_spec(&self) -> Result<WorkloadSpec, Malformed> {
        let least: Shape = field("least", &self.least)?;
        let most = self.most.as_deref().map_or(Ok(least), |text| field("most", text))?;
        let network = match self.network.as_deref() {
            None | Some("none") => Network::None,
            Some("loopback") => Network::Loopback,
            Some(other) => return Err(Malformed::new(other, "`none` or `loopback`").inside("network")),
        };
        let names: Result<Vec<Name>, Malformed> =
            self.pools.iter().map(|name| field("pools", name)).collect();
        let program = Program {
            argv: self.argv.clone(),
            env: self.env.clone(),
            bundle: self.bundle.as_deref().map(|text| field("bundle", text)).transpose()?,
            inputs: self.inputs()?,
            network,
        };
        Ok(WorkloadSpec {
            name: field("name", &self.name)?,
            parts: vec![Part { role: field("role", "main")?, least, most, program, pools: names? }],
            priority: self.priority,
            checkpoint_every: self
                .checkpoint_every
                .as_deref()
                .map(|t| field::<Span>("checkpoint_every", t))
                .transpose()?,
            serves: self.serves.as_deref().map(release_ref).transpose()?,
            limit: self.limit.as_deref().map(|text| field::<Span>("limit", text)).transpose()?,
        })
    }

    /// Inputs whose names stay inside their folder.
    fn inputs(&self) -> Result<BTreeMap<String, Hash>, Malformed> {
        let read = |(path, hash): (&String, &InputWire)| {
            let safe = !path.is_empty()
                && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
            if !safe || path.contains('\0') {
                return Err(
                    Malformed::new(path.clone(), "a path that stays inside its folder").inside("inputs")
                );
            }
            Ok((path.clone(), field("inputs", hash)?))
        };
        self.inputs.iter().map(read).collect()
    }
}

/// Reads `chat-nano@1`.
pub(crate) fn release_ref(text: &str) -> Result<ReleaseRef, Malformed> {
    let wrong = || Malformed::new(text, "a release such as `chat-nano@1`").inside("serves");
    let (model, version) = text.split_once('@').ok_or_else(wrong)?;
    Ok(ReleaseRef { model: field("serves", model)?, version: version.parse().map_err(|_| wrong())? })
}
