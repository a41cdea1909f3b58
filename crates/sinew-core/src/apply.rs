//! The only place where state changes. Total: whatever was decided once applies for ever.

use crate::event::{Event, Next};
use crate::health::apply_health;
use crate::kept::Kept;
use crate::late::apply_late;
use crate::lent::{count, lenders};
use crate::state::{
    ApiKey, Done, End, Lease, Notice, Organisation, Phase, Place, PlannedStart, PoolState, State, Workload,
};
use sinew_contract::{Contract, Standing};
use sinew_ledger::{Invoice, UsageRecord};
use sinew_sched::Account;
use sinew_types::{ContractId, Instant, OrgId, WorkloadId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many ended workloads of an organisation are kept at hand; the journal keeps all.
const ENDED_KEPT: usize = 1_000;
/// How many answered requests of an organisation are remembered.
const ANSWERED_KEPT: usize = 10_000;

/// Changes the state as the event says.
pub(crate) fn apply(state: &mut State, at: Instant, event: &Event) {
    state.at = state.at.max(at);
    apply_late(state, at, event);
    match event {
        Event::OrganisationAdded { .. }
        | Event::QuotaSet { .. }
        | Event::OrganisationPlaced { .. }
        | Event::PublicKeySet { .. } => apply_organisation(state, event),
        Event::KeyAdded { id, org, digest, roles, label } => {
            let (roles, label) = (roles.clone(), label.clone());
            state.keys.insert(*id, ApiKey { org: *org, digest: *digest, roles, label });
        }
        Event::KeyRevoked { id } => {
            state.keys.remove(id);
        }
        Event::PoolAdded { id, owner, name, topology, rehearsal } => {
            let (name, topology) = (name.clone(), topology.clone());
            state.index.accounts.entry(*owner).or_default().insert((*id, Account::Owner));
            state.pools.insert(*id, PoolState { owner: *owner, name, topology, rehearsal: *rehearsal });
        }
        Event::ContractOffered { id, .. }
        | Event::ContractSigned { id, .. }
        | Event::ContractEnded { id } => {
            apply_contract(state, event);
            apply_health(state, at, event);
            if matches!(event, Event::ContractEnded { .. }) {
                state.lent.forget(*id);
            }
            follow_contract(state, *id);
        }
        Event::CellsBound { pool, cells } => state.bindings.set(*pool, cells),
        Event::CapacityLent { .. }
        | Event::UsageRecorded { .. }
        | Event::Invoiced { .. }
        | Event::InvoiceStuck { .. }
        | Event::PaymentReceived { .. } => apply_money(state, event),
        Event::Released { org, release } => state.registry.add(*org, release.clone()),
        Event::RequestAnswered { org, key, fingerprint, subject } => {
            let done = Done { fingerprint: *fingerprint, subject: subject.clone(), at };
            state.answered.insert((*org, key.clone()), done);
            forget_answered(state, *org, (at, key.clone()));
        }
        Event::WorkloadSubmitted { id, org, pool, account, spec } => {
            let phase = Phase::Waiting { since: at, why: None };
            let workload = Workload {
                org: *org,
                pool: *pool,
                account: *account,
                spec: Arc::clone(spec),
                submitted_at: at,
                epoch: 0,
                losses: 0,
                served: None,
                outputs: BTreeMap::new(),
                kept: None,
                held: None,
                near: None,
                planned: None,
                phase,
            };
            state.index.names.insert(*org, &workload.spec.name, *id);
            *state.index.active.entry(*org).or_default() += 1;
            state.workloads.insert(*id, workload);
        }
        other => {
            apply_health(state, at, other);
            apply_workload(state, at, other);
        }
    }
}

fn apply_organisation(state: &mut State, event: &Event) {
    match event {
        Event::OrganisationAdded { id, name, operator } => {
            let (name, operator) = (name.clone(), *operator);
            let added = Organisation { name, operator, public_key: None, quota_bytes: None, place: None };
            state.organisations.insert(*id, added);
        }
        Event::PublicKeySet { org, key } => {
            if let Some(found) = state.organisations.get_mut(org) {
                found.public_key = Some(*key);
            }
        }
        Event::QuotaSet { org, bytes } => {
            if let Some(found) = state.organisations.get_mut(org) {
                found.quota_bytes = *bytes;
            }
        }
        Event::OrganisationPlaced { org, under, weight } => {
            if let Some(found) = state.organisations.get_mut(org) {
                found.place = Some(Place { under: *under, weight: *weight });
            }
        }
        _ => {}
    }
}

fn apply_contract(state: &mut State, event: &Event) {
    match event {
        Event::ContractOffered { id, terms, key, signature, expanded } => {
            let contract = Contract {
                id: *id,
                terms: (**terms).clone(),
                owner_signature: (*key, *signature),
                lab_signature: None,
                standing: Standing::Offered,
                expanded: expanded.clone(),
            };
            state.contracts.insert(*id, contract);
        }
        Event::ContractSigned { id, key, signature } => {
            if let Some(contract) = state.contracts.get_mut(id) {
                contract.lab_signature = Some((*key, *signature));
                contract.standing = Standing::Signed;
            }
        }
        Event::ContractEnded { id } => {
            if let Some(contract) = state.contracts.get_mut(id) {
                contract.standing = Standing::Ended;
            }
        }
        _ => {}
    }
}

fn apply_money(state: &mut State, event: &Event) {
    match event {
        Event::CapacityLent { id, to, .. } => state.lent.billed(*id, *to),
        Event::UsageRecorded { record } => apply_use(state, record),
        Event::Invoiced { invoice } => apply_invoice(state, invoice),
        Event::InvoiceStuck { id, to } => {
            state.stuck.add(*id, *to);
            follow_contract(state, *id);
        }
        Event::PaymentReceived { payment } => {
            let transaction = payment.transaction().expect("what has no opposite was refused");
            state.balances.post(&transaction);
            state.payments.add(payment);
        }
        _ => {}
    }
}

fn apply_use(state: &mut State, record: &UsageRecord) {
    if let Some(workload) = state.workloads.get_mut(&record.workload)
        && let Phase::Holding { lease } = &mut workload.phase
        && workload.epoch == record.epoch
    {
        lease.recorded_to = record.to;
        let lenders: Vec<_> = lenders(&lease.cells).collect();
        count(state, record, &lenders);
    }
    remember(state, record);
    if let Some(contract) = record.contract {
        state.unbilled.entry(contract).or_default().push(record.clone());
    }
}

fn apply_invoice(state: &mut State, invoice: &Invoice) {
    state.unbilled.remove(&invoice.contract);
    state.stuck.forget(invoice.contract);
    state.balances.post(&invoice.transaction);
    state.invoices.insert((invoice.contract, invoice.number), invoice.clone());
    follow_contract(state, invoice.contract);
}

fn follow_contract(state: &mut State, id: ContractId) {
    let mut index = std::mem::take(&mut state.index);
    index.follow_contract(state, id);
    state.index = index;
}

/// What was borrowed counts when the rest is shared.
fn remember(state: &mut State, record: &UsageRecord) {
    let each = state.pools.get(&record.pool).map_or(1, |pool| pool.topology.each().chip_milli.max(1));
    let chips = u32::try_from(record.borrowed_chip_milli / each).unwrap_or(u32::MAX);
    if chips > 0 {
        let account = record.contract.map_or(Account::Owner, Account::Contract);
        let past = state.past.entry((record.pool, account)).or_default();
        past.add(chips, record.from, record.to);
    }
}

fn apply_workload(state: &mut State, at: Instant, event: &Event) {
    let Some(id) = event.workload() else { return };
    let Some(workload) = state.workloads.get_mut(&id) else { return };
    let was_over = matches!(workload.phase, Phase::Ended { .. });
    match event {
        Event::WaitChanged { why, .. } => {
            if let Phase::Waiting { why: current, .. } = &mut workload.phase {
                *current = Some(why.clone());
            }
        }
        Event::WorkloadAdjusted { .. } => adjust(workload, at, event),
        Event::StartPlanned { cells, by, .. } => {
            workload.planned = Some(PlannedStart { cells: cells.clone(), by: *by });
        }
        Event::StartUnplanned { .. } => workload.planned = None,
        Event::WorkloadCancelled { .. } => {
            workload.planned = None;
            workload.phase = Phase::Ended { at, end: End::Cancelled };
        }
        Event::LeaseGranted { epoch, cells, .. } => {
            workload.planned = None;
            workload.epoch = *epoch;
            let cells = cells.clone();
            let (granted_at, recorded_to) = (at, at);
            let lease =
                Lease { cells, granted_at, started_at: None, recorded_to, notice: None, failed_at: None };
            workload.phase = Phase::Holding { lease };
        }
        Event::LeaseEnded { exit, outputs, next, ended_at, .. } => {
            let started = workload.lease().is_some_and(|lease| lease.started_at.is_some());
            workload.losses =
                if *next == Next::Again && !started { workload.losses.saturating_add(1) } else { 0 };
            let (lease, ended_at) = (workload.lease(), *ended_at);
            let served = lease.map_or(0, |lease| {
                u64::from(lease.cells.chips()).saturating_mul(ended_at.since(lease.granted_at).ms())
            });
            workload.served = Some(workload.served.unwrap_or(0).saturating_add(served));
            let mut kept = workload.kept.take().unwrap_or_default();
            workload.outputs = kept.take(workload.epoch, outputs.clone());
            workload.kept = (kept != Kept::default()).then_some(kept);
            workload.phase = match next {
                Next::Again => Phase::Waiting { since: workload.submitted_at, why: None },
                Next::Done => Phase::Ended { at, end: End::Done },
                Next::Failed => Phase::Ended { at, end: End::Failed { exit: exit.clone() } },
                Next::Cancelled => Phase::Ended { at, end: End::Cancelled },
            };
        }
        other => apply_lease(workload, at, other),
    }
    if let Phase::Ended { at, .. } = workload.phase {
        let org = workload.org;
        if !was_over && let Some(active) = state.index.active.get_mut(&org) {
            *active = active.saturating_sub(1);
        }
        forget_ended(state, org, (at, id));
    }
}

fn adjust(workload: &mut Workload, at: Instant, event: &Event) {
    let Event::WorkloadAdjusted { held, priority, least, most, near, .. } = event else { return };
    if *held || workload.spec.parts.first().is_some_and(|part| (part.least, part.most) != (*least, *most)) {
        workload.planned = None;
    }
    let spec = Arc::make_mut(&mut workload.spec);
    spec.priority = *priority;
    if let Some(part) = spec.parts.first_mut() {
        (part.least, part.most) = (*least, *most);
    }
    workload.held = held.then(|| workload.held.unwrap_or(at));
    workload.near = (!near.is_empty()).then(|| near.clone());
    if let Phase::Waiting { why, .. } = &mut workload.phase {
        *why = None;
    }
}

fn apply_lease(workload: &mut Workload, at: Instant, event: &Event) {
    let Phase::Holding { lease } = &mut workload.phase else { return };
    match event {
        Event::LeaseRebound { cells, .. } => lease.cells = cells.clone(),
        Event::LeaseNotified { why, deadline, .. } => {
            lease.notice = Some(Notice { why: why.clone(), at, deadline: *deadline });
        }
        Event::LeaseStarted { .. } => lease.started_at = Some(at),
        _ => {}
    }
}

/// Drops an organisation's oldest ended workload when it has too many. The same on every replay.
fn forget_ended(state: &mut State, org: OrgId, latest: (Instant, WorkloadId)) {
    if let Some((_, oldest)) = state.index.ended.add(org, latest, ENDED_KEPT)
        && let Some(forgotten) = state.workloads.remove(&oldest)
    {
        state.index.names.remove(org, &forgotten.spec.name, oldest);
    }
}

fn forget_answered(state: &mut State, org: OrgId, latest: (Instant, String)) {
    if let Some((_, oldest)) = state.index.answered.add(org, latest, ANSWERED_KEPT) {
        state.answered.remove(&(org, oldest));
    }
}
