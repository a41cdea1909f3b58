//! Windows: when an account may hold anything, and what happens to its cells before, between and after.
//!
//! Between two windows an account's cells are lent to anybody. Before a window opens, by as much as the longest recall
//! takes, its line is prepared: what was lent is recalled for those who wait, so that they start with the window.

use crate::account::{AccountIx, Ask, GangIx};
use crate::engine::Engine;
use crate::ground::Mask;
use crate::view::{Account, Action, Entitlement, Why};
use sinew_types::Instant;

/// Where an account stands in its calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Season {
    /// Its next window is far; whoever likes may borrow its cells.
    Away,
    /// Its window opens soon; cells are collected for those who wait.
    Opening,
    /// Its gangs may start.
    Open,
    /// Nothing starts any more, and what runs leaves.
    Closing,
}

impl Engine {
    /// Says when an account may hold anything: from when on, and from when on its leases go, window by window in order.
    pub fn set_windows(&mut self, account: Account, windows: &[(Instant, Instant)]) {
        let Some(at) = self.place(account) else { return };
        self.account_mut(at).windows = windows.into();
        self.set_timers(at);
        self.stir(at);
    }

    /// Turns to the window of the moment and looks again when something of it comes.
    pub(crate) fn set_timers(&mut self, at: AccountIx) {
        self.turn_page(at);
        let Entitlement { starts, closes, .. } = self.accounts[at].entitlement;
        let moments = [starts, starts.minus(self.lead), closes];
        let coming = moments.into_iter().filter(|moment| *moment > self.now);
        self.timers.extend(coming.map(|moment| (moment, at)));
        self.set_limit_timer(at);
    }

    /// The longest recall of those who are there. Where that changes, every window to come is prepared at another time,
    /// and one may be about to open now.
    pub(crate) fn measure_lead(&mut self) {
        let there = self.accounts.iter().filter(|state| !state.over);
        let lead = there.map(|state| state.entitlement.recall_bound).max().unwrap_or_default();
        if lead == self.lead {
            return;
        }
        self.lead = lead;
        for at in 0..self.accounts.len() {
            self.set_timers(at);
            if self.season(at) == Season::Away {
                self.put_back(at);
            }
            self.stir(at);
        }
    }

    /// The current window of an account, or the next one, or the last where none is to come.
    fn turn_page(&mut self, at: AccountIx) {
        let windows = &self.accounts[at].windows;
        let next = windows.iter().find(|(_, closes)| self.now < *closes).or_else(|| windows.last());
        if let Some((starts, closes)) = next.copied() {
            let entitlement = &mut self.account_mut(at).entitlement;
            (entitlement.starts, entitlement.closes) = (starts, closes);
        }
    }

    pub(crate) fn season(&self, at: AccountIx) -> Season {
        let state = &self.accounts[at];
        let Entitlement { starts, closes, .. } = state.entitlement;
        match self.now {
            now if state.over || closes <= now => Season::Closing,
            now if starts <= now => Season::Open,
            now if starts.minus(self.lead) <= now => Season::Opening,
            _ => Season::Away,
        }
    }

    /// The most of its own chips that others may hold: as agreed, and all of them while it may not start anything.
    pub(crate) fn lend_limit(&self, at: AccountIx) -> u32 {
        match self.season(at) {
            Season::Away | Season::Closing => u32::MAX,
            Season::Opening | Season::Open => self.accounts[at].entitlement.lend_limit,
        }
    }

    /// The most of an account's chips that others may hold once one more of them borrows: what could not be recalled
    /// before the next window counts as it does inside the windows.
    pub(crate) fn lend_limit_to(&self, lender: AccountIx, borrower: AccountIx) -> u32 {
        let until = self.now.plus(self.accounts[borrower].entitlement.minimum_term);
        if self.is_back_in_time(lender, until) {
            self.lend_limit(lender)
        } else {
            self.accounts[lender].entitlement.lend_limit
        }
    }

    /// Idle chips of an account that another may have now.
    pub(crate) fn lends(&self, lender: AccountIx, borrower: AccountIx) -> u32 {
        let lendable = self.briefs[lender].lendable;
        if !self.has_terms || lendable == 0 {
            return lendable;
        }
        lendable.min(self.accounts[lender].lendable(self.lend_limit_to(lender, borrower)))
    }

    /// Whether loans that are safe until then can be recalled before their lender's next window.
    fn is_back_in_time(&self, lender: AccountIx, until: Instant) -> bool {
        let collected = self.accounts[lender].entitlement.starts.minus(self.lead);
        self.season(lender) != Season::Away || until <= collected
    }

    /// Whether an account may stand in as the lender of what is held on these cells.
    pub(crate) fn may_lend(&self, lender: AccountIx, cells: &[(u32, Mask)]) -> bool {
        let mut gangs = cells.iter().flat_map(|(unit, mask)| self.units.get(*unit).tenants_on(*mask));
        !self.has_terms || gangs.all(|tenant| self.is_back_in_time(lender, self.safe_until(tenant.gang)))
    }

    /// The time of an account has come: a window opens or closes, or is about to.
    pub(crate) fn season_changed(&mut self, at: AccountIx) {
        self.set_timers(at);
        let waiting: Vec<_> = self.accounts[at].waiting.values().flatten().map(|turn| turn.2).collect();
        self.stepped_up.extend(waiting);
        match self.season(at) {
            Season::Open => {
                let prepared = self.take_prepared(at);
                self.ready.extend(prepared);
            }
            Season::Away | Season::Closing => self.put_back(at),
            Season::Opening => {}
        }
    }

    /// Gangs that wait on cells which are all there.
    fn take_prepared(&mut self, at: AccountIx) -> Vec<GangIx> {
        let prepared = std::mem::take(&mut self.account_mut(at).prepared);
        let whole = |gang: &GangIx| {
            let found = self.gangs.get(*gang);
            found.account == at && !found.claim.is_empty() && found.claim_missing == 0
        };
        prepared.into_iter().filter(whole).collect()
    }

    /// Lets go of what was collected for a window that nobody saw open: whoever waited for it stands in line again.
    fn put_back(&mut self, at: AccountIx) {
        for gang in self.take_prepared(at) {
            self.release_claim(gang);
            if self.gangs.get(gang).held.is_empty() {
                self.enqueue(gang);
            }
        }
    }

    /// Collects cells for those who wait for a window to open.
    pub(crate) fn prepare(&mut self, at: AccountIx) -> Option<Action> {
        while let Some(ask) = self.first_to_prepare(at) {
            if !self.recall_for_line(at, ask) {
                self.account_mut(at).stuck.insert(ask);
                if let Some(later) = self.next_unsafe(at) {
                    self.timers.insert((later, at));
                }
            } else if let Some(notice) = self.pending.pop_front() {
                return Some(notice);
            }
        }
        None
    }

    fn first_to_prepare(&self, at: AccountIx) -> Option<Ask> {
        let state = &self.accounts[at];
        let fits = |(item, least, _): &Ask| {
            self.ground.item_chips(*item).saturating_mul(*least) <= state.claim_room()
        };
        let heads = self.heads(at).into_iter().map(|(_, ask)| ask);
        heads.into_iter().find(|ask| fits(ask) && !state.stuck.contains(ask))
    }

    /// Every lease of an account that closes, or whose window is over, leaves.
    pub(crate) fn close(&self, at: AccountIx) -> Option<Action> {
        let mut running = self.accounts[at].running.iter().map(|gang| self.gangs.get(*gang));
        let stays = running.find(|gang| gang.gone_by.is_none())?;
        Some(Action::Notify { workload: stays.request.workload, why: Why::ContractEnds })
    }
}
