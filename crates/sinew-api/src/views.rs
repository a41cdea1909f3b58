//! What the server answers, as one organisation may see it.

use crate::{Lang, exit_text, wait_text};
use serde::{Deserialize, Serialize};
use sinew_contract::Clauses;
use sinew_core::{ApiKey, End, Lease, Organisation, Phase, Role, State, Workload};
use sinew_ledger::{Invoice, Line};
use sinew_registry::Release;
use sinew_types::{KeyId, OrgId, Shape, WorkloadId};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// One page of a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the order of their ids.
    pub items: Vec<T>,
    /// Pass it as `after` for the next page; absent on the last.
    pub next: Option<String>,
}

/// Who the key speaks for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MeView {
    /// The organisation.
    pub organisation: OrganisationView,
    /// What the key may do.
    pub roles: Vec<String>,
}

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether its keys may add organisations.
    pub operator: bool,
    /// What it signs with.
    pub public_key: Option<String>,
}

impl OrganisationView {
    /// An organisation as it is.
    #[must_use]
    pub fn of(id: OrgId, organisation: &Organisation) -> Self {
        Self {
            id: id.to_string(),
            name: organisation.name.to_string(),
            operator: organisation.operator,
            public_key: organisation.public_key.map(|key| key.to_string()),
        }
    }
}

/// An organisation with what it stores, as itself and the operator see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationDetailView {
    /// The organisation.
    #[serde(flatten)]
    pub organisation: OrganisationView,
    /// How much its artefacts take, logs and checkpoints among them.
    pub used_bytes: u64,
    /// How much they may take.
    pub quota_bytes: u64,
    /// Whether the operator set that for this organisation.
    pub quota_is_own: bool,
    /// Id of the organisation that it belongs to when idle capacity is shared; null at the root.
    pub under: Option<String>,
    /// What it weighs there among its sisters.
    pub weight: u32,
}

/// A new organisation and the secret of its first key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CreatedOrganisation {
    /// The organisation.
    pub organisation: OrganisationView,
    /// Its first key. Shown this once: only its hash is kept. Absent when a request is repeated.
    pub key: Option<String>,
}

/// A key without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// What it may do.
    pub roles: Vec<String>,
}

impl KeyView {
    /// A key as it is kept.
    #[must_use]
    pub fn of(id: KeyId, key: &ApiKey) -> Self {
        Self { id: id.to_string(), label: key.label.clone(), roles: roles_of(&key.roles) }
    }
}

/// A new key with its secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CreatedKey {
    /// The key.
    #[serde(flatten)]
    pub view: KeyView,
    /// The secret. Shown this once; absent when a request is repeated.
    pub key: Option<String>,
}

/// Roles in words.
#[must_use]
pub fn roles_of(roles: &BTreeSet<Role>) -> Vec<String> {
    let word = |role: &Role| match role {
        Role::View => "view",
        Role::Operate => "operate",
        Role::Sign => "sign",
    };
    roles.iter().map(|role| word(role).to_owned()).collect()
}

/// A reason: a word for programs and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonView {
    /// For programs.
    pub code: String,
    /// For people.
    pub text: String,
}

impl From<(&str, String)> for ReasonView {
    fn from((code, text): (&str, String)) -> Self {
        Self { code: code.to_owned(), text }
    }
}

/// A workload as its organisation sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name of its organisation.
    pub organisation: String,
    /// The name of its pool.
    pub pool: String,
    /// `waiting`, `running`, `leaving`, `done`, `failed` or `cancelled`.
    pub state: String,
    /// The smallest shape that it runs on.
    pub least: String,
    /// The largest that it makes use of.
    pub most: String,
    /// How many chips it holds.
    pub chips: u32,
    /// Which of its leases this is.
    pub epoch: u64,
    /// When it came.
    pub submitted_at: String,
    /// Why it waits or leaves.
    pub reason: Option<ReasonView>,
    /// How it ended, in words.
    pub exit: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// The release that it serves.
    pub serves: Option<String>,
    /// What it left, by path.
    pub outputs: BTreeMap<String, String>,
}

/// What a batch was answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchView {
    /// The ids, in the order of the request.
    pub ids: Vec<String>,
}

impl WorkloadView {
    /// A workload in a language.
    #[must_use]
    pub fn of(lang: Lang, state: &State, id: WorkloadId, workload: &Workload) -> Self {
        let part = workload.spec.parts.first();
        let shape = |shape: Option<Shape>| shape.map_or_else(String::new, |shape| shape.to_string());
        let (word, reason, exit) = phase_text(lang, workload);
        let ended_at = match &workload.phase {
            Phase::Ended { at, .. } => Some(at.to_string()),
            Phase::Waiting { .. } | Phase::Holding { .. } => None,
        };
        Self {
            id: id.to_string(),
            name: workload.spec.name.to_string(),
            organisation: state
                .organisations
                .get(&workload.org)
                .map_or_else(String::new, |o| o.name.to_string()),
            pool: state.pools.get(&workload.pool).map_or_else(String::new, |pool| pool.name.to_string()),
            state: word.to_owned(),
            least: shape(part.map(|part| part.least)),
            most: shape(part.map(|part| part.most)),
            chips: workload.lease().map_or(0, |lease| lease.cells.chips()),
            epoch: workload.epoch,
            submitted_at: workload.submitted_at.to_string(),
            reason,
            exit,
            ended_at,
            serves: workload.spec.serves.as_ref().map(ToString::to_string),
            outputs: workload.outputs.iter().map(|(path, hash)| (path.clone(), hash.to_string())).collect(),
        }
    }
}

