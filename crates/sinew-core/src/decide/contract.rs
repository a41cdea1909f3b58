//! Offering, signing and billing contracts.

use super::Decision;
use crate::billing::{Due, Holders, bill};
use crate::control::Control;
use crate::engines::guarantee;
use crate::event::Event;
use crate::refusal::{Refusal, Thing};
use crate::state::State;
use sinew_contract::{Contract, Expanded, PublicKey, Signature, Standing, Terms, Window};
use sinew_sched::{Account, Bound, Engine, Item, NoShape};
use sinew_types::{ContractId, Instant, OrgId};

/// Ten years of every night, and some.
const WINDOWS_MOST: usize = 4_000;

pub(super) fn offer(
    control: &Control,
    now: Instant,
    org: OrgId,
    what: (ContractId, &Terms, Signature, &Option<Expanded>),
) -> Decision {
    let (id, terms, signature, expanded) = what;
    let state = control.state();
    parties(state, org, terms)?;
    if let Some(known) = state.contracts.get(&id) {
        // The same offer again is the same offer; anything else under a known identity is refused.
        let same = known.terms == *terms && known.owner_signature.1 == signature;
        return if same { Ok((Vec::new(), id.to_string())) } else { Err(Refusal::ContractIdTaken) };
    }
    terms.check().map_err(Refusal::Terms)?;
    calendar(terms, expanded.as_ref())?;
    fits(control, now, (id, terms))?;
    let key = signed_by(state, org, &terms.signing_bytes(id), &signature)?;
    let (terms, expanded) = (Box::new(terms.clone()), expanded.clone());
    Ok((vec![Event::ContractOffered { id, terms, key, signature, expanded }], id.to_string()))
}

/// Refuses windows that do not belong to the terms: each lies within the dates and after the one before, and is longer
/// than it takes to leave.
fn calendar(terms: &Terms, expanded: Option<&Expanded>) -> Result<(), Refusal> {
    let Some(calendar) = &terms.calendar else {
        return if expanded.is_none() { Ok(()) } else { Err(Refusal::WindowsAmiss) };
    };
    let windows = expanded.map_or(&[][..], |expanded| &expanded.windows);
    if windows.is_empty() {
        let (calendar, bound) = (calendar.to_string(), terms.recall_bound());
        return Err(Refusal::NoWindow { calendar, bound });
    }
    if windows.len() > WINDOWS_MOST {
        return Err(Refusal::TooManyWindows { most: WINDOWS_MOST });
    }
    let lasts = windows.iter().map(|window| window.ends.since(window.starts)).max().unwrap_or_default();
    if let Some(term) = terms.minimum_term.filter(|term| *term > lasts) {
        return Err(Refusal::Terms(sinew_contract::Flaw::TermTooLong { term, lasts }));
    }
    let mut free_from = terms.starts;
    for Window { starts, ends } in windows {
        let leaves = starts.plus(terms.recall_bound()) < *ends;
        if *starts < free_from || !leaves || *ends > terms.ends {
            return Err(Refusal::WindowsAmiss);
        }
        free_from = *ends;
    }
    Ok(())
}

/// The cells that an owner's contract would be made of if it were signed now, or why there would be none.
pub(crate) fn cells_of_draft(
    control: &Control,
    now: Instant,
    org: OrgId,
    what: (ContractId, &Terms),
) -> Result<Vec<Bound>, Refusal> {
    parties(control.state(), org, what.1)?;
    what.1.check().map_err(Refusal::Terms)?;
    fits(control, now, what)
}

/// Refuses terms over a pool that is not the sender's, or with a lab that nobody knows.
fn parties(state: &State, org: OrgId, terms: &Terms) -> Result<(), Refusal> {
    let pool = state.pools.get(&terms.pool).filter(|pool| pool.owner == org && terms.owner == org);
    if pool.is_none() {
        return Err(Refusal::NotFound { thing: Thing::Pool, name: terms.pool.to_string() });
    }
    if !state.organisations.contains_key(&terms.lab) {
        return Err(Refusal::NotFound { thing: Thing::Organisation, name: terms.lab.to_string() });
    }
    Ok(())
}

pub(super) fn sign(control: &Control, now: Instant, org: OrgId, what: (ContractId, Signature)) -> Decision {
    let (id, signature) = what;
    let state = control.state();
    let offered = state.contracts.get(&id).filter(|contract| contract.terms.lab == org);
    let contract = offered.ok_or_else(|| missing(id))?;
    if contract.standing != Standing::Offered {
        return Err(Refusal::NotOffered);
    }
    // What else the pool has promised is not the lab's to know.
    fits(control, now, (id, &contract.terms)).map_err(|refusal| match refusal {
        Refusal::PromisesTooMuch { .. } | Refusal::NoRoomInShape { .. } | Refusal::PoolInParts { .. } => {
            Refusal::NoLongerFits
        }
        other => other,
    })?;
    let key = signed_by(state, org, &contract.terms.signing_bytes(id), &signature)?;
    Ok((vec![Event::ContractSigned { id, key, signature }], id.to_string()))
}

