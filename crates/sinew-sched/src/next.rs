//! What should happen next, one thing at a time.
//!
//! First each account's own line: what closes leaves, guarantees are bound, what is lent beyond its limit comes back,
//! gangs that fit inside the guarantee start, on idle cells, on cells swapped with an idle lender, or on cells that are
//! recalled for them. Then whoever had least for its weight borrows next. Last, gangs that run smaller than they could grow.

use crate::account::{AccountIx, Ask, GangIx, OWNER, Turn};
use crate::calendar::Season;
use crate::cells::Bound;
use crate::engine::Engine;
use crate::ground::{Demand, Item, Mask, ones};
use crate::pick::{Picked, Reach};
use crate::recall::For;
use crate::view::{Account, Action, Entitlement, Why};
use sinew_types::Instant;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Of how many units that an account holds cells of is seen whether they are borrowed and could be its own.
const HELD_SEEN: usize = 32;

impl Engine {
    /// The next thing that should happen at `now`; nothing when all is settled. Whoever carries it out tells the engine
    /// (`granted`, `notified`, `bound`) before asking again.
    pub fn next(&mut self, now: Instant) -> Option<Action> {
        let back = now < self.now;
        self.now = now;
        if back {
            self.set_back();
        }
        self.ring();
        if self.sharing.is_old(now) {
            let borrowed = self.briefs.iter().map(|brief| brief.borrowed);
            Arc::make_mut(&mut self.sharing).refresh(now, borrowed);
        }
        loop {
            if let Some(action) = self.pending.pop_front().or_else(|| self.next_mended()) {
                return Some(action);
            }
            if let Some(gang) = self.ready.pop_first() {
                if let Some(action) = self.serve_ready(gang) {
                    return Some(action);
                }
                continue;
            }
            let Some(account) = self.dirty.first().copied() else { break };
            if let Some(action) = self.serve_own(account) {
                return Some(action);
            }
            if self.pending.is_empty() {
                self.dirty.remove(&account);
            }
        }
        if !self.stirred {
            return None;
        }
        if let Some(action) = self.serve_borrower().or_else(|| self.grow()) {
            return Some(action);
        }
        self.stirred = false;
        None
    }

    /// The next moment at which something may happen by itself.
    #[must_use]
    pub fn look_again(&self) -> Option<Instant> {
        self.timers.iter().map(|(at, _)| *at).find(|at| *at > self.now)
    }

    /// The clock was set back: what began or closed at a moment that is to come again begins and closes then.
    fn set_back(&mut self) {
        for at in 0..self.accounts.len() {
            self.set_timers(at);
            self.stir(at);
        }
    }

    /// Looks again at the accounts whose time has come.
    fn ring(&mut self) {
        while let Some((at, account)) = self.timers.first().copied()
            && at <= self.now
        {
            self.timers.pop_first();
            self.account_mut(account).stuck.clear();
            let Entitlement { starts, closes, .. } = self.accounts[account].entitlement;
            if at == starts || at == closes {
                self.season_changed(account);
            }
            self.freed += 1;
            self.stir(account);
        }
    }

    /// A gang whose claimed cells are all there: it starts, or comes back larger.
    fn serve_ready(&mut self, gang: GangIx) -> Option<Action> {
        let found = self.gangs.get(gang);
        let (account, workload) = (found.account, found.request.workload);
        if found.held.is_empty() {
            if self.season(account) == Season::Opening {
                self.account_mut(account).prepared.insert(gang);
                return None;
            }
            if self.accounts[account].open(self.now) && self.claim_will_do(gang) {
                let cells = self.cells(account, &self.gangs.get(gang).claim);
                return Some(Action::Grant { workload, cells });
            }
            self.release_claim(gang);
            self.submit(self.gangs.get(gang).request);
            self.stepped_up.insert(workload);
            return None;
        }
        found.gone_by.is_none().then_some(Action::Notify { workload, why: Why::Grow })
    }

