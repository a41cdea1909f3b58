//! The seven invariants, checked by a model that knows the journal's records and nothing else.
//!
//! It is naive on purpose: it keeps its own lists, counts chips one by one, and shares no planning code with the core.
//! Records come in one by one as they are read back from the disk; what is wrong with a record by itself is found
//! there, what must hold of everything together is found by `check`.

mod books;
mod health;
mod leases;
mod plans;
mod promises;

use sinew_contract::Terms;
use sinew_core::{Event, Recorded};
use sinew_ledger::UsageRecord;
use sinew_sched::{Account, Holding, Wait};
use sinew_store::{Row, hash_of};
use sinew_types::{
    CellIndex, ContractId, Hash, Instant, Name, OrgId, PoolId, Shape, Span, WorkloadId, WorkloadSpec,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Something that must never happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which of the seven invariants; 0 for what none of them says, such as a journal that cannot be read.
    pub invariant: u8,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            "beyond the seven",
            "guarantee",
            "borrowed is borrowed",
            "whole gangs",
            "nothing runs twice",
            "nothing acknowledged is lost",
            "every second is billed once",
            "no word between rivals",
        ];
        let name = names.get(usize::from(self.invariant)).unwrap_or(&names[0]);
        write!(f, "invariant {} ({name}): {}", self.invariant, self.what)
    }
}

/// All is well, or what is not.
pub(crate) type Verdict = Result<(), Violation>;

/// Demands something of an invariant.
pub(crate) fn demand(holds: bool, invariant: u8, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Violation { invariant, what: what() }) }
}

#[derive(Clone, Debug)]
pub(crate) struct PoolFacts {
    /// Each chip's thousandths.
    pub(crate) chips: BTreeMap<CellIndex, u64>,
    /// Whose each chip is by promise.
    pub(crate) bound: BTreeMap<CellIndex, Account>,
    /// Chips that have failed.
    pub(crate) failed: BTreeSet<CellIndex>,
}

#[derive(Clone, Debug)]
pub(crate) struct Deal {
    pub(crate) terms: Terms,
    pub(crate) signed: bool,
    pub(crate) ended: bool,
    /// Chips of its guarantee that are said to be missing.
    pub(crate) missing: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) org: OrgId,
    pub(crate) pool: PoolId,
    pub(crate) account: Account,
    pub(crate) name: Name,
    pub(crate) shape: (u32, u32),
    pub(crate) priority: i32,
    /// How long a lease of it lasts at most.
    pub(crate) limit: Option<Span>,
    pub(crate) epoch: u64,
    pub(crate) over: bool,
    /// Whether its organisation holds it back.
    pub(crate) held: bool,
}

/// One lease as the journal tells it.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) from: Instant,
    pub(crate) cells: BTreeMap<CellIndex, Holding>,
    /// Up to when usage is recorded.
    pub(crate) reached: Instant,
    pub(crate) deadline: Option<Instant>,
    /// Since when it holds failed cells.
    pub(crate) failed_at: Option<Instant>,
}

/// What the journal says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// The hash over the first N records, for every N; the last one names the whole journal.
    pub(crate) chain: Vec<Hash>,
    pub(crate) at: Option<Instant>,
    pub(crate) pools: BTreeMap<PoolId, PoolFacts>,
    pub(crate) deals: BTreeMap<ContractId, Deal>,
    pub(crate) works: BTreeMap<WorkloadId, Work>,
    /// Leases that hold cells.
    pub(crate) live: BTreeMap<WorkloadId, Life>,
    /// Planned starts: their cells, and when they are at the latest.
    pub(crate) planned: BTreeMap<WorkloadId, (BTreeSet<CellIndex>, Instant)>,
    /// Planned starts of which a cell has failed since, also where it is whole again by the end of the turn.
    pub(crate) shaken: BTreeSet<WorkloadId>,
    /// Until when a waiting workload was told that its cells are here at the latest.
    told_until: BTreeMap<WorkloadId, Instant>,
    /// How many leases there ever were.
    pub(crate) leases: u64,
    unbilled: BTreeMap<ContractId, Vec<UsageRecord>>,
    billed: BTreeMap<ContractId, (u32, Instant)>,
    balances: BTreeMap<(sinew_ledger::Account, String), i128>,
    /// What each request key came to: the question's fingerprint and the answer's subject.
    pub(crate) answered: BTreeMap<(OrgId, String), (Hash, String)>,
}

impl Model {
    /// Takes the next record as it lies on the disk.
    pub(crate) fn take(&mut self, row: &Row<'_>, recorded: &Recorded) -> Verdict {
        let last = self.chain.last().map(Hash::to_string).unwrap_or_default();
        let text = format!("{last}\n{} {} {}\n{}", row.seq, row.at_ms, row.version, row.body);
        self.chain.push(hash_of(text.as_bytes()));
        demand(row.seq == self.chain.len() as u64, 5, || format!("record {} is out of order", row.seq))?;
        demand(self.at.is_none_or(|at| at <= recorded.at), 6, || {
            format!("{} is before {:?}", recorded.at, self.at)
        })?;
        self.at = Some(recorded.at);
        self.event(recorded.at, &recorded.event)
    }

