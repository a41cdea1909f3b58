//! Cells that are kept from a moment on: for a planned start, whoever holds them until then.
//!
//! A booking lies over what holds its cells now. Nobody else gets them, except who is surely gone before it begins; what
//! holds them when it is made is surely gone by then.

use crate::account::{AccountIx, GangIx};
use crate::engine::{Engine, chips_of};
use crate::ground::Mask;
use crate::view::{Action, Unplanned};
use sinew_types::{CellRange, Instant, WorkloadId};
use std::sync::Arc;

/// A gang's planned start.
#[derive(Clone, Debug)]
pub(crate) struct Booking {
    pub(crate) gang: GangIx,
    /// Whose cells these are.
    pub(crate) account: AccountIx,
    /// By when the cells are surely free.
    pub(crate) by: Instant,
    pub(crate) cells: Arc<[(u32, Mask)]>,
}

impl Engine {
    /// A gang that waits starts on these cells at the latest by then, as a record says.
    pub fn planned(&mut self, workload: WorkloadId, cells: &[CellRange], by: Instant) {
        let Some(gang) = self.gang_of(workload) else { return };
        if !self.gangs.get(gang).held.is_empty() {
            return;
        }
        self.release_booking(gang);
        self.release_claim(gang);
        self.dequeue(gang);
        let account = self.gangs.get(gang).account;
        let masks = cells.iter().flat_map(|run| self.ground.masks(run.first, run.count));
        let booking = Booking { gang, account, by, cells: masks.collect() };
        self.keep(&booking, true);
        self.account_mut(account).planned.insert(gang);
        self.bookings.insert(workload, booking);
        self.timers.insert((by, account));
        self.stepped_up.insert(workload);
        // Whoever comes first in line now may fill a hole.
        self.stir(account);
    }

    /// A planned start is off, as a record says: the gang stands in line again.
    pub fn unplanned(&mut self, workload: WorkloadId) {
        let Some(gang) = self.gang_of(workload) else { return };
        if self.release_booking(gang) {
            self.enqueue(gang);
            self.stir(self.gangs.get(gang).account);
            self.stepped_up.insert(workload);
        }
    }

    /// Keeps the cells of a booking, or lets others have them.
    pub(crate) fn keep(&mut self, booking: &Booking, kept: bool) {
        for (unit, mask) in booking.cells.iter().copied() {
            self.reindex(unit, |unit| {
                if kept {
                    unit.kept.push((booking.gang, mask));
                } else {
                    unit.kept.retain(|(gang, _)| *gang != booking.gang);
                }
            });
        }
    }

    /// Lets go of the cells that are kept for a gang's planned start; answers whether there were any.
    pub(crate) fn release_booking(&mut self, gang: GangIx) -> bool {
        let workload = self.gangs.get(gang).request.workload;
        let Some(booking) = self.bookings.remove(&workload) else { return false };
        self.keep(&booking, false);
        let state = self.account_mut(booking.account);
        state.planned.remove(&gang);
        state.stuck.clear();
        self.freed += 1;
        self.stir(booking.account);
        true
    }

    /// Planned starts that need any of these cells are off: the cells broke, or belong to somebody
    /// else now.
    pub(crate) fn break_bookings(&mut self, unit: u32, mask: Mask, why: (Option<AccountIx>, Unplanned)) {
        let (to, why) = why;
        let kept = self.units.get(unit).kept.iter().filter(|(_, kept)| kept & mask != 0);
        let mine = |gang: &GangIx| to == Some(self.gangs.get(*gang).account);
        for gang in kept.map(|(gang, _)| *gang).filter(|gang| !mine(gang)).collect::<Vec<_>>() {
            let workload = self.gangs.get(gang).request.workload;
            self.unplanned(workload);
            self.pending.push_back(Action::Unplan { workload, why });
        }
    }

    /// Somebody got cells that are kept for later: those who keep them see to it that they come back.
    pub(crate) fn stir_keepers(&mut self, held: &[(u32, Mask)]) {
        if self.bookings.is_empty() {
            return;
        }
        for (unit, mask) in held {
            let kept = self.units.get(*unit).kept.iter().filter(|(_, kept)| kept & mask != 0);
            for gang in kept.map(|(gang, _)| *gang).collect::<Vec<_>>() {
                self.stir_own(self.gangs.get(gang).account);
            }
        }
    }

    /// Whether a booking's cells hold at least something that nobody has.
    pub(crate) fn has_idle(&self, booking: &Booking) -> bool {
        let free = booking.cells.iter().map(|(unit, mask)| (*unit, mask & self.units.get(*unit).free));
        chips_of(&free.collect::<Vec<_>>()) > 0
    }
}
