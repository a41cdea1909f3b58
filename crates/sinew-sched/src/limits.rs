//! Leases that last so long at most, and when they are told.

use crate::account::{AccountIx, GangIx};
use crate::engine::Engine;
use crate::view::{Action, Why};
use sinew_types::Instant;

impl Engine {
    /// When a gang that holds cells is killed at the latest because its limit is up; nothing where nobody said one.
    fn killed_at(&self, gang: GangIx) -> Option<Instant> {
        let found = self.gangs.get(gang);
        Some(found.granted_at.plus(found.request.limit?))
    }

    /// When an account's gangs with such a limit are told: early enough to save themselves.
    fn told_at(&self, at: AccountIx, killed_at: Instant) -> Instant {
        killed_at.minus(self.accounts[at].entitlement.notice)
    }

    /// When the cells of a gang that got them at a moment are in other hands, because its limit is up.
    pub(crate) fn limit_frees(&self, gang: GangIx, granted_at: Instant) -> Option<Instant> {
        let found = self.gangs.get(gang);
        let killed_at = granted_at.plus(found.request.limit?);
        Some(killed_at.plus(self.accounts[found.account].entitlement.hand_over))
    }

    /// A gang got its cells: it is told when its limit is up.
    pub(crate) fn limit_begins(&mut self, gang: GangIx) {
        let Some(killed_at) = self.killed_at(gang) else { return };
        let at = self.gangs.get(gang).account;
        self.account_mut(at).limited.insert((killed_at, gang));
        self.set_limit_timer(at);
    }

    /// A gang was told to leave, or is gone.
    pub(crate) fn limit_ends(&mut self, gang: GangIx) {
        if let Some(killed_at) = self.killed_at(gang) {
            let at = self.gangs.get(gang).account;
            self.account_mut(at).limited.remove(&(killed_at, gang));
            self.set_limit_timer(at);
        }
    }

    /// Looks again when the next limit of an account is up.
    pub(crate) fn set_limit_timer(&mut self, at: AccountIx) {
        if let Some((killed_at, _)) = self.accounts[at].limited.first() {
            let told_at = self.told_at(at, *killed_at);
            if told_at > self.now {
                self.timers.insert((told_at, at));
            }
        }
    }

    /// The next gang of an account whose limit is up is told.
    pub(crate) fn end_limited(&self, at: AccountIx) -> Option<Action> {
        let (killed_at, gang) = self.accounts[at].limited.first().copied()?;
        let due = self.told_at(at, killed_at) <= self.now;
        due.then(|| Action::Notify { workload: self.gangs.get(gang).request.workload, why: Why::Limit })
    }
}
