//! The only place where state changes. Total: whatever was decided once applies for ever.

use crate::event::{Event, Next};
use crate::kept::Kept;
use crate::state::{ApiKey, Done, End, Lease, Notice, Organisation, Phase, PoolState, State, Workload};
use sinew_contract::{Contract, Standing};
use sinew_types::{Instant, OrgId, WorkloadId};
use std::collections::BTreeMap;

/// How many ended workloads of an organisation are kept at hand; the journal keeps all.
const ENDED_KEPT: usize = 1_000;
/// How many answered requests of an organisation are remembered.
const ANSWERED_KEPT: usize = 10_000;

/// Changes the state as the event says.
pub(crate) fn apply(state: &mut State, at: Instant, event: &Event) {
    state.at = state.at.max(at);
    match event.clone() {
        Event::OrganisationAdded { id, name, operator } => {
            state
                .organisations
                .insert(id, Organisation { name, operator, public_key: None, quota_bytes: None });
        }
        Event::QuotaSet { org, bytes } => {
            if let Some(found) = state.organisations.get_mut(&org) {
                found.quota_bytes = bytes;
            }
        }
        Event::KeyAdded { id, org, digest, roles, label } => {
            state.keys.insert(id, ApiKey { org, digest, roles, label });
        }
        Event::KeyRevoked { id } => {
            state.keys.remove(&id);
        }
        Event::PublicKeySet { org, key } => {
            if let Some(found) = state.organisations.get_mut(&org) {
                found.public_key = Some(key);
            }
        }
        Event::PoolAdded { id, owner, name, topology } => {
            state.pools.insert(id, PoolState { owner, name, topology });
        }
        Event::ContractOffered { .. } | Event::ContractSigned { .. } | Event::ContractEnded { .. } => {
            apply_contract(state, event.clone());
        }
        Event::UsageRecorded { .. } | Event::Invoiced { .. } => apply_money(state, event.clone()),
        Event::Released { org, release } => state.registry.add(org, release),
        Event::RequestAnswered { org, key, fingerprint, subject } => {
            state.answered.insert((org, key), Done { fingerprint, subject, at });
            forget_answered(state, org);
        }
        Event::WorkloadSubmitted { id, org, pool, account, spec } => {
            let phase = Phase::Waiting { since: at, why: None };
            let workload = Workload {
                org,
                pool,
                account,
                spec: *spec,
                submitted_at: at,
                epoch: 0,
                losses: 0,
                outputs: BTreeMap::new(),
                kept: None,
                phase,
            };
            state.workloads.insert(id, workload);
        }
        other => apply_workload(state, at, other),
    }
}

fn apply_contract(state: &mut State, event: Event) {
    match event {
        Event::ContractOffered { id, terms, key, signature } => {
            let contract = Contract {
                id,
                terms: *terms,
                owner_signature: (key, signature),
                lab_signature: None,
                standing: Standing::Offered,
            };
            state.contracts.insert(id, contract);
        }
        Event::ContractSigned { id, key, signature } => {
            if let Some(contract) = state.contracts.get_mut(&id) {
                contract.lab_signature = Some((key, signature));
                contract.standing = Standing::Signed;
            }
        }
        Event::ContractEnded { id } => {
            if let Some(contract) = state.contracts.get_mut(&id) {
                contract.standing = Standing::Ended;
            }
        }
        _ => {}
    }
}

fn apply_money(state: &mut State, event: Event) {
    match event {
        Event::UsageRecorded { record } => {
            if let Some(workload) = state.workloads.get_mut(&record.workload)
                && let Phase::Holding { lease } = &mut workload.phase
                && workload.epoch == record.epoch
            {
                lease.recorded_to = record.to;
            }
            if let Some(contract) = record.contract {
                state.unbilled.entry(contract).or_default().push(record);
            }
        }
        Event::Invoiced { invoice } => {
            state.unbilled.remove(&invoice.contract);
            state.balances.post(&invoice.transaction);
            state.invoices.insert((invoice.contract, invoice.number), *invoice);
        }
        _ => {}
    }
}

fn apply_workload(state: &mut State, at: Instant, event: Event) {
    let Some(id) = workload_of(&event) else { return };
    let Some(workload) = state.workloads.get_mut(&id) else { return };
    match event {
        Event::WaitChanged { why, .. } => {
            if let Phase::Waiting { why: current, .. } = &mut workload.phase {
                *current = Some(why);
            }
        }
        Event::WorkloadCancelled { .. } => workload.phase = Phase::Ended { at, end: End::Cancelled },
        Event::LeaseGranted { epoch, cells, .. } => {
            workload.epoch = epoch;
            let lease = Lease { cells, granted_at: at, started_at: None, recorded_to: at, notice: None };
            workload.phase = Phase::Holding { lease };
        }
        Event::LeaseEnded { exit, outputs, next, .. } => {
            let started = workload.lease().is_some_and(|lease| lease.started_at.is_some());
            workload.losses =
                if next == Next::Again && !started { workload.losses.saturating_add(1) } else { 0 };
            let mut kept = workload.kept.take().unwrap_or_default();
            workload.outputs = kept.take(workload.epoch, outputs);
            workload.kept = (kept != Kept::default()).then_some(kept);
            workload.phase = match next {
                Next::Again => Phase::Waiting { since: workload.submitted_at, why: None },
                Next::Done => Phase::Ended { at, end: End::Done },
                Next::Failed => Phase::Ended { at, end: End::Failed { exit } },
                Next::Cancelled => Phase::Ended { at, end: End::Cancelled },
            };
        }
        other => apply_lease(workload, at, other),
    }
    if matches!(workload.phase, Phase::Ended { .. }) {
        let org = workload.org;
        forget_ended(state, org);
    }
}

fn apply_lease(workload: &mut Workload, at: Instant, event: Event) {
    let Phase::Holding { lease } = &mut workload.phase else { return };
    match event {
        Event::LeaseRebound { cells, .. } => lease.cells = cells,
        Event::LeaseNotified { why, deadline, .. } => lease.notice = Some(Notice { why, at, deadline }),
        Event::LeaseStarted { .. } => lease.started_at = Some(at),
        _ => {}
    }
}

fn workload_of(event: &Event) -> Option<WorkloadId> {
    match event {
        Event::WaitChanged { id, .. }
        | Event::WorkloadCancelled { id }
        | Event::LeaseGranted { id, .. }
        | Event::LeaseRebound { id, .. }
        | Event::LeaseNotified { id, .. }
        | Event::LeaseStarted { id, .. }
        | Event::LeaseEnded { id, .. } => Some(*id),
        _ => None,
    }
}

/// Drops an organisation's oldest ended workload when it has too many. The same on every replay.
fn forget_ended(state: &mut State, org: OrgId) {
    let ended = state.workloads.iter().filter_map(|(id, workload)| match &workload.phase {
        Phase::Ended { at, .. } if workload.org == org => Some((*at, *id)),
        _ => None,
    });
    let ended: Vec<(Instant, WorkloadId)> = ended.collect();
    if ended.len() > ENDED_KEPT
        && let Some((_, oldest)) = ended.iter().min()
    {
        state.workloads.remove(oldest);
    }
}

fn forget_answered(state: &mut State, org: OrgId) {
    let of_org = state.answered.range((org, String::new())..).take_while(|((whose, _), _)| *whose == org);
    let answered: Vec<_> = of_org.map(|(key, done)| (done.at, key.clone())).collect();
    if answered.len() > ANSWERED_KEPT
        && let Some((_, oldest)) = answered.into_iter().min()
    {
        state.answered.remove(&oldest);
    }
}
