//! Why a gang waits.

use crate::account::{AccountIx, GangIx};
use crate::engine::Engine;
use crate::ground::Demand;
use crate::pick::Reach;
use crate::view::{Entitlement, Reason};
use sinew_types::WorkloadId;

impl Engine {
    /// Why a gang waits; nothing where it does not wait here.
    #[must_use]
    pub fn why(&self, workload: WorkloadId) -> Option<Reason> {
        let gang = self.gang_of(workload)?;
        let found = self.gangs.get(gang);
        if !found.held.is_empty() {
            return None;
        }
        let state = &self.accounts[found.account];
        let (demand, Entitlement { starts, closes, .. }) = (found.request.demand, state.entitlement);
        let pool_chips = self.ground.units.saturating_mul(self.ground.unit_chips);
        let largest_chips = state.largest(pool_chips);
        if self.ground.item_chips(demand.item).saturating_mul(demand.least) > largest_chips {
            return Some(Reason::NeverFits { largest_chips });
        }
        if self.now < starts {
            return Some(Reason::NotBegun { starts });
        }
        if closes <= self.now {
            return Some(Reason::Closing { closed: closes });
        }
        if let Some((by, after)) = self.plan_of(gang) {
            return Some(Reason::Planned { by, after });
        }
        if !found.claim.is_empty() {
            let victims = self.gangs_on(&found.claim, gang);
            let until = victims.iter().filter_map(|victim| self.gangs.get(*victim).gone_by).max();
            return Some(Reason::Recalling { until: until.unwrap_or(self.now) });
        }
        let chips = self.ground.item_chips(demand.item).saturating_mul(demand.least);
        if let Some(missing) = self.health.missing.get(&found.account)
            && chips <= state.claim_room()
            && state.claim_room() < chips.saturating_add(*missing)
        {
            return Some(Reason::Impaired { missing_chips: *missing });
        }
        let turn = self.turn(gang);
        let first = state.waiting.values().filter_map(|line| line.first()).min();
        match first {
            Some(first) if *first < turn && self.first_can_run(found.account, first.3) => {
                Some(Reason::Behind { ahead: first.2 })
            }
            _ => Some(Reason::Busy { free_items: self.free_items(found.account, &demand) }),
        }
    }

    /// Whether somebody in line will be served one day, so that others really stand behind it.
    fn first_can_run(&self, at: AccountIx, gang: GangIx) -> bool {
        let demand = self.gangs.get(gang).request.demand;
        let pool_chips = self.ground.units.saturating_mul(self.ground.unit_chips);
        let chips = self.ground.item_chips(demand.item).saturating_mul(demand.least);
        chips <= self.accounts[at].largest(pool_chips)
    }

    /// How many items of a demand an account could have now.
    fn free_items(&self, at: AccountIx, demand: &Demand) -> u32 {
        let state = &self.accounts[at];
        let reach = Reach { account: at, own: state.claim_room(), borrowed: state.borrow_room() };
        let (mut low, mut high) = (0, demand.least);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            let some = Demand { item: demand.item, least: middle, most: middle };
            if self.pick(reach, &some).is_some() { low = middle } else { high = middle - 1 }
        }
        low
    }
}
