//! One planning pass over a pool, in six steps.

use crate::book::Book;
use crate::{Account, Action, Held, Holding, Plan, Pool, Queued, Wait, Why};
use sinew_types::{CellIndex, Instant, Shape, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Plans a pool: sends away what must go, gives each account its own, recalls what it lacks, lends what is over.
///
/// First leases whose contract closes are told to leave; then cells are rebound where that costs nothing, and called back
/// where their lender does not lend. Gangs that fit inside their guarantee start, or their cells are recalled; gangs that
/// need to borrow start; gangs that run smaller than they could are grown. Last, what was rebound is written down.
#[must_use]
pub fn plan(pool: &Pool) -> Plan {
    let mut pass = Pass { pool, book: Book::of(pool), plan: Plan::default(), granted: Vec::new() };
    pass.close_contracts();
    pass.rebind();
    pass.recall_overlent();
    let queue = pass.eligible();
    let blocked = pass.start_own(&queue);
    pass.reserve_growth();
    pass.start_borrowing(&queue, &blocked);
    pass.grow();
    pass.finish()
}

struct Pass<'a> {
    pool: &'a Pool,
    book: Book,
    plan: Plan,
    /// Gangs granted in this pass, as (place in `book.held`, the gang), so that leftovers can still widen them.
    granted: Vec<(usize, Queued)>,
}

