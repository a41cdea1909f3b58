//! The scheduler's state of one pool, and how it follows what happens.
//!
//! Whatever happens to a pool is told to the engine through the functions of this file, in a replay as well as live;
//! [`Engine::next`] then says what should happen next. Nothing rescans the pool: each change touches the units that
//! it is about.

use crate::account::{AccountIx, AccountState, GangIx, OWNER};
use crate::booking::Booking;
use crate::ground::{Demand, Ground, Item, Mask, NoShape};
use crate::health::Health;
use crate::pages::Pages;
use crate::parts::{Parts, Rule};
use crate::past::PastUse;
use crate::sharing::{Sharing, Weighted};
use crate::unit::{Piece, Unit};
use crate::view::{Account, Action, Entitlement, Near, Request};
use sinew_types::{Instant, Shape, Span, Topology, WorkloadId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A gang that waits or runs.
#[derive(Clone, Debug)]
pub(crate) struct Gang {
    pub(crate) request: Request,
    pub(crate) account: AccountIx,
    /// What it holds; nothing while it waits.
    pub(crate) held: Vec<(u32, Mask)>,
    /// How many chips that is.
    pub(crate) chips: u32,
    pub(crate) granted_at: Instant,
    /// When it is gone, once it has been told to leave.
    pub(crate) gone_by: Option<Instant>,
    /// Cells that are kept for it.
    pub(crate) claim: Vec<(u32, Mask)>,
    /// Chips of these that others still hold.
    pub(crate) claim_missing: u32,
    /// Where it would rather be.
    pub(crate) near: Vec<Near>,
}

/// What a pass over all accounts needs to know of each, side by side in memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Brief {
    pub(crate) lendable: u32,
    pub(crate) idle: u32,
    pub(crate) largest_idle: u32,
    pub(crate) borrow_room: u32,
    pub(crate) borrowed: u32,
    /// Which kinds of demands wait, a bit for each kind.
    pub(crate) waiting: u64,
    /// Kinds that could not be met since cells were last freed.
    pub(crate) failed: u64,
    pub(crate) failed_at: u64,
}

/// One pool.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) ground: Arc<Ground>,
    pub(crate) now: Instant,
    pub(crate) units: Pages<Unit>,
    pub(crate) gangs: Pages<Gang>,
    pub(crate) unused_gangs: Vec<GangIx>,
    /// Gangs by workload, in shards so that a copy shares them.
    pub(crate) shards: Vec<Arc<BTreeMap<WorkloadId, GangIx>>>,
    pub(crate) accounts: Vec<Arc<AccountState>>,
    places: BTreeMap<Account, AccountIx>,
    pub(crate) briefs: Vec<Brief>,
    /// Who comes first to what others leave idle.
    pub(crate) sharing: Arc<Sharing>,
    /// Units that are wholly idle, and for each tier how many each of its cells has.
    pub(crate) whole: BTreeSet<u32>,
    pub(crate) whole_in_group: Vec<Vec<u32>>,
    /// Accounts whose own line should be looked at.
    pub(crate) dirty: BTreeSet<AccountIx>,
    /// Gangs whose claim is complete.
    pub(crate) ready: BTreeSet<GangIx>,
    /// Decided together and handed out one by one.
    pub(crate) pending: VecDeque<Action>,
    /// Moments at which something may change by itself.
    pub(crate) timers: BTreeSet<(Instant, AccountIx)>,
    /// How long before a window opens its cells are collected: the longest recall of the pool.
    pub(crate) lead: Span,
    /// Grows whenever cells or room to borrow become free.
    pub(crate) freed: u64,
    /// Whether anybody may be able to borrow or grow since the last look.
    pub(crate) stirred: bool,
    /// Whether any account's leases are safe for some time.
    pub(crate) has_terms: bool,
    /// Gangs whose reason to wait may have changed.
    pub(crate) stepped_up: BTreeSet<WorkloadId>,
    pub(crate) health: Health,
    /// Planned starts.
    pub(crate) bookings: BTreeMap<WorkloadId, Booking>,
    /// Where devices are lent in parts.
    pub(crate) parts: Option<Arc<Parts>>,
}

