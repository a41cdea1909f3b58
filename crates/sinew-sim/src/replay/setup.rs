//! The control plane as a trace finds it: organisations, pools, signed contracts.

use super::read::TraceError;
use super::trace::{HAND_OVER, KILL_GRACE, Trace};
use sinew_contract::{SecretKey, Terms};
use sinew_core::{Actor, Command, Control, Principal, Rehearsal, Request, Role};
use sinew_types::{
    ContractId, Instant, Network, OrgId, Part, PoolId, Program, Rounding, Shape, Span, WorkloadId,
    WorkloadSpec,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The owner of all pools.
pub(super) const OWNER: u128 = 1;
/// The lab with place 0 in the trace has this number.
const FIRST_LAB: u128 = 2;
/// The job with place 0 in the trace has this number; those of the owner come before it.
const FIRST_JOB: u128 = 1 << 64;
/// The trace's moment 0.
const BEGUN_MS: i64 = 1_000;
/// Ten years: longer than any trace.
const TERM: Span = Span::from_ms(3_650 * 86_400_000);

/// The moment of a trace's millisecond.
pub(super) fn moment(ms: u64) -> Instant {
    Instant::from_ms(BEGUN_MS).plus(Span::from_ms(ms))
}

/// The workload of a job.
pub(super) fn workload(job: usize) -> WorkloadId {
    WorkloadId::from_bits(FIRST_JOB + job as u128)
}

/// The job of a workload; nothing where it is the owner's.
pub(super) fn job(workload: WorkloadId) -> Option<usize> {
    usize::try_from(workload.bits().checked_sub(FIRST_JOB)?).ok()
}

/// The contract of a lab.
fn contract(lab: usize) -> ContractId {
    ContractId::from_bits(FIRST_LAB + lab as u128)
}

/// The lab of a contract.
pub(super) fn lab_of(contract: ContractId) -> Option<usize> {
    usize::try_from(contract.bits().checked_sub(FIRST_LAB)?).ok()
}

/// The number of a lab's organisation.
pub(super) fn lab_number(lab: usize) -> u128 {
    FIRST_LAB + lab as u128
}

/// The identity of a pool.
pub(super) fn pool_id(pool: usize) -> PoolId {
    PoolId::from_bits(1 + pool as u128)
}

/// The place of a pool.
pub(super) fn pool_of(id: PoolId) -> Option<usize> {
    usize::try_from(id.bits().checked_sub(1)?).ok()
}

/// Somebody who may do everything for an organisation.
pub(super) fn principal(number: u128) -> Actor {
    let roles = BTreeSet::from([Role::View, Role::Operate, Role::Sign]);
    Actor::Principal(Principal { org: OrgId::from_bits(number), roles, operator: number == OWNER })
}

fn secret(number: u128) -> SecretKey {
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(&number.to_be_bytes());
    SecretKey::from_seed(&seed)
}

fn ask(control: &mut Control, actor: Actor, command: Command, what: &str) -> Result<(), TraceError> {
    let request = Request { actor, key: None, command };
    let refused = |why| TraceError::Refused { what: what.to_owned(), why: format!("{why:?}") };
    control.handle(moment(0), &request).map(|_| ()).map_err(refused)
}

/// Everything that is there before the first job comes.
pub(super) fn control(trace: &Trace) -> Result<Control, TraceError> {
    let mut control = Control::default();
    let names = trace.labs.iter().enumerate().map(|(lab, found)| (lab_number(lab), found.name.as_str()));
    for (number, shown) in std::iter::once((OWNER, "the owner")).chain(names) {
        let name = format!("org-{number}").parse().expect("letters and digits are a name");
        let add = Command::AddOrganisation { id: OrgId::from_bits(number), name, operator: number == OWNER };
        ask(&mut control, Actor::System, add, shown)?;
        let key = secret(number).public();
        ask(&mut control, principal(number), Command::SetPublicKey { key }, shown)?;
    }
    for (place, pool) in trace.pools.iter().enumerate() {
        let name = format!("pool-{place}").parse().expect("letters and digits are a name");
        let add = Command::AddPool {
            id: pool_id(place),
            name,
            topology: pool.topology.clone(),
            rehearsal: Rehearsal::default(),
        };
        ask(&mut control, principal(OWNER), add, &format!("pool {place}"))?;
    }
    for lab in 0..trace.labs.len() {
        sign(&mut control, trace, lab)?;
    }
    for (place, pool) in trace.pools.iter().enumerate().filter(|(_, pool)| pool.kept_chips > 0) {
        let id = WorkloadId::from_bits(1 + place as u128);
        let mut spec = spec(&format!("kept-{place}"), Shape::Chips(pool.kept_chips), 0);
        spec.parts[0].pools = vec![format!("pool-{place}").parse().expect("letters and digits are a name")];
        let submit = Command::Submit { id, spec: Arc::new(spec) };
        ask(&mut control, principal(OWNER), submit, "what nobody may use")?;
    }
    Ok(control)
}

fn sign(control: &mut Control, trace: &Trace, lab: usize) -> Result<(), TraceError> {
    let (found, number, id) = (&trace.labs[lab], lab_number(lab), contract(lab));
    let terms = Terms {
        owner: OrgId::from_bits(OWNER),
        lab: OrgId::from_bits(number),
        pool: pool_id(found.pool),
        guarantee: vec![found.guarantee],
        borrow_limit: Shape::Chips(found.borrow_chips),
        lend_limit: Shape::Chips(found.lend_chips),
        notice: trace.notice,
        kill_grace: KILL_GRACE,
        hand_over: HAND_OVER,
        minimum_term: None,
        calendar: None,
        starts: moment(0),
        ends: moment(0).plus(TERM),
        guaranteed_price: "1.90 USD/chip-hour".parse().expect("a price"),
        borrowed_price: "0.80 USD/chip-hour".parse().expect("a price"),
        rounding: Rounding::HalfEven,
        clauses: Default::default(),
    };
    let bytes = terms.signing_bytes(id);
    let (owners, labs) = (secret(OWNER).sign(&bytes), secret(number).sign(&bytes));
    let offer = Command::OfferContract { id, terms: Box::new(terms), signature: owners, expanded: None };
    let what = format!("the contract of {}", found.name);
    ask(control, principal(OWNER), offer, &what)?;
    ask(control, principal(number), Command::SignContract { id, signature: labs }, &what)
}

/// A workload that needs this shape.
pub(super) fn spec(name: &str, shape: Shape, priority: i32) -> WorkloadSpec {
    let program = Program {
        argv: vec!["job".to_owned()],
        env: BTreeMap::new(),
        bundle: None,
        inputs: BTreeMap::new(),
        network: Network::None,
    };
    let role = "main".parse().expect("letters are a name");
    WorkloadSpec {
        name: name.parse().expect("letters and digits are a name"),
        parts: vec![Part { role, least: shape, most: shape, program, pools: vec![] }],
        priority,
        checkpoint_every: None,
        limit: None,
        serves: None,
    }
}