impl Pass<'_> {
    fn now(&self) -> Instant {
        self.pool.now
    }

    fn look_again(&mut self, at: Instant) {
        if at > self.now() {
            self.plan.look_again = Some(self.plan.look_again.map_or(at, |earlier| earlier.min(at)));
        }
    }

    /// Tells a lease to leave and counts its cells as returning.
    fn notify(&mut self, at: usize, why: Why) {
        let held = &mut self.book.held[at];
        let bound = self.pool.entitlements.get(&held.account).map_or(Span::default(), |e| e.recall_bound);
        held.leaves = Some((self.pool.now.plus(bound), why.clone()));
        self.plan.actions.push(Action::Notify { workload: held.workload, why });
    }

    fn close_contracts(&mut self) {
        for at in 0..self.book.held.len() {
            let held = &self.book.held[at];
            let Some(entitlement) = self.pool.entitlements.get(&held.account).copied() else { continue };
            if entitlement.closes > self.now() {
                self.look_again(entitlement.closes);
            } else if held.leaves.is_none() {
                self.notify(at, Why::ContractEnds);
            }
        }
    }

    /// Moves holdings to where they belong, without touching anything that runs.
    fn rebind(&mut self) {
        let waiting: BTreeSet<Account> = self.pool.queue.iter().map(|queued| queued.account).collect();
        for at in 0..self.book.held.len() {
            let cells: Vec<(CellIndex, Holding)> =
                self.book.held[at].cells.iter().map(|(c, h)| (*c, *h)).collect();
            for (cell, holding) in cells {
                if let Some(better) = self.better(&self.book.held[at], holding, &waiting) {
                    self.book.held[at].cells.insert(cell, better);
                }
            }
        }
    }

    /// How a cell should rather be held: what is beyond its account's guarantee becomes a loan; a loan moves away from
    /// a lender that has none to lend, or that waits for cells itself; and it becomes own where there is room.
    fn better(&self, held: &Held, holding: Holding, waiting: &BTreeSet<Account>) -> Option<Holding> {
        let account = held.account;
        let stays = held.leaves.is_none();
        let lender = match holding {
            Holding::Own if self.book.own_used(account) > self.book.guarantee(account) => {
                self.lender_with_room(account)
            }
            Holding::Borrowed { lender } if self.overlent(lender) => {
                if self.room(account) > 0 {
                    return Some(Holding::Own);
                }
                self.lender_with_room(account).filter(|other| *other != lender)
            }
            Holding::Borrowed { .. }
                if stays && self.book.idle(account) > 0 && !waiting.contains(&account) =>
            {
                return Some(Holding::Own);
            }
            Holding::Borrowed { lender } if stays && waiting.contains(&lender) => self
                .lender_with_room(account)
                .filter(|other| *other != lender && self.spares(*other) && !waiting.contains(other)),
            _ => None,
        };
        lender.map(|lender| Holding::Borrowed { lender })
    }

    /// Whether more of an account's cells are out than it has; happens when a contract has ended.
    fn overlent(&self, account: Account) -> bool {
        self.book.own_used(account) + self.book.lent_out(account) > self.book.guarantee(account)
    }

    /// Chips of an account that nobody holds, also where a chip is missing.
    fn room(&self, account: Account) -> u32 {
        let used = self.book.own_used(account) + self.book.lent_out(account);
        self.book.guarantee(account).saturating_sub(used)
    }

    /// Whether an account may lend one more.
    fn spares(&self, account: Account) -> bool {
        self.pool.entitlements.get(&account).is_some_and(|e| self.book.lent_out(account) < e.lend_limit)
    }

    /// Somebody else with an entitlement that nobody uses: one that lends, or else any, because each cell must belong
    /// to somebody; a loan from somebody who does not lend is called back at once.
    fn lender_with_room(&self, borrower: Account) -> Option<Account> {
        let others = self.book.entitlements.iter().filter(|(other, _)| **other != borrower);
        let with_room: Vec<_> = others.filter(|(other, _)| self.room(**other) > 0).collect();
        let lends = with_room.iter().find(|(other, _)| self.spares(**other));
        lends.or(with_room.first()).map(|(other, _)| **other)
    }

    /// Calls back what is lent beyond a lend limit: a guarantee was signed over cells that were in use.
    fn recall_overlent(&mut self) {
        for (account, entitlement) in self.pool.entitlements.clone() {
            while self.book.lent_out(account)
                > entitlement.lend_limit.saturating_add(self.book.returning(account))
            {
                let Some(at) = self.cheapest_victim(account) else { break };
                self.notify(at, Why::Recall);
            }
        }
    }

    /// The queue in order, without those that cannot start whatever is free; those get their reason here.
    fn eligible(&mut self) -> Vec<Queued> {
        let mut queue = self.pool.queue.clone();
        queue.sort_by_key(|queued| (std::cmp::Reverse(queued.priority), queued.since, queued.workload));
        let mut eligible = Vec::new();
        for queued in queue {
            match self.hopeless(&queued) {
                Some(wait) => {
                    self.plan.waits.insert(queued.workload, wait);
                }
                None => eligible.push(queued),
            }
        }
        eligible
    }

    fn hopeless(&mut self, queued: &Queued) -> Option<Wait> {
        let asked = Shape::Chips(queued.least);
        let Some(entitlement) = self.pool.entitlements.get(&queued.account).copied() else {
            return Some(Wait::NeverFits { asked, largest: Shape::Chips(0) });
        };
        let pool_chips = u32::try_from(self.pool.chips.len()).unwrap_or(u32::MAX);
        let largest = entitlement.guarantee.saturating_add(entitlement.borrow_limit).min(pool_chips);
        if queued.least > largest {
            return Some(Wait::NeverFits { asked, largest: Shape::Chips(largest) });
        }
        if self.now() < entitlement.starts {
            self.look_again(entitlement.starts);
            return Some(Wait::NotBegun { starts: entitlement.starts });
        }
        if entitlement.closes <= self.now() {
            return Some(Wait::Closing { closed: entitlement.closes });
        }
        None
    }

    /// Starts what fits inside its guarantee, in each account's order; recalls for the first that does not fit now.
    /// Answers who stands first in line in each account.
    fn start_own(&mut self, queue: &[Queued]) -> BTreeMap<Account, Queued> {
        let mut blocked: BTreeMap<Account, Queued> = BTreeMap::new();
        for queued in queue {
            if blocked.contains_key(&queued.account) || queued.least > self.book.claim(queued.account) {
                continue;
            }
            let idle = self.book.idle(queued.account);
            if idle >= queued.least {
                self.grant(queued, queued.most.min(idle), 0);
                continue;
            }
            self.book.reserve(queued.account, queued.least);
            self.recall(queued.account, queued.least);
            self.wait_for_recall(queued);
            blocked.insert(queued.account, queued.clone());
        }
        blocked
    }

    /// Recalls loans of an account until `needed` chips are idle or on their way.
    fn recall(&mut self, lender: Account, needed: u32) {
        loop {
            let coming = self.book.idle(lender).saturating_add(self.book.returning(lender));
            let Some(at) = (coming < needed).then(|| self.cheapest_victim(lender)).flatten() else { return };
            self.notify(at, Why::Recall);
        }
    }

    /// The whole gang that holds cells of `lender` and loses least: fewest chip-milliseconds since it started, which
    /// bounds what it did since its last checkpoint.
    fn cheapest_victim(&self, lender: Account) -> Option<usize> {
        let lent = Holding::Borrowed { lender };
        let loses = |held: &Held| {
            let chips = u64::try_from(held.cells.len()).unwrap_or(u64::MAX);
            chips.saturating_mul(self.pool.now.since(held.granted_at).ms())
        };
        let candidates = self.book.held.iter().enumerate();
        let candidates =
            candidates.filter(|(_, held)| held.leaves.is_none() && held.cells.values().any(|h| *h == lent));
        candidates.min_by_key(|(_, held)| (held.priority, loses(held), held.workload)).map(|(at, _)| at)
    }

    fn wait_for_recall(&mut self, queued: &Queued) {
        let lent = Holding::Borrowed { lender: queued.account };
        let leaving = self.book.held.iter().filter(|held| held.cells.values().any(|h| *h == lent));
        let until =
            leaving.filter_map(|held| held.leaves.as_ref()).map(|(by, _)| *by).max().unwrap_or(self.pool.now);
        self.plan.waits.insert(queued.workload, Wait::Recalling { until });
    }

    /// Keeps idle chips for an account's own running gangs that could grow into them, and recalls what they lack.
    fn reserve_growth(&mut self) {
        for account in self.pool.entitlements.keys().copied().collect::<Vec<_>>() {
            let wanted =
                self.smaller_than_most(account).map(|at| self.missing(at)).fold(0, u32::saturating_add);
            let wanted = wanted.min(self.book.claim(account));
            if wanted == 0 || self.book.reserved.contains_key(&account) {
                continue;
            }
            self.book.reserve(account, wanted);
            self.recall(account, wanted);
        }
    }

    fn missing(&self, at: usize) -> u32 {
        let held = &self.book.held[at];
        held.most.saturating_sub(u32::try_from(held.cells.len()).unwrap_or(u32::MAX))
    }

    fn smaller_than_most(&self, account: Account) -> impl Iterator<Item = usize> {
        let all = 0..self.book.held.len();
        all.filter(move |at| {
            let held = &self.book.held[*at];
            held.account == account && held.leaves.is_none() && self.missing(*at) > 0
        })
    }

    /// Starts what needs chips of others: fewest borrowed first, then in order.
    fn start_borrowing(&mut self, queue: &[Queued], blocked: &BTreeMap<Account, Queued>) {
        let started: BTreeSet<_> = self.granted.iter().map(|(_, queued)| queued.workload).collect();
        let mut left: Vec<&Queued> = queue.iter().filter(|q| !started.contains(&q.workload)).collect();
        let mut first_busy: BTreeMap<Account, Queued> = blocked.clone();
        while let Some(at) = self.next_borrower(&left) {
            let queued = left.remove(at);
            if self.plan.waits.contains_key(&queued.workload) {
                continue;
            }
            let behind = first_busy.get(&queued.account).cloned();
            let own = if behind.is_some() { 0 } else { self.book.idle(queued.account) };
            let free = own.saturating_add(self.book.borrowable(queued.account));
            if free >= queued.least {
                let own = own.min(queued.most);
                self.grant(queued, own, queued.least.saturating_sub(own));
            } else if let Some(ahead) = behind {
                self.plan.waits.insert(queued.workload, Wait::Behind { ahead: ahead.name });
            } else {
                let (asked, free) = (Shape::Chips(queued.least), Shape::Chips(free));
                self.plan.waits.insert(queued.workload, Wait::Busy { asked, free });
                first_busy.insert(queued.account, queued.clone());
            }
        }
        self.widen();
    }

    fn next_borrower(&self, left: &[&Queued]) -> Option<usize> {
        let key = |queued: &Queued| {
            (self.book.borrowed(queued.account), std::cmp::Reverse(queued.priority), queued.since)
        };
        (0..left.len()).min_by_key(|at| key(left[*at]))
    }

    /// Puts a waiting gang onto chips. `widen` may add to them before the grant is written down.
    fn grant(&mut self, queued: &Queued, own: u32, borrowed: u32) {
        let gang = Held {
            workload: queued.workload,
            account: queued.account,
            most: queued.most,
            priority: queued.priority,
            cells: BTreeMap::new(),
            granted_at: self.pool.now,
            leaves: None,
        };
        let at = self.book.held.len();
        self.book.take(&gang, own, borrowed);
        self.granted.push((at, queued.clone()));
    }

    /// Gives chips that are still idle to gangs that just start and can use more.
    fn widen(&mut self) {
        for (at, queued) in self.granted.clone() {
            while self.missing(at) > 0 && self.book.borrowable(queued.account) > 0 {
                let lender = self.book.best_lender(queued.account).expect("borrowable chips have a lender");
                let cell = self.book.free.pop_first().expect("lendable chips are free");
                self.book.held[at].cells.insert(cell, Holding::Borrowed { lender });
            }
        }
    }

    /// Tells gangs that run smaller than they could to come back larger, when at least a quarter more is there for
    /// them and they have run for twice their recall bound, so that nothing grows and shrinks in turns.
    fn grow(&mut self) {
        let new: BTreeSet<usize> = self.granted.iter().map(|(at, _)| *at).collect();
        for account in self.pool.entitlements.keys().copied().collect::<Vec<_>>() {
            let mut own = self.book.idle(account).saturating_sub(self.awaited());
            for at in self.smaller_than_most(account).collect::<Vec<_>>() {
                let others = self.book.borrowable(account).saturating_sub(self.awaited());
                let gain = self.missing(at).min(own.saturating_add(others));
                let size = u32::try_from(self.book.held[at].cells.len()).unwrap_or(u32::MAX);
                if new.contains(&at) || gain == 0 || gain < size / 4 || self.too_early(at) {
                    continue;
                }
                own = own.saturating_sub(gain);
                self.notify(at, Why::Grow);
            }
        }
    }

    /// Chips that gangs which were told to grow will come back for.
    fn awaited(&self) -> u32 {
        let growing =
            (0..self.book.held.len()).filter(|at| matches!(self.book.held[*at].leaves, Some((_, Why::Grow))));
        growing.map(|at| self.missing(at)).fold(0, u32::saturating_add)
    }

    fn too_early(&mut self, at: usize) -> bool {
        let held = &self.book.held[at];
        let bound = self.pool.entitlements.get(&held.account).map_or(Span::default(), |e| e.recall_bound);
        let settled = held.granted_at.plus(bound).plus(bound);
        self.look_again(settled);
        settled > self.now()
    }

    /// Writes down the grants and what was rebound, rebinds first: a grant may rest on them.
    fn finish(mut self) -> Plan {
        let before = &self.pool.held;
        let mut actions = Vec::new();
        for (old, new) in before.iter().zip(&self.book.held) {
            if old.cells != new.cells {
                actions.push(Action::Rebind { workload: old.workload, cells: new.cells.clone() });
            }
        }
        actions.append(&mut self.plan.actions);
        for (at, queued) in &self.granted {
            let cells = self.book.held[*at].cells.clone();
            actions.push(Action::Grant { workload: queued.workload, cells });
        }
        self.plan.actions = actions;
        self.plan
    }
}
