//! The first two invariants, for equal chips: everybody's guarantee at once, and no loan that counts as own.

use super::{Deal, Model, PoolFacts, Verdict, Work, demand};
use sinew_sched::{Account, Bound, Holding};
use sinew_types::{CellIndex, ContractId, Instant, PoolId, Shape, Span, WorkloadId};
use std::collections::BTreeMap;

/// How long after a contract's end nothing may be left of it.
const OVERDUE_AFTER: Span = Span::from_ms(120_000);

/// What an account was promised in a pool.
struct Promise {
    guarantee: u32,
    borrow_limit: u32,
}

fn chips(shape: Shape) -> u32 {
    shape.loose_chips().unwrap_or(0)
}

impl Model {
    pub(super) fn deals_of(&self, pool: PoolId) -> impl Iterator<Item = (ContractId, &Deal)> {
        let all = self.deals.iter().filter(move |(_, deal)| deal.terms.pool == pool);
        all.filter(|(_, deal)| deal.signed && !deal.ended).map(|(id, deal)| (*id, deal))
    }

    /// Chips change hands by promise.
    pub(super) fn bind(&mut self, pool: PoolId, cells: &[Bound]) {
        let Some(pool) = self.pools.get_mut(&pool) else { return };
        for run in cells {
            for chip in run.first.0..run.first.0 + run.count {
                pool.bound.insert(CellIndex(chip), run.account);
            }
        }
    }

    /// Every contract has as many chips of its own as it was promised, and each held chip is held as the map says.
    fn promise_map(&self, id: PoolId, pool: &PoolFacts) -> Verdict {
        for (contract, deal) in self.deals_of(id) {
            let account = Account::Contract(contract);
            let bound = count(pool.bound.values().filter(|whose| **whose == account).count());
            let owed = guaranteed(deal);
            demand(bound == owed, 1, || {
                format!("{contract} was promised {owed} chips, and {bound} are its")
            })?;
        }
        for (work, life) in &self.live {
            let holder = &self.works[work];
            for (chip, how) in life.cells.iter().filter(|_| holder.pool == id) {
                let lender = pool.bound[chip];
                let right =
                    if lender == holder.account { Holding::Own } else { Holding::Borrowed { lender } };
                demand(*how == right, 2, || {
                    format!("{work} holds {chip:?} as {how:?}, and it is {lender:?}'s")
                })?;
            }
        }
        Ok(())
    }

    pub(super) fn signed(&mut self, id: ContractId) -> Verdict {
        let Some(deal) = self.deals.get_mut(&id).filter(|deal| !deal.signed && !deal.ended) else {
            return demand(false, 5, || format!("{id} was signed although nobody waited for that"));
        };
        deal.signed = true;
        let pool = deal.terms.pool;
        let promised: u32 = self.deals_of(pool).map(|(_, deal)| guaranteed(deal)).sum();
        let there = count(self.pools[&pool].chips.len());
        demand(promised <= there, 1, || format!("{promised} of {there} chips of {pool} are promised"))
    }

    pub(super) fn contract_ended(&mut self, at: Instant, id: ContractId) -> Verdict {
        let runs = self.live.keys().any(|work| self.works[work].account == Account::Contract(id));
        let Some(deal) = self.deals.get_mut(&id) else {
            return demand(false, 5, || format!("{id} ended although it never was"));
        };
        deal.ended = true;
        let over = deal.terms.ends <= at;
        demand(over && !runs, 1, || format!("{id} ended too early, or while something runs under it"))
    }

    fn promises_in(&self, id: PoolId, pool: &PoolFacts) -> BTreeMap<Account, Promise> {
        let there = count(pool.chips.len());
        let mut all = BTreeMap::new();
        let mut promised = 0;
        for (contract, deal) in self.deals_of(id) {
            let promise =
                Promise { guarantee: guaranteed(deal), borrow_limit: chips(deal.terms.borrow_limit) };
            promised += promise.guarantee;
            all.insert(Account::Contract(contract), promise);
        }
        let rest = Promise { guarantee: there.saturating_sub(promised), borrow_limit: there };
        all.insert(Account::Owner, rest);
        all
    }

    /// How many held chips of a pool are as `wanted` says, given their holder and how they are held.
    fn held(&self, pool: PoolId, wanted: impl Fn(Account, Holding) -> bool) -> u32 {
        let lives = self.live.iter().map(|(id, life)| (&self.works[id], life));
        let lives = lives.filter(|(work, _)| work.pool == pool);
        let all = lives.flat_map(|(work, life)| life.cells.values().map(|how| (work.account, *how)));
        count(all.filter(|(account, how)| wanted(*account, *how)).count())
    }

