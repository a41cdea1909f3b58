//! Who holds which part of a pool, cell by cell: sums of unit masks, so that a look costs what its region holds in
//! units and never a list of chips.

use crate::account::AccountIx;
use crate::engine::Engine;
use crate::ground::Mask;
use crate::view::Account;
use sinew_types::{CellRange, Instant};
use std::collections::BTreeMap;

/// What one account has of a cell, in chips.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Share {
    /// Bound to it by promise.
    pub bound: u32,
    /// Of these, held by others.
    pub lent: u32,
    /// Of the bound ones, broken.
    pub failed: u32,
    /// Held by its gangs on its own cells.
    pub own: u32,
    /// Held by its gangs on cells of others.
    pub borrowed: u32,
    /// When the last of its gangs there that were told to leave is gone; nothing where none was told.
    pub leaves_by: Option<Instant>,
}

/// A cell of a pool at one moment, in chips.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CellSum {
    /// Which chips.
    pub cells: CellRange,
    /// Neither held nor broken.
    pub free: u32,
    /// Broken, held or not.
    pub failed: u32,
    /// By account; only those that have something there.
    pub shares: BTreeMap<Account, Share>,
}

impl Engine {
    /// The cells of `size` chips in a range, each with who has what of it. Where `only` is given, nothing of any other
    /// account is told.
    #[must_use]
    pub fn cell_sums(&self, range: CellRange, size: u32, only: Option<&[Account]>) -> Vec<CellSum> {
        let places: Option<Vec<AccountIx>> =
            only.map(|accounts| accounts.iter().filter_map(|account| self.place(*account)).collect());
        let cells = (range.first.0..range.end()).step_by(usize::try_from(size.max(1)).unwrap_or(usize::MAX));
        let cell = |first: u32| {
            let cells = CellRange { first: sinew_types::CellIndex(first), count: size };
            self.cell_sum(cells, places.as_deref())
        };
        cells.map(cell).collect()
    }

    fn cell_sum(&self, cells: CellRange, only: Option<&[AccountIx]>) -> CellSum {
        let mut sum = CellSum { cells, free: 0, failed: 0, shares: BTreeMap::new() };
        let mut shares = vec![Share::default(); self.accounts.len()];
        for (unit, mask) in self.ground.masks(cells.first, cells.count) {
            let here = self.units.get(unit);
            sum.free += (here.free & !here.down & mask).count_ones();
            sum.failed += (here.down & mask).count_ones();
            self.add_shares(unit, mask, &mut shares);
        }
        let seen = |at: AccountIx| only.is_none_or(|only| only.contains(&at));
        let some =
            shares.into_iter().enumerate().filter(|(at, share)| *share != Share::default() && seen(*at));
        sum.shares = some.map(|(at, share)| (self.accounts[at].account, share)).collect();
        sum
    }

    fn add_shares(&self, unit: u32, mask: Mask, shares: &mut [Share]) {
        let unit = self.units.get(unit);
        for piece in &unit.pieces {
            let share = &mut shares[piece.account];
            share.bound += (piece.mask & mask).count_ones();
            share.failed += (piece.mask & mask & unit.down).count_ones();
        }
        for tenant in unit.tenants.iter().filter(|tenant| tenant.mask & mask != 0) {
            let held = tenant.mask & mask;
            let mut own = 0;
            for piece in &unit.pieces {
                let chips = (held & piece.mask).count_ones();
                if piece.account == tenant.holder {
                    own = chips;
                } else {
                    shares[piece.account].lent += chips;
                }
            }
            let share = &mut shares[tenant.holder];
            share.own += own;
            share.borrowed += held.count_ones() - own;
            share.leaves_by = share.leaves_by.max(self.gangs.get(tenant.gang).gone_by);
        }
    }
}
