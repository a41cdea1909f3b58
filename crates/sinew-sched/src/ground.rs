//! A pool as the scheduler sees it: *units* of at most 128 chips, a bit a chip, and groups of units above.
//!
//! The unit is the largest level that fits a mask: a cube of 64 chips, an NVL72 rack, a host. Inside a unit a
//! shape is an aligned block of bits, because chips are numbered so that each sub-slice lies side by side; above it,
//! cells are ranges of whole units. So the state of a million chips is a few hundred kilobytes.

use crate::parts::Parts;
use sinew_types::{CellIndex, Fabric, Hosts, Level, Shape, Share, Topology, WHOLE_MILLI};
use std::ops::Range;

/// A bit for each chip of a unit.
pub(crate) type Mask = u128;

/// The most chips of a unit.
const UNIT_CHIPS_MAX: u32 = 128;
/// The sub-slices of a cube of 4x4x4 chips that are whole numbers of hosts (2x2x2, 2x2x4 and 2x4x4).
const CUBE_SLICES: [u32; 3] = [8, 16, 32];
/// The chips of a cube along each axis.
const CUBE_SIDE: u32 = 4;

/// What a gang is made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Item {
    /// A chip, wherever it is.
    Chip,
    /// An aligned block of that many chips inside a unit; the unit itself where it is as large.
    Block(u32),
    /// Whole units that one cell of a tier joins.
    Joined(usize),
    /// A whole cell of a tier.
    Group(usize),
    /// A box of units in the torus of one pod, in units along each axis; any rotation, with wrap-around.
    Boxed([u32; 3]),
    /// Parts of devices of one host.
    Share(Share),
}

/// How many items a gang needs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Demand {
    /// Of what.
    pub item: Item,
    /// The fewest.
    pub least: u32,
    /// The most that it makes use of.
    pub most: u32,
}

/// A level above the units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tier {
    pub(crate) level: Level,
    /// Units of each of its cells.
    pub(crate) units: u32,
}

/// Why a shape means nothing in a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoShape {
    /// The pool has no such cells.
    Unknown(Shape),
    /// It asks for nothing.
    Empty,
    /// The smallest shape and the largest are not of the same kind of cells, or the wrong way round.
    Mixed,
}

/// How many chips a shape has in a pool; nothing where the pool has no such cells.
#[must_use]
pub fn shape_chips(topology: &Topology, shape: &Shape) -> Option<u32> {
    if shape.is_empty() {
        return Some(0);
    }
    let ground = Ground::of(topology);
    let (item, count) = ground.items(shape).ok()?;
    Some(ground.item_chips(item).saturating_mul(count))
}

/// The fixed part of a pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ground {
    pub(crate) unit_chips: u32,
    pub(crate) units: u32,
    pub(crate) first_chip: u32,
    /// Sizes of the aligned blocks of a unit, ascending, from one chip to the whole unit.
    pub(crate) blocks: Vec<u32>,
    /// Levels above the unit, smallest cells first.
    pub(crate) tiers: Vec<Tier>,
    pub(crate) torus: Option<[u32; 3]>,
    topology: Vec<(Level, u32)>,
    /// Where devices are lent in parts.
    hosts: Vec<Hosts>,
}

impl Ground {
    pub(crate) fn of(topology: &Topology) -> Self {
        let levels: Vec<(Level, u32)> = topology
            .tiers()
            .iter()
            .rev()
            .filter_map(|tier| Some((tier.level, topology.chips_of(tier.level)?)))
            .collect();
        let small = levels.iter().filter(|(_, chips)| *chips <= UNIT_CHIPS_MAX);
        let domain = small.clone().find(|(level, _)| *level == Level::Domain);
        // A domain where it fits a mask, because fabrics join domains; else the largest cell that does.
        let unit_chips =
            domain.or_else(|| small.max_by_key(|(_, chips)| *chips)).map_or(1, |(_, chips)| *chips);
        let above = levels.iter().filter(|(_, chips)| *chips > unit_chips);
        let mut tiers: Vec<Tier> =
            above.map(|(level, chips)| Tier { level: *level, units: chips / unit_chips }).collect();
        let units = topology.chip_count() / unit_chips;
        tiers.push(Tier { level: Level::Pool, units });
        let torus = match topology.fabric() {
            Fabric::Switched => None,
            Fabric::Torus { x, y, z } => domain.map(|_| [x, y, z]),
        };
        Self {
            unit_chips,
            units,
            first_chip: topology.first_chip().0,
            blocks: blocks(&levels, unit_chips),
            tiers,
            torus,
            topology: levels,
            hosts: topology.hosts().to_vec(),
        }
    }

    /// Whether a share would lie on some host if all were idle.
    pub(crate) fn could_hold(&self, share: &Share) -> bool {
        Parts::could_hold(&self.hosts, share)
    }

    /// The mask of a whole unit.
    pub(crate) fn whole(&self) -> Mask {
        ones(self.unit_chips)
    }