    /// Chips of others that failed leases of an account still hold.
    fn held_failed(&self, pool: PoolId, account: Account) -> u32 {
        let lives = self.live.iter().filter(|(_, life)| life.failed_at.is_some());
        let lives = lives.map(|(id, life)| (&self.works[id], life));
        let theirs = lives.filter(|(work, _)| (work.pool, work.account) == (pool, account));
        let chips = theirs.flat_map(|(_, life)| life.cells.values());
        count(chips.filter(|how| **how != Holding::Own).count())
    }

    /// All guarantees fit at once: each guaranteed chip is held as own, free, or lent to a lease that can be recalled.
    pub(super) fn promises(&self) -> Verdict {
        for (id, pool) in &self.pools {
            self.promise_map(*id, pool)?;
            self.nothing_missing_unsaid(*id)?;
            let free = count(pool.chips.len()).saturating_sub(self.held(*id, |_, _| true));
            let mut needed = 0;
            for (account, promise) in self.promises_in(*id, pool) {
                let own = self.held(*id, |who, how| who == account && how == Holding::Own);
                let lent = self.held(*id, |_, how| how == Holding::Borrowed { lender: account });
                // What leaves because it failed may stand on cells whose promise has moved away.
                let borrowed = self.held(*id, |who, how| who == account && how != Holding::Own)
                    - self.held_failed(*id, account);
                let (guarantee, limit) = (promise.guarantee, promise.borrow_limit);
                demand(own <= guarantee, 2, || format!("{account:?} holds {own} as own of {guarantee}"))?;
                demand(borrowed <= limit, 2, || format!("{account:?} borrows {borrowed} of {limit}"))?;
                let fits = own + lent <= guarantee;
                demand(fits, 1, || format!("{account:?} has {guarantee}: {own} own and {lent} lent"))?;
                needed += guarantee - own - lent;
            }
            demand(needed <= free, 1, || format!("{id} owes {needed} chips at once and has {free} free"))?;
        }
        Ok(())
    }

    /// A contract whose time was over long ago and that never ended. Of interest only after a long calm.
    pub(crate) fn overdue(&self, now: Instant) -> Option<ContractId> {
        let over = |deal: &Deal| !deal.ended && deal.terms.ends.plus(OVERDUE_AFTER) < now;
        self.deals.iter().find(|(_, deal)| over(deal)).map(|(id, _)| *id)
    }

    /// Who waits longer than it was told that a recall takes. Of interest only where nothing was lost on the way.
    pub(crate) fn kept_waiting(&self, now: Instant, slack: Span) -> Option<WorkloadId> {
        let waits = |id: &WorkloadId| !self.works[id].over && !self.live.contains_key(id);
        let late = self.told_until.iter().find(|(id, until)| waits(id) && until.plus(slack) < now);
        late.map(|(id, _)| *id)
    }

    /// Whoever waits although its own guarantee would hold it. Of interest only after a long calm.
    pub(crate) fn left_waiting(&self) -> impl Iterator<Item = WorkloadId> {
        let waiting = self.works.iter().filter(|(id, work)| self.is_in_line(**id, work));
        waiting
            .filter(|(_, work)| self.could_have_its_own(work) && !self.stands_behind(work))
            .map(|(id, _)| *id)
    }

    /// Whether work waits and nobody of its own organisation holds it back.
    fn is_in_line(&self, id: WorkloadId, work: &Work) -> bool {
        !work.over && !work.held && !self.live.contains_key(&id)
    }

    /// Whether work of a higher priority that its guarantee would hold waits on the same account: it keeps what is free.
    fn stands_behind(&self, work: &Work) -> bool {
        let guarantee = self
            .promises_in(work.pool, &self.pools[&work.pool])
            .get(&work.account)
            .map_or(0, |promise| promise.guarantee.saturating_sub(self.broken(work.pool, work.account)));
        let waiting = self.works.iter().filter(|(id, other)| self.is_in_line(**id, other));
        let mut same = waiting.filter(|(_, other)| (other.pool, other.account) == (work.pool, work.account));
        same.any(|(_, other)| other.priority > work.priority && other.shape.0 <= guarantee)
    }

    fn could_have_its_own(&self, work: &Work) -> bool {
        let now = self.at.unwrap_or(Instant::from_ms(0));
        let promises = self.promises_in(work.pool, &self.pools[&work.pool]);
        let Some(promise) = promises.get(&work.account) else { return false };
        if let Account::Contract(contract) = work.account {
            let terms = &self.deals[&contract].terms;
            if now < terms.starts || terms.ends.minus(terms.recall_bound()) <= now {
                return false;
            }
        }
        let own = self.held(work.pool, |who, how| who == work.account && how == Holding::Own);
        own + work.shape.0 + self.broken(work.pool, work.account) <= promise.guarantee
    }
}

fn guaranteed(deal: &Deal) -> u32 {
    deal.terms.guarantee.iter().map(|shape| chips(*shape)).sum()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("a simulated pool is small")
}