    /// Whether the cells that are kept for a waiting gang are enough for it and its lenders still lend them: a gang that
    /// was to grow may have lost what it held before.
    fn claim_will_do(&self, gang: GangIx) -> bool {
        let found = self.gangs.get(gang);
        let demand = found.request.demand;
        let items = match demand.item {
            Item::Block(size) => {
                found.claim.iter().map(|(_, mask)| self.ground.starts(size, *mask).count_ones()).sum()
            }
            item => crate::engine::chips_of(&found.claim) / self.ground.item_chips(item).max(1),
        };
        let mut borrowed: BTreeMap<AccountIx, u32> = BTreeMap::new();
        for (unit, mask) in &found.claim {
            for (lender, chips) in
                self.pieces_in(*unit, *mask).into_iter().filter(|(at, _)| *at != found.account)
            {
                *borrowed.entry(lender).or_insert(0) += chips;
            }
        }
        let lent = |(lender, chips): (&AccountIx, &u32)| {
            let state = &self.accounts[*lender];
            state.lent_out.saturating_add(*chips) <= self.lend_limit_to(*lender, found.account)
        };
        items >= demand.least && borrowed.iter().all(lent)
    }

    fn serve_own(&mut self, at: AccountIx) -> Option<Action> {
        let state = &self.accounts[at];
        let season = self.season(at);
        let overlent = state.lent_out > self.lend_limit(at).saturating_add(state.returning);
        if state.over {
            return self.give_back(at);
        }
        if !state.unbound.is_empty()
            && let Some(cells) = self.bind_owed(at)
        {
            return Some(Action::Bind { cells });
        }
        if let Some(told) = self.end_limited(at) {
            return Some(told);
        }
        if let Some(action) = self.serve_plans(at) {
            return Some(action);
        }
        // What still runs under a window that is over leaves; so does what runs when the clock was set back, unless there
        // is but one window.
        if season == Season::Closing || season != Season::Open && !self.accounts[at].windows.is_empty() {
            let closed = self.close(at);
            if closed.is_some() || season == Season::Closing {
                return closed;
            }
        }
        if overlent && let Some(action) = self.call_back(at) {
            return Some(action);
        }
        match season {
            Season::Opening => return self.prepare(at),
            Season::Away | Season::Closing => return None,
            Season::Open => {}
        }
        let served = self.serve_line(at).or_else(|| self.fill_holes(at)).or_else(|| self.plan_line(at));
        served.or_else(|| self.recall_to_grow(at)).or_else(|| self.take_home(at))
    }

    /// Cells for the next account whose guarantee has none yet. Asked as soon as a contract is signed, so that the
    /// next one is judged by what is left.
    pub fn next_binding(&mut self) -> Option<Vec<Bound>> {
        let owed = (0..self.accounts.len()).filter(|at| !self.accounts[*at].unbound.is_empty());
        owed.collect::<Vec<_>>().into_iter().find_map(|at| self.bind_owed(at))
    }

    fn bind_owed(&mut self, at: AccountIx) -> Option<Vec<Bound>> {
        let state = &self.accounts[at];
        let cells = self.bind_guarantee(state.account, &state.unbound);
        if cells.is_some() {
            self.account_mut(at).unbound.clear();
        }
        self.look_at_health(at);
        cells
    }

    /// The cells of a contract that is over are the owner's again.
    fn give_back(&self, at: AccountIx) -> Option<Action> {
        let mut cells = Vec::new();
        for unit in &self.accounts[at].units {
            let runs = self.ground.runs(*unit, self.units.get(*unit).bound_to(at));
            cells.extend(runs.map(|(first, count)| Bound { first, count, account: Account::Owner }));
        }
        (!cells.is_empty()).then_some(Action::Bind { cells })
    }

    /// Cells of the owner that make these shapes all at once, bound to an account; nothing where there are none.
    #[must_use]
    pub fn bind_guarantee(&self, account: Account, guarantee: &[(Item, u32)]) -> Option<Vec<Bound>> {
        let mut trial = self.clone();
        if trial.place(account).is_none() {
            trial.set_account(account, self.accounts[OWNER].entitlement, &[]);
        }
        let mut promises: Vec<(Item, u32)> =
            guarantee.iter().filter(|(_, count)| *count > 0).copied().collect();
        promises
            .sort_by_key(|(item, count)| std::cmp::Reverse((self.ground.item_chips(*item), *count, *item)));
        let mut all = Vec::new();
        for (item, count) in promises {
            let picked = trial.cheapest(OWNER, item, count, For::Binding)?;
            let cells = self.bound_cells(account, &picked);
            trial.bound(&cells);
            all.extend(cells);
        }
        Some(all)
    }

    pub(crate) fn bound_cells(&self, account: Account, masks: &[(u32, Mask)]) -> Vec<Bound> {
        let runs = masks.iter().flat_map(|(unit, mask)| self.ground.runs(*unit, *mask));
        runs.map(|(first, count)| Bound { first, count, account }).collect()
    }