const SHARDS: usize = 256;

impl Engine {
    /// A pool with everything idle and bound to its owner.
    #[must_use]
    pub fn new(topology: &Topology, owner: Entitlement) -> Self {
        let ground = Arc::new(Ground::of(topology));
        let whole = ground.whole();
        let (class, idle) = (ground.unit_chips, ground.unit_chips);
        let piece = Piece { account: OWNER, mask: whole, class, idle, owed: class };
        let mut units = Pages::default();
        for _ in 0..ground.units {
            let (tenants, claims, kept) = (Vec::new(), Vec::new(), Vec::new());
            units.push(Unit { free: whole, down: 0, pieces: vec![piece], tenants, claims, kept });
        }
        let mut state = AccountState::new(Account::Owner, owner);
        (state.bound, state.idle) = (topology.chip_count(), topology.chip_count());
        state.units = (0..ground.units).collect();
        let class = u8::try_from(class).expect("a unit has at most 128 chips");
        state.index = (0..ground.units).map(|unit| (class, unit)).collect();
        state.owed = state.index.clone();
        let in_group = |tier: usize| vec![ground.tiers[tier].units; ground.groups(tier).count()];
        let mut engine = Self {
            now: Instant::from_ms(i64::MIN / 4),
            units,
            gangs: Pages::default(),
            unused_gangs: Vec::new(),
            shards: vec![Arc::default(); SHARDS],
            accounts: vec![Arc::new(state)],
            places: BTreeMap::from([(Account::Owner, OWNER)]),
            briefs: vec![Brief::default()],
            sharing: Arc::default(),
            whole: (0..ground.units).collect(),
            whole_in_group: (0..ground.tiers.len()).map(in_group).collect(),
            dirty: BTreeSet::new(),
            ready: BTreeSet::new(),
            pending: VecDeque::new(),
            timers: BTreeSet::new(),
            lead: owner.recall_bound,
            freed: 0,
            stirred: true,
            has_terms: false,
            stepped_up: BTreeSet::new(),
            health: Health::default(),
            bookings: BTreeMap::new(),
            parts: Parts::of(topology).map(Arc::new),
            ground,
        };
        Arc::make_mut(&mut engine.sharing).add(engine.now);
        engine.brief(OWNER);
        engine
    }

    /// Where devices are lent in parts, chooses their places by another rule from now on.
    pub fn set_rule(&mut self, rule: Rule) {
        if let Some(parts) = self.parts_mut() {
            parts.set_rule(rule);
        }
    }

    pub(crate) fn parts_mut(&mut self) -> Option<&mut Parts> {
        self.parts.as_mut().map(Arc::make_mut)
    }

    /// What a workload's shapes mean in this pool.
    pub fn demand(&self, least: &Shape, most: &Shape) -> Result<Demand, NoShape> {
        self.ground.demand(least, most)
    }

    /// How many chips a shape has in this pool.
    pub fn chips_of(&self, shape: &Shape) -> Result<u32, NoShape> {
        let (item, count) = self.ground.items(shape)?;
        Ok(self.ground.item_chips(item).saturating_mul(count))
    }

    /// How many chips an item has.
    #[must_use]
    pub fn item_chips(&self, item: Item) -> u32 {
        self.ground.item_chips(item)
    }

    /// Healthy chips that nobody was promised.
    #[must_use]
    pub fn unpromised(&self) -> u32 {
        self.healthy(OWNER)
    }

    /// The most chips that an account could ever hold; nothing where it has no account.
    #[must_use]
    pub fn largest(&self, account: Account) -> Option<u32> {
        let chips = self.ground.units.saturating_mul(self.ground.unit_chips);
        Some(self.accounts[self.place(account)?].largest(chips))
    }

    pub(crate) fn account_mut(&mut self, at: AccountIx) -> &mut AccountState {
        Arc::make_mut(&mut self.accounts[at])
    }

    pub(crate) fn place(&self, account: Account) -> Option<AccountIx> {
        self.places.get(&account).copied()
    }

