//! Finding idle cells for a gang: its own first, then those that others lend; always the tightest fit.

use crate::account::{AccountIx, OWNER};
use crate::engine::Engine;
use crate::ground::{Demand, Item, Mask, ones};
use std::collections::BTreeMap;
use std::ops::Range;

/// Cells picked so far, by unit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picked(BTreeMap<u32, Mask>);

impl Picked {
    pub(crate) fn in_unit(&self, unit: u32) -> Mask {
        self.0.get(&unit).copied().unwrap_or(0)
    }

    pub(crate) fn add(&mut self, unit: u32, mask: Mask) {
        *self.0.entry(unit).or_insert(0) |= mask;
    }

    pub(crate) fn into_cells(self) -> Vec<(u32, Mask)> {
        self.0.into_iter().collect()
    }
}

/// What may be picked for a gang of an account.
#[derive(Clone, Copy)]
pub(crate) struct Reach {
    pub(crate) account: AccountIx,
    /// The most own chips.
    pub(crate) own: u32,
    /// The most chips of others.
    pub(crate) borrowed: u32,
}

impl Engine {
    /// Idle cells for at least `demand.least` items and as many up to `demand.most` as there are; nothing where there
    /// are too few.
    pub(crate) fn pick(&self, reach: Reach, demand: &Demand) -> Option<Vec<(u32, Mask)>> {
        let picked = match demand.item {
            Item::Chip => self.pick_loose(reach, demand),
            Item::Block(size) => self.pick_blocks(reach, demand, size),
            Item::Joined(tier) => self.pick_joined(reach, demand, tier),
            Item::Group(tier) => self.pick_groups(reach, demand, tier),
            Item::Boxed(sides) => self.pick_box(reach, sides),
            // Its place is chosen when its turn comes.
            Item::Share(_) => None,
        };
        picked.map(Picked::into_cells)
    }

    fn pick_loose(&self, reach: Reach, demand: &Demand) -> Option<Picked> {
        let own = self.briefs[reach.account].idle.min(reach.own);
        let others =
            if reach.borrowed == 0 { 0 } else { self.lendable_to(reach.account).min(reach.borrowed) };
        let wanted = demand.most.min(own.saturating_add(others));
        if wanted < demand.least {
            return None;
        }
        let mut picked = Picked::default();
        let own = own.min(wanted);
        self.take_chips(reach.account, own, &mut picked);
        let mut missing = wanted - own;
        let mut tried = 0;
        // Ranks compare only while the size stays the same.
        let size = missing.min(self.ground.unit_chips);
        while missing > 0 {
            // Whoever can lend all of it in one block, else whoever has most.
            let lender = self.next_lender(reach.account, size, tried)?;
            let chips = self.lends(lender.1, reach.account).min(missing);
            self.take_chips(lender.1, chips, &mut picked);
            missing -= chips;
            tried = lender.0;
        }
        Some(picked)
    }

    /// All chips that others could lend to an account now.
    pub(crate) fn lendable_to(&self, account: AccountIx) -> u32 {
        let others = (0..self.briefs.len()).filter(|at| *at != account);
        others.fold(0_u32, |all, at| all.saturating_add(self.lends(at, account)))
    }

    /// The lender after those tried: with a block of `size` first, then the one with most to lend, the owner first
    /// among equals. `tried` is the rank that the last one had; ranks fall.
    fn next_lender(&self, borrower: AccountIx, size: u32, tried: u64) -> Option<(u64, AccountIx)> {
        let rank = |at: AccountIx| {
            let brief = &self.briefs[at];
            let lends = self.lends(at, borrower);
            let fits = u64::from(brief.largest_idle >= size && lends >= size);
            // The place makes ranks distinct.
            (fits << 63) | (u64::from(lends) << 24) | (0xff_ffff - at as u64)
        };
        let others = (0..self.briefs.len()).filter(|at| *at != borrower && self.lends(*at, borrower) > 0);
        let ranked = others.map(|at| (rank(at), at)).filter(|(rank, _)| tried == 0 || *rank < tried);
        ranked.max()
    }

    /// Takes idle chips of an account that are known to be there, in as few and as small blocks as possible.
    fn take_chips(&self, account: AccountIx, mut chips: u32, picked: &mut Picked) {
        let index = &self.accounts[account].index;
        if chips == 0 {
            return;
        }
        if let Ok(size) = u8::try_from(chips)
            && let Some((_, at)) = index.range((size, 0)..).next()
        {
            let unit = self.units.get(*at);
            let idle = unit.idle() & unit.bound_to(account) & !picked.in_unit(*at);
            let fits = self.ground.blocks.iter().filter(|size| **size >= chips);
            let block =
                fits.map(|size| (size, self.ground.starts(*size, idle))).find(|(_, starts)| *starts != 0);
            if let Some((size, starts)) = block {
                let within = idle & ones(*size) << starts.trailing_zeros();
                picked.add(*at, lowest(within, chips));
                return;
            }
        }
        // No block holds them all: the largest first, so that few units are opened.
        for (_, at) in index.iter().rev() {
            let unit = self.units.get(*at);
            let idle = unit.idle() & unit.bound_to(account) & !picked.in_unit(*at);
            let here = lowest(idle, chips);
            if here != 0 {
                picked.add(*at, here);
                chips -= here.count_ones();
            }
            if chips == 0 {
                return;
            }
        }
    }

