//! Cells that fail: nothing is given out on them, who holds them leaves unpaid, and what is missing is said.

use super::{Life, Model, Verdict, demand};
use sinew_core::Event;
use sinew_sched::Account;
use sinew_types::{CellIndex, CellRange, ContractId, Instant, PoolId};
use std::collections::BTreeSet;

impl Model {
    pub(super) fn health(&mut self, at: Instant, event: &Event) -> Verdict {
        match event {
            Event::CellsDown { pool, cells } => self.wear(*pool, *cells, true),
            Event::CellsUp { pool, cells } => self.wear(*pool, *cells, false),
            Event::ContractImpaired { id, missing_chips, .. } => self.impaired(*id, *missing_chips),
            Event::ContractHealed { id } => self.impaired(*id, 0),
            Event::LeaseFailed { id, epoch } => {
                let life = self.current(*id, *epoch)?;
                let (reached, again) = (life.reached, life.failed_at.is_some());
                life.failed_at = Some(at);
                demand(reached == at && !again, 6, || {
                    format!("{id} failed at {at} and is billed to {reached}")
                })
            }
            _ => Ok(()),
        }
    }

    fn wear(&mut self, of: PoolId, cells: CellRange, down: bool) -> Verdict {
        let Some(pool) = self.pools.get_mut(&of) else {
            return demand(false, 5, || format!("{of} failed although there is none"));
        };
        for chip in (cells.first.0..cells.end()).map(CellIndex) {
            if down {
                pool.failed.insert(chip);
            } else {
                pool.failed.remove(&chip);
            }
        }
        if down {
            let touched = |kept: &BTreeSet<CellIndex>| {
                kept.iter().any(|cell| (cells.first.0..cells.end()).contains(&cell.0))
            };
            let works = &self.works;
            let shaken = self.planned.iter().filter(|(id, (kept, _))| works[*id].pool == of && touched(kept));
            self.shaken.extend(shaken.map(|(id, _)| *id));
        }
        Ok(())
    }

    fn impaired(&mut self, id: ContractId, missing: u32) -> Verdict {
        let Some(deal) = self.deals.get_mut(&id).filter(|deal| deal.missing != missing) else {
            return demand(false, 1, || {
                format!("{id} is said to miss {missing} chips, which is nothing new")
            });
        };
        deal.missing = missing;
        let (pool, ended) = (deal.terms.pool, deal.ended);
        let broken = self.broken(pool, Account::Contract(id));
        demand(ended || broken == missing, 1, || {
            format!("{id} is said to miss {missing} chips, and {broken} are broken")
        })
    }

    /// How many chips of an account are broken.
    pub(super) fn broken(&self, pool: PoolId, account: Account) -> u32 {
        let pool = &self.pools[&pool];
        let broken = pool.failed.iter().filter(|chip| pool.bound.get(chip) == Some(&account));
        u32::try_from(broken.count()).expect("a simulated pool is small")
    }

    /// What is broken of a guarantee is said to be missing, and nothing is while the owner has a healthy chip to spare.
    pub(super) fn nothing_missing_unsaid(&self, pool: PoolId) -> Verdict {
        let bound = &self.pools[&pool].bound;
        let owners = bound.values().filter(|whose| **whose == Account::Owner).count();
        let spares = owners - usize::try_from(self.broken(pool, Account::Owner)).expect("small");
        for (id, deal) in self.deals_of(pool) {
            let broken = self.broken(pool, Account::Contract(id));
            let missing = deal.missing;
            demand(broken == missing, 1, || {
                format!("{broken} chips of {id} are broken, and {missing} are said to be missing")
            })?;
            demand(missing == 0 || spares == 0, 1, || {
                format!("{id} misses {missing} chips, and the owner has {spares}")
            })?;
        }
        Ok(())
    }

    /// Whoever holds a broken chip was ended for it.
    pub(super) fn nobody_stays_on_broken(&self) -> Verdict {
        let stays = |life: &Life, pool: PoolId| {
            life.failed_at.is_none() && life.cells.keys().any(|cell| self.pools[&pool].failed.contains(cell))
        };
        let found = self.live.iter().find(|(id, life)| stays(life, self.works[id].pool));
        demand(found.is_none(), 1, || format!("{:?} holds broken chips", found.map(|(id, _)| id)))
    }
}
