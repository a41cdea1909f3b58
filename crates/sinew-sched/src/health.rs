//! Chips that break: promises move to healthy cells of the owner where there are any, and where there are none it is
//! said how much of a guarantee is missing.
//!
//! A guarantee is looked at as items: those that its cells still make whole stand as they are, and each broken one
//! moves as a whole to cells of the owner that nobody was promised. So spares are cells that an owner keeps unpromised.

use crate::account::{AccountIx, OWNER};
use crate::cells::Bound;
use crate::engine::{Engine, chips_of};
use crate::ground::{Item, Mask, ones};
use crate::recall::{For, first_bits};
use crate::view::{Account, Action, Unplanned};
use sinew_types::CellRange;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What is broken, and whom that touches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// Broken chips that are bound to each account.
    pub(crate) down: BTreeMap<AccountIx, u32>,
    /// What each contract was promised.
    pub(crate) promised: BTreeMap<AccountIx, Vec<(Item, u32)>>,
    /// Chips of the guarantees that cannot be held, as it was recorded.
    pub(crate) missing: BTreeMap<AccountIx, u32>,
    /// What was last said to be missing since cells of a contract broke or changed: nobody is told the same twice, even
    /// where another number was recorded.
    said: BTreeMap<AccountIx, u32>,
    /// Contracts whose cells should be looked at.
    unseen: BTreeSet<AccountIx>,
}

/// Cells of an account by unit, while items are taken out of them.
type Left = BTreeMap<u32, Mask>;

/// Masks of units.
type Cells = Vec<(u32, Mask)>;

/// An item of a guarantee, how many units of it belong together, and the cells that were to make each one.
type Broken = (Item, u32, Vec<Cells>);

impl Engine {
    /// Chips break, or are whole again. Whoever holds them is ended by those who know the leases.
    pub fn set_down(&mut self, cells: CellRange, down: bool) {
        for (unit, mask) in self.ground.masks(cells.first, cells.count) {
            let known = self.units.get(unit).down;
            let changed = if down { mask & !known } else { mask & known };
            if changed == 0 {
                continue;
            }
            if down {
                self.break_claims(unit, changed);
                self.break_bookings(unit, changed, (None, Unplanned::CellsFailed));
            }
            for (account, chips) in self.pieces_in(unit, changed) {
                self.count_down(account, chips, down);
                self.account_mut(account).stuck.clear();
            }
            self.reindex(unit, |unit| unit.down ^= changed);
            self.stir_owners(unit, changed);
        }
        if !down {
            self.look_for_spares();
        }
        self.freed += 1;
    }

    fn count_down(&mut self, account: AccountIx, chips: u32, more: bool) {
        let count = self.health.down.entry(account).or_insert(0);
        *count = if more { *count + chips } else { *count - chips };
        if *count == 0 {
            self.health.down.remove(&account);
        }
        if account != OWNER {
            self.health.said.remove(&account);
            self.health.unseen.insert(account);
        }
    }

    /// Broken chips change hands by promise.
    pub(crate) fn rebind_down(&mut self, unit: u32, mask: Mask, to: AccountIx) {
        let down = mask & self.units.get(unit).down;
        for (from, chips) in self.pieces_in(unit, down) {
            self.count_down(from, chips, false);
            self.count_down(to, chips, true);
        }
        if to == OWNER {
            self.look_for_spares();
        }
    }

    /// The owner may have cells now that stand in for broken ones.
    fn look_for_spares(&mut self) {
        let health = &mut self.health;
        let broken = health.down.keys().chain(health.missing.keys()).filter(|at| **at != OWNER);
        health.unseen.extend(broken.copied().collect::<Vec<_>>());
    }

    /// Healthy chips that are bound to an account.
    pub(crate) fn healthy(&self, at: AccountIx) -> u32 {
        self.accounts[at].bound - self.health.down.get(&at).copied().unwrap_or(0)
    }

