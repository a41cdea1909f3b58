//! Whose cells are whose by promise, and how leases hold them for that reason.

use crate::account::{AccountIx, GangIx, OWNER};
use crate::cells::{Bound, Cells, Run};
use crate::engine::Engine;
use crate::ground::{Item, Mask};
use crate::unit::Piece;
use crate::view::{Account, Holding, Unplanned};
use sinew_types::WorkloadId;
use std::collections::{BTreeMap, BTreeSet};

impl Engine {
    /// Says that cells were bound to somebody before anything else happened, as a record of it says.
    pub fn bound(&mut self, cells: &[Bound]) {
        for run in cells {
            let Some(to) = self.place(run.account) else { continue };
            for (unit, mask) in self.ground.masks(run.first, run.count) {
                self.bind_unit(unit, mask, to);
            }
            self.stir(to);
        }
    }

    /// Says which guaranteed items of an account have no cells yet; [`Engine::next`] binds them.
    pub fn still_owed(&mut self, account: Account, items: &[(Item, u32)]) {
        if let Some(at) = self.place(account) {
            self.account_mut(at).unbound = items.to_vec();
            self.stir(at);
        }
    }

    /// The cells that are bound to anybody but the owner.
    #[must_use]
    pub fn bindings(&self) -> Vec<Bound> {
        let mut all: Vec<Bound> = Vec::new();
        for unit in 0..self.ground.units {
            let mut here: Vec<Bound> = Vec::new();
            for piece in self.units.get(unit).pieces.iter().filter(|piece| piece.account != OWNER) {
                let account = self.accounts[piece.account].account;
                here.extend(self.ground.runs(unit, piece.mask).map(|(first, count)| Bound {
                    first,
                    count,
                    account,
                }));
            }
            here.sort_unstable();
            for run in here {
                match all.last_mut() {
                    Some(last) if last.first.0 + last.count == run.first.0 && last.account == run.account => {
                        last.count += run.count;
                    }
                    _ => all.push(run),
                }
            }
        }
        all
    }

    /// The pool as it would be if an account's cells were the owner's.
    #[must_use]
    pub fn without(&self, account: Account) -> Self {
        let mut trial = self.clone();
        if let Some(at) = trial.place(account) {
            let mask = |unit: &u32| (*unit, trial.units.get(*unit).bound_to(at));
            let cells: Vec<(u32, Mask)> = trial.accounts[at].units.iter().map(mask).collect();
            cells.into_iter().for_each(|(unit, mask)| trial.bind_unit(unit, mask, OWNER));
        }
        trial
    }

    /// A gang's cells, as they are held now.
    #[must_use]
    pub fn cells_of(&self, workload: WorkloadId) -> Option<Cells> {
        let gang = self.gangs.get(self.gang_of(workload)?);
        (!gang.held.is_empty()).then(|| self.cells(gang.account, &gang.held))
    }

    /// Masks as cells held by an account: its own where they are bound to it, borrowed otherwise.
    pub(crate) fn cells(&self, holder: AccountIx, masks: &[(u32, Mask)]) -> Cells {
        let mut by_unit: BTreeMap<u32, Mask> = BTreeMap::new();
        for (unit, mask) in masks {
            *by_unit.entry(*unit).or_insert(0) |= mask;
        }
        let mut cells = Cells::default();
        let mut runs: Vec<Run> = Vec::new();
        for (unit, mask) in by_unit {
            for piece in &self.units.get(unit).pieces {
                let holding = match piece.account {
                    at if at == holder => Holding::Own,
                    at => Holding::Borrowed { lender: self.accounts[at].account },
                };
                let here = self.ground.runs(unit, mask & piece.mask);
                runs.extend(here.map(|(first, count)| Run { first, count, holding }));
            }
            runs.sort_unstable();
            runs.drain(..).for_each(|run| cells.push(run));
        }
        cells
    }

    /// The gangs that hold any of these cells and the masks that they hold.
    #[must_use]
    pub fn holders(&self, cells: &[Bound]) -> BTreeSet<WorkloadId> {
        let mut found = BTreeSet::new();
        for run in cells {
            for (unit, mask) in self.ground.masks(run.first, run.count) {
                let here = self.units.get(unit).tenants_on(mask);
                found.extend(here.map(|tenant| self.gangs.get(tenant.gang).request.workload));
            }
        }
        found
    }

    /// Moves chips of a unit to another account; every count follows.
    pub(crate) fn bind_unit(&mut self, unit: u32, mask: Mask, to: AccountIx) {
        self.break_claims(unit, mask);
        self.break_bookings(unit, mask, (Some(to), Unplanned::Rebound));
        self.rebind_down(unit, mask, to);
        let affected: Vec<(GangIx, Mask)> =
            self.units.get(unit).tenants_on(mask).map(|tenant| (tenant.gang, tenant.mask & mask)).collect();
        for (gang, held) in &affected {
            let gang = self.gangs.get(*gang);
            let (account, leaving) = (gang.account, gang.gone_by.is_some());
            self.count_held(account, (unit, *held), false, leaving);
        }
        for (from, chips) in self.pieces_in(unit, mask) {
            self.account_mut(from).bound -= chips;
            self.account_mut(from).stuck.clear();
            self.stir(from);
        }
        self.account_mut(to).stuck.clear();
        self.account_mut(to).bound += mask.count_ones();
        self.account_mut(to).units.insert(unit);
        self.reindex(unit, |unit| {
            for piece in &mut unit.pieces {
                piece.mask &= !mask;
            }
            match unit.pieces.iter_mut().find(|piece| piece.account == to) {
                Some(piece) => piece.mask |= mask,
                None => unit.pieces.push(Piece { account: to, mask, class: 0, idle: 0, owed: 0 }),
            }
        });
        let emptied: Vec<AccountIx> = self
            .units
            .get(unit)
            .pieces
            .iter()
            .filter(|piece| piece.mask == 0)
            .map(|piece| piece.account)
            .collect();
        for account in emptied {
            self.units.get_mut(unit).pieces.retain(|piece| piece.account != account);
            self.account_mut(account).units.remove(&unit);
        }
        for (gang, held) in &affected {
            let gang = self.gangs.get(*gang);
            let (account, leaving) = (gang.account, gang.gone_by.is_some());
            self.count_held(account, (unit, *held), true, leaving);
        }
        self.freed += 1;
    }

    /// Chips of a mask by the account that they are bound to.
    pub(crate) fn pieces_in(&self, unit: u32, mask: Mask) -> Vec<(AccountIx, u32)> {
        let pieces = self.units.get(unit).pieces.iter();
        let here = pieces.map(|piece| (piece.account, (piece.mask & mask).count_ones()));
        here.filter(|(_, chips)| *chips > 0).collect()
    }

    pub(crate) fn lenders_of(&self, holder: AccountIx, unit: u32, mask: Mask) -> Vec<(AccountIx, u32)> {
        let mut pieces = self.pieces_in(unit, mask);
        pieces.retain(|(account, _)| *account != holder);
        pieces
    }

    /// The smallest block of an account's cells that may move elsewhere without harm to the shapes that it was promised.
    pub(crate) fn grain(&self, guarantee: &[(Item, u32)]) -> Option<u32> {
        guarantee.iter().try_fold(1, |grain, (item, _)| match item {
            Item::Chip => Some(grain),
            Item::Block(size) => Some(grain.max(*size)),
            Item::Joined(_) | Item::Group(_) | Item::Boxed(_) | Item::Share(_) => None,
        })
    }
}
