//! What the scheduler keeps for each account: its counts, where its idle cells are, and who waits.

use crate::ground::Item;
use crate::view::{Account, Entitlement};
use sinew_types::{Instant, WorkloadId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The place of an account in the engine's list; the owner is the first.
pub(crate) type AccountIx = usize;
/// The place of a gang in the engine's table.
pub(crate) type GangIx = u32;

/// The owner's place.
pub(crate) const OWNER: AccountIx = 0;

/// Gangs of one account that ask for the same; only the first of them is ever looked at.
pub(crate) type Ask = (Item, u32, u32);
/// Where a gang stands in line: priority, then age, less what it has had.
pub(crate) type Turn = (Reverse<i32>, Instant, WorkloadId, GangIx);

/// An account.
#[derive(Clone, Debug)]
pub(crate) struct AccountState {
    pub(crate) account: Account,
    pub(crate) entitlement: Entitlement,
    /// Guaranteed items that no cells are bound to yet.
    pub(crate) unbound: Vec<(Item, u32)>,
    /// The smallest aligned block of its cells that may move elsewhere without harm to its guarantee's shape;
    /// nothing where none may.
    pub(crate) grain: Option<u32>,
    /// Whether the contract is over, so that its cells go back to the owner.
    pub(crate) over: bool,
    /// Chips bound to it.
    pub(crate) bound: u32,
    /// Of these, held by its own gangs.
    pub(crate) own_used: u32,
    /// Of these, held by others.
    pub(crate) lent_out: u32,
    /// Of those, held by gangs that were told to leave.
    pub(crate) returning: u32,
    /// Of these, neither held nor down nor claimed.
    pub(crate) idle: u32,
    /// Of the bound ones, claimed for gangs of its own.
    pub(crate) claimed: u32,
    /// Chips of others that are claimed for gangs of its own.
    pub(crate) borrow_claimed: u32,
    /// Chips of others that its gangs hold.
    pub(crate) borrowed: u32,
    /// Units with cells bound to it.
    pub(crate) units: BTreeSet<u32>,
    /// Units with idle cells of it, by the largest idle block.
    pub(crate) index: BTreeSet<(u8, u32)>,
    /// Units with cells of it that are idle or lent, by the largest such block.
    pub(crate) owed: BTreeSet<(u8, u32)>,
    /// Who waits.
    pub(crate) waiting: BTreeMap<Ask, BTreeSet<Turn>>,
    /// The kinds of these, a bit for each.
    pub(crate) waiting_kinds: u64,
    /// Asks that no recall can meet until one of its own gangs ends or a binding changes.
    pub(crate) stuck: BTreeSet<Ask>,
    /// When it may hold anything, where that is more than one window.
    pub(crate) windows: Arc<[(Instant, Instant)]>,
    /// Gangs whose cells are collected before their window opens.
    pub(crate) prepared: BTreeSet<GangIx>,
    /// Who holds cells.
    pub(crate) running: BTreeSet<GangIx>,
    /// Of these, those that could use more.
    pub(crate) small: BTreeSet<GangIx>,
    /// Of these, those with a limit that were not told to leave, by when they are killed.
    pub(crate) limited: BTreeSet<(Instant, GangIx)>,
    /// Who waits and has a planned start.
    pub(crate) planned: BTreeSet<GangIx>,
    /// For whom, and how much had been freed when, nothing could be planned.
    pub(crate) unplannable: Option<(Option<GangIx>, u64)>,
}

impl AccountState {
    pub(crate) fn new(account: Account, entitlement: Entitlement) -> Self {
        Self {
            account,
            entitlement,
            unbound: Vec::new(),
            grain: Some(1),
            over: false,
            bound: 0,
            own_used: 0,
            lent_out: 0,
            returning: 0,
            idle: 0,
            claimed: 0,
            borrow_claimed: 0,
            borrowed: 0,
            units: BTreeSet::new(),
            index: BTreeSet::new(),
            owed: BTreeSet::new(),
            waiting: BTreeMap::new(),
            waiting_kinds: 0,
            stuck: BTreeSet::new(),
            windows: Arc::default(),
            prepared: BTreeSet::new(),
            running: BTreeSet::new(),
            small: BTreeSet::new(),
            limited: BTreeSet::new(),
            planned: BTreeSet::new(),
            unplannable: None,
        }
    }

    /// Chips of its own that it neither uses nor has claimed: idle, lent or down.
    pub(crate) fn claim_room(&self) -> u32 {
        self.bound.saturating_sub(self.own_used).saturating_sub(self.claimed)
    }

    /// Chips that it may still borrow.
    pub(crate) fn borrow_room(&self) -> u32 {
        self.entitlement.borrow_limit.saturating_sub(self.borrowed).saturating_sub(self.borrow_claimed)
    }

    /// Idle chips that others may have now, where that many of its chips may be lent in all.
    pub(crate) fn lendable(&self, limit: u32) -> u32 {
        self.idle.min(limit.saturating_sub(self.lent_out))
    }

    /// The most chips that it could ever hold.
    pub(crate) fn largest(&self, pool_chips: u32) -> u32 {
        if self.over {
            return 0;
        }
        self.bound.saturating_add(self.entitlement.borrow_limit).min(pool_chips)
    }

    /// The largest idle block of one unit.
    pub(crate) fn largest_idle(&self) -> u32 {
        self.index.last().map_or(0, |(size, _)| u32::from(*size))
    }

    /// Whether its gangs may start at `now`.
    pub(crate) fn open(&self, now: Instant) -> bool {
        !self.over && self.entitlement.starts <= now && now < self.entitlement.closes
    }
}
