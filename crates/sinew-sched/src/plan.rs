//! Starts that are planned: the first moment at which a gang that waits surely fits, and the cells that are kept for it.
//!
//! Where gangs say how long they run at most, it is known when their cells are free; loans come back within their bound.
//! The first gang of an account's line that does not start now and that its own cells would hold gets a plan: cells in its
//! shape and a moment by which all of them are free (conservative backfill: Mu'alem and Feitelson, IEEE TPDS 2001, on
//! cells instead of counts). A plan lies on cells of the gang's own account, because on those of others nothing is sure.

use crate::account::{AccountIx, Ask, GangIx, Turn};
use crate::booking::Booking;
use crate::calendar::Season;
use crate::engine::Engine;
use crate::ground::{Item, Mask};
use crate::recall::first_bits;
use crate::view::{Action, Unplanned, Why};
use sinew_types::{CellRange, Instant, WorkloadId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// A moment, and the cells that are free by then.
pub(crate) type Start = (Instant, Vec<(u32, Mask)>);

/// What an account's cells will be like: when each of them is surely free.
struct Profile {
    /// The moments at which something becomes free, and how many chips are free by then if nothing is kept.
    free_chips: BTreeMap<Instant, u32>,
    /// When the gangs on its cells are surely gone; who is not here may stay for ever.
    gone: BTreeMap<GangIx, Instant>,
}

impl Engine {
    /// What an account does about time, before its line is served: planned gangs start, loans are called back for them.
    pub(crate) fn serve_plans(&mut self, at: AccountIx) -> Option<Action> {
        let planned: Vec<GangIx> = self.accounts[at].planned.iter().copied().collect();
        if self.season(at) != Season::Open {
            let workload = self.gangs.get(*planned.first()?).request.workload;
            self.unplanned(workload);
            return Some(Action::Unplan { workload, why: Unplanned::Closed });
        }
        planned
            .iter()
            .find_map(|gang| self.start_planned(at, *gang).or_else(|| self.recall_planned(at, *gang)))
    }

    /// A plan for the first gang in line that its account's own cells would hold, or an earlier one for who has one. One
    /// at a time for each account: those behind it fill the holes.
    pub(crate) fn plan_line(&mut self, at: AccountIx) -> Option<Action> {
        let state = &self.accounts[at];
        let sure = !state.limited.is_empty() || !state.planned.is_empty();
        if !sure && (state.lent_out == 0 || !self.has_terms) {
            return None;
        }
        let first = self.first_to_plan(at);
        let seen = Some((first.map(|turn| turn.3), self.freed));
        if state.unplannable == seen {
            return None;
        }
        let planned = self.replan(at).or_else(|| self.plan_first(at, first?));
        if planned.is_none() {
            self.account_mut(at).unplannable = seen;
        }
        planned
    }

    /// An earlier start for a gang that has a plan: somebody left before his time, or may be called back now.
    fn replan(&mut self, at: AccountIx) -> Option<Action> {
        let planned: Vec<GangIx> = self.accounts[at].planned.iter().copied().collect();
        planned.into_iter().find_map(|gang| {
            let workload = self.gangs.get(gang).request.workload;
            let by = self.bookings.get(&workload)?.by;
            let start = self.earliest(at, gang, &BTreeSet::from([gang]))?;
            (start.0 < by).then(|| self.plan_action(workload, &start))
        })
    }

    /// The first in line that its account's own cells would hold.
    fn first_to_plan(&self, at: AccountIx) -> Option<Turn> {
        let healthy = self.healthy(at);
        let fits = |(item, least, _): &Ask| {
            let chips = self.ground.item_chips(*item).saturating_mul(*least);
            chips <= healthy && !matches!(item, Item::Share(_))
        };
        self.heads(at).into_iter().find(|(_, ask)| fits(ask)).map(|(turn, _)| turn)
    }

    fn plan_first(&mut self, at: AccountIx, first: Turn) -> Option<Action> {
        let (Reverse(priority), _, workload, gang) = first;
        let before = self.outranked(at, priority);
        if before.len() < self.accounts[at].planned.len() {
            return None;
        }
        let start = self.earliest(at, gang, &before)?;
        // Whoever was planned before and comes later in line makes room first.
        if let Some(last) = before.last() {
            let workload = self.gangs.get(*last).request.workload;
            self.unplanned(workload);
            return Some(Action::Unplan { workload, why: Unplanned::Outranked });
        }
        Some(self.plan_action(workload, &start))
    }

    /// The planned gangs of an account with a lower priority.
    pub(crate) fn outranked(&self, at: AccountIx, priority: i32) -> BTreeSet<GangIx> {
        let planned = self.accounts[at].planned.iter().copied();
        planned.filter(|gang| self.gangs.get(*gang).request.priority < priority).collect()
    }

    fn plan_action(&self, workload: WorkloadId, start: &Start) -> Action {
        let (by, cells) = start;
        let runs = cells.iter().flat_map(|(unit, mask)| self.ground.runs(*unit, *mask));
        let cells = runs.map(|(first, count)| CellRange { first, count }).collect();
        Action::Plan { workload, cells, by: *by }
    }

    /// When the cells of a gang are surely free; nothing where nobody can tell. Loans come back when they are recalled.
    pub(crate) fn free_by(&self, lender: AccountIx, gang: GangIx) -> Option<Instant> {
        let found = self.gangs.get(gang);
        if found.gone_by.is_some() {
            return found.gone_by;
        }
        let bound = self.accounts[found.account].entitlement.recall_bound;
        let recalled = (found.account != lender).then(|| self.safe_until(gang).max(self.now).plus(bound));
        let limited = self.limit_frees(gang, found.granted_at);
        [recalled, limited].into_iter().flatten().min()
    }

    fn profile(&self, at: AccountIx) -> Profile {
        let mut gone: BTreeMap<GangIx, Option<Instant>> = BTreeMap::new();
        let mut free_chips: BTreeMap<Instant, u32> = BTreeMap::from([(self.now, 0)]);
        for unit in &self.accounts[at].units {
            let unit = self.units.get(*unit);
            let mine = unit.healthy_of(at);
            *free_chips.entry(self.now).or_insert(0) += (mine & unit.free).count_ones();
            for tenant in unit.tenants_on(mine) {
                let free = *gone.entry(tenant.gang).or_insert_with(|| self.free_by(at, tenant.gang));
                if let Some(free) = free {
                    *free_chips.entry(free.max(self.now)).or_insert(0) += (tenant.mask & mine).count_ones();
                }
            }
        }
        let kept = self.bookings.values().filter(|booking| booking.account == at);
        for ends in kept.filter_map(|booking| self.limit_frees(booking.gang, booking.by)) {
            free_chips.entry(ends).or_insert(0);
        }
        let mut all = 0;
        free_chips.values_mut().for_each(|chips| {
            all += *chips;
            *chips = all;
        });
        let gone = gone.into_iter().filter_map(|(gang, free)| Some((gang, free?)));
        Profile { free_chips, gone: gone.collect() }
    }

    /// The first moment at which a gang surely fits on its account's own cells, and those cells, as if some planned
    /// starts were not.
    pub(crate) fn earliest(&self, at: AccountIx, gang: GangIx, without: &BTreeSet<GangIx>) -> Option<Start> {
        let demand = self.gangs.get(gang).request.demand;
        let chips = self.ground.item_chips(demand.item).saturating_mul(demand.least);
        let profile = self.profile(at);
        let closes = self.accounts[at].entitlement.closes;
        let enough = profile.free_chips.iter().filter(|(moment, free)| **free >= chips && **moment < closes);
        let moments: Vec<Instant> = enough.map(|(moment, _)| *moment).collect();
        let kept: Vec<&Booking> = self
            .bookings
            .values()
            .filter(|booking| booking.account == at && !without.contains(&booking.gang))
            .collect();
        let fit = |moment: Instant| self.fit_at(at, gang, (moment, &profile, &kept));
        if !kept.is_empty() {
            return moments.into_iter().find_map(|moment| Some((moment, fit(moment)?)));
        }
        // What is free stays free, so the first moment is found by halving.
        let first = moments.partition_point(|moment| fit(*moment).is_none());
        let moment = *moments.get(first)?;
        Some((moment, fit(moment)?))
    }

    /// Cells for a gang among those that are free by a moment and that nobody keeps for as long as it may stay.
    fn fit_at(
        &self,
        at: AccountIx,
        gang: GangIx,
        then: (Instant, &Profile, &[&Booking]),
    ) -> Option<Vec<(u32, Mask)>> {
        let (moment, profile, kept) = then;
        let gone = self.limit_frees(gang, moment);
        let in_the_way = |booking: &&&Booking| {
            let over = self.limit_frees(booking.gang, booking.by).is_some_and(|ends| ends <= moment);
            !over && gone.is_none_or(|gone| gone > booking.by)
        };
        let kept: BTreeSet<GangIx> = kept.iter().filter(in_the_way).map(|booking| booking.gang).collect();
        let mut left: BTreeMap<u32, Mask> = BTreeMap::new();
        for unit_at in &self.accounts[at].units {
            let unit = self.units.get(*unit_at);
            let left_by = |tenant: &&crate::unit::Tenant| {
                profile.gone.get(&tenant.gang).is_some_and(|gone| *gone <= moment)
            };
            let leaves = unit.tenants.iter().filter(left_by).fold(0, |all, tenant| all | tenant.mask);
            let kept = unit.kept.iter().filter(|(gang, _)| kept.contains(gang));
            let kept = kept.fold(0, |all, (_, mask)| all | mask);
            let free = (unit.free | leaves) & unit.healthy_of(at) & !unit.claimed() & !kept;
            if free != 0 {
                left.insert(*unit_at, free);
            }
        }
        self.carve_all(left, gang)
    }

    /// As many items as a gang needs at least, out of what is left.
    fn carve_all(&self, mut left: BTreeMap<u32, Mask>, gang: GangIx) -> Option<Vec<(u32, Mask)>> {
        let demand = self.gangs.get(gang).request.demand;
        let (times, each) = match demand.item {
            Item::Chip => return self.carve_loose(&left, demand.least),
            Item::Joined(_) => (1, demand.least),
            _ => (demand.least, 1),
        };
        let mut cells: BTreeMap<u32, Mask> = BTreeMap::new();
        for _ in 0..times {
            for (unit, mask) in self.carve(&mut left, (demand.item, each), true)? {
                *cells.entry(unit).or_insert(0) |= mask;
            }
        }
        Some(cells.into_iter().collect())
    }

    /// Single chips: first those that somebody still holds, so that what is idle now is of use until then.
    fn carve_loose(&self, left: &BTreeMap<u32, Mask>, count: u32) -> Option<Vec<(u32, Mask)>> {
        let mut missing = count;
        let mut cells: BTreeMap<u32, Mask> = BTreeMap::new();
        for busy in [true, false] {
            for (unit, mask) in left {
                let free = self.units.get(*unit).free;
                let here = first_bits(mask & if busy { !free } else { free }, missing);
                if here != 0 {
                    missing -= here.count_ones();
                    *cells.entry(*unit).or_insert(0) |= here;
                }
            }
        }
        (missing == 0).then(|| cells.into_iter().collect())
    }

    /// Tells a loan on the cells of a plan to leave, when its recall would else be too late.
    fn recall_planned(&mut self, at: AccountIx, gang: GangIx) -> Option<Action> {
        let booking = self.bookings.get(&self.gangs.get(gang).request.workload)?.clone();
        for victim in self.gangs_on(&booking.cells, gang) {
            let found = self.gangs.get(victim);
            let leaves = found.gone_by.or(self.limit_frees(victim, found.granted_at));
            if found.account == at || leaves.is_some_and(|leaves| leaves <= booking.by) {
                continue;
            }
            let due = booking.by.minus(self.accounts[found.account].entitlement.recall_bound);
            if due <= self.now && found.gone_by.is_none() && self.safe_until(victim) <= self.now {
                return Some(Action::Notify { workload: found.request.workload, why: Why::Recall });
            }
            let due = due.max(self.safe_until(victim));
            if due > self.now {
                self.timers.insert((due, at));
            }
        }
        None
    }

    /// What a planned start waits for last, where that is its own account's: the gang, and when the start is.
    pub(crate) fn plan_of(&self, gang: GangIx) -> Option<(Instant, Option<WorkloadId>)> {
        let found = self.gangs.get(gang);
        let booking = self.bookings.get(&found.request.workload)?;
        let on = self.gangs_on(&booking.cells, gang).into_iter();
        let last = on.max_by_key(|other| (self.free_by(found.account, *other), *other));
        let last = last.map(|other| self.gangs.get(other)).filter(|other| other.account == found.account);
        Some((booking.by, last.map(|other| other.request.workload)))
    }

    /// Whether anything that is kept for later could be of use until then.
    pub(crate) fn has_holes(&self) -> bool {
        self.bookings.values().any(|booking| self.has_idle(booking))
    }
}
