//! The cells that a lease holds, as runs of chips: a pod of 9,216 chips is one run.

use crate::{Account, Holding};
use sinew_types::{Canonical, CellIndex, Malformed, Value};
use std::collections::BTreeMap;

/// Chips side by side, all held in the same way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Run {
    /// The first chip.
    pub first: CellIndex,
    /// How many, from the first on.
    pub count: u32,
    /// How they are held.
    pub holding: Holding,
}

/// Chips and how each is held: runs in order, none touching an equal neighbour.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Cells(Vec<Run>);

impl Cells {
    /// Adds chips behind the last one.
    pub fn push(&mut self, run: Run) {
        if run.count == 0 {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.first.0 + last.count == run.first.0 && last.holding == run.holding => {
                last.count += run.count;
            }
            _ => self.0.push(run),
        }
    }

    /// The runs, in order.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.0
    }

    /// Every chip, in order.
    pub fn iter(&self) -> impl Iterator<Item = (CellIndex, Holding)> + '_ {
        self.0.iter().flat_map(|run| {
            (run.first.0..run.first.0.saturating_add(run.count)).map(|chip| (CellIndex(chip), run.holding))
        })
    }

    /// How many chips.
    #[must_use]
    pub fn chips(&self) -> u32 {
        self.0.iter().map(|run| run.count).fold(0, u32::saturating_add)
    }

    /// How many chips are held inside the guarantee, and how many beyond it.
    #[must_use]
    pub fn own_and_borrowed(&self) -> (u32, u32) {
        let own = self.0.iter().filter(|run| run.holding == Holding::Own).map(|run| run.count);
        let own = own.fold(0, u32::saturating_add);
        (own, self.chips() - own)
    }

    /// How a chip is held.
    #[must_use]
    pub fn get(&self, chip: CellIndex) -> Option<Holding> {
        let after = self.0.partition_point(|run| run.first <= chip);
        let run = self.0.get(after.checked_sub(1)?)?;
        (chip.0 - run.first.0 < run.count).then_some(run.holding)
    }

    /// Whether any chip is in both.
    #[must_use]
    pub fn overlaps(&self, other: &Cells) -> bool {
        let meets = |run: &Run| {
            let from = other.0.partition_point(|theirs| theirs.first.0 + theirs.count <= run.first.0);
            other.0.get(from).is_some_and(|theirs| theirs.first.0 < run.first.0 + run.count)
        };
        self.0.iter().any(meets)
    }
}

impl FromIterator<(CellIndex, Holding)> for Cells {
    /// From chips in order.
    fn from_iter<T: IntoIterator<Item = (CellIndex, Holding)>>(chips: T) -> Self {
        let mut cells = Self::default();
        for (first, holding) in chips {
            cells.push(Run { first, count: 1, holding });
        }
        cells
    }
}

impl Canonical for Cells {
    /// A list of `[first, count, holding]`.
    fn to_value(&self) -> Value {
        let run =
            |run: &Run| Value::List(vec![run.first.to_value(), run.count.to_value(), run.holding.to_value()]);
        Value::List(self.0.iter().map(run).collect())
    }

    /// Also reads the first form, a list of `[chip, holding]`.
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        let Value::List(items) = value else {
            return Err(Malformed::new(value.to_json(), "a list of cells"));
        };
        let mut listed = BTreeMap::new();
        for item in items {
            let Value::List(parts) = item else {
                return Err(Malformed::new(item.to_json(), "a run of cells"));
            };
            let (first, count, holding) = match &parts[..] {
                [first, holding] => (first, 1, holding),
                [first, count, holding] => (first, u32::from_value(count)?, holding),
                _ => return Err(Malformed::new(item.to_json(), "a run of cells")),
            };
            let (first, holding) = (CellIndex::from_value(first)?, Holding::from_value(holding)?);
            if count == 0 || first.0.checked_add(count).is_none() {
                return Err(Malformed::new(item.to_json(), "a run of at least one cell"));
            }
            listed.insert(first, Run { first, count, holding });
        }
        let mut cells = Self::default();
        for run in listed.into_values() {
            if cells.0.last().is_some_and(|last| last.first.0 + last.count > run.first.0) {
                return Err(Malformed::new(run.first.0.to_string(), "cells that do not overlap"));
            }
            cells.push(run);
        }
        Ok(cells)
    }
}

/// Chips and whose they are by promise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Bound {
    /// The first chip.
    pub first: CellIndex,
    /// How many, from the first on.
    pub count: u32,
    /// Whose they are.
    pub account: Account,
}

sinew_types::canonical_struct!(Bound { first, count, account });