    /// The place of a workload's gang.
    pub(crate) fn gang_of(&self, workload: WorkloadId) -> Option<GangIx> {
        self.shards[shard(workload)].get(&workload).copied()
    }

    /// Admits an account, or changes what it may. New guaranteed shapes wait to be bound; [`Engine::next`] binds them.
    pub fn set_account(&mut self, account: Account, entitlement: Entitlement, guarantee: &[(Item, u32)]) {
        let at = match self.place(account) {
            Some(at) => at,
            None => {
                self.accounts.push(Arc::new(AccountState::new(account, entitlement)));
                self.briefs.push(Brief::default());
                Arc::make_mut(&mut self.sharing).add(self.now);
                self.places.insert(account, self.accounts.len() - 1);
                self.accounts.len() - 1
            }
        };
        self.has_terms |= entitlement.minimum_term > Span::default();
        let grain = self.grain(guarantee);
        let state = self.account_mut(at);
        state.entitlement = entitlement;
        if account != Account::Owner {
            state.unbound = guarantee.to_vec();
            state.grain = grain;
            self.health.promised.insert(at, guarantee.to_vec());
        }
        self.measure_lead();
        self.set_timers(at);
        self.stir(at);
    }

    /// Puts an account below the organisations that it belongs to, the one at the root first, each with what it weighs
    /// among its sisters.
    pub fn set_share(&mut self, account: Account, organisations: &[Weighted]) {
        if let Some(at) = self.place(account) {
            Arc::make_mut(&mut self.sharing).place(at, organisations);
            self.stirred = true;
        }
    }

    /// Says what an account held of others before anything else happened.
    pub fn remember(&mut self, account: Account, past: PastUse) {
        if let Some(at) = self.place(account) {
            Arc::make_mut(&mut self.sharing).remember(at, past);
        }
    }

    /// Says what time it is, where something happens between two looks.
    pub fn tell_time(&mut self, at: Instant) {
        self.now = self.now.max(at);
    }

    /// Gangs whose reason to wait may have changed since the last call: they are first in line now, or cells are on
    /// their way to them.
    pub fn take_stepped_up(&mut self) -> BTreeSet<WorkloadId> {
        std::mem::take(&mut self.stepped_up)
    }

    /// A contract is over and nothing runs under it: its cells go back to the owner.
    pub fn close_account(&mut self, account: Account) {
        if let Some(at) = self.place(account) {
            let state = self.account_mut(at);
            state.over = true;
            state.unbound.clear();
            let waiting = state.waiting.values().flatten().map(|turn| turn.2).collect::<Vec<_>>();
            self.stepped_up.extend(waiting);
            self.health.missing.remove(&at);
            self.measure_lead();
            self.stir(at);
        }
    }

    /// Something changed for an account: its own line is looked at, and so is everybody who may borrow.
    pub(crate) fn stir(&mut self, at: AccountIx) {
        self.brief(at);
        self.stir_own(at);
        self.stirred = true;
    }

    pub(crate) fn stir_own(&mut self, at: AccountIx) {
        self.dirty.insert(at);
    }

    pub(crate) fn stir_owners(&mut self, unit: u32, mask: Mask) {
        for (account, _) in self.pieces_in(unit, mask) {
            self.stir(account);
        }
    }

    /// How long a gang of an account keeps what it got at least.
    pub(crate) fn safe_until(&self, gang: GangIx) -> Instant {
        let gang = self.gangs.get(gang);
        let term = self.accounts[gang.account].entitlement.minimum_term;
        if term == Span::default() { gang.granted_at } else { gang.granted_at.plus(term) }
    }
}

/// What equal requests have in common.
pub(crate) fn ask(demand: &Demand) -> crate::account::Ask {
    (demand.item, demand.least, demand.most)
}

pub(crate) fn chips_of(cells: &[(u32, Mask)]) -> u32 {
    cells.iter().map(|(_, mask)| mask.count_ones()).sum()
}

pub(crate) fn shard(workload: WorkloadId) -> usize {
    usize::try_from(workload.bits() % SHARDS as u128).expect("a small number")
}