    fn event(&mut self, at: Instant, event: &Event) -> Verdict {
        match event {
            Event::PoolAdded { id, topology, .. } => {
                let chips = topology.chips().map(|chip| (chip, topology.each().chip_milli)).collect();
                let bound = topology.chips().map(|chip| (chip, Account::Owner)).collect();
                self.pools.insert(*id, PoolFacts { chips, bound, failed: BTreeSet::new() });
                Ok(())
            }
            Event::ContractOffered { id, terms, .. } => {
                let deal = Deal { terms: (**terms).clone(), signed: false, ended: false, missing: 0 };
                demand(self.deals.insert(*id, deal).is_none(), 5, || format!("{id} was offered twice"))
            }
            Event::CellsBound { pool, cells } => {
                self.bind(*pool, cells);
                Ok(())
            }
            Event::ContractSigned { id, .. } => self.signed(*id),
            Event::ContractEnded { id } => self.contract_ended(at, *id),
            Event::WorkloadSubmitted { id, org, pool, account, spec } => {
                let (org, pool, account, name) = (*org, *pool, *account, spec.name.clone());
                let work = Work {
                    org,
                    pool,
                    account,
                    name,
                    shape: shape(spec),
                    priority: spec.priority,
                    limit: spec.limit,
                    epoch: 0,
                    over: false,
                    held: false,
                };
                demand(self.works.insert(*id, work).is_none(), 4, || format!("{id} was submitted twice"))
            }
            Event::WorkloadAdjusted { id, held, priority, least, most, .. } => {
                let known = self.works.get(id).is_some_and(|work| !work.over);
                demand(known, 4, || format!("{id} was changed although it was over"))?;
                let chips = |shape: Shape| shape.loose_chips().unwrap_or(0);
                let shape = (chips(*least), chips(*most));
                if *held || self.works[id].shape != shape {
                    self.planned.remove(id);
                }
                self.told_until.remove(id);
                self.works.entry(*id).and_modify(|work| {
                    (work.held, work.priority, work.shape) = (*held, *priority, shape);
                });
                Ok(())
            }
            Event::WaitChanged { id, why } => self.waits(*id, why),
            Event::WorkloadCancelled { id } => {
                let waits = self.works.get(id).is_some_and(|work| !work.over) && !self.live.contains_key(id);
                demand(waits, 4, || format!("{id} was ended although it did not wait"))?;
                self.works.entry(*id).and_modify(|work| work.over = true);
                self.planned.remove(id);
                Ok(())
            }
            Event::StartPlanned { .. } | Event::StartUnplanned { .. } => self.planned(at, event),
            Event::UsageRecorded { record } => self.used(at, record),
            Event::Invoiced { invoice } => self.invoiced(at, invoice),
            Event::RequestAnswered { org, key, fingerprint, subject } => {
                let answer = (*fingerprint, subject.clone());
                let twice = self.answered.insert((*org, key.clone()), answer).is_some();
                demand(!twice, 5, || format!("the request {key} of {org} was done twice"))
            }
            Event::LeaseGranted { .. }
            | Event::LeaseRebound { .. }
            | Event::LeaseNotified { .. }
            | Event::LeaseStarted { .. }
            | Event::LeaseEnded { .. } => self.lease(at, event),
            other => self.health(at, other),
        }
    }

    /// 7: a reason never names somebody else's work.
    fn waits(&mut self, id: WorkloadId, why: &Wait) -> Verdict {
        match why {
            Wait::Recalling { until } => self.told_until.insert(id, *until),
            _ => self.told_until.remove(&id),
        };
        let Wait::Behind { ahead } = why else { return Ok(()) };
        let org = self.works.get(&id).map(|work| work.org);
        let known = self.works.values().any(|work| Some(work.org) == org && work.name == *ahead);
        demand(known, 7, || {
            format!("{id} is told that it waits behind {ahead}, which is not its organisation's")
        })
    }

    /// What an organisation may never read: other organisations' workloads and contracts, by identity and by name.
    pub(crate) fn secrets_from(&self, org: OrgId) -> impl Iterator<Item = String> {
        let works = self.works.iter().filter(move |(_, work)| work.org != org);
        let works = works.flat_map(|(id, work)| [id.to_string(), work.name.to_string()]);
        let party = move |deal: &Deal| deal.terms.owner == org || deal.terms.lab == org;
        let deals = self.deals.iter().filter(move |(_, deal)| !party(deal)).map(|(id, _)| id.to_string());
        works.chain(deals)
    }

    /// What must hold of everything together. `planned` where the last turn ended with a plan: a contract that was
    /// signed while nothing is planned gets its cells with the next one.
    pub(crate) fn check(&self, planned: bool) -> Verdict {
        self.cells_held_once()?;
        if planned {
            self.nobody_stays_on_broken()?;
            self.promises()?;
            self.plans_stand()?;
        }
        self.balances()
    }

    /// No cell is held twice.
    fn cells_held_once(&self) -> Verdict {
        let mut taken = BTreeSet::new();
        for (id, life) in &self.live {
            let pool = self.works[id].pool;
            for cell in life.cells.keys() {
                demand(taken.insert((pool, *cell)), 1, || {
                    format!("cell {} of {pool} is held twice", cell.0)
                })?;
            }
        }
        Ok(())
    }
}

/// The fewest and the most chips that a workload runs on.
fn shape(spec: &WorkloadSpec) -> (u32, u32) {
    let chips = |shape: Shape| shape.loose_chips().unwrap_or(0);
    spec.parts.first().map_or((0, 0), |part| (chips(part.least), chips(part.most)))
}

#[cfg(test)]
mod tests;
