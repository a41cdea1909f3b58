//! Everything the control plane knows at one moment. Cloning it is a what-if.

use crate::bindings::Bindings;
use crate::command::Role;
use crate::event::Rehearsal;
use crate::health::{Failed, Shortfalls};
use crate::index::Index;
use crate::kept::Kept;
use crate::late::Late;
use crate::lent::Lent;
use crate::payments::Payments;
use crate::shared::{Records, Shared};
use crate::stuck::Stuck;
use sinew_contract::{Contract, PublicKey, Standing};
use sinew_ledger::{Balances, Invoice, InvoiceKey, UsageRecord};
use sinew_registry::Registry;
use sinew_sched::{Account, Cells, Near, PastUse, Wait, Why};
use sinew_types::{
    CellRange, ContractId, Hash, Instant, KeyId, Name, OrgId, PoolId, Topology, WorkloadId, WorkloadSpec,
    canonical_enum, canonical_struct,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An organisation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Organisation {
    /// Its name, one of a kind.
    pub name: Name,
    /// Whether its keys may add organisations.
    pub operator: bool,
    /// What it signs with, once it has said so.
    pub public_key: Option<PublicKey>,
    /// How much it may store, where that is not what every organisation may.
    pub quota_bytes: Option<u64>,
    /// Where it stands among the others, once somebody has said so.
    pub place: Option<Place>,
}

canonical_struct!(Organisation { name, operator, public_key, quota_bytes, place });

/// Where an organisation stands in the tree by which idle capacity is shared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// To which organisation it belongs; nothing at the root.
    pub under: Option<OrgId>,
    /// What it weighs among its sisters.
    pub weight: u32,
}

canonical_struct!(Place { under, weight });

/// An API key, without its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiKey {
    /// Whose.
    pub org: OrgId,
    /// SHA-256 of the secret.
    pub digest: Hash,
    /// What it may do.
    pub roles: BTreeSet<Role>,
    /// What people call it.
    pub label: String,
}

canonical_struct!(ApiKey { org, digest, roles, label });

/// A pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PoolState {
    /// Who lends it.
    pub owner: OrgId,
    /// Its name, one of a kind.
    pub name: Name,
    /// Its cells.
    pub topology: Topology,
    /// Whether programs only seem to run there.
    pub rehearsal: Rehearsal,
}

canonical_struct!(PoolState { owner, name, topology, rehearsal });

/// How a lease's program ended.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Exit {
    /// With a status; 0 means finished.
    Code {
        /// The status.
        code: i32,
    },
    /// By a signal.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// It was still there at the deadline and was killed.
    Deadline,
    /// Its supervisor is gone, and so is the program.
    Lost,
    /// It could not be started.
    NotStarted {
        /// Why, for its organisation.
        why: String,
    },
    /// It ran for as long as its organisation said that it would at most, and had not finished.
    Limit,
}

canonical_enum!(Exit {
    Code = "code" { code },
    Signal = "signal" { signal },
    Deadline = "deadline" {},
    Lost = "lost" {},
    NotStarted = "not-started" { why },
    Limit = "limit" {},
});

/// A lease was told to leave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// Why.
    pub why: Why,
    /// When it was told.
    pub at: Instant,
    /// When what still runs is killed.
    pub deadline: Instant,
}

canonical_struct!(Notice { why, at, deadline });

/// A workload's hold on cells. Its epoch is the workload's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease {
    /// The cells and how each is held.
    pub cells: Cells,
    /// Since when.
    pub granted_at: Instant,
    /// Since when the program was seen running.
    pub started_at: Option<Instant>,
    /// Up to when its usage is recorded.
    pub recorded_to: Instant,
    /// Whether it must leave.
    pub notice: Option<Notice>,
    /// Since when it holds failed cells. Nobody pays for it from then on.
    pub failed_at: Option<Instant>,
}

canonical_struct!(Lease { cells, granted_at, started_at, recorded_to, notice, failed_at });

/// How a workload ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// Its program finished with status 0.
    Done,
    /// Its program did not.
    Failed {
        /// How.
        exit: Exit,
    },
    /// Its organisation ended it.
    Cancelled,
}

canonical_enum!(End { Done = "done" {}, Failed = "failed" { exit }, Cancelled = "cancelled" {} });

/// When and where a workload that waits starts at the latest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedStart {
    /// The cells that are kept for it from then on, whoever has them until then.
    pub cells: Vec<CellRange>,
    /// The latest moment.
    pub by: Instant,
}

canonical_struct!(PlannedStart { cells, by });

/// Where a workload stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It waits for cells.
    Waiting {
        /// Since when.
        since: Instant,
        /// Why, as soon as the planner has looked.
        why: Option<Wait>,
    },
    /// It holds cells.
    Holding {
        /// What it holds.
        lease: Lease,
    },
    /// It is over.
    Ended {
        /// When.
        at: Instant,
        /// How.
        end: End,
    },
}

canonical_enum!(Phase { Waiting = "waiting" { since, why }, Holding = "holding" { lease }, Ended = "ended" { at, end } });