    /// Recalls the loan that loses least of an account that has lent too much.
    fn call_back(&mut self, at: AccountIx) -> Option<Action> {
        let mut best: Option<(u64, GangIx)> = None;
        let mut later: Option<Instant> = None;
        for unit in &self.accounts[at].units {
            let unit = self.units.get(*unit);
            let bound = unit.bound_to(at);
            for tenant in unit.tenants_on(bound) {
                let gang = self.gangs.get(tenant.gang);
                if gang.account == at || gang.gone_by.is_some() {
                    continue;
                }
                let safe = self.safe_until(tenant.gang);
                if safe > self.now {
                    later = Some(later.map_or(safe, |known| known.min(safe)));
                    continue;
                }
                let offer = (self.work_at_risk(tenant.gang), tenant.gang);
                best = Some(best.map_or(offer, |known| known.min(offer)));
            }
        }
        if let Some(later) = later {
            self.timers.insert((later, at));
        }
        let (_, gang) = best?;
        Some(Action::Notify { workload: self.gangs.get(gang).request.workload, why: Why::Recall })
    }

    /// The first of each kind of request of an account, in order.
    pub(crate) fn heads(&self, at: AccountIx) -> Vec<(Turn, Ask)> {
        let lines = self.accounts[at].waiting.iter();
        let mut heads: Vec<(Turn, Ask)> =
            lines.filter_map(|(ask, line)| Some((*line.first()?, *ask))).collect();
        heads.sort_unstable();
        heads
    }

    /// Starts the first gang that fits inside the guarantee, or takes cells back for it. Nothing of a lower priority
    /// takes own cells that one of a higher priority waits for.
    fn serve_line(&mut self, at: AccountIx) -> Option<Action> {
        loop {
            let (action, again) = self.pass_line(at);
            if action.is_some() || !again {
                return action;
            }
        }
    }

    /// One pass over the heads of the lines; also whether another may find more, because somebody got a claim on cells
    /// that come back anyway.
    fn pass_line(&mut self, at: AccountIx) -> (Option<Action>, bool) {
        let mut claimed = false;
        if self.accounts[at].claim_room() == 0 {
            return (None, false);
        }
        let mut held_up: Option<i32> = None;
        for ((Reverse(priority), _, workload, gang), ask) in self.heads(at) {
            let state = &self.accounts[at];
            let (item, least, _) = ask;
            let chips = self.ground.item_chips(item).saturating_mul(least);
            let room = state.claim_room();
            if held_up.is_some_and(|ahead| priority < ahead) {
                return (None, claimed);
            }
            // What the cells that are whole could not hold keeps nobody from them.
            let holds_up = (chips <= self.healthy(at)).then_some(priority);
            if chips > room || state.stuck.contains(&ask) {
                held_up = held_up.or(holds_up);
                continue;
            }
            let demand = self.gangs.get(gang).request.demand;
            let reach = Reach { account: at, own: room, borrowed: 0 };
            let found = match item {
                Item::Share(share) => self.parts_mut().and_then(|parts| parts.place(&share)),
                _ => self.pick_for(gang, reach, &demand),
            };
            if let Some(cells) = found {
                let cells = self.widened(at, &demand, cells);
                return (Some(Action::Grant { workload, cells: self.cells(at, &cells) }), false);
            }
            if let Some(cells) = self.swap(at, &demand) {
                return (Some(Action::Bind { cells }), false);
            }
            if self.recall_for_line(at, ask) {
                if let Some(notice) = self.pending.pop_front() {
                    return (Some(notice), false);
                }
                claimed = true;
                continue;
            }
            self.account_mut(at).stuck.insert(ask);
            held_up = held_up.or(holds_up);
            if let Some(later) = self.next_unsafe(at) {
                self.timers.insert((later, at));
            }
        }
        (None, claimed)
    }

    /// Adds what others lend to an elastic gang that is about to start, where nobody waits for it.
    pub(crate) fn widened(&self, at: AccountIx, demand: &Demand, own: Vec<(u32, Mask)>) -> Vec<(u32, Mask)> {
        let has = crate::engine::chips_of(&own) / self.ground.item_chips(demand.item).max(1);
        let alone = |(other, brief): (usize, &crate::engine::Brief)| other == at || brief.waiting == 0;
        let state = &self.accounts[at];
        let last = state.waiting.values().map(|line| line.len()).sum::<usize>() <= 1;
        if has >= demand.most || !last || !self.briefs.iter().enumerate().all(alone) {
            return own;
        }
        let reach = Reach { account: at, own: state.claim_room(), borrowed: state.borrow_room() };
        self.pick(reach, &Demand { least: has, ..*demand }).unwrap_or(own)
    }

