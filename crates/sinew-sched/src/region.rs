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
    /// account is looked at.
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
        let mut shares: BTreeMap<AccountIx, Share> = BTreeMap::new();
        for (unit, mask) in self.ground.masks(cells.first, cells.count) {
            let here = self.units.get(unit);
            sum.free += (here.free & !here.down & mask).count_ones();
            sum.failed += (here.down & mask).count_ones();
            self.add_shares(unit, mask, &mut shares, only);
        }
        let named = shares.into_iter().map(|(at, share)| (self.accounts[at].account, share));
        sum.shares = named.filter(|(_, share)| *share != Share::default()).collect();
        sum
    }

    fn add_shares(
        &self,
        unit: u32,
        mask: Mask,
        shares: &mut BTreeMap<AccountIx, Share>,
        only: Option<&[AccountIx]>,
    ) {
        let unit = self.units.get(unit);
        let seen = |at: AccountIx| only.is_none_or(|only| only.contains(&at));
        for piece in unit.pieces.iter().filter(|piece| seen(piece.account) && piece.mask & mask != 0) {
            let share = shares.entry(piece.account).or_default();
            share.bound += (piece.mask & mask).count_ones();
            share.failed += (piece.mask & mask & unit.down).count_ones();
            let others = unit.tenants.iter().filter(|tenant| tenant.holder != piece.account);
            share.lent += others.map(|tenant| (tenant.mask & piece.mask & mask).count_ones()).sum::<u32>();
        }
        for tenant in unit.tenants.iter().filter(|tenant| seen(tenant.holder) && tenant.mask & mask != 0) {
            let share = shares.entry(tenant.holder).or_default();
            let bound = unit.bound_to(tenant.holder);
            share.own += (tenant.mask & mask & bound).count_ones();
            share.borrowed += (tenant.mask & mask & !bound).count_ones();
            share.leaves_by = share.leaves_by.max(self.gangs.get(tenant.gang).gone_by);
        }
    }
}