    /// So many chips of a guarantee cannot be held, as a record says; 0 where it is whole again.
    pub fn impaired(&mut self, account: Account, missing_chips: u32) {
        let Some(at) = self.place(account) else { return };
        if missing_chips == 0 {
            self.health.missing.remove(&at);
        } else {
            self.health.missing.insert(at, missing_chips);
        }
        // What was said before a restart may not be so any more.
        self.health.unseen.insert(at);
        let waiting: Vec<_> = self.accounts[at].waiting.values().flatten().map(|turn| turn.2).collect();
        self.stepped_up.extend(waiting);
        self.stir(at);
    }

    /// The next promise that moves to healthy cells, or that cannot be held, or that is whole again.
    pub(crate) fn next_mended(&mut self) -> Option<Action> {
        while let Some(at) = self.health.unseen.pop_first() {
            let state = &self.accounts[at];
            let account = state.account;
            if state.over {
                continue;
            }
            let (cells, missing_chips) = match self.unbound_chips(at) {
                0 => self.mend(at),
                _ if self.bind_guarantee(account, &state.unbound).is_some() => {
                    self.stir_own(at);
                    continue;
                }
                unbound => (Vec::new(), unbound),
            };
            if !cells.is_empty() {
                self.health.unseen.insert(at);
                return Some(Action::Bind { cells });
            }
            if missing_chips != self.health.missing.get(&at).copied().unwrap_or(0)
                && self.health.said.insert(at, missing_chips) != Some(missing_chips)
            {
                return Some(Action::Impair { account, missing_chips });
            }
        }
        None
    }

    /// Chips of an account's guarantee that no cells are bound to.
    fn unbound_chips(&self, at: AccountIx) -> u32 {
        let items = self.accounts[at].unbound.iter();
        items.map(|(item, count)| self.ground.item_chips(*item).saturating_mul(*count)).sum()
    }

    /// Looks whether what is recorded of an account's guarantee is still so.
    pub(crate) fn look_at_health(&mut self, at: AccountIx) {
        self.health.unseen.insert(at);
    }

    /// Where the broken items of an account move, and how many chips of its guarantee are then still missing.
    fn mend(&self, at: AccountIx) -> (Vec<Bound>, u32) {
        let broken = self.broken_items(at);
        if broken.is_empty() {
            return (Vec::new(), 0);
        }
        let mut trial = self.clone();
        let mut touched: BTreeSet<u32> = BTreeSet::new();
        let mut missing_chips = 0;
        let all_chips = broken.iter().flat_map(|(.., items)| items).map(|cells| chips_of(cells)).sum();
        for (item, each, items) in broken {
            let (moved, new) = match item {
                // A substitute may overlap what is broken, so these go one by one.
                Item::Boxed(_) | Item::Joined(_) => trial.move_one(at, (item, each), &items[0]),
                // Shares are never promised, and come here as little as chips that are scattered.
                Item::Chip | Item::Block(_) | Item::Group(_) | Item::Share(_) => {
                    trial.move_many(at, item, &items)
                }
            };
            missing_chips += items[moved..].iter().map(|cells| chips_of(cells)).sum::<u32>();
            touched.extend(items.iter().flatten().chain(&new).map(|(unit, _)| *unit));
        }
        // Each step leaves fewer broken cells under the promise, so that the steps come to an end.
        let down = |engine: &Self| engine.health.down.get(&at).copied().unwrap_or(0);
        if down(&trial) >= down(self) {
            return (Vec::new(), all_chips);
        }
        let mut cells = Vec::new();
        for unit in touched {
            let (before, after) = (self.units.get(unit).bound_to(at), trial.units.get(unit).bound_to(at));
            cells.extend(self.bound_cells(Account::Owner, &[(unit, before & !after)]));
            cells.extend(self.bound_cells(self.accounts[at].account, &[(unit, after & !before)]));
        }
        (cells, missing_chips)
    }

