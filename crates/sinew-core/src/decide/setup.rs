//! Organisations, keys and pools.

use super::{Decision, signer};
use crate::command::{Actor, Command};
use crate::engines::TREE_DEPTH_MOST;
use crate::event::{Event, Rehearsal};
use crate::refusal::{Refusal, Thing};
use crate::state::{Place, State};
use sinew_contract::PublicKey;
use sinew_types::{KeyId, Name, OrgId, PoolId, Topology};
use std::collections::{BTreeMap, BTreeSet};

/// Passes the program itself and this Sinew's operator.
pub(super) fn operator(actor: &Actor) -> Result<(), Refusal> {
    match actor {
        Actor::System => Ok(()),
        Actor::Principal(principal) if principal.operator => signer(actor).map(|_| ()),
        Actor::Principal(_) => Err(Refusal::OperatorOnly),
    }
}

pub(super) fn add_organisation(state: &State, id: OrgId, name: &Name, operator: bool) -> Decision {
    if state.organisation_named(name).is_some() {
        return Err(Refusal::NameTaken { thing: Thing::Organisation, name: name.clone() });
    }
    Ok((vec![Event::OrganisationAdded { id, name: name.clone(), operator }], id.to_string()))
}

/// An operator gives out any organisation's first key; afterwards each organisation manages its own.
pub(super) fn keys(state: &State, actor: &Actor, command: &Command) -> Decision {
    match command {
        Command::AddKey { id, org, digest, roles, label } => {
            if roles.is_empty() {
                return Err(Refusal::NoRoles);
            }
            let known = state.organisations.contains_key(org);
            let first = !state.keys.values().any(|key| key.org == *org);
            let missing = || Refusal::NotFound { thing: Thing::Organisation, name: org.to_string() };
            if !known {
                return Err(missing());
            }
            if !(first && operator(actor).is_ok()) {
                own(actor, *org)?;
            }
            let (digest, roles, label) = (*digest, roles.clone(), label.clone());
            Ok((vec![Event::KeyAdded { id: *id, org: *org, digest, roles, label }], id.to_string()))
        }
        Command::RevokeKey { id } => {
            let missing = || missing_key(*id);
            let key = state.keys.get(id).ok_or_else(missing)?;
            own(actor, key.org).map_err(|_| missing())?;
            Ok((vec![Event::KeyRevoked { id: *id }], id.to_string()))
        }
        _ => Ok((Vec::new(), String::new())),
    }
}

fn missing_key(id: KeyId) -> Refusal {
    Refusal::NotFound { thing: Thing::Key, name: id.to_string() }
}

/// Passes principals that sign for `org`, and the program itself.
fn own(actor: &Actor, org: OrgId) -> Result<(), Refusal> {
    if *actor == Actor::System {
        return Ok(());
    }
    match actor {
        // Whoever belongs to it may know that it is there, and that a role is missing.
        Actor::Principal(principal) if principal.org == org => signer(actor).map(|_| ()),
        _ => Err(Refusal::NotFound { thing: Thing::Organisation, name: org.to_string() }),
    }
}

pub(super) fn set_public_key(state: &State, org: OrgId, key: PublicKey) -> Decision {
    let known = state.organisations.get(&org).and_then(|found| found.public_key);
    match known {
        Some(current) if current == key => Ok((Vec::new(), org.to_string())),
        Some(_) => Err(Refusal::PublicKeySet),
        None => Ok((vec![Event::PublicKeySet { org, key }], org.to_string())),
    }
}

pub(super) fn set_quota(state: &State, org: OrgId, bytes: Option<u64>) -> Decision {
    let missing = || Refusal::NotFound { thing: Thing::Organisation, name: org.to_string() };
    let known = state.organisations.get(&org).ok_or_else(missing)?.quota_bytes;
    let event = Event::QuotaSet { org, bytes };
    Ok(((known != bytes).then_some(event).into_iter().collect(), org.to_string()))
}

pub(super) fn place_organisation(state: &State, org: OrgId, place: Place) -> Decision {
    let find = |id: OrgId| {
        let missing = || Refusal::NotFound { thing: Thing::Organisation, name: id.to_string() };
        state.organisations.get(&id).ok_or_else(missing)
    };
    let known = find(org)?;
    if place.weight == 0 {
        return Err(Refusal::NoWeight);
    }
    let mut above = place.under;
    let mut depth = 1;
    while let Some(next) = above {
        let found = find(next)?;
        depth += 1;
        if next == org || depth + depth_below(state, org) > TREE_DEPTH_MOST {
            let under = place.under.and_then(|id| state.organisations.get(&id)).unwrap_or(found);
            let (organisation, under) = (known.name.clone(), under.name.clone());
            return Err(Refusal::NoTree { organisation, under, deepest: TREE_DEPTH_MOST });
        }
        above = found.place.and_then(|place| place.under);
    }
    let event = Event::OrganisationPlaced { org, under: place.under, weight: place.weight };
    Ok(((known.place != Some(place)).then_some(event).into_iter().collect(), org.to_string()))
}

/// How many levels of the tree stand below an organisation.
fn depth_below(state: &State, org: OrgId) -> usize {
    let below = state.organisations.iter().filter(|(_, o)| o.place.and_then(|p| p.under) == Some(org));
    below.map(|(id, _)| 1 + depth_below(state, *id)).max().unwrap_or(0)
}
/// All of a device.
const WHOLE_MILLI: u64 = 1_000;

pub(super) fn add_pool(
    state: &State,
    owner: OrgId,
    id: PoolId,
    what: (&Name, &Topology, Rehearsal),
) -> Decision {
    let (name, topology, rehearsal) = what;
    if state.pools.values().any(|pool| pool.name == *name && pool.owner == owner) {
        return Err(Refusal::NameTaken { thing: Thing::Pool, name: name.clone() });
    }
    let devices: Vec<u32> = topology.devices().to_vec();
    if topology.chip_count() == 0 {
        return Err(Refusal::EmptyPool);
    }
    let in_use = state.pools.values().flat_map(|pool| pool.topology.devices().iter().copied());
    let in_use: BTreeSet<u32> = in_use.collect();
    // A device may be lent in shares: it then stands there once for each, and together they are no more than all of it.
    let mut lent_milli = BTreeMap::<u32, u64>::new();
    for device in devices {
        if in_use.contains(&device) {
            return Err(Refusal::DeviceTaken { device });
        }
        let lent = lent_milli.entry(device).or_default();
        *lent = lent.saturating_add(topology.each().chip_milli);
        if *lent > WHOLE_MILLI {
            return Err(Refusal::DeviceTwice { device });
        }
    }
    let (name, topology) = (name.clone(), topology.clone());
    Ok((vec![Event::PoolAdded { id, owner, name, topology, rehearsal }], id.to_string()))
}