    /// The tier whose cells hold the units that a fabric joins: pods where there are any, else the pool.
    pub(crate) fn joining_tier(&self) -> usize {
        let pod = self.tiers.iter().position(|tier| tier.level == Level::Pod);
        pod.unwrap_or(self.tiers.len() - 1)
    }

    /// The units of the cell of a tier that a unit lies in.
    pub(crate) fn group_of(&self, tier: usize, unit: u32) -> Range<u32> {
        let units = self.tiers[tier].units;
        let first = unit / units * units;
        first..first + units
    }

    /// The cells of a tier, as ranges of units.
    pub(crate) fn groups(&self, tier: usize) -> impl Iterator<Item = Range<u32>> + use<> {
        let units = self.tiers[tier].units;
        (0..self.units / units).map(move |group| group * units..(group + 1) * units)
    }

    /// The places at which an aligned block of `size` chips lies wholly within a mask.
    pub(crate) fn starts(&self, size: u32, within: Mask) -> Mask {
        if size == self.unit_chips {
            return Mask::from(within == self.whole());
        }
        if size.is_power_of_two() {
            let mut starts = within;
            let mut step = 1;
            while step < size {
                starts &= starts >> step;
                step *= 2;
            }
            return starts & aligned(size) & self.whole();
        }
        let block = ones(size);
        let places = (0..self.unit_chips / size).map(|place| place * size);
        places.filter(|at| within >> at & block == block).fold(0, |starts, at| starts | 1 << at)
    }

    /// The largest aligned block within a mask; 0 where it is empty.
    pub(crate) fn largest_block(&self, within: Mask) -> u32 {
        let chips = within.count_ones();
        let sizes = self.blocks.iter().rev().filter(|size| **size <= chips);
        sizes.copied().find(|size| self.starts(*size, within) != 0).unwrap_or(0)
    }

    /// How many chips an item has.
    pub(crate) fn item_chips(&self, item: Item) -> u32 {
        match item {
            Item::Chip => 1,
            Item::Block(size) => size,
            Item::Joined(_) => self.unit_chips,
            Item::Group(tier) => self.tiers[tier].units.saturating_mul(self.unit_chips),
            Item::Boxed(sides) => sides.iter().product::<u32>().saturating_mul(self.unit_chips),
            // What runs on processors alone has a place for itself.
            Item::Share(share) => {
                let each = (u32::from(share.chip_milli) * self.unit_chips).div_ceil(WHOLE_MILLI);
                (u32::from(share.devices) * each).max(1)
            }
        }
    }

    /// What a workload asks for, from the smallest shape it runs on and the largest it makes use of.
    pub(crate) fn demand(&self, least: &Shape, most: &Shape) -> Result<Demand, NoShape> {
        let (item, fewest) = self.items(least)?;
        let (same, largest) = match self.items(most) {
            Err(NoShape::Empty) => return Err(NoShape::Mixed),
            found => found?,
        };
        if item != same || fewest > largest {
            return Err(NoShape::Mixed);
        }
        Ok(Demand { item, least: fewest, most: largest })
    }

    /// A shape as a number of items.
    pub(crate) fn items(&self, shape: &Shape) -> Result<(Item, u32), NoShape> {
        let (level, count) = match *shape {
            Shape::Chips(count) => (Level::Chip, count),
            Shape::Hosts(count) => (Level::Host, count),
            Shape::Domains(count) => (Level::Domain, count),
            Shape::Racks(count) => (Level::Rack, count),
            Shape::Pods(count) => (Level::Pod, count),
            Shape::Block(sides) => return self.block(shape, sides),
            Shape::Share(share) if share.is_empty() => return Err(NoShape::Empty),
            Shape::Share(share) if !self.hosts.is_empty() => return Ok((Item::Share(share), 1)),
            Shape::Share(_) => return Err(NoShape::Unknown(*shape)),
        };
        if count == 0 {
            return Err(NoShape::Empty);
        }
        if !self.hosts.is_empty() {
            return Err(NoShape::Unknown(*shape));
        }
        if level == Level::Chip {
            return Ok((Item::Chip, count));
        }
        if let Some(tier) = self.tiers.iter().position(|tier| tier.level == level) {
            return Ok((Item::Group(tier), count));
        }
        let size = self.topology.iter().find(|(found, _)| *found == level).map(|(_, chips)| *chips);
        size.map(|size| (Item::Block(size), count)).ok_or(NoShape::Unknown(*shape))
    }

