//! What an organisation changes about a gang of its own after it was submitted.

use crate::account::GangIx;
use crate::engine::{Engine, chips_of};
use crate::ground::{Demand, Item, Mask};
use crate::pick::{Picked, Reach};
use crate::view::{Near, Request};

impl Engine {
    /// A gang asks for something else from now on. One that waits goes to its new place in line; one that runs keeps
    /// its cells until it leaves, and asks anew after that.
    pub fn adjust(&mut self, request: Request) {
        let known = self.gang_of(request.workload);
        let Some(gang) = known.filter(|gang| !self.gangs.get(*gang).held.is_empty()) else {
            // A planned start stands as long as it is for the same cells.
            if let Some(gang) = known.filter(|gang| self.is_planned_for(*gang, &request)) {
                self.gangs.get_mut(gang).request = request;
                self.stir(self.gangs.get(gang).account);
                return;
            }
            self.withdraw(request.workload);
            self.submit(request);
            return;
        };
        // Cells that were kept for its growth were kept for another size.
        self.release_claim(gang);
        let found = self.gangs.get_mut(gang);
        found.request = request;
        let (account, stays) = (found.account, found.gone_by.is_none());
        let small = stays && self.items_held(gang) < request.demand.most;
        let state = self.account_mut(account);
        if small {
            state.small.insert(gang)
        } else {
            state.small.remove(&gang)
        };
        self.stir(account);
    }

    fn is_planned_for(&self, gang: GangIx, request: &Request) -> bool {
        let before = &self.gangs.get(gang).request;
        self.bookings.contains_key(&request.workload)
            && (before.demand, before.limit) == (request.demand, request.limit)
    }

    /// Where a gang would rather be. Where these cells are not its account's own and idle, any others will do.
    pub fn wish(&mut self, workload: sinew_types::WorkloadId, near: &[Near]) {
        if let Some(gang) = self.gang_of(workload) {
            self.gangs.get_mut(gang).near = near.to_vec();
        }
    }

    /// Idle cells for a gang: where it would rather be, or else the tightest fit.
    pub(crate) fn pick_for(&self, gang: GangIx, reach: Reach, demand: &Demand) -> Option<Vec<(u32, Mask)>> {
        self.pick_near(gang, reach, demand).or_else(|| self.pick(reach, demand))
    }

    fn pick_near(&self, gang: GangIx, reach: Reach, demand: &Demand) -> Option<Vec<(u32, Mask)>> {
        let near = &self.gangs.get(gang).near;
        let pool_chips = self.ground.units.saturating_mul(self.ground.unit_chips);
        if near.is_empty() || demand.item != Item::Chip {
            return None;
        }
        let mut picked = Picked::default();
        for wish in near {
            let offset = wish.first.0.checked_sub(self.ground.first_chip)?;
            if wish.count > pool_chips || offset > pool_chips - wish.count {
                return None;
            }
            let mut missing = wish.chips;
            for (at, mask) in self.ground.masks(wish.first, wish.count) {
                if missing == 0 {
                    break;
                }
                let unit = self.units.get(at);
                let mut idle = unit.idle() & unit.bound_to(reach.account) & !picked.in_unit(at) & mask;
                while idle != 0 && missing > 0 {
                    picked.add(at, idle & idle.wrapping_neg());
                    idle &= idle - 1;
                    missing -= 1;
                }
            }
            if missing > 0 {
                return None;
            }
        }
        let cells = picked.into_cells();
        let chips = chips_of(&cells);
        (demand.least <= chips && chips <= demand.most.min(reach.own)).then_some(cells)
    }
}