    fn pick_blocks(&self, reach: Reach, demand: &Demand, size: u32) -> Option<Picked> {
        let mut picked = Picked::default();
        let mut found = self.take_blocks(reach.account, size, demand.most.min(reach.own / size), &mut picked);
        let mut room = reach.borrowed / size;
        let mut tried = 0;
        while found < demand.most && room > 0 {
            let Some((rank, lender)) = self.next_lender(reach.account, size, tried) else { break };
            let lends = (self.lends(lender, reach.account) / size).min(room).min(demand.most - found);
            let got = self.take_blocks(lender, size, lends, &mut picked);
            (found, room, tried) = (found + got, room - got, rank);
        }
        (found >= demand.least).then_some(picked)
    }

    /// Takes up to `count` aligned blocks of an account's idle chips; answers how many there were.
    pub(crate) fn take_blocks(&self, account: AccountIx, size: u32, count: u32, picked: &mut Picked) -> u32 {
        let mut found = 0;
        let smallest = u8::try_from(size).unwrap_or(u8::MAX);
        for (_, at) in self.accounts[account].index.range((smallest, 0)..) {
            if found == count {
                break;
            }
            let unit = self.units.get(*at);
            let idle = unit.idle() & unit.bound_to(account) & !picked.in_unit(*at);
            let mut starts = self.ground.starts(size, idle);
            while starts != 0 && found < count {
                picked.add(*at, ones(size) << starts.trailing_zeros());
                starts &= starts - 1;
                found += 1;
            }
        }
        found
    }

    /// The wholly idle units of a range that an account may have: its own first, then those of lenders with room.
    fn whole_units(&self, reach: Reach, group: &Range<u32>) -> (Vec<u32>, Vec<u32>) {
        let unit_chips = self.ground.unit_chips;
        let (mut own, mut others) = (Vec::new(), Vec::new());
        let mut lent: BTreeMap<AccountIx, u32> = BTreeMap::new();
        for at in self.whole.range(group.clone()) {
            let [piece] = &self.units.get(*at).pieces[..] else { continue };
            if piece.account == reach.account {
                own.push(*at);
                continue;
            }
            let lent = lent.entry(piece.account).or_insert(0);
            if *lent + unit_chips <= self.lends(piece.account, reach.account) {
                *lent += unit_chips;
                others.push(*at);
            }
        }
        let most = |chips: u32| usize::try_from(chips / unit_chips).unwrap_or(usize::MAX);
        own.truncate(most(reach.own));
        others.truncate(most(reach.borrowed));
        (own, others)
    }

    fn pick_joined(&self, reach: Reach, demand: &Demand, tier: usize) -> Option<Picked> {
        let mut best: Option<((u32, u32, u32), Range<u32>)> = None;
        for group in self.candidate_groups(reach, tier, demand.least) {
            let (own, others) = self.whole_units(reach, &group);
            let (own, all) = (count(own.len()), count(own.len() + others.len()));
            if all < demand.least {
                continue;
            }
            // As many as are of use, most of them its own, and as little as possible left over.
            let score = (all.min(demand.most), own.min(demand.most), u32::MAX - all);
            if best.as_ref().is_none_or(|(known, _)| score > *known) {
                best = Some((score, group));
            }
        }
        let ((wanted, _, _), group) = best?;
        let (own, others) = self.whole_units(reach, &group);
        let mut picked = Picked::default();
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        own.into_iter().chain(others).take(wanted).for_each(|unit| picked.add(unit, self.ground.whole()));
        Some(picked)
    }

    /// The cells of a tier that have enough wholly idle units; only those with own cells where nothing is borrowed.
    fn candidate_groups(&self, reach: Reach, tier: usize, least: u32) -> Vec<Range<u32>> {
        let enough = |group: &Range<u32>| {
            let at = usize::try_from(group.start / self.ground.tiers[tier].units).unwrap_or(usize::MAX);
            self.whole_in_group[tier].get(at).is_some_and(|whole| *whole >= least)
        };
        if reach.borrowed > 0 || reach.account == OWNER {
            return self.ground.groups(tier).filter(enough).collect();
        }
        let mut groups: Vec<Range<u32>> = Vec::new();
        let size = u8::try_from(self.ground.unit_chips).unwrap_or(u8::MAX);
        for (_, unit) in self.accounts[reach.account].index.range((size, 0)..) {
            let group = self.ground.group_of(tier, *unit);
            if groups.last() != Some(&group) {
                groups.push(group);
            }
        }
        groups.retain(enough);
        groups
    }

