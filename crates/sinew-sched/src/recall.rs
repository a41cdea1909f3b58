//! Which cells come back to whom: the shape that is owed, at the least loss.
//!
//! A recall frees one set of cells of the promised shape and nothing else. Among all such sets it takes the one that
//! loses the fewest chip-seconds since the last checkpoint, by whole gangs, and greedily by item.

use crate::account::{AccountIx, GangIx};
use crate::engine::Engine;
use crate::ground::{Item, Mask, ones};
use crate::unit::Unit;
use sinew_types::Instant;
use std::collections::BTreeSet;
use std::ops::Range;

impl Unit {
    /// Chips that cannot be taken for this reason.
    fn closed(&self, of: (AccountIx, For)) -> Mask {
        match of.1 {
            For::Recall => self.claimed_by(of.0) | self.down | self.kept(),
            // Whatever is kept on cells that change hands is let go.
            For::Binding => self.down,
        }
    }
}

/// How many units are looked at for a recall of less than a unit. More would cost time and gain little.
const UNITS_SEEN: usize = 16;

/// Cells that can be had, and what that costs. Lower is better.
type Offer = (u64, u32, Vec<(u32, Mask)>);

/// Why cells are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// To take them back for a gang of the account that they are bound to.
    Recall,
    /// To bind them to somebody else.
    Binding,
}

impl Engine {
    /// Cells bound to an account that make `count` items, at the least loss; nothing where that cannot be.
    pub(crate) fn cheapest(
        &self,
        account: AccountIx,
        item: Item,
        count: u32,
        why: For,
    ) -> Option<Vec<(u32, Mask)>> {
        let mut chosen = match item {
            Item::Chip => return self.cheapest_chips(account, count, why),
            Item::Block(size) => return self.cheapest_blocks((account, why), size, count),
            Item::Joined(tier) => return self.cheapest_joined((account, why), tier, count),
            Item::Group(tier) => {
                let units = self.ground.tiers[tier].units;
                let groups = self.groups_of((account, why), tier, units);
                let offer = |group: Range<u32>| {
                    let first = group.start;
                    let cells = self.best_units((account, why), group, units)?;
                    Some((self.loss((account, why), &cells)?, first, cells))
                };
                groups.into_iter().filter_map(offer).collect()
            }
            Item::Boxed(sides) => self.offered_boxes((account, why), sides),
            Item::Share(_) => return None,
        };
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        if chosen.len() < wanted {
            return None;
        }
        chosen.sort_unstable();
        let mut cells: Vec<(u32, Mask)> = Vec::new();
        let mut taken = 0;
        for (_, _, offered) in chosen {
            let clear = |(unit, mask): &(u32, Mask)| cells.iter().all(|(u, m)| u != unit || m & mask == 0);
            if taken < wanted && offered.iter().all(clear) {
                cells.extend(offered);
                taken += 1;
            }
        }
        (taken == wanted).then_some(cells)
    }

    /// What taking these cells loses: chip-milliseconds of every gang on them since its last checkpoint. Nothing
    /// where they cannot be taken.
    fn loss(&self, of: (AccountIx, For), cells: &[(u32, Mask)]) -> Option<u64> {
        if let [(unit, mask)] = cells {
            return self.block_loss(of, *unit, *mask);
        }
        let mut gangs: BTreeSet<GangIx> = BTreeSet::new();
        for (unit, mask) in cells {
            let unit = self.units.get(*unit);
            if unit.closed(of) & mask != 0 {
                return None;
            }
            gangs.extend(unit.tenants_on(*mask).map(|tenant| tenant.gang));
        }
        gangs.into_iter().try_fold(0_u64, |sum, gang| Some(sum.saturating_add(self.gang_loss(of, gang)?)))
    }

    /// The same for one block of a unit; a gang is in each unit only once.
    fn block_loss(&self, of: (AccountIx, For), unit: u32, mask: Mask) -> Option<u64> {
        let unit = self.units.get(unit);
        if unit.closed(of) & mask != 0 {
            return None;
        }
        let mut tenants = unit.tenants_on(mask);
        tenants.try_fold(0_u64, |sum, tenant| Some(sum.saturating_add(self.gang_loss(of, tenant.gang)?)))
    }