    /// A block of a torus: a sub-slice of one cube, or whole cubes of one pod.
    fn block(&self, shape: &Shape, mut sides: [u32; 3]) -> Result<(Item, u32), NoShape> {
        let cubes = self.topology.contains(&(Level::Domain, CUBE_SIDE.pow(3)));
        let unknown = Err(NoShape::Unknown(*shape));
        if !cubes {
            return unknown;
        }
        sides.sort_unstable();
        match sides {
            [1, 1, 1] => Ok((Item::Chip, 1)),
            [1, 2, 2] => Ok((Item::Block(4), 1)),
            [2, 2, 2] => Ok((Item::Block(8), 1)),
            [2, 2, 4] => Ok((Item::Block(16), 1)),
            [2, 4, 4] => Ok((Item::Block(32), 1)),
            [4, 4, 4] => Ok((Item::Block(64), 1)),
            _ if sides.iter().all(|side| side.is_multiple_of(CUBE_SIDE)) => {
                let boxed = sides.map(|side| side / CUBE_SIDE);
                match (self.torus, boxed.iter().try_fold(1_u32, |all, side| all.checked_mul(*side))) {
                    (Some(_), Some(_)) => Ok((Item::Boxed(boxed), 1)),
                    (None, Some(units)) => Ok((Item::Joined(self.joining_tier()), units)),
                    (_, None) => unknown,
                }
            }
            _ => unknown,
        }
    }

    /// The chips of a mask as runs of chip indices.
    pub(crate) fn runs(&self, unit: u32, mut mask: Mask) -> impl Iterator<Item = (CellIndex, u32)> + use<> {
        let first = self.first_chip + unit * self.unit_chips;
        std::iter::from_fn(move || {
            if mask == 0 {
                return None;
            }
            let at = mask.trailing_zeros();
            let count = (mask >> at).trailing_ones();
            mask &= !(ones(count) << at);
            Some((CellIndex(first + at), count))
        })
    }

    /// Runs of chips as masks of units.
    pub(crate) fn masks(&self, first: CellIndex, count: u32) -> impl Iterator<Item = (u32, Mask)> + use<> {
        let (unit_chips, end) = (self.unit_chips, first.0 - self.first_chip + count);
        let mut at = first.0 - self.first_chip;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let (unit, offset) = (at / unit_chips, at % unit_chips);
            let here = (end - at).min(unit_chips - offset);
            at += here;
            Some((unit, ones(here) << offset))
        })
    }
}

/// That many ones from the lowest bit on.
pub(crate) fn ones(count: u32) -> Mask {
    if count >= Mask::BITS { Mask::MAX } else { (1 << count) - 1 }
}

/// The first bit of each aligned block of a power of two.
fn aligned(size: u32) -> Mask {
    // All ones divided by a block of ones leaves a one at the start of each block.
    if size >= Mask::BITS { 1 } else { Mask::MAX / ones(size) }
}

/// Block sizes of a unit: its levels, the slices of a cube, and powers of two below its smallest inner cell, which
/// keep loose chips together.
fn blocks(levels: &[(Level, u32)], unit_chips: u32) -> Vec<u32> {
    let mut sizes: Vec<u32> =
        levels.iter().map(|(_, chips)| *chips).filter(|chips| *chips <= unit_chips).collect();
    let inner = levels.iter().map(|(_, chips)| *chips).find(|chips| *chips > 1).unwrap_or(1);
    let powers = (0..7).map(|power| 1 << power);
    sizes.extend(powers.filter(|size| *size < inner && *size < unit_chips));
    if levels.contains(&(Level::Domain, CUBE_SIDE.pow(3))) && unit_chips == CUBE_SIDE.pow(3) {
        sizes.extend(CUBE_SLICES);
    }
    sizes.push(1);
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

impl Ground {
    /// The kind of an ask as one bit, for a quick look at who may be served at all. Asks of one kind need at least
    /// what [`Ground::kinds_within`] asks of it.
    pub(crate) fn kind(&self, ask: &(Item, u32, u32)) -> u64 {
        let power = |count: u32, most: u32| count.max(1).ilog2().min(most);
        1 << match ask.0 {
            Item::Chip => power(ask.1, 15),
            Item::Block(size) => {
                let at = self.blocks.iter().position(|block| *block >= size).unwrap_or(0);
                16 + u32::try_from(at).unwrap_or(0).min(15)
            }
            Item::Joined(_) => 32 + power(ask.1, 11),
            Item::Group(tier) => 44 + u32::try_from(tier).unwrap_or(0).min(15),
            Item::Boxed(_) => 60,
            Item::Share(_) => 61,
        }
    }

    /// The kinds that may be met with that many idle chips, blocks of at most `largest` and `joined` whole units in
    /// one group.
    pub(crate) fn kinds_within(&self, idle: u32, largest: u32, joined: u32, groups: u64) -> u64 {
        let below = |count: u32| if count == 0 { 0 } else { (1_u64 << (count.ilog2() + 1).min(16)) - 1 };
        let blocks = self.blocks.iter().enumerate().filter(|(_, size)| **size <= largest);
        let blocks = blocks.fold(0_u64, |all, (at, _)| all | 1 << (16 + at.min(15)));
        let boxed = u64::from(joined > 0) << 60;
        below(idle) | blocks | (below(joined) & 0xfff) << 32 | (groups & 0xffff) << 44 | boxed
    }
}
