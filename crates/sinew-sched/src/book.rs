//! A pool's chips as the planner counts them while it plans.

use crate::{Account, Entitlement, Held, Holding, Pool};
use sinew_types::CellIndex;
use std::collections::{BTreeMap, BTreeSet};

/// Counts that follow each decision of one planning pass.
pub(crate) struct Book {
    pub(crate) free: BTreeSet<CellIndex>,
    pub(crate) entitlements: BTreeMap<Account, Entitlement>,
    pub(crate) held: Vec<Held>,
    /// Chips of each account that its own waiting or growing work is about to use, so they are not lent.
    pub(crate) reserved: BTreeMap<Account, u32>,
}

fn count(cells: usize) -> u32 {
    u32::try_from(cells).unwrap_or(u32::MAX)
}

impl Book {
    pub(crate) fn of(pool: &Pool) -> Self {
        let taken: BTreeSet<_> = pool.held.iter().flat_map(|held| held.cells.keys().copied()).collect();
        Self {
            free: pool.chips.difference(&taken).copied().collect(),
            entitlements: pool.entitlements.clone(),
            held: pool.held.clone(),
            reserved: BTreeMap::new(),
        }
    }

    fn holdings(&self) -> impl Iterator<Item = (&Held, Holding)> {
        self.held.iter().flat_map(|held| held.cells.values().map(move |holding| (held, *holding)))
    }

    pub(crate) fn guarantee(&self, account: Account) -> u32 {
        self.entitlements.get(&account).map_or(0, |entitlement| entitlement.guarantee)
    }

    /// Chips that an account holds as its own.
    pub(crate) fn own_used(&self, account: Account) -> u32 {
        count(
            self.holdings()
                .filter(|(held, holding)| held.account == account && *holding == Holding::Own)
                .count(),
        )
    }

    /// Chips that an account holds of others.
    pub(crate) fn borrowed(&self, account: Account) -> u32 {
        count(
            self.holdings()
                .filter(|(held, holding)| held.account == account && *holding != Holding::Own)
                .count(),
        )
    }

    /// Chips of an account that others hold.
    pub(crate) fn lent_out(&self, account: Account) -> u32 {
        let lent = Holding::Borrowed { lender: account };
        count(self.holdings().filter(|(_, holding)| *holding == lent).count())
    }

    /// Chips of an account that nobody holds. Never more than are free: chips may be missing from the pool.
    pub(crate) fn idle(&self, account: Account) -> u32 {
        let used = self.own_used(account).saturating_add(self.lent_out(account));
        self.guarantee(account).saturating_sub(used).min(count(self.free.len()))
    }

    /// Chips of an account that are idle or could be called back: what it is entitled to beyond what it uses.
    pub(crate) fn claim(&self, account: Account) -> u32 {
        self.guarantee(account).saturating_sub(self.own_used(account))
    }

    /// Chips of an account that are lent and already on their way back.
    pub(crate) fn returning(&self, account: Account) -> u32 {
        let lent = Holding::Borrowed { lender: account };
        count(self.holdings().filter(|(held, holding)| *holding == lent && held.leaves.is_some()).count())
    }

    /// Idle chips of an account that others may have.
    pub(crate) fn lendable(&self, account: Account) -> u32 {
        let Some(entitlement) = self.entitlements.get(&account) else { return 0 };
        let kept = self.reserved.get(&account).copied().unwrap_or(0);
        let unlent = entitlement.lend_limit.saturating_sub(self.lent_out(account));
        self.idle(account).saturating_sub(kept).min(unlent)
    }

    /// Chips of others that an account could have now.
    pub(crate) fn borrowable(&self, account: Account) -> u32 {
        let Some(entitlement) = self.entitlements.get(&account) else { return 0 };
        let others = self.entitlements.keys().filter(|other| **other != account);
        let on_offer: u32 = others.map(|other| self.lendable(*other)).sum();
        on_offer
            .min(entitlement.borrow_limit.saturating_sub(self.borrowed(account)))
            .min(count(self.free.len()))
    }

    /// The lender with the most to lend to `borrower`; the owner first among equals.
    pub(crate) fn best_lender(&self, borrower: Account) -> Option<Account> {
        let others = self.entitlements.keys().copied().filter(|other| *other != borrower);
        let mut best = None;
        for other in others.filter(|other| self.lendable(*other) > 0) {
            if best.is_none_or(|chosen| self.lendable(other) > self.lendable(chosen)) {
                best = Some(other);
            }
        }
        best
    }

    /// Takes chips for a gang: first its own, then borrowed. The caller has checked that they are there.
    pub(crate) fn take(&mut self, gang: &Held, own: u32, borrowed: u32) -> BTreeMap<CellIndex, Holding> {
        let at = self.held.len();
        self.held.push(gang.clone());
        for _ in 0..own {
            let cell = self.free.pop_first().expect("idle chips are free");
            self.held[at].cells.insert(cell, Holding::Own);
        }
        for _ in 0..borrowed {
            let lender = self.best_lender(gang.account).expect("borrowable chips have a lender");
            let cell = self.free.pop_first().expect("lendable chips are free");
            self.held[at].cells.insert(cell, Holding::Borrowed { lender });
        }
        self.held[at].cells.clone()
    }

    /// Keeps chips of an account from being lent.
    pub(crate) fn reserve(&mut self, account: Account, chips: u32) {
        let reserved = self.reserved.entry(account).or_insert(0);
        *reserved = reserved.saturating_add(chips);
    }
}