fn missing(id: ContractId) -> Refusal {
    Refusal::NotFound { thing: Thing::Contract, name: id.to_string() }
}

/// Refuses a contract that is over, that names shapes which its pool does not have, or whose guaranteed shapes do not
/// all fit beside those of the others. Every signed contract counts from its signature to its end, whatever its
/// windows: its cells are lent between them, and promised to nobody else.
fn fits(control: &Control, now: Instant, what: (ContractId, &Terms)) -> Result<Vec<Bound>, Refusal> {
    let (id, terms) = what;
    if terms.ends <= now {
        return Err(Refusal::AlreadyOver { ends: terms.ends });
    }
    if !terms.clauses.is_empty() && terms.starts < now.month() {
        return Err(Refusal::MonthsGoneBy { month: now.month() });
    }
    let missing = || Refusal::NotFound { thing: Thing::Pool, name: terms.pool.to_string() };
    let pool = control.state().pools.get(&terms.pool).ok_or_else(missing)?;
    if !pool.topology.hosts().is_empty() {
        return Err(Refusal::PoolInParts { pool: pool.name.clone() });
    }
    let engine = control.engine(terms.pool).ok_or_else(missing)?;
    for limit in [&terms.borrow_limit, &terms.lend_limit] {
        if !limit.is_empty() {
            engine.chips_of(limit).map_err(|_| Refusal::ShapeUnknown { shape: *limit })?;
        }
    }
    let items = guarantee(engine, terms).map_err(|wrong| no_shape(terms, wrong))?;
    let asked = items.iter().fold(0_u32, |sum, (item, count)| {
        sum.saturating_add(engine.item_chips(*item).saturating_mul(*count))
    });
    let unpromised = engine.unpromised();
    if asked > unpromised {
        return Err(Refusal::PromisesTooMuch { asked, unpromised });
    }
    let account = Account::Contract(id);
    match engine.bind_guarantee(account, &items) {
        Some(cells) => Ok(cells),
        None => Err(in_the_way(control.state(), engine, terms, (account, &items))),
    }
}

fn no_shape(terms: &Terms, wrong: NoShape) -> Refusal {
    match wrong {
        NoShape::Unknown(shape) => Refusal::ShapeUnknown { shape },
        NoShape::Empty => Refusal::ShapeEmpty,
        NoShape::Mixed => Refusal::ShapeUnknown { shape: terms.guarantee[0] },
    }
}

/// There are chips enough, but not in this shape: names a lab without whose contract there would be.
fn in_the_way(state: &State, engine: &Engine, terms: &Terms, what: (Account, &[(Item, u32)])) -> Refusal {
    let without = |contract: &&Contract| {
        engine.without(Account::Contract(contract.id)).bind_guarantee(what.0, what.1).is_some()
    };
    let found = state.promises(terms.pool).find(without);
    let lab = found.and_then(|contract| state.organisations.get(&contract.terms.lab));
    Refusal::NoRoomInShape { behind: lab.map(|lab| lab.name.clone()) }
}

/// The organisation's public key, if the signature was made with it over these bytes.
fn signed_by(state: &State, org: OrgId, bytes: &[u8], signature: &Signature) -> Result<PublicKey, Refusal> {
    let organisation = state.organisations.get(&org);
    let name = || organisation.map(|o| o.name.clone());
    let key = organisation.and_then(|o| o.public_key);
    match (key, name()) {
        (Some(key), _) if key.signed(bytes, signature) => Ok(key),
        (None, Some(organisation)) => Err(Refusal::NoPublicKey { organisation }),
        _ => Err(Refusal::WrongSignature),
    }
}

/// Bills everything that no invoice holds, up to now. Under a contract with clauses that comes by itself, unless a sum was
/// too large to count when the contract ended.
pub(super) fn close_invoice(state: &State, now: Instant, org: OrgId, id: ContractId) -> Decision {
    let found = state.contracts.get(&id).filter(|contract| contract.terms.owner == org);
    let contract = found.filter(|c| c.lab_signature.is_some()).ok_or_else(|| missing(id))?;
    // Up to now would be beyond the month that cannot be counted.
    if state.stuck.holds(id) && contract.standing == Standing::Signed {
        return Err(Refusal::TooLargeToCount);
    }
    if !contract.terms.clauses.is_empty() {
        let next = state.next_close(contract);
        let owes_last = next.is_none() && state.billed_to(contract) < contract.terms.ends;
        if !owes_last {
            return Err(Refusal::BilledByTheMonth { next });
        }
    }
    let holders = Holders::of(state);
    let last = !contract.terms.clauses.is_empty();
    let due = Due { contract, holders: &holders, to: now, last };
    let (number, events) = bill(state, now, &due).ok_or(Refusal::TooLargeToCount)?;
    Ok((events, format!("{id}/{number}")))
}