    /// Takes cells back for as many of the equal requests at the head of a line as there are cells to take back for.
    /// Answers whether there was any.
    pub(crate) fn recall_for_line(&mut self, at: AccountIx, ask: Ask) -> bool {
        let (item, least, _) = ask;
        let chips = self.ground.item_chips(item).saturating_mul(least);
        let line = self.accounts[at].waiting.get(&ask).into_iter().flatten();
        let room = usize::try_from(self.accounts[at].claim_room() / chips.max(1)).unwrap_or(usize::MAX);
        // Several at once where any cells do; larger shapes one by one.
        let together = if matches!(item, Item::Chip | Item::Block(_)) { room } else { 1 };
        let gangs: Vec<GangIx> = line.map(|turn| turn.3).take(together).collect();
        let many = u32::try_from(gangs.len()).unwrap_or(u32::MAX);
        let all = self.cheapest(at, item, least.saturating_mul(many), For::Recall);
        let (gangs, cells) = match all {
            Some(cells) => (gangs, cells),
            None => match self.cheapest(at, item, least, For::Recall) {
                Some(cells) => (gangs[..1].to_vec(), cells),
                None => return false,
            },
        };
        let mut left = cells;
        for gang in gangs {
            let mine = split_off(&mut left, chips);
            self.dequeue(gang);
            self.claim(gang, &mine);
            self.recall_claim(gang);
        }
        true
    }

    /// Tells everybody on a gang's claimed cells to leave.
    fn recall_claim(&mut self, gang: GangIx) {
        let claim = self.gangs.get(gang).claim.clone();
        for victim in self.gangs_on(&claim, gang) {
            let found = self.gangs.get(victim);
            let notice = Action::Notify { workload: found.request.workload, why: Why::Recall };
            if found.gone_by.is_none() && !self.pending.contains(&notice) {
                self.pending.push_back(notice);
            }
        }
        if self.gangs.get(gang).claim_missing == 0 {
            self.ready.insert(gang);
        }
    }

    /// Swaps cells of an account that others hold for idle cells of a lender, so that nobody has to leave.
    fn swap(&self, at: AccountIx, demand: &Demand) -> Option<Vec<Bound>> {
        let size = match demand.item {
            Item::Chip => 1,
            Item::Block(size) => size,
            Item::Joined(_) | Item::Group(_) | Item::Boxed(_) | Item::Share(_) => return None,
        };
        let movable = |account: AccountIx| self.accounts[account].grain.is_some_and(|grain| grain <= size);
        if !movable(at) {
            return None;
        }
        let has = match size {
            1 => self.briefs[at].idle,
            _ => self.take_blocks(at, size, demand.least, &mut Picked::default()),
        };
        let missing = demand.least.saturating_sub(has).max(1);
        let able = (0..self.briefs.len()).filter(|other| {
            let brief = &self.briefs[*other];
            *other != at && brief.lendable >= missing * size && brief.largest_idle >= size && movable(*other)
        });
        let mut able = able.peekable();
        able.peek()?;
        let given = self.lent_cells(at, size, missing)?;
        let lender = able.find(|other| self.may_lend(*other, &given))?;
        let one = Demand { item: demand.item, least: missing, most: missing };
        let reach = Reach { account: lender, own: missing * size, borrowed: 0 };
        let gained = self.pick(reach, &one)?;
        let mut cells = self.bound_cells(self.accounts[at].account, &gained);
        cells.extend(self.bound_cells(self.accounts[lender].account, &given));
        Some(cells)
    }

    /// Blocks of an account that are held by others and by nobody else claimed.
    fn lent_cells(&self, at: AccountIx, size: u32, count: u32) -> Option<Vec<(u32, Mask)>> {
        let mut found = Vec::new();
        for unit_at in &self.accounts[at].units {
            let unit = self.units.get(*unit_at);
            let lent = unit.owed_to(at) & !unit.free;
            let mut starts = self.ground.starts(size, lent);
            while starts != 0 {
                found.push((*unit_at, ones(size) << starts.trailing_zeros()));
                starts &= starts - 1;
                if found.len() == usize::try_from(count).unwrap_or(usize::MAX) {
                    return Some(found);
                }
            }
        }
        None
    }

