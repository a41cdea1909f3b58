//! Planned starts: they move earlier or stay, nothing that begins delays them, and only failures, promises that move, windows
//! that close and higher priorities of the same account put them off.

use super::leases::in_force;
use super::{Life, Model, Verdict, Work, demand};
use sinew_core::Event;
use sinew_sched::{Account, Holding, Unplanned};
use sinew_types::{CellIndex, Instant, Span, WorkloadId};
use std::collections::{BTreeMap, BTreeSet};

/// How long after its deadline an owner's own lease is gone where its pool has no contract.
const OWNERS_HAND_OVER: Span = Span::from_ms(2_000);

impl Model {
    pub(super) fn planned(&mut self, at: Instant, event: &Event) -> Verdict {
        match event {
            Event::StartPlanned { id, cells, by } => {
                let chips = cells.iter().flat_map(|run| (run.first.0..run.end()).map(CellIndex));
                self.start_planned(at, *id, (chips.collect(), *by))
            }
            Event::StartUnplanned { id, why } => {
                let Some((cells, _)) = self.planned.remove(id) else {
                    return demand(false, 1, || format!("{id} had no planned start to lose"));
                };
                demand(self.may_be_put_off(at, *id, (&cells, *why)), 1, || {
                    format!("the planned start of {id} is off because of {why:?}, which is not so")
                })
            }
            _ => Ok(()),
        }
    }

    /// A planned start is whole, on the account's own healthy chips, not later than before, and on cells that are surely
    /// free by then.
    fn start_planned(
        &mut self,
        at: Instant,
        id: WorkloadId,
        plan: (BTreeSet<CellIndex>, Instant),
    ) -> Verdict {
        let (cells, by) = plan;
        let waits =
            self.works.get(&id).filter(|work| !work.over && !work.held && !self.live.contains_key(&id));
        let Some(work) = waits else {
            return demand(false, 4, || format!("{id} got a planned start although it does not wait"));
        };
        let pool = &self.pools[&work.pool];
        let mine =
            |cell: &CellIndex| pool.bound.get(cell) == Some(&work.account) && !pool.failed.contains(cell);
        let whole = u32::try_from(cells.len()) == Ok(work.shape.0) && cells.iter().all(mine);
        demand(whole, 3, || {
            format!("the planned start of {id} is not on {} chips of its own", work.shape.0)
        })?;
        let earlier = self.planned.get(&id).is_none_or(|(_, before)| by < *before);
        demand(earlier, 1, || format!("the planned start of {id} moved to {by}, which is not earlier"))?;
        for (other, life) in self.live.iter().filter(|(other, _)| self.works[other].pool == work.pool) {
            let on_it = life.cells.keys().any(|cell| cells.contains(cell));
            let gone = self.gone_by(at, (&self.works[other], life), work.account);
            demand(!on_it || gone.is_some_and(|gone| gone <= by), 1, || {
                format!("{id} is planned to start by {by} on cells that {other} holds until {gone:?}")
            })?;
        }
        self.shaken.remove(&id);
        self.planned.insert(id, (cells, by));
        Ok(())
    }

    /// When the cells of a lease are back with an account at the latest: a loan of its cells can be recalled.
    fn gone_by(&self, now: Instant, lease: (&Work, &Life), keeper: Account) -> Option<Instant> {
        let (work, life) = lease;
        let terms = self.terms_of(work);
        let after = terms.map_or(OWNERS_HAND_OVER, |terms| terms.kill_grace.plus(terms.hand_over));
        if let Some(deadline) = life.deadline {
            return Some(deadline.plus(after));
        }
        let limited = work.limit.map(|limit| life.from.plus(limit).plus(after));
        let safe = match work.account {
            Account::Contract(_) => terms.and_then(|terms| terms.minimum_term).unwrap_or_default(),
            Account::Owner => Span::default(),
        };
        let bound = terms.map_or(Span::default(), |terms| terms.recall_bound());
        let recalled = (work.account != keeper).then(|| life.from.plus(safe).max(now).plus(bound));
        [limited, recalled].into_iter().flatten().min()
    }

    /// A lease that begins is gone before any planned start on its cells.
    pub(super) fn delays_nobody(
        &self,
        at: Instant,
        id: WorkloadId,
        cells: &BTreeMap<CellIndex, Holding>,
    ) -> Verdict {
        let work = &self.works[&id];
        let life = Life { from: at, cells: cells.clone(), reached: at, deadline: None, failed_at: None };
        let here = self.planned.iter().filter(|(other, _)| self.works[other].pool == work.pool);
        for (other, (kept, by)) in here.filter(|(_, (kept, _))| cells.keys().any(|cell| kept.contains(cell)))
        {
            let gone = self.gone_by(at, (work, &life), self.works[other].account);
            demand(gone.is_some_and(|gone| gone <= *by), 1, || {
                format!(
                    "{id} may hold cells until {gone:?} on which {other} is to start by {by} ({} chips)",
                    kept.len()
                )
            })?;
        }
        Ok(())
    }

    fn may_be_put_off(&self, at: Instant, id: WorkloadId, how: (&BTreeSet<CellIndex>, Unplanned)) -> bool {
        let (cells, why) = how;
        let work = &self.works[&id];
        let pool = &self.pools[&work.pool];
        match why {
            Unplanned::CellsFailed => self.shaken.contains(&id),
            Unplanned::Rebound => cells.iter().any(|cell| pool.bound.get(cell) != Some(&work.account)),
            Unplanned::Closed => !in_force(work, &self.deals, at),
            Unplanned::Outranked => self.works.iter().any(|(other, rival)| {
                let waits = !rival.over && !rival.held && !self.live.contains_key(other);
                let mine = (rival.pool, rival.account) == (work.pool, work.account);
                waits && mine && rival.priority > work.priority
            }),
        }
    }

    /// Every planned start is still possible, and nobody who could start by now waits on.
    pub(super) fn plans_stand(&self) -> Verdict {
        for (id, (cells, by)) in &self.planned {
            let work = &self.works[id];
            let pool = &self.pools[&work.pool];
            let lost = cells
                .iter()
                .any(|cell| pool.failed.contains(cell) || pool.bound.get(cell) != Some(&work.account));
            demand(!lost, 1, || format!("{id} is to start on cells that have failed or are not its own"))?;
            let leases = self.live.iter().filter(|(other, _)| self.works[other].pool == work.pool);
            let taken = leases.flat_map(|(_, life)| life.cells.keys()).any(|cell| cells.contains(cell));
            let late = self.at.is_some_and(|at| *by <= at);
            demand(taken || !late, 1, || format!("{id} was to start by {by} and its cells are free"))?;
        }
        Ok(())
    }
}
