//! What is looked up often: derived from the state, never written down, and equal whenever the state is.

use crate::state::{Phase, State};
use imbl::{OrdMap, OrdSet};
use sinew_contract::Standing;
use sinew_sched::Account;
use sinew_types::{Canonical, ContractId, Instant, Malformed, Name, OrgId, PoolId, Value, WorkloadId};
use std::collections::{BTreeMap, BTreeSet};

/// Short ways into a state.
#[derive(Clone, Debug, Default)]
pub struct Index {
    pub(crate) names: Names,
    pub(crate) ended: Ages<WorkloadId>,
    /// How many workloads of each organisation wait or run.
    pub(crate) active: BTreeMap<OrgId, usize>,
    pub(crate) answered: Ages<String>,
    /// On which accounts each organisation may run something: pools that it owns, contracts that it signed.
    pub(crate) accounts: BTreeMap<OrgId, BTreeSet<(PoolId, Account)>>,
    /// When each contract that is not over ends.
    pub(crate) ends: BTreeSet<(Instant, ContractId)>,
    /// When the next invoice of each contract with clauses closes.
    pub(crate) closes: BTreeSet<(Instant, ContractId)>,
}

impl Index {
    /// From everything that a state holds.
    pub(crate) fn of(state: &State) -> Self {
        let mut index = Self::default();
        for (id, workload) in state.workloads.iter() {
            index.names.insert(workload.org, &workload.spec.name, *id);
            if let Phase::Ended { at, .. } = workload.phase {
                index.ended.add(workload.org, (at, *id), usize::MAX);
            } else {
                *index.active.entry(workload.org).or_default() += 1;
            }
        }
        for ((org, key), done) in state.answered.iter() {
            index.answered.add(*org, (done.at, key.clone()), usize::MAX);
        }
        for (id, pool) in &state.pools {
            index.accounts.entry(pool.owner).or_default().insert((*id, Account::Owner));
        }
        state.contracts.keys().for_each(|id| index.follow_contract(state, *id));
        index
    }

    /// The accounts on which an organisation may run something.
    pub fn accounts_of(&self, org: OrgId) -> impl Iterator<Item = (PoolId, Account)> + '_ {
        self.accounts.get(&org).into_iter().flatten().copied()
    }

    /// Follows a change of a contract.
    pub(crate) fn follow_contract(&mut self, state: &State, id: ContractId) {
        let Some(contract) = state.contracts.get(&id) else { return };
        let account = (contract.terms.pool, Account::Contract(id));
        let accounts = self.accounts.entry(contract.terms.lab).or_default();
        match contract.standing {
            Standing::Signed => accounts.insert(account),
            Standing::Offered | Standing::Ended => accounts.remove(&account),
        };
        match contract.standing {
            Standing::Ended => self.ends.remove(&(contract.terms.ends, id)),
            Standing::Offered | Standing::Signed => self.ends.insert((contract.terms.ends, id)),
        };
        if !contract.terms.clauses.is_empty() {
            self.closes.retain(|(_, known)| *known != id);
            self.closes.extend(state.next_close(contract).map(|at| (at, id)));
        }
    }
}

/// Workloads by organisation and the hash of their name. Whoever looks one up compares the name itself; the hash keeps
/// keys in place, so that a search touches no text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(OrdSet<(OrgId, u64, WorkloadId)>);

impl Names {
    pub(crate) fn insert(&mut self, org: OrgId, name: &Name, id: WorkloadId) {
        self.0.insert((org, hash(name), id));
    }

    pub(crate) fn remove(&mut self, org: OrgId, name: &Name, id: WorkloadId) {
        self.0.remove(&(org, hash(name), id));
    }

    /// The workloads of an organisation whose name has the same hash.
    pub(crate) fn alike(&self, org: OrgId, name: &Name) -> impl Iterator<Item = WorkloadId> + '_ {
        let hash = hash(name);
        let (first, last) = (WorkloadId::from_bits(0), WorkloadId::from_bits(u128::MAX));
        self.0.range((org, hash, first)..=(org, hash, last)).map(|(_, _, id)| *id)
    }
}

/// FNV-1a (Fowler, Noll and Vo), 64 bits. Names that collide on purpose slow down their own organisation alone.
fn hash(name: &Name) -> u64 {
    let bytes = name.as_str().bytes();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Things of each organisation, oldest first.
#[derive(Clone, Debug)]
pub(crate) struct Ages<T: Ord + Clone>(OrdMap<OrgId, OrdSet<(Instant, T)>>);

impl<T: Ord + Clone> Default for Ages<T> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<T: Ord + Clone> Ages<T> {
    /// Adds one; answers the oldest, which is forgotten, where there are more than `most` now.
    pub(crate) fn add(&mut self, org: OrgId, latest: (Instant, T), most: usize) -> Option<(Instant, T)> {
        let all = self.0.entry(org).or_default();
        all.insert(latest.clone());
        if all.len() <= most {
            return None;
        }
        // Never the latest itself, even where many are of one moment: somebody still has to hear of it.
        let oldest = all.iter().find(|known| **known != latest)?.clone();
        all.remove(&oldest);
        Some(oldest)
    }
}

/// Equal states have equal indexes.
impl PartialEq for Index {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Index {}

/// Never written down.
impl Canonical for Index {
    fn to_value(&self) -> Value {
        Value::Null
    }
    fn from_value(_: &Value) -> Result<Self, Malformed> {
        Ok(Self::default())
    }
}