    /// Takes lent cells back for a running gang that is smaller than it could be inside its guarantee.
    fn recall_to_grow(&mut self, at: AccountIx) -> Option<Action> {
        let state = &self.accounts[at];
        if state.lent_out <= state.returning || !state.waiting.is_empty() {
            return None;
        }
        for gang in state.small.iter().copied().collect::<Vec<_>>() {
            let demand = self.gangs.get(gang).request.demand;
            let item_chips = self.ground.item_chips(demand.item);
            let missing =
                (demand.most - self.items_held(gang)).min(self.accounts[at].claim_room() / item_chips);
            if missing == 0 || !self.may_grow(gang, missing) {
                continue;
            }
            if let Some(cells) = self.cheapest(at, demand.item, missing, For::Recall) {
                self.claim(gang, &cells);
                self.recall_claim(gang);
                return self.pending.pop_front();
            }
        }
        None
    }

    /// Whether a gang has settled and would gain enough: it has run for twice its recall bound and grows by a quarter,
    /// so that nothing grows and shrinks in turns.
    pub(crate) fn may_grow(&mut self, gang: GangIx, gain: u32) -> bool {
        let found = self.gangs.get(gang);
        if !matches!(found.request.demand.item, Item::Chip | Item::Block(_)) || !found.claim.is_empty() {
            return false;
        }
        let (account, size) = (found.account, self.items_held(gang));
        let bound = self.accounts[account].entitlement.recall_bound;
        let settled = found.granted_at.plus(bound).plus(bound);
        if settled > self.now {
            self.timers.insert((settled, account));
        }
        settled <= self.now && gain >= size / 4
    }

    /// Turns borrowed cells into own ones where the guarantee is idle: the cells change hands on paper.
    fn take_home(&self, at: AccountIx) -> Option<Action> {
        let state = &self.accounts[at];
        if state.idle == 0 || state.borrowed == 0 || !state.waiting.is_empty() || state.grain.is_none() {
            return None;
        }
        let stays = state.running.iter().map(|gang| self.gangs.get(*gang)).filter(|g| g.gone_by.is_none());
        let held = stays.flat_map(|gang| gang.held.iter().copied()).take(HELD_SEEN);
        let lent = held.flat_map(|(unit, mask)| {
            let lenders = self.pieces_in(unit, mask).into_iter().filter(|(other, _)| *other != at);
            lenders.map(move |(lender, _)| (unit, mask, lender)).collect::<Vec<_>>()
        });
        let cells = lent.into_iter().find_map(|cells| self.trade(at, cells))?;
        Some(Action::Bind { cells })
    }

    /// Trades an idle block of an account for one that it borrows.
    fn trade(&self, at: AccountIx, borrowed: (u32, Mask, AccountIx)) -> Option<Vec<Bound>> {
        let (unit, mask, lender) = borrowed;
        let (mine, theirs) = (&self.accounts[at], &self.accounts[lender]);
        let size = mine.grain?.max(theirs.grain?);
        // A unit that is all of one account stays so: somebody may be promised it whole.
        let splits = size < self.ground.unit_chips && self.units.get(unit).pieces.len() == 1;
        let starts = self
            .ground
            .starts(size, mask & self.units.get(unit).healthy_of(lender) & !self.units.get(unit).kept());
        if starts == 0 || splits && self.ground.units > 1 {
            return None;
        }
        let one = Demand { item: Item::Block(size), least: 1, most: 1 };
        let given = self.pick(Reach { account: at, own: size, borrowed: 0 }, &one)?;
        let mut cells = self.bound_cells(mine.account, &[(unit, ones(size) << starts.trailing_zeros())]);
        cells.extend(self.bound_cells(theirs.account, &given));
        Some(cells)
    }
}

/// Takes cells with that many chips from the front of a list.
fn split_off(cells: &mut Vec<(u32, Mask)>, chips: u32) -> Vec<(u32, Mask)> {
    let mut taken = Vec::new();
    let mut missing = chips;
    while missing > 0
        && let Some((unit, mask)) = cells.pop()
    {
        let mut here = mask;
        while here.count_ones() > missing {
            here &= here - 1;
        }
        missing -= here.count_ones();
        taken.push((unit, here));
        if mask != here {
            cells.push((unit, mask & !here));
        }
    }
    taken
}
