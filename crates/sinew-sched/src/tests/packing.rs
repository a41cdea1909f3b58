//! A slow, complete search for places of all items of a guarantee at once.

use crate::engine::Engine;
use crate::ground::{Ground, Item, Mask, ones};

/// Whether the healthy cells that are bound to an account make all these items at once.
pub(crate) fn packs(engine: &Engine, account: usize, items: &[(Item, u32)]) -> bool {
    let units = (0..engine.ground.units).map(|at| engine.units.get(at));
    let left: Vec<Mask> = units.map(|unit| unit.healthy_of(account)).collect();
    let (mut large, mut blocks) = (Vec::new(), Vec::new());
    for (item, count) in items {
        match item {
            Item::Chip => blocks.push((1, *count)),
            Item::Block(size) => blocks.push((*size, *count)),
            Item::Joined(_) => large.push((*item, *count)),
            Item::Share(_) => return false, // No guarantee is made of shares.
            Item::Group(_) | Item::Boxed(_) => large.extend((0..*count).map(|_| (*item, 1))),
        }
    }
    blocks.sort_unstable_by_key(|(size, _)| std::cmp::Reverse(*size));
    search(engine, left, &large, &blocks)
}

/// Tries every place of the first large item, then those of the others.
fn search(engine: &Engine, left: Vec<Mask>, large: &[(Item, u32)], blocks: &[(u32, u32)]) -> bool {
    let Some((first, rest)) = large.split_first() else { return fill(&engine.ground, left, blocks) };
    places(engine, &left, *first).into_iter().any(|place| {
        let mut left = left.clone();
        place.into_iter().for_each(|unit| left[unit] = 0);
        search(engine, left, rest, blocks)
    })
}

/// Where an item of several units may lie; units that a switch joins are all alike.
fn places(engine: &Engine, left: &[Mask], what: (Item, u32)) -> Vec<Vec<usize>> {
    let ground = &engine.ground;
    let place = |units: &mut dyn Iterator<Item = u32>| -> Vec<usize> {
        units
            .map(|unit| usize::try_from(unit).expect("small"))
            .filter(|at| left[*at] == ground.whole())
            .collect()
    };
    let (tier, wanted) = match what {
        (Item::Boxed(sides), _) => {
            let all = ground.groups(ground.joining_tier()).flat_map(|group| engine.boxes(&group, sides));
            let found = all.map(|cells| (cells.len(), place(&mut cells.into_iter())));
            return found.filter(|(wanted, cells)| cells.len() == *wanted).map(|(_, cells)| cells).collect();
        }
        (Item::Group(tier), _) => (tier, ground.tiers[tier].units),
        (Item::Joined(tier), count) => (tier, count),
        (Item::Chip | Item::Block(_) | Item::Share(_), _) => return Vec::new(),
    };
    let wanted = usize::try_from(wanted).expect("small");
    let groups = ground.groups(tier).map(|mut group| place(&mut group)).filter(|units| units.len() >= wanted);
    groups.map(|units| units[..wanted].to_vec()).collect()
}

/// Blocks of a unit lie within each other, so the largest ones first is as good as any order.
fn fill(ground: &Ground, mut left: Vec<Mask>, blocks: &[(u32, u32)]) -> bool {
    blocks.iter().all(|(size, count)| {
        (0..*count).all(|_| {
            let starts = |mask: &Mask| ground.starts(*size, *mask);
            let Some(mask) = left.iter_mut().find(|mask| starts(mask) != 0) else { return false };
            *mask &= !(ones(*size) << starts(mask).trailing_zeros());
            true
        })
    })
}
