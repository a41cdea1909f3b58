//! What may be asked of the control plane, and by whom.

use crate::event::Rehearsal;
use crate::state::Exit;
use sinew_contract::{Expanded, PublicKey, Signature, Terms};
use sinew_ledger::Reference;
use sinew_sched::Near;
use sinew_types::{
    ContractId, Hash, Instant, KeyId, Money, Name, OrgId, PoolId, Region, Shape, Topology, WorkloadId,
    WorkloadSpec, canonical_enum,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a principal may do in its organisation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// Read.
    View,
    /// Run and stop workloads, release models, store artefacts.
    Operate,
    /// Sign contracts, close invoices, manage keys.
    Sign,
}

canonical_enum!(Role { View = "view" {}, Operate = "operate" {}, Sign = "sign" {} });

/// A person, key or agent that acts for an organisation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    /// For whom it acts.
    pub org: OrgId,
    /// What it may do.
    pub roles: BTreeSet<Role>,
    /// Whether it may add organisations to this Sinew.
    pub operator: bool,
}

/// Where a request comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Actor {
    /// Somebody with a key.
    Principal(Principal),
    /// The program itself: first start, executor, clock.
    System,
}

/// A client's name for a request, so that repeating it does nothing twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestKey {
    /// The client's text, one of a kind in its organisation.
    pub key: String,
    /// Hash of what was asked, so that another request under the same key is refused.
    pub fingerprint: Hash,
}

/// A command with its sender.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Who asks.
    pub actor: Actor,
    /// The client's name for it.
    pub key: Option<RequestKey>,
    /// What is asked.
    pub command: Command,
}

/// What an executor saw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Observation {
    /// The program runs.
    Started,
    /// Nothing of it runs any more.
    Ended {
        /// How it ended.
        exit: Exit,
        /// What it left in its folder `out`, by path.
        outputs: BTreeMap<String, Hash>,
        /// When its last process was gone, where somebody saw it; it may be reported much later.
        at: Option<Instant>,
    },
}

/// What changes about a workload; what is not said stays as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Adjustment {
    /// Whether its organisation holds it back. One that runs leaves by notice and goes on when it is released.
    pub held: Option<bool>,
    /// Higher goes first within one organisation.
    pub priority: Option<i32>,
    /// The smallest and the largest shape of its part. One that runs outside them leaves by notice and comes back so.
    pub shapes: Option<(Shape, Shape)>,
    /// Where it would rather be.
    pub near: Option<Vec<Near>>,
}

/// Everything that may be asked. Identities are drawn by whoever asks, so a retry names the same thing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Adds an organisation.
    AddOrganisation {
        /// Its identity.
        id: OrgId,
        /// Its name.
        name: Name,
        /// Whether its keys may add organisations.
        operator: bool,
    },
    /// Adds an API key to an organisation.
    AddKey {
        /// Its identity.
        id: KeyId,
        /// Whose.
        org: OrgId,
        /// SHA-256 of the secret.
        digest: Hash,
        /// What it may do.
        roles: BTreeSet<Role>,
        /// What people call it.
        label: String,
    },
    /// Makes a key useless.
    RevokeKey {
        /// Which.
        id: KeyId,
    },
    /// Sets the key that an organisation signs with.
    SetPublicKey {
        /// The public half.
        key: PublicKey,
    },
    /// Sets how much an organisation may store; only an operator may.
    SetQuota {
        /// Whose quota.
        org: OrgId,
        /// Nothing for what every organisation may.
        bytes: Option<u64>,
    },
    /// Says where an organisation stands in the tree by which idle capacity is shared; only an operator may.
    PlaceOrganisation {
        /// Which.
        org: OrgId,
        /// To which organisation it belongs; nothing at the root.
        under: Option<OrgId>,
        /// What it weighs among its sisters; 1 where nobody said.
        weight: u32,
    },
    /// Adds a pool that the sender owns.
    AddPool {
        /// Its identity.
        id: PoolId,
        /// Its name.
        name: Name,
        /// Its cells.
        topology: Topology,
        /// Whether programs only seem to run there; only where no machine serves it.
        rehearsal: Rehearsal,
    },
    /// Says that cells have failed: whoever holds them ends. Maintenance is the same at a time that is known before.
    CellsDown {
        /// In which pool.
        pool: PoolId,
        /// Which cells.
        region: Region,
    },
    /// Says that cells are healthy again.
    CellsUp {
        /// In which pool.
        pool: PoolId,
        /// Which cells.
        region: Region,
    },
    /// Offers a contract, signed by the owner.
    OfferContract {
        /// Its identity.
        id: ContractId,
        /// What is offered.
        terms: Box<Terms>,
        /// The owner's signature.
        signature: Signature,
        /// The windows of its calendar in moments, where it has one.
        expanded: Option<Expanded>,
    },
    /// Signs an offered contract as its lab.
    SignContract {
        /// Which.
        id: ContractId,
        /// The lab's signature.
        signature: Signature,
    },
    /// Submits a workload.
    Submit {
        /// Its identity.
        id: WorkloadId,
        /// What should run.
        spec: Arc<WorkloadSpec>,
    },
    /// Submits workloads together: all of them or none. The second has the identity after the first's, and so on.
    SubmitAll {
        /// The first one's identity.
        first: WorkloadId,
        /// What should run.
        specs: Vec<Arc<WorkloadSpec>>,
    },
    /// Ends a workload.
    Cancel {
        /// Which.
        id: WorkloadId,
    },
    /// Changes what a workload of the sender's own asks for, whether it waits or runs.
    Adjust {
        /// Which.
        id: WorkloadId,
        /// What changes.
        change: Adjustment,
    },
    /// Reports what an executor saw of a lease.
    Observe {
        /// Whose lease.
        id: WorkloadId,
        /// Which of its leases.
        epoch: u64,
        /// What was seen.
        observation: Observation,
    },
    /// Bills a contract up to now.
    CloseInvoice {
        /// Which contract.
        contract: ContractId,
    },
    /// Writes down what a lab paid to the sender.
    RecordPayment {
        /// Who paid.
        lab: OrgId,
        /// Known by this between the two.
        reference: Reference,
        /// How much; below zero what the sender paid to the lab.
        money: Money,
        /// When.
        paid_at: Instant,
    },
    /// Releases what a training run made, after its gate passed.
    Release {
        /// The model's name.
        model: Name,
        /// The run that made the weights.
        trained_by: WorkloadId,
        /// The run of the gate.
        gated_by: WorkloadId,
    },
    /// Tells every lease to leave, because the machine is being stopped. Do not settle until it is back.
    Drain,
    /// Time has passed.
    Tick,
}