    /// Gives broken items back to the owner and takes as many whole ones from there as there are; answers how many of
    /// them moved, the first ones first, and to where.
    fn move_many(&mut self, at: AccountIx, item: Item, items: &[Cells]) -> (usize, Cells) {
        let (mut low, mut high) = (0, items.len());
        let found = |engine: &Self, many: usize| {
            engine.cheapest(OWNER, item, u32::try_from(many).ok()?, For::Binding)
        };
        self.rebind(items, OWNER);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if found(self, middle).is_some() { low = middle } else { high = middle - 1 }
        }
        let new = if low == 0 { Vec::new() } else { found(self, low).unwrap_or_default() };
        self.rebind(&items[low..], at);
        self.rebind(std::slice::from_ref(&new), at);
        (low, new)
    }

    /// The same for one item, whose substitute may share cells with it.
    fn move_one(&mut self, at: AccountIx, what: (Item, u32), old: &Cells) -> (usize, Cells) {
        let (item, count) = what;
        if let Some(new) = self.stand_in(at, item, old) {
            return (1, new);
        }
        self.rebind(std::slice::from_ref(old), OWNER);
        let new = self.cheapest(OWNER, item, count, For::Binding);
        self.rebind(std::slice::from_ref(new.as_ref().unwrap_or(old)), at);
        (usize::from(new.is_some()), new.unwrap_or_default())
    }

    fn rebind(&mut self, items: &[Cells], to: AccountIx) {
        items.iter().flatten().for_each(|(unit, mask)| self.bind_unit(*unit, *mask, to));
    }

    /// Of joined units only the broken ones move, where others of the same cell can stand in.
    fn stand_in(&mut self, at: AccountIx, item: Item, old: &[(u32, Mask)]) -> Option<Cells> {
        let Item::Joined(tier) = item else { return None };
        let broken = old.iter().filter(|(unit, _)| self.units.get(*unit).down != 0).copied();
        let broken: Cells = broken.collect();
        let group = self.ground.group_of(tier, broken.first()?.0);
        if !old.iter().all(|(unit, _)| group.contains(unit)) {
            return None;
        }
        let many = u32::try_from(broken.len()).ok()?;
        let new = self.best_units((OWNER, For::Binding), group, many)?;
        broken.iter().for_each(|(unit, mask)| self.bind_unit(*unit, *mask, OWNER));
        new.iter().for_each(|(unit, mask)| self.bind_unit(*unit, *mask, at));
        Some(new)
    }

    /// The items of an account's guarantee that its healthy cells do not make, with the cells that were to make them.
    fn broken_items(&self, at: AccountIx) -> Vec<Broken> {
        if !self.health.down.contains_key(&at) {
            return Vec::new();
        }
        let bound = |unit: &u32| (*unit, self.units.get(*unit).bound_to(at));
        let mut left: Left = self.accounts[at].units.iter().map(bound).collect();
        let mut promised = self.health.promised.get(&at).cloned().unwrap_or_default();
        promised.sort_by_key(|(item, count)| Reverse((self.ground.item_chips(*item), *count, *item)));
        let mut broken = Vec::new();
        for (item, count) in promised {
            if item == Item::Chip {
                broken.push((item, 1, self.carve_chips(&mut left, count)));
                continue;
            }
            // Joined units are one item together.
            let (times, each) = if matches!(item, Item::Joined(_)) { (1, count) } else { (count, 1) };
            let mut whole = 0;
            while whole < times && self.carve(&mut left, (item, each), true).is_some() {
                whole += 1;
            }
            // Where the whole ones took from several places, the last one may find no place at all any more.
            let rest = (whole..times).map(|_| {
                let placed = self.carve(&mut left, (item, each), false);
                placed.unwrap_or_else(|| self.scraps(&mut left, self.ground.item_chips(item) * each))
            });
            broken.push((item, each, rest.filter(|cells| !cells.is_empty()).collect()));
        }
        broken.retain(|(_, _, items)| !items.is_empty());
        broken
    }

    /// Takes loose chips out of what is left, healthy ones first; answers those that are broken.
    fn carve_chips(&self, left: &mut Left, count: u32) -> Vec<Cells> {
        let mut missing = count;
        let mut broken = Vec::new();
        for healthy in [true, false] {
            for (unit, mask) in left.iter_mut() {
                let down = self.units.get(*unit).down;
                let here = first_bits(*mask & if healthy { !down } else { down }, missing);
                missing -= here.count_ones();
                *mask &= !here;
                if !healthy {
                    let bits = (0..Mask::BITS).map(|bit| 1 << bit).filter(|bit| here & bit != 0);
                    broken.extend(bits.map(|bit| vec![(*unit, bit)]));
                }
            }
        }
        broken
    }

    /// Takes the cells of one item out of what is left.
    pub(crate) fn carve(&self, left: &mut Left, what: (Item, u32), healthy: bool) -> Option<Cells> {
        let (item, units) = what;
        let cells = match item {
            Item::Chip => self.carve_block(left, 1, healthy),
            Item::Block(size) => self.carve_block(left, size, healthy),
            Item::Joined(tier) => self.carve_units(left, (tier, units), healthy),
            Item::Group(tier) => self.carve_units(left, (tier, self.ground.tiers[tier].units), healthy),
            Item::Boxed(sides) => self.carve_box(left, sides, healthy),
            Item::Share(_) => None,
        }?;
        for (unit, mask) in &cells {
            let here = left.get_mut(unit)?;
            *here &= !mask;
            if *here == 0 {
                left.remove(unit);
            }
        }
        Some(cells)
    }

    /// Takes what is left of an item that has no place: as many chips, the broken units first.
    fn scraps(&self, left: &mut Left, chips: u32) -> Cells {
        let mut units: Vec<u32> = left.keys().copied().collect();
        let rank = |unit: &u32| (Reverse(left[unit].count_ones()), self.units.get(*unit).down == 0, *unit);
        units.sort_by_key(rank);
        let mut missing = chips;
        let mut cells = Cells::new();
        for unit in units {
            let here = first_bits(left[&unit], missing);
            missing -= here.count_ones();
            left.entry(unit).and_modify(|mask| *mask &= !here);
            if here != 0 {
                cells.push((unit, here));
            }
        }
        left.retain(|_, mask| *mask != 0);
        cells
    }

    fn carve_block(&self, left: &Left, size: u32, healthy: bool) -> Option<Cells> {
        left.iter().find_map(|(unit, mask)| {
            let down = if healthy { self.units.get(*unit).down } else { 0 };
            let starts = self.ground.starts(size, mask & !down);
            (starts != 0).then(|| vec![(*unit, ones(size) << starts.trailing_zeros())])
        })
    }

    /// Whole units of one cell of a tier: of the cell with the fewest that has enough, and the healthy ones first.
    fn carve_units(&self, left: &Left, what: (usize, u32), healthy: bool) -> Option<Cells> {
        let (tier, count) = what;
        let whole = self.ground.whole();
        let wanted = usize::try_from(count).ok()?;
        let sound = |unit: &u32| self.units.get(*unit).down == 0;
        let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (unit, _) in left.iter().filter(|(_, mask)| **mask == whole) {
            groups.entry(self.ground.group_of(tier, *unit).start).or_default().push(*unit);
        }
        let enough = groups.into_values().filter_map(|mut units| {
            units.retain(|unit| !healthy || sound(unit));
            units.sort_by_key(|unit| (!sound(unit), *unit));
            (units.len() >= wanted).then_some(units)
        });
        let broken = |units: &Vec<u32>| units[..wanted].iter().filter(|unit| !sound(unit)).count();
        let mut units = enough.min_by_key(|units| (broken(units), units.len()))?;
        units.truncate(wanted);
        Some(units.into_iter().map(|unit| (unit, whole)).collect())
    }

    fn carve_box(&self, left: &Left, sides: [u32; 3], healthy: bool) -> Option<Cells> {
        let whole = self.ground.whole();
        let broken = |unit: &u32| u32::from(self.units.get(*unit).down != 0);
        let tier = self.ground.joining_tier();
        let groups: BTreeMap<u32, Range<u32>> = left
            .keys()
            .map(|unit| self.ground.group_of(tier, *unit))
            .map(|group| (group.start, group))
            .collect();
        let places = groups.values().flat_map(|group| self.boxes(group, sides));
        let here = places.filter(|place| place.iter().all(|unit| left.get(unit) == Some(&whole)));
        let losses = here.map(|place| (place.iter().map(broken).sum::<u32>(), place));
        let (lost, place) = losses.min()?;
        (!healthy || lost == 0).then(|| place.into_iter().map(|unit| (unit, whole)).collect())
    }
}