/// A workload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Workload {
    /// Whose.
    pub org: OrgId,
    /// Where.
    pub pool: PoolId,
    /// On whose account there.
    pub account: Account,
    /// What runs.
    pub spec: Arc<WorkloadSpec>,
    /// When it came.
    pub submitted_at: Instant,
    /// Grows with every lease. An executor ignores orders with an older one.
    pub epoch: u64,
    /// How often in a row it was lost before it got going.
    pub losses: u32,
    /// Chip-milliseconds of all its leases that ended, once one did.
    pub served: Option<u64>,
    /// What its last lease left, by path.
    pub outputs: BTreeMap<String, Hash>,
    /// The logs and the checkpoint that its leases left, once one did.
    pub kept: Option<Kept>,
    /// Since when its organisation holds it back, while it does.
    pub held: Option<Instant>,
    /// Where it would rather be, where its organisation said so.
    pub near: Option<Vec<Near>>,
    /// Its planned start, while it waits and has one.
    pub planned: Option<PlannedStart>,
    /// Where it stands.
    pub phase: Phase,
}

canonical_struct!(Workload {
    org,
    pool,
    account,
    spec,
    submitted_at,
    epoch,
    losses,
    served,
    outputs,
    kept,
    held,
    near,
    planned,
    phase,
});

impl Workload {
    /// Its lease, while it holds cells.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        match &self.phase {
            Phase::Holding { lease } => Some(lease),
            Phase::Waiting { .. } | Phase::Ended { .. } => None,
        }
    }
}

/// A request that was answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// Hash of what was asked.
    pub fingerprint: Hash,
    /// What the answer named.
    pub subject: String,
    /// When.
    pub at: Instant,
}

canonical_struct!(Done { fingerprint, subject, at });

/// The state. Read it freely; only `apply` changes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// The time of the last event.
    pub at: Instant,
    /// All organisations.
    pub organisations: BTreeMap<OrgId, Organisation>,
    /// All keys that are worth something.
    pub keys: BTreeMap<KeyId, ApiKey>,
    /// All pools.
    pub pools: BTreeMap<PoolId, PoolState>,
    /// All contracts.
    pub contracts: BTreeMap<ContractId, Contract>,
    /// Whose cells are whose by promise.
    pub bindings: Bindings,
    /// Cells that have failed.
    pub failed: Failed,
    /// What is and was missing of guarantees for that reason.
    pub shortfalls: Shortfalls,
    /// All workloads that wait or run, and the latest that ended.
    pub workloads: Shared<WorkloadId, Workload>,
    /// Usage that no invoice holds yet.
    pub unbilled: BTreeMap<ContractId, Records<UsageRecord>>,
    /// What of idle guarantees others held, where their labs are paid for it.
    pub lent: Lent,
    /// What came too late of guarantees, where their labs are paid for it.
    pub late: Late,
    /// Contracts whose next invoice cannot be made, and up to when it would be.
    pub stuck: Stuck,
    /// What each account held of others lately.
    pub past: BTreeMap<(PoolId, Account), PastUse>,
    /// All invoices.
    pub invoices: BTreeMap<InvoiceKey, Invoice>,
    /// What was paid.
    pub payments: Payments,
    /// The books.
    pub balances: Balances,
    /// All releases.
    pub registry: Registry,
    /// The latest answered requests with a key, oldest forgotten.
    pub answered: Shared<(OrgId, String), Done>,
    /// Short ways into all this; not part of what is written down.
    pub index: Index,
}

canonical_struct!(State {
    at,
    organisations,
    keys,
    pools,
    contracts,
    bindings,
    failed,
    shortfalls,
    workloads,
    unbilled,
    lent,
    late,
    stuck,
    past,
    invoices,
    payments,
    balances,
    registry,
    answered,
    index,
});

impl Default for State {
    fn default() -> Self {
        Self {
            at: Instant::from_ms(i64::MIN / 2_048),
            organisations: BTreeMap::new(),
            keys: BTreeMap::new(),
            pools: BTreeMap::new(),
            contracts: BTreeMap::new(),
            bindings: Bindings::default(),
            failed: Failed::default(),
            shortfalls: Shortfalls::default(),
            workloads: Shared::default(),
            unbilled: BTreeMap::new(),
            lent: Lent::default(),
            late: Late::default(),
            stuck: Stuck::default(),
            past: BTreeMap::new(),
            invoices: BTreeMap::new(),
            payments: Payments::default(),
            balances: Balances::default(),
            registry: Registry::default(),
            answered: Shared::default(),
            index: Index::default(),
        }
    }
}

impl State {
    /// The organisation with this name.
    #[must_use]
    pub fn organisation_named(&self, name: &Name) -> Option<(OrgId, &Organisation)> {
        self.organisations.iter().find(|(_, org)| org.name == *name).map(|(id, org)| (*id, org))
    }

    /// An organisation's workload with this name.
    #[must_use]
    pub fn workload_named(&self, org: OrgId, name: &Name) -> Option<(WorkloadId, &Workload)> {
        let mut alike =
            self.index.names.alike(org, name).filter_map(|id| Some((id, self.workloads.get(&id)?)));
        alike.find(|(_, workload)| workload.spec.name == *name)
    }

    /// Contracts that take part in a pool's promises: signed and not ended, whatever the date.
    pub fn promises(&self, pool: PoolId) -> impl Iterator<Item = &Contract> {
        self.contracts.values().filter(move |c| c.terms.pool == pool && c.standing == Standing::Signed)
    }

    /// From when on a contract's usage is not billed yet.
    #[must_use]
    pub fn billed_to(&self, contract: &Contract) -> Instant {
        let last = self.invoices.range((contract.id, 0)..=(contract.id, u32::MAX)).next_back();
        last.map_or(contract.terms.starts, |(_, invoice)| invoice.to)
    }
}
