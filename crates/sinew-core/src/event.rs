//! What happened. Events are the journal's content; their canonical form never changes meaning.

use crate::command::Role;
use crate::state::Exit;
use sinew_contract::{Expanded, PublicKey, Signature, Terms};
use sinew_ledger::{Invoice, Payment, UsageRecord};
use sinew_registry::Release;
use sinew_sched::{Account, Bound, Cells, Near, Unplanned, Wait, Why};
use sinew_types::{
    Canonical, CellRange, ContractId, Hash, Instant, KeyId, Malformed, Name, OrgId, PoolId, Quantity, Shape,
    Topology, Value, WorkloadId, WorkloadSpec, canonical_enum,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How much of a chip one chip of a pool is, in thousandths; where cores are lent in shares, a share. Left out where it is
/// a whole one, as in records from before there was anything else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChipMilli(pub u64);

const WHOLE_CHIP: u64 = 1_000;

impl Canonical for ChipMilli {
    fn to_value(&self) -> Value {
        if self.0 == WHOLE_CHIP { Value::Null } else { self.0.to_value() }
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        Ok(Self(Option::<u64>::from_value(value)?.unwrap_or(WHOLE_CHIP)))
    }
}

/// Whether a pool only rehearses: its leases begin, are recalled, end and are billed, and no program runs. Left out where it
/// does not, as in records from before there were rehearsals.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rehearsal(pub bool);

impl Canonical for Rehearsal {
    fn to_value(&self) -> Value {
        if self.0 { true.to_value() } else { Value::Null }
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        match Option::<bool>::from_value(value)? {
            Some(false) => Err(Malformed::new("false".to_owned(), "`true`, or nothing")),
            said => Ok(Self(said.is_some())),
        }
    }
}

/// What becomes of a workload whose lease ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// It is finished.
    Done,
    /// It waits for its next lease.
    Again,
    /// It failed.
    Failed,
    /// It was ended by its organisation.
    Cancelled,
}

canonical_enum!(Next { Done = "done" {}, Again = "again" {}, Failed = "failed" {}, Cancelled = "cancelled" {} });

/// One thing that happened, at the moment that its record carries.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the fields are those of the commands and states that the variants name")]
pub enum Event {
    /// An organisation joined.
    OrganisationAdded { id: OrgId, name: Name, operator: bool },
    /// A key was given out.
    KeyAdded { id: KeyId, org: OrgId, digest: Hash, roles: BTreeSet<Role>, label: String },
    /// A key is worth nothing any more.
    KeyRevoked { id: KeyId },
    /// An organisation said which key it signs with.
    PublicKeySet { org: OrgId, key: PublicKey },
    /// How much an organisation may store; nothing for what every organisation may.
    QuotaSet { org: OrgId, bytes: Option<u64> },
    /// An organisation stands elsewhere in the tree by which idle capacity is shared.
    OrganisationPlaced { org: OrgId, under: Option<OrgId>, weight: u32 },
    /// A pool can be lent from.
    PoolAdded { id: PoolId, owner: OrgId, name: Name, topology: Topology, rehearsal: Rehearsal },
    /// An owner signed terms.
    ContractOffered {
        id: ContractId,
        terms: Box<Terms>,
        key: PublicKey,
        signature: Signature,
        expanded: Option<Expanded>,
    },
    /// The lab signed them too.
    ContractSigned { id: ContractId, key: PublicKey, signature: Signature },
    /// A contract is over and nothing runs under it.
    ContractEnded { id: ContractId },
    /// A workload waits to run.
    WorkloadSubmitted { id: WorkloadId, org: OrgId, pool: PoolId, account: Account, spec: Arc<WorkloadSpec> },
    /// Why a workload waits has changed.
    WaitChanged { id: WorkloadId, why: Wait },
    /// What a workload asks for was changed by its organisation: all of it, as it is from now on.
    WorkloadAdjusted { id: WorkloadId, held: bool, priority: i32, least: Shape, most: Shape, near: Vec<Near> },
    /// A waiting workload was ended by its organisation.
    WorkloadCancelled { id: WorkloadId },
    /// A workload got its cells.
    LeaseGranted { id: WorkloadId, epoch: u64, cells: Cells },
    /// The same cells are held differently from now on.
    LeaseRebound { id: WorkloadId, epoch: u64, cells: Cells },
    /// A lease must be gone by the deadline.
    LeaseNotified { id: WorkloadId, epoch: u64, why: Why, deadline: Instant },
    /// The program was seen running.
    LeaseStarted { id: WorkloadId, epoch: u64 },
    /// Nothing of the lease runs any more; its cells are free.
    LeaseEnded {
        id: WorkloadId,
        epoch: u64,
        exit: Exit,
        outputs: BTreeMap<String, Hash>,
        next: Next,
        ended_at: Instant,
    },
    /// A workload starts on these cells at that moment at the latest; they are kept for it.
    StartPlanned { id: WorkloadId, cells: Vec<CellRange>, by: Instant },
    /// A planned start is off.
    StartUnplanned { id: WorkloadId, why: Unplanned },
    /// Cells belong to these accounts by promise from now on.
    CellsBound { pool: PoolId, cells: Vec<Bound> },
    /// Cells have failed.
    CellsDown { pool: PoolId, cells: CellRange },
    /// Cells are healthy again.
    CellsUp { pool: PoolId, cells: CellRange },
    /// A lease holds failed cells: nobody pays for it from now on, and it must be gone at once.
    LeaseFailed { id: WorkloadId, epoch: u64 },
    /// So many chips of a guarantee cannot be held since cells have failed.
    ContractImpaired { id: ContractId, missing_chips: u32, chip_milli: ChipMilli },
    /// An impaired guarantee is whole again.
    ContractHealed { id: ContractId },
    /// Since the invoice before, others held so much of an idle guarantee whose terms pay for that.
    CapacityLent { id: ContractId, to: Instant, lent: Quantity },
    /// A workload had to wait for cells of its guarantee beyond the recall bound, and its contract's terms pay for that.
    CapacityLate { id: ContractId, workload: WorkloadId, from: Instant, to: Instant, chip_milli: u64 },
    /// A lease held cells for a time.
    UsageRecorded { record: UsageRecord },
    /// An owner billed a contract up to now.
    Invoiced { invoice: Box<Invoice> },
    /// The invoice up to a moment, which comes by itself, was not made: a sum in it is too large to count. What it would have
    /// billed stays as it is.
    InvoiceStuck { id: ContractId, to: Instant },
    /// An owner wrote down what a lab paid.
    PaymentReceived { payment: Payment },
    /// A model was released.
    Released { org: OrgId, release: Release },
    /// A request with a key was answered.
    RequestAnswered { org: OrgId, key: String, fingerprint: Hash, subject: String },
}

