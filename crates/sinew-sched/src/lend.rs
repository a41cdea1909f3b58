//! What nobody uses: lent to whoever comes first by its share, then to gangs that run smaller than they could.

use crate::account::AccountIx;
use crate::engine::Engine;
use crate::ground::{Demand, Item};
use crate::pick::Reach;
use crate::view::{Action, Why};
use std::cmp::Reverse;

/// How many gangs that could grow are looked at in one go.
const GROWING_SEEN: usize = 64;

impl Engine {
    /// Lends to whoever comes first by its share and can be served.
    pub(crate) fn serve_borrower(&mut self) -> Option<Action> {
        loop {
            let kinds = self.kinds_at_hand();
            if kinds == 0 {
                return None;
            }
            let freed = self.freed;
            let could = |brief: &crate::engine::Brief| {
                let failed = if brief.failed_at == freed { brief.failed } else { 0 };
                brief.waiting & kinds & !failed
            };
            let able = self.briefs.iter().enumerate().filter(|(_, brief)| could(brief) != 0);
            let at = able.map(|(at, _)| at).min_by(|one, other| self.sharing.order(*one, *other))?;
            let kinds = could(&self.briefs[at]);
            if let Some(action) = self.lend_to(at, kinds) {
                return Some(action);
            }
            let brief = &mut self.briefs[at];
            let failed = if brief.failed_at == freed { brief.failed } else { 0 };
            (brief.failed, brief.failed_at) = (failed | kinds, freed);
        }
    }

    /// Kinds of demands that idle cells may meet, seen from far above.
    fn kinds_at_hand(&self) -> u64 {
        if self.has_holes() {
            return u64::MAX;
        }
        let (mut idle, mut largest) = (0_u32, 0);
        for brief in &self.briefs {
            idle = idle.saturating_add(brief.idle);
            largest = largest.max(brief.largest_idle);
        }
        if idle == 0 {
            return 0;
        }
        let (mut joined, mut groups) = (0, 0_u64);
        for (tier, counts) in self.whole_in_group.iter().enumerate() {
            let most = counts.iter().copied().max().unwrap_or(0);
            joined = joined.max(most);
            if most == self.ground.tiers[tier].units {
                groups |= 1 << tier.min(15);
            }
        }
        self.ground.kinds_within(idle, largest, joined, groups)
    }

    fn lend_to(&mut self, at: AccountIx, kinds: u64) -> Option<Action> {
        let state = &self.accounts[at];
        let mut held_up: Option<i32> = None;
        for ((Reverse(priority), _, workload, gang), ask) in self.heads(at) {
            let demand = self.gangs.get(gang).request.demand;
            // What waits for its own cells keeps them from lower priorities, which may still borrow.
            let own = if held_up.is_some_and(|ahead| priority < ahead) { 0 } else { state.claim_room() };
            let reach = Reach { account: at, own, borrowed: state.borrow_room() };
            let chips = self.ground.item_chips(demand.item).saturating_mul(demand.least);
            held_up = held_up.or((chips <= self.healthy(at)).then_some(priority));
            if self.ground.kind(&ask) & kinds == 0 {
                continue;
            }
            let fewest = Demand { most: demand.least, ..demand };
            if let Some(cells) = self.pick_for(gang, reach, &fewest) {
                let cells = self.widened(at, &demand, cells);
                return Some(Action::Grant { workload, cells: self.cells(at, &cells) });
            }
        }
        self.lend_holes(at, kinds)
    }

    /// Tells a gang that runs smaller than it could to come back larger, when nobody who waits can use the cells.
    pub(crate) fn grow(&mut self) -> Option<Action> {
        let mut growing: Vec<AccountIx> =
            (0..self.accounts.len()).filter(|at| !self.accounts[*at].small.is_empty()).collect();
        growing.sort_by(|one, other| self.sharing.order(*one, *other));
        let small = growing.iter().flat_map(|at| self.accounts[*at].small.iter().copied());
        for gang in small.take(GROWING_SEEN).collect::<Vec<_>>() {
            let found = self.gangs.get(gang);
            let (at, demand, workload) = (found.account, found.request.demand, found.request.workload);
            let state = &self.accounts[at];
            if !state.open(self.now) || !found.claim.is_empty() {
                continue;
            }
            let missing = demand.most.saturating_sub(self.items_held(gang));
            let fewest = (self.items_held(gang) / 4).max(1);
            let more = Demand { item: demand.item, least: fewest, most: missing };
            let reach = Reach { account: at, own: state.claim_room(), borrowed: state.borrow_room() };
            if fewest > missing || !matches!(demand.item, Item::Chip | Item::Block(_)) {
                continue;
            }
            if let Some(cells) = self.pick(reach, &more)
                && self.may_grow(gang, missing)
            {
                self.claim(gang, &cells);
                self.ready.remove(&gang);
                return Some(Action::Notify { workload, why: Why::Grow });
            }
        }
        None
    }
}
