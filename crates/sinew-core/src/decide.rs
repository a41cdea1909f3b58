//! From a command to events, or to a refusal. Reads the state, changes nothing.

mod adjust;
mod cells;
mod contract;
mod payment;
mod release;
mod setup;
mod workload;

pub(crate) use contract::cells_of_draft;
pub use workload::{ACTIVE_MAX, nth_after};

use crate::command::{Actor, Command, Principal, Role};
use crate::control::Control;
use crate::event::Event;
use crate::refusal::Refusal;
use crate::state::Place;
use sinew_types::{Instant, OrgId};

/// The events, and the identity of what they are about.
type Decision = Result<(Vec<Event>, String), Refusal>;

/// Decides a command.
pub(crate) fn decide(control: &Control, now: Instant, actor: &Actor, command: &Command) -> Decision {
    let state = control.state();
    match command {
        Command::AddOrganisation { id, name, operator } => {
            setup::operator(actor)?;
            setup::add_organisation(state, *id, name, *operator)
        }
        Command::AddKey { .. } | Command::RevokeKey { .. } => setup::keys(state, actor, command),
        Command::SetPublicKey { key } => setup::set_public_key(state, signer(actor)?, *key),
        Command::SetQuota { org, bytes } => {
            setup::operator(actor)?;
            setup::set_quota(state, *org, *bytes)
        }
        Command::PlaceOrganisation { org, under, weight } => {
            setup::operator(actor)?;
            setup::place_organisation(state, *org, Place { under: *under, weight: *weight })
        }
        Command::AddPool { id, name, topology, rehearsal } => {
            // Machines belong to whoever operates this Sinew, until owners bring their own.
            setup::operator(actor)?;
            setup::add_pool(state, signer(actor)?, *id, (name, topology, *rehearsal))
        }
        Command::CellsDown { pool, region } => cells::down(control, now, actor, (*pool, region)),
        Command::CellsUp { pool, region } => cells::up(state, actor, (*pool, region)),
        Command::OfferContract { id, terms, signature, expanded } => {
            contract::offer(control, now, signer(actor)?, (*id, terms, *signature, expanded))
        }
        Command::SignContract { id, signature } => {
            contract::sign(control, now, signer(actor)?, (*id, *signature))
        }
        Command::CloseInvoice { contract } => contract::close_invoice(state, now, signer(actor)?, *contract),
        Command::RecordPayment { lab, reference, money, paid_at } => {
            payment::record(state, now, signer(actor)?, (*lab, reference, money, *paid_at))
        }
        Command::Submit { id, spec } => workload::submit(control, operate(actor)?, *id, spec),
        Command::SubmitAll { first, specs } => workload::submit_all(control, operate(actor)?, *first, specs),
        Command::Cancel { id } => workload::cancel(state, now, operate(actor)?, *id),
        Command::Adjust { id, change } => adjust::adjust(control, now, (operate(actor)?, *id), change),
        Command::Observe { id, epoch, observation } => {
            workload::observe(state, now, (*id, *epoch), observation)
        }
        Command::Release { model, trained_by, gated_by } => {
            release::release(state, now, operate(actor)?, (model, *trained_by, *gated_by))
        }
        Command::Drain => Ok((workload::drain(state, now), String::new())),
        Command::Tick => Ok((Vec::new(), String::new())),
    }
}

/// The organisation of a principal that may operate.
fn operate(actor: &Actor) -> Result<OrgId, Refusal> {
    with_role(actor, Role::Operate).map(|principal| principal.org)
}

/// The organisation of a principal that may sign.
fn signer(actor: &Actor) -> Result<OrgId, Refusal> {
    with_role(actor, Role::Sign).map(|principal| principal.org)
}

fn with_role(actor: &Actor, role: Role) -> Result<&Principal, Refusal> {
    match actor {
        Actor::Principal(principal) if principal.roles.contains(&role) => Ok(principal),
        _ => Err(Refusal::NotAllowed { needs: role }),
    }
}