canonical_enum!(Event {
    OrganisationAdded = "organisation-added" { id, name, operator },
    KeyAdded = "key-added" { id, org, digest, roles, label },
    KeyRevoked = "key-revoked" { id },
    PublicKeySet = "public-key-set" { org, key },
    QuotaSet = "quota-set" { org, bytes },
    OrganisationPlaced = "organisation-placed" { org, under, weight },
    PoolAdded = "pool-added" { id, owner, name, topology, rehearsal },
    ContractOffered = "contract-offered" { id, terms, key, signature, expanded },
    ContractSigned = "contract-signed" { id, key, signature },
    ContractEnded = "contract-ended" { id },
    WorkloadSubmitted = "workload-submitted" { id, org, pool, account, spec },
    WaitChanged = "wait-changed" { id, why },
    WorkloadAdjusted = "workload-adjusted" { id, held, priority, least, most, near },
    WorkloadCancelled = "workload-cancelled" { id },
    LeaseGranted = "lease-granted" { id, epoch, cells },
    LeaseRebound = "lease-rebound" { id, epoch, cells },
    LeaseNotified = "lease-notified" { id, epoch, why, deadline },
    LeaseStarted = "lease-started" { id, epoch },
    LeaseEnded = "lease-ended" { id, epoch, exit, outputs, next, ended_at },
    StartPlanned = "start-planned" { id, cells, by },
    StartUnplanned = "start-unplanned" { id, why },
    CellsBound = "cells-bound" { pool, cells },
    CellsDown = "cells-down" { pool, cells },
    CellsUp = "cells-up" { pool, cells },
    LeaseFailed = "lease-failed" { id, epoch },
    ContractImpaired = "contract-impaired" { id, missing_chips, chip_milli },
    ContractHealed = "contract-healed" { id },
    CapacityLent = "capacity-lent" { id, to, lent },
    CapacityLate = "capacity-late" { id, workload, from, to, chip_milli },
    UsageRecorded = "usage-recorded" { record },
    Invoiced = "invoiced" { invoice },
    InvoiceStuck = "invoice-stuck" { id, to },
    PaymentReceived = "payment-received" { payment },
    Released = "released" { org, release },
    RequestAnswered = "request-answered" { org, key, fingerprint, subject },
});

impl Event {
    /// The workload that it is about, where it is about one.
    #[must_use]
    pub fn workload(&self) -> Option<WorkloadId> {
        match self {
            Self::WorkloadSubmitted { id, .. }
            | Self::WorkloadAdjusted { id, .. }
            | Self::WaitChanged { id, .. }
            | Self::WorkloadCancelled { id }
            | Self::StartPlanned { id, .. }
            | Self::StartUnplanned { id, .. }
            | Self::LeaseGranted { id, .. }
            | Self::LeaseRebound { id, .. }
            | Self::LeaseNotified { id, .. }
            | Self::LeaseStarted { id, .. }
            | Self::LeaseFailed { id, .. }
            | Self::LeaseEnded { id, .. } => Some(*id),
            _ => None,
        }
    }
}