    fn pick_groups(&self, reach: Reach, demand: &Demand, tier: usize) -> Option<Picked> {
        let units = self.ground.tiers[tier].units;
        let mut found: Vec<(u32, Range<u32>)> = Vec::new();
        for group in self.candidate_groups(reach, tier, units) {
            let (own, others) = self.whole_units(reach, &group);
            if count(own.len() + others.len()) == units {
                found.push((count(others.len()), group));
            }
        }
        found.sort_by_key(|(borrowed, group)| (*borrowed, group.start));
        let mut picked = Picked::default();
        let mut room = reach.borrowed / self.ground.unit_chips;
        let mut got = 0;
        let mut lent: BTreeMap<AccountIx, u32> = BTreeMap::new();
        for (borrowed, group) in found {
            if got == demand.most || borrowed > room {
                break;
            }
            let mut with = lent.clone();
            for at in group.clone() {
                if let [piece] = &self.units.get(at).pieces[..]
                    && piece.account != reach.account
                {
                    *with.entry(piece.account).or_insert(0) += self.ground.unit_chips;
                }
            }
            // Each group may be lent by itself; together they must be, too.
            if with.iter().any(|(lender, chips)| *chips > self.lends(*lender, reach.account)) {
                continue;
            }
            lent = with;
            room -= borrowed;
            got += 1;
            group.for_each(|unit| picked.add(unit, self.ground.whole()));
        }
        (got >= demand.least).then_some(picked)
    }

    fn pick_box(&self, reach: Reach, sides: [u32; 3]) -> Option<Picked> {
        let units: u32 = sides.iter().product();
        let mut best: Option<(usize, Vec<u32>)> = None;
        for group in self.candidate_groups(reach, self.ground.joining_tier(), units) {
            let (own, others) = self.whole_units(reach, &group);
            let is_own = |unit: &u32| own.binary_search(unit).is_ok();
            let may = |unit: &u32| is_own(unit) || others.binary_search(unit).is_ok();
            for placed in self.boxes(&group, sides) {
                if placed.iter().all(may) {
                    let owned = placed.iter().filter(|unit| is_own(unit)).count();
                    if best.as_ref().is_none_or(|(known, _)| owned > *known) {
                        best = Some((owned, placed));
                    }
                }
            }
        }
        let (_, units) = best?;
        let mut picked = Picked::default();
        units.into_iter().for_each(|unit| picked.add(unit, self.ground.whole()));
        Some(picked)
    }

    /// Whether the pool, all idle and all of one account, would hold a demand.
    #[must_use]
    pub fn could_ever_hold(&self, demand: &Demand) -> bool {
        let ground = &self.ground;
        let most = match demand.item {
            Item::Chip => ground.units.saturating_mul(ground.unit_chips),
            Item::Block(size) => ground.units.saturating_mul(ground.unit_chips / size),
            Item::Joined(tier) => ground.tiers[tier].units,
            Item::Group(tier) => ground.units / ground.tiers[tier].units,
            Item::Boxed(sides) => u32::from(ground.torus.is_some_and(|torus| turns_into(sides, torus))),
            Item::Share(share) => u32::from(ground.could_hold(&share)),
        };
        demand.least <= most
    }

    /// Every place of a box in the torus of a pod, with rotations and wrap-around.
    pub(crate) fn boxes(&self, group: &Range<u32>, sides: [u32; 3]) -> Vec<Vec<u32>> {
        let Some(torus) = self.ground.torus else { return Vec::new() };
        let [a, b, c] = sides;
        let mut rotations = vec![[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]];
        rotations.sort_unstable();
        rotations.dedup();
        rotations.retain(|turned| turned.iter().zip(torus).all(|(side, length)| *side <= length));
        let [length_x, length_y, length_z] = torus;
        let first = group.start;
        let at = move |x: u32, y: u32, z: u32| {
            first + ((x % length_x) * length_y + y % length_y) * length_z + z % length_z
        };
        let mut places = Vec::new();
        for [wide, deep, high] in rotations {
            // A box as long as the torus is the same box from every start along that axis.
            let starts = |side: u32, length: u32| if side == length { 1 } else { length };
            for x in 0..starts(wide, length_x) {
                for y in 0..starts(deep, length_y) {
                    for z in 0..starts(high, length_z) {
                        let mut units: Vec<u32> = Vec::new();
                        for dx in 0..wide {
                            for dy in 0..deep {
                                units.extend((0..high).map(|dz| at(x + dx, y + dy, z + dz)));
                            }
                        }
                        places.push(units);
                    }
                }
            }
        }
        places
    }
}

/// Whether a box fits into a torus in some rotation.
fn turns_into(mut sides: [u32; 3], mut torus: [u32; 3]) -> bool {
    sides.sort_unstable();
    torus.sort_unstable();
    sides.iter().zip(torus).all(|(side, length)| *side <= length)
}

/// The lowest bits of a mask.
fn lowest(mut mask: Mask, count: u32) -> Mask {
    let mut taken = 0;
    for _ in 0..count {
        let bit = mask & mask.wrapping_neg();
        taken |= bit;
        mask &= !bit;
    }
    taken
}

fn count(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}