    fn gang_loss(&self, of: (AccountIx, For), gang: GangIx) -> Option<u64> {
        let (account, why) = of;
        let found = self.gangs.get(gang);
        if why == For::Binding {
            // A lease that only changes whose cells it holds loses nothing; the owner's own are left in peace longest.
            return Some(if found.account == account { 2 } else { 1 });
        }
        let unsafe_now = found.gone_by.is_some() || self.safe_until(gang) <= self.now;
        if found.account == account || !unsafe_now {
            return None;
        }
        Some(if found.gone_by.is_some() { 0 } else { self.work_at_risk(gang).max(1) })
    }

    /// Chip-milliseconds since a gang's last checkpoint, which is no older than its cadence says.
    pub(crate) fn work_at_risk(&self, gang: GangIx) -> u64 {
        let found = self.gangs.get(gang);
        let age_ms = self.now.since(found.granted_at).ms();
        let since_ms = match found.request.checkpoint_every {
            Some(every) if every.ms() > 0 => age_ms % every.ms(),
            _ => age_ms,
        };
        u64::from(found.chips).saturating_mul(since_ms)
    }

    /// Units that cells of an account could be taken from, those with the largest such blocks last; for a recall at
    /// least with a block of `size`.
    fn units_for(&self, of: (AccountIx, For), size: u32) -> Box<dyn Iterator<Item = u32> + '_> {
        let state = &self.accounts[of.0];
        let smallest = u8::try_from(size).unwrap_or(u8::MAX);
        match of.1 {
            For::Recall => Box::new(state.owed.range((smallest, 0)..).map(|(_, unit)| *unit)),
            For::Binding => Box::new(state.units.iter().copied()),
        }
    }

    fn cheapest_chips(&self, account: AccountIx, count: u32, why: For) -> Option<Vec<(u32, Mask)>> {
        let mut cells: Vec<(u32, Mask)> = Vec::new();
        let (mut missing, mut offered, mut seen) = (count, 0_u32, 0);
        let mut offers: Vec<(u64, std::cmp::Reverse<u32>, u32, GangIx)> = Vec::new();
        for at in self.units_for((account, why), 1) {
            let unit = self.units.get(at);
            let open = unit.bound_to(account) & !unit.closed((account, why));
            let here = first_bits(open & unit.free, missing);
            if here != 0 {
                missing -= here.count_ones();
                cells.push((at, here));
            }
            if missing == 0 {
                return Some(cells);
            }
            for tenant in unit.tenants_on(open) {
                if let Some(loss) = self.gang_loss((account, why), tenant.gang) {
                    let chips = (tenant.mask & open).count_ones();
                    offered = offered.saturating_add(chips);
                    offers.push((loss, std::cmp::Reverse(chips), at, tenant.gang));
                }
            }
            seen += 1;
            if why == For::Recall && seen >= UNITS_SEEN && offered >= missing.saturating_mul(2) {
                break;
            }
        }
        offers.sort_unstable();
        for (_, _, at, gang) in offers {
            let unit = self.units.get(at);
            let held = unit.tenants.iter().find(|tenant| tenant.gang == gang).map_or(0, |tenant| tenant.mask);
            let here = first_bits(held & unit.bound_to(account) & !unit.closed((account, why)), missing);
            if here != 0 {
                cells.push((at, here));
                missing -= here.count_ones();
            }
            if missing == 0 {
                return Some(cells);
            }
        }
        None
    }

    /// Blocks of one unit each, so that no two of them can overlap.
    fn cheapest_blocks(&self, of: (AccountIx, For), size: u32, count: u32) -> Option<Vec<(u32, Mask)>> {
        let (account, why) = of;
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        let few = size < self.ground.unit_chips && why == For::Recall;
        let mut offers: Vec<(u64, u32, u32, Mask)> = Vec::new();
        for (seen, at) in self.units_for(of, size).enumerate() {
            if few && seen >= UNITS_SEEN && offers.len() >= wanted {
                break;
            }
            let unit = self.units.get(at);
            let bound = unit.bound_to(account);
            let open = if why == For::Recall { unit.owed_to(account) } else { bound & !unit.down };
            let mut starts = self.ground.starts(size, open);
            while starts != 0 {
                let mask = ones(size) << starts.trailing_zeros();
                starts &= starts - 1;
                if let Some(loss) = self.block_loss(of, at, mask) {
                    // Among equals, where least is broken up.
                    offers.push((loss, bound.count_ones(), at, mask));
                }
            }
        }
        if offers.len() < wanted {
            return None;
        }
        if wanted > 0 && wanted < offers.len() {
            offers.select_nth_unstable(wanted - 1);
        }
        Some(offers.into_iter().take(wanted).map(|(_, _, unit, mask)| (unit, mask)).collect())
    }

    /// The groups in which an account has at least `units` whole units that could be taken.
    fn groups_of(&self, of: (AccountIx, For), tier: usize, units: u32) -> Vec<Range<u32>> {
        let whole = self.ground.unit_chips;
        let mut groups: Vec<(Range<u32>, u32)> = Vec::new();
        for unit in self.units_for(of, whole) {
            let group = self.ground.group_of(tier, unit);
            match groups.last_mut() {
                Some((last, count)) if *last == group => *count += 1,
                _ => groups.push((group, 1)),
            }
        }
        groups.into_iter().filter(|(_, count)| *count >= units).map(|(group, _)| group).collect()
    }

    /// The cheapest whole units of a group.
    pub(crate) fn best_units(
        &self,
        of: (AccountIx, For),
        group: Range<u32>,
        count: u32,
    ) -> Option<Vec<(u32, Mask)>> {
        let whole = self.ground.whole();
        let mut offers: Vec<(u64, u32)> = Vec::new();
        for at in self.accounts[of.0].units.range(group) {
            if self.units.get(*at).bound_to(of.0) == whole
                && let Some(loss) = self.block_loss(of, *at, whole)
            {
                offers.push((loss, *at));
            }
        }
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        if offers.len() < wanted {
            return None;
        }
        offers.sort_unstable();
        Some(offers.into_iter().take(wanted).map(|(_, unit)| (unit, whole)).collect())
    }

    fn cheapest_joined(&self, of: (AccountIx, For), tier: usize, count: u32) -> Option<Vec<(u32, Mask)>> {
        let groups = self.groups_of(of, tier, count);
        let offers = groups.into_iter().filter_map(|group| {
            let whole = self.accounts[of.0].units.range(group.clone()).count();
            let cells = self.best_units(of, group, count)?;
            Some((self.loss(of, &cells)?, whole, cells))
        });
        offers.min().map(|(_, _, cells)| cells)
    }

    fn offered_boxes(&self, of: (AccountIx, For), sides: [u32; 3]) -> Vec<Offer> {
        let mut offers = Vec::new();
        let whole = self.ground.whole();
        let units = sides.iter().product();
        for group in self.groups_of(of, self.ground.joining_tier(), units) {
            for placed in self.boxes(&group, sides) {
                let bound = |unit: &u32| self.units.get(*unit).bound_to(of.0) == whole;
                if !placed.iter().all(bound) {
                    continue;
                }
                let cells: Vec<(u32, Mask)> = placed.into_iter().map(|unit| (unit, whole)).collect();
                if let Some(loss) = self.loss(of, &cells) {
                    offers.push((loss, cells[0].0, cells));
                }
            }
        }
        offers
    }

    /// The gangs that stand on these cells, other than `except`.
    pub(crate) fn gangs_on(&self, cells: &[(u32, Mask)], except: GangIx) -> BTreeSet<GangIx> {
        let tenants = cells
            .iter()
            .flat_map(|(unit, mask)| self.units.get(*unit).tenants_on(*mask).map(|tenant| tenant.gang));
        tenants.filter(|gang| *gang != except).collect()
    }

    /// The first moment after now at which a gang on an account's cells may be recalled.
    pub(crate) fn next_unsafe(&self, account: AccountIx) -> Option<Instant> {
        if !self.has_terms {
            return None;
        }
        let state = &self.accounts[account];
        let tenants = state.units.iter().flat_map(|unit| self.units.get(*unit).tenants.iter());
        let safe = tenants.map(|tenant| self.safe_until(tenant.gang)).filter(|until| *until > self.now);
        safe.min()
    }
}

pub(crate) fn first_bits(mask: Mask, count: u32) -> Mask {
    let mut left = mask;
    let mut taken = 0;
    for _ in 0..count.min(Mask::BITS) {
        let bit = left & left.wrapping_neg();
        taken |= bit;
        left &= !bit;
    }
    taken
}
