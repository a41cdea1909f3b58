//! What a lease may do: start whole, keep its cells, be told once, end once.

use super::{Deal, Life, Model, Verdict, Violation, Work, demand};
use sinew_contract::Terms;
use sinew_core::{Event, Next};
use sinew_sched::{Account, Cells, Holding, Why};
use sinew_types::{CellIndex, Instant, Span, WorkloadId};
use std::collections::BTreeMap;

/// How long before its end an owner's own lease is told where its pool has no contract.
const OWNERS_NOTICE: Span = Span::from_ms(5_000);

impl Model {
    pub(super) fn lease(&mut self, at: Instant, event: &Event) -> Verdict {
        match event {
            Event::LeaseGranted { id, epoch, cells } => self.granted(at, (*id, *epoch), cells),
            Event::LeaseRebound { id, epoch, cells } => {
                let life = self.current(*id, *epoch)?;
                let cells: BTreeMap<CellIndex, Holding> = cells.iter().collect();
                let same = life.cells.keys().eq(cells.keys());
                demand(same, 3, || format!("the cells of {id} changed while it runs"))?;
                let recorded = life.reached == at || life.failed_at.is_some();
                demand(recorded, 6, || format!("{id} was rebound at {at} and billed to another moment"))?;
                life.cells = cells;
                Ok(())
            }
            Event::LeaseNotified { id, epoch, deadline, why } => {
                self.notified(at, (*id, *epoch), (*deadline, why))
            }
            Event::LeaseStarted { id, epoch } => self.current(*id, *epoch).map(|_| ()),
            Event::LeaseEnded { id, epoch, next, ended_at, .. } => {
                let life = self.current(*id, *epoch)?;
                let (from, reached) = (life.from, life.reached);
                demand(*ended_at <= at, 6, || format!("{id} ended at {ended_at}, after it was recorded"))?;
                let tiled = reached == *ended_at && from <= *ended_at;
                demand(tiled, 6, || format!("{id} ended at {ended_at} and is billed to {reached}"))?;
                self.live.remove(id);
                self.works.entry(*id).and_modify(|work| work.over = *next != Next::Again);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A lease that holds cells, by its epoch.
    pub(super) fn current(&mut self, id: WorkloadId, epoch: u64) -> Result<&mut Life, Violation> {
        let newest = self.works.get(&id).map(|work| work.epoch);
        let life = self.live.get_mut(&id).filter(|_| newest == Some(epoch));
        life.ok_or_else(|| Violation { invariant: 4, what: format!("{id} has no lease {epoch}") })
    }

    fn granted(&mut self, at: Instant, which: (WorkloadId, u64), cells: &Cells) -> Verdict {
        let cells: BTreeMap<CellIndex, Holding> = cells.iter().collect();
        let (id, epoch) = which;
        self.planned.remove(&id);
        let Some(work) = self.works.get_mut(&id).filter(|work| !work.over && !work.held) else {
            return demand(false, 4, || format!("{id} got cells although it does not wait"));
        };
        demand(!self.live.contains_key(&id), 4, || format!("{id} got cells twice"))?;
        demand(epoch == work.epoch + 1, 4, || format!("{id} went from epoch {} to {epoch}", work.epoch))?;
        work.epoch = epoch;
        let (least, most) = work.shape;
        let chips = &self.pools[&work.pool].chips;
        let held = u32::try_from(cells.len()).unwrap_or(u32::MAX);
        let whole = (least..=most).contains(&held) && cells.keys().all(|cell| chips.contains_key(cell));
        demand(whole, 3, || format!("{id} wants {least} to {most} chips and got {held}"))?;
        let healthy = !cells.keys().any(|cell| self.pools[&work.pool].failed.contains(cell));
        demand(healthy, 1, || format!("{id} got broken chips"))?;
        let open = in_force(work, &self.deals, at);
        demand(open, 1, || format!("{id} got cells outside the dates of its contract"))?;
        self.delays_nobody(at, id, &cells)?;
        let life = Life { from: at, cells, reached: at, deadline: None, failed_at: None };
        self.live.insert(id, life);
        self.leases += 1;
        Ok(())
    }

    fn notified(&mut self, at: Instant, which: (WorkloadId, u64), told: (Instant, &Why)) -> Verdict {
        let ((id, epoch), (deadline, why)) = (which, told);
        let notice = self.works.get(&id).map_or(Span::default(), |work| self.notice(work));
        let limit = self.works.get(&id).and_then(|work| work.limit).filter(|_| *why == Why::Limit);
        let life = self.current(id, epoch)?;
        let earlier = life.deadline;
        let due = limit.map_or(at.plus(notice), |limit| life.from.plus(limit).max(at));
        // Who holds broken cells leaves at once, whatever it was told before.
        let at_once = life.failed_at.is_some() && deadline <= at;
        let kept = at_once || deadline == earlier.unwrap_or(due);
        life.deadline = Some(deadline);
        demand(kept, 1, || {
            format!("{id} must leave by {deadline}, which is not its notice (before: {earlier:?})")
        })
    }
}

impl Model {
    /// How long before its end a lease is told: as its contract says, and an owner's as the slowest contract of its pool.
    fn notice(&self, work: &Work) -> Span {
        self.terms_of(work).map_or(OWNERS_NOTICE, |terms| terms.notice)
    }

    /// The terms that a lease of a workload comes back by; nothing for an owner's where its pool has no contract.
    pub(super) fn terms_of(&self, work: &Work) -> Option<&Terms> {
        match work.account {
            Account::Contract(id) => self.deals.get(&id).map(|deal| &deal.terms),
            Account::Owner => {
                let signed = self.deals_of(work.pool).map(|(id, deal)| (id, &deal.terms));
                signed.max_by_key(|(id, terms)| (terms.recall_bound(), *id)).map(|(_, terms)| terms)
            }
        }
    }
}

pub(super) fn in_force(work: &Work, deals: &BTreeMap<sinew_types::ContractId, Deal>, at: Instant) -> bool {
    let Account::Contract(id) = work.account else { return true };
    deals.get(&id).is_some_and(|deal| {
        let terms = &deal.terms;
        let closes = terms.ends.minus(terms.recall_bound());
        deal.signed && !deal.ended && terms.starts <= at && at < closes
    })
}