fn phase_text(lang: Lang, workload: &Workload) -> (&'static str, Option<ReasonView>, Option<String>) {
    let reason = |said: (&str, String)| Some(ReasonView::from(said));
    match &workload.phase {
        Phase::Waiting { why, .. } => {
            ("waiting", why.as_ref().and_then(|why| reason(wait_text(lang, why))), None)
        }
        Phase::Holding { lease: Lease { notice: Some(notice), .. } } => {
            ("leaving", reason(crate::catalogue::notice_text(lang, notice)), None)
        }
        Phase::Holding { .. } => ("running", None, None),
        Phase::Ended { end: End::Done, .. } => ("done", None, None),
        Phase::Ended { end: End::Cancelled, .. } => ("cancelled", None, None),
        Phase::Ended { end: End::Failed { exit }, .. } => ("failed", None, Some(exit_text(lang, exit))),
    }
}

/// Why a workload waits, and what would change that.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExplainView {
    /// The workload.
    pub workload: WorkloadView,
    /// What would change it, one sentence each.
    pub hints: Vec<String>,
}

/// One line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineView {
    /// `guaranteed`, `borrowed`, `fee`, `commitment`, `undelivered`, `late`, `lent`, `credit`, `tax` or `prepayment`.
    pub kind: String,
    /// How much was used; absent where it is not use that is paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<String>,
    /// At what price; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// What it costs.
    pub amount: String,
    /// The clause of the contract that it follows from, in the words that were signed; absent for the terms' own prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
}

impl LineView {
    fn of(line: &Line, clauses: &Clauses) -> Self {
        let clause = line.clause.and_then(|number| clauses.iter().find(|(known, _)| *known == number));
        Self {
            kind: line.kind.word().to_owned(),
            used: line.used.map(|used| used.to_string()),
            price: line.price.as_ref().map(ToString::to_string),
            amount: line.amount.to_string(),
            clause: clause.map(|(_, clause)| clause.to_string()),
        }
    }
}

/// An invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvoiceView {
    /// Its contract's id.
    pub contract: String,
    /// Counts up from 1 in each contract.
    pub number: u32,
    /// Who asks.
    pub owner: String,
    /// Who owes.
    pub lab: String,
    /// First moment of the period.
    pub from: String,
    /// First moment after.
    pub to: String,
    /// Guaranteed, then borrowed, then what follows from the contract's clauses.
    pub lines: Vec<LineView>,
    /// Their sum.
    pub total: String,
    /// How many usage records it is made of.
    pub records: u64,
    /// The SHA-256 of the prices and clauses that it was made by; absent on invoices from before they had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_card: Option<String>,
}

impl InvoiceView {
    /// An invoice with the names that people know.
    #[must_use]
    pub fn of(state: &State, invoice: &Invoice) -> Self {
        let name = |org| state.organisations.get(&org).map_or_else(String::new, |o| o.name.to_string());
        let none = Clauses::default();
        let clauses = state.contracts.get(&invoice.contract).map_or(&none, |c| &c.terms.clauses);
        Self {
            contract: invoice.contract.to_string(),
            number: invoice.number,
            owner: name(invoice.owner),
            lab: name(invoice.lab),
            from: invoice.from.to_string(),
            to: invoice.to.to_string(),
            lines: invoice.lines.iter().map(|line| LineView::of(line, clauses)).collect(),
            total: invoice.total.to_string(),
            records: invoice.records,
            rate_card: invoice.rate_card.map(|card| card.to_string()),
        }
    }
}

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseView {
    /// Such as `chat-nano@1`.
    pub reference: String,
    /// The model's name.
    pub model: String,
    /// Counts up from 1 for each model.
    pub version: u32,
    /// When it was released.
    pub released_at: String,
    /// The workload that trained it.
    pub trained_by: String,
    /// The workload that ran its gate.
    pub gated_by: String,
    /// Its files by path, as hashes.
    pub files: BTreeMap<String, String>,
}

impl ReleaseView {
    /// A release as it is.
    #[must_use]
    pub fn of(release: &Release) -> Self {
        Self {
            reference: release.reference.to_string(),
            model: release.reference.model.to_string(),
            version: release.reference.version,
            released_at: release.released_at.to_string(),
            trained_by: release.trained_by.to_string(),
            gated_by: release.gated_by.to_string(),
            files: release.files.iter().map(|(path, hash)| (path.clone(), hash.to_string())).collect(),
        }
    }
}

/// Bytes in an organisation's store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtefactView {
    /// SHA-256.
    pub hash: String,
    /// How many bytes.
    pub bytes: u64,
}
