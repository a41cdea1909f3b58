//! Cells that are kept for a gang: those that are recalled for it, and those that it will come back to larger.
//!
//! What is kept on an account's own cells stands; what is kept on the cells of others gives way as soon as they need
//! them.

use crate::account::GangIx;
use crate::engine::Engine;
use crate::ground::{Item, Mask, ones};
use crate::unit::Claim;

impl Engine {
    /// A gang that comes back larger keeps what it held beside what was added for it.
    pub(crate) fn keep_for_growth(&mut self, gang: GangIx, held: &[(u32, Mask)]) {
        let kept: Vec<(u32, Mask)> = held
            .iter()
            .map(|(unit, mask)| (*unit, self.whole_items(gang, mask & self.units.get(*unit).idle())))
            .filter(|(_, mask)| *mask != 0)
            .collect();
        self.claim(gang, &kept);
        if self.gangs.get(gang).claim_missing == 0 {
            self.ready.insert(gang);
        }
    }

    /// What is left of a mask in whole items of a gang's demand; somebody may have taken parts of them.
    fn whole_items(&self, gang: GangIx, mask: Mask) -> Mask {
        let Item::Block(size) = self.gangs.get(gang).request.demand.item else { return mask };
        let mut starts = self.ground.starts(size, mask);
        let mut whole = 0;
        while starts != 0 {
            whole |= ones(size) << starts.trailing_zeros();
            starts &= starts - 1;
        }
        whole
    }

    pub(crate) fn complete_claims(&mut self, unit: u32, freed: Mask) {
        let claims: Vec<Claim> = self.units.get(unit).claims.clone();
        for claim in claims.into_iter().filter(|claim| claim.mask & freed != 0) {
            let gang = self.gangs.get_mut(claim.gang);
            gang.claim_missing = gang.claim_missing.saturating_sub((claim.mask & freed).count_ones());
            if gang.claim_missing == 0 {
                self.ready.insert(claim.gang);
            }
        }
    }

    /// Keeps cells for a gang; those that others hold come to it when they end.
    pub(crate) fn claim(&mut self, gang: GangIx, cells: &[(u32, Mask)]) {
        let holder = self.gangs.get(gang).account;
        for (unit, mask) in cells {
            self.break_claims(*unit, *mask);
            let missing = (mask & !self.units.get(*unit).free).count_ones();
            let own = (mask & self.units.get(*unit).bound_to(holder)).count_ones();
            let state = self.account_mut(holder);
            state.claimed += own;
            state.borrow_claimed += mask.count_ones() - own;
            self.reindex(*unit, |unit| unit.claims.push(Claim { gang, holder, mask: *mask }));
            let found = self.gangs.get_mut(gang);
            found.claim.push((*unit, *mask));
            found.claim_missing += missing;
        }
        self.stepped_up.insert(self.gangs.get(gang).request.workload);
    }

    /// Lets go of whatever is kept on these chips; a gang that waited for them stands in line again.
    pub(crate) fn break_claims(&mut self, unit: u32, mask: Mask) {
        let claims = self.units.get(unit).claims.iter().filter(|claim| claim.mask & mask != 0);
        for gang in claims.map(|claim| claim.gang).collect::<Vec<_>>() {
            self.release_claim(gang);
            if self.gangs.get(gang).held.is_empty() {
                self.enqueue(gang);
                self.stepped_up.insert(self.gangs.get(gang).request.workload);
            }
        }
    }

    /// Lets go of what is kept for a gang.
    pub(crate) fn release_claim(&mut self, gang: GangIx) {
        let found = self.gangs.get_mut(gang);
        let (claim, holder) = (std::mem::take(&mut found.claim), found.account);
        found.claim_missing = 0;
        self.ready.remove(&gang);
        if claim.is_empty() {
            return;
        }
        self.account_mut(holder).stuck.clear();
        for (unit, mask) in claim {
            let own = (mask & self.units.get(unit).bound_to(holder)).count_ones();
            let state = self.account_mut(holder);
            state.claimed -= own;
            state.borrow_claimed -= mask.count_ones() - own;
            self.reindex(unit, |unit| unit.claims.retain(|claim| (claim.gang, claim.mask) != (gang, mask)));
            self.stir_owners(unit, mask);
        }
        self.freed += 1;
    }
}
