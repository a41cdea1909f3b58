//! Holes before planned starts: whoever is surely gone before them may have their cells until then.
//!
//! A gang of the same account is gone when its limit is up. A gang of another account may also be recalled, but not inside
//! its minimum term.

use crate::account::{AccountIx, GangIx};
use crate::booking::Booking;
use crate::engine::{Engine, ask};
use crate::ground::{Demand, Mask};
use crate::pick::Reach;
use crate::view::{Action, Request, Unplanned};
use sinew_types::Instant;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// How many of those who ask for the same are looked at for the holes before planned starts.
const HOLES_SEEN: usize = 64;

impl Engine {
    /// By when the cells of a gang that starts now are back with whoever booked them.
    fn back_by(&self, gang: GangIx, booking: &Booking) -> Option<Instant> {
        let at = self.gangs.get(gang).account;
        let terms = &self.accounts[at].entitlement;
        let recalled =
            (booking.account != at).then(|| self.now.plus(terms.minimum_term).plus(terms.recall_bound));
        [recalled, self.limit_frees(gang, self.now)].into_iter().flatten().min()
    }

    /// Those whose planned starts a gang that starts now does not delay; itself among them.
    fn spared(&self, gang: GangIx) -> BTreeSet<GangIx> {
        let spared = |booking: &&Booking| {
            booking.gang == gang || self.back_by(gang, booking).is_some_and(|back| back <= booking.by)
        };
        self.bookings.values().filter(spared).map(|booking| booking.gang).collect()
    }

    /// Idle cells for a gang, as if nothing were kept for some others.
    fn pick_around(
        &mut self,
        gang: GangIx,
        spared: &BTreeSet<GangIx>,
        demand: &Demand,
        reach: Reach,
    ) -> Option<Vec<(u32, Mask)>> {
        let bookings: Vec<Booking> =
            self.bookings.values().filter(|booking| spared.contains(&booking.gang)).cloned().collect();
        bookings.iter().for_each(|booking| self.keep(booking, false));
        let cells = self.pick_for(gang, reach, demand);
        bookings.iter().for_each(|booking| self.keep(booking, true));
        cells
    }

    /// A planned gang starts as soon as it fits anywhere.
    pub(crate) fn start_planned(&mut self, at: AccountIx, gang: GangIx) -> Option<Action> {
        let Request { workload, demand, .. } = self.gangs.get(gang).request;
        let spared = self.spared(gang);
        let reach = Reach { account: at, own: self.accounts[at].claim_room(), borrowed: 0 };
        let cells = self.pick_around(gang, &spared, &demand, reach)?;
        Some(Action::Grant { workload, cells: self.cells(at, &cells) })
    }

    /// Lends to an account's gangs what is kept for others until later, and to those with a plan of their own, which
    /// start earlier so.
    pub(crate) fn lend_holes(&mut self, at: AccountIx, kinds: u64) -> Option<Action> {
        if self.bookings.is_empty() {
            return None;
        }
        let heads = self.heads(at).into_iter().map(|((.., gang), _)| gang);
        let planned = self.accounts[at].planned.iter().copied();
        let gangs: Vec<GangIx> = planned.chain(heads).collect();
        gangs.into_iter().find_map(|gang| {
            let Request { workload, demand, .. } = self.gangs.get(gang).request;
            let spared = self.spared(gang);
            if spared.is_empty() || self.ground.kind(&ask(&demand)) & kinds == 0 {
                return None;
            }
            let own = if self.bookings.contains_key(&workload) { self.accounts[at].claim_room() } else { 0 };
            let reach = Reach { account: at, own, borrowed: self.accounts[at].borrow_room() };
            let fewest = Demand { most: demand.least, ..demand };
            let cells = self.pick_around(gang, &spared, &fewest, reach)?;
            Some(Action::Grant { workload, cells: self.cells(at, &cells) })
        })
    }

    /// Small work in the holes before planned starts. Work of a higher priority that would start now puts a plan off.
    pub(crate) fn fill_holes(&mut self, at: AccountIx) -> Option<Action> {
        if self.accounts[at].planned.is_empty() {
            return None;
        }
        let mut held_up: Option<i32> = None;
        for ((Reverse(priority), _, _, first), ask) in self.heads(at) {
            if held_up.is_some_and(|ahead| priority < ahead) {
                return None;
            }
            let line = self.accounts[at].waiting.get(&ask).into_iter().flatten();
            let gangs: Vec<GangIx> = line.map(|turn| turn.3).take(HOLES_SEEN).collect();
            let mut tried: Vec<BTreeSet<GangIx>> = vec![BTreeSet::new()];
            for gang in gangs {
                let spared = self.spared(gang);
                if tried.contains(&spared) {
                    continue;
                }
                if let Some(cells) = self.fit_now(at, gang, &spared) {
                    let workload = self.gangs.get(gang).request.workload;
                    return Some(Action::Grant { workload, cells: self.cells(at, &cells) });
                }
                tried.push(spared);
            }
            if let Some(put_off) = self.put_off(at, first) {
                return Some(put_off);
            }
            let chips = self.ground.item_chips(ask.0).saturating_mul(ask.1);
            held_up = held_up.or((chips <= self.healthy(at)).then_some(priority));
        }
        None
    }

    /// Own cells for the fewest items of a gang.
    fn fit_now(
        &mut self,
        at: AccountIx,
        gang: GangIx,
        spared: &BTreeSet<GangIx>,
    ) -> Option<Vec<(u32, Mask)>> {
        let demand = self.gangs.get(gang).request.demand;
        let reach = Reach { account: at, own: self.accounts[at].claim_room(), borrowed: 0 };
        self.pick_around(gang, spared, &Demand { most: demand.least, ..demand }, reach)
    }

    /// Puts a plan off for a gang of a higher priority that could start now.
    fn put_off(&mut self, at: AccountIx, gang: GangIx) -> Option<Action> {
        let mut without = self.outranked(at, self.gangs.get(gang).request.priority);
        let last = without.last().copied()?;
        without.extend(self.spared(gang));
        self.fit_now(at, gang, &without)?;
        let workload = self.gangs.get(last).request.workload;
        self.unplanned(workload);
        Some(Action::Unplan { workload, why: Unplanned::Outranked })
    }
}
