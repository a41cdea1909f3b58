//! How the engine follows what happens to gangs.

use crate::account::{AccountIx, GangIx, Turn};
use crate::cells::Cells;
use crate::engine::{Engine, Gang, ask, shard};
use crate::ground::{Item, Mask};
use crate::unit::Tenant;
use crate::view::Request;
use sinew_types::{Instant, Span, WorkloadId};
use std::cmp::Reverse;
use std::sync::Arc;

impl Engine {
    /// A gang waits.
    pub fn submit(&mut self, request: Request) {
        let Some(account) = self.place(request.account) else { return };
        let known = self.gang_of(request.workload);
        if let (Item::Share(share), None, Some(parts)) = (request.demand.item, known, self.parts_mut()) {
            parts.came(&share);
        }
        let gang = known.unwrap_or_else(|| self.add_gang(request, account));
        self.enqueue(gang);
    }

    pub(crate) fn add_gang(&mut self, request: Request, account: AccountIx) -> GangIx {
        let gang = Gang {
            request,
            account,
            held: Vec::new(),
            chips: 0,
            granted_at: self.now,
            gone_by: None,
            claim: Vec::new(),
            claim_missing: 0,
            near: Vec::new(),
        };
        let at = match self.unused_gangs.pop() {
            Some(at) => {
                *self.gangs.get_mut(at) = gang;
                at
            }
            None => {
                self.gangs.push(gang);
                u32::try_from(self.gangs.len() - 1).expect("fewer gangs than numbers")
            }
        };
        let shard = Arc::make_mut(&mut self.shards[shard(request.workload)]);
        shard.insert(request.workload, at);
        at
    }

    pub(crate) fn turn(&self, gang: GangIx) -> Turn {
        let request = &self.gangs.get(gang).request;
        let arrived = request.since.plus(handicap(request.served));
        (Reverse(request.priority), arrived, request.workload, gang)
    }

    pub(crate) fn enqueue(&mut self, gang: GangIx) {
        let (turn, account) = (self.turn(gang), self.gangs.get(gang).account);
        let ask = ask(&self.gangs.get(gang).request.demand);
        let kind = self.ground.kind(&ask);
        let state = self.account_mut(account);
        state.waiting_kinds |= kind;
        self.briefs[account].failed &= !kind;
        let state = self.account_mut(account);
        let line = state.waiting.entry(ask).or_default();
        line.insert(turn);
        let first = line.first() == Some(&turn);
        self.brief(account);
        // Whoever stands behind an equal ask need not be looked at.
        let holes = !self.accounts[account].planned.is_empty();
        if first || holes || self.gangs.get(gang).claim_missing == 0 && !self.gangs.get(gang).claim.is_empty()
        {
            self.stir(account);
        }
    }

    pub(crate) fn dequeue(&mut self, gang: GangIx) {
        let (turn, account) = (self.turn(gang), self.gangs.get(gang).account);
        let ask = ask(&self.gangs.get(gang).request.demand);
        let state = self.account_mut(account);
        let mut next = None;
        if let Some(line) = state.waiting.get_mut(&ask) {
            let first = line.first() == Some(&turn);
            line.remove(&turn);
            next = line.first().filter(|_| first).map(|turn| turn.2);
            if line.is_empty() {
                state.waiting.remove(&ask);
                let kinds = self.accounts[account].waiting.keys().map(|ask| self.ground.kind(ask));
                let kinds = kinds.fold(0, |all, kind| all | kind);
                self.account_mut(account).waiting_kinds = kinds;
            }
        }
        self.stepped_up.extend(next);
        self.brief(account);
    }

    /// A waiting gang is gone for good.
    pub fn withdraw(&mut self, workload: WorkloadId) {
        let Some(gang) = self.gang_of(workload) else { return };
        self.dequeue(gang);
        self.release_claim(gang);
        self.release_booking(gang);
        self.forget(gang);
    }

    pub(crate) fn forget(&mut self, gang: GangIx) {
        let (workload, account) = (self.gangs.get(gang).request.workload, self.gangs.get(gang).account);
        Arc::make_mut(&mut self.shards[shard(workload)]).remove(&workload);
        self.ready.remove(&gang);
        self.unused_gangs.push(gang);
        self.stir(account);
    }

    /// A gang holds these cells from now on.
    pub fn granted(&mut self, workload: WorkloadId, cells: &Cells, at: Instant) {
        let Some(gang) = self.gang_of(workload) else { return };
        self.dequeue(gang);
        self.release_claim(gang);
        self.release_booking(gang);
        let account = self.gangs.get(gang).account;
        let item = self.gangs.get(gang).request.demand.item;
        let mut held: Vec<(u32, Mask)> = Vec::new();
        for run in cells.runs() {
            for (unit, mask) in self.ground.masks(run.first, run.count) {
                match held.last_mut() {
                    Some(last) if last.0 == unit => last.1 |= mask,
                    _ => held.push((unit, mask)),
                }
            }
        }
        for (unit, mask) in &held {
            self.reindex(*unit, |unit| {
                unit.free &= !mask;
                unit.tenants.push(Tenant { gang, holder: account, mask: *mask });
            });
            self.count_held(account, (*unit, *mask), true, false);
        }
        self.host_changes(item, &held, true);
        self.stir_keepers(&held);
        let found = self.gangs.get_mut(gang);
        (found.chips, found.held, found.granted_at, found.gone_by) = (cells.chips(), held, at, None);
        let small = self.items_held(gang) < self.gangs.get(gang).request.demand.most;
        let state = self.account_mut(account);
        state.running.insert(gang);
        if small {
            state.small.insert(gang);
            self.stirred = true;
        }
        self.limit_begins(gang);
        self.stir_own(account);
    }

    /// A share takes processors and memory of its host, or gives them back.
    fn host_changes(&mut self, item: Item, held: &[(u32, Mask)], taken: bool) {
        if let (Item::Share(share), Some((unit, _)), Some(parts)) = (item, held.first(), self.parts_mut()) {
            parts.take(*unit, &share, taken);
        }
    }

    /// How many items of its demand a gang holds.
    pub(crate) fn items_held(&self, gang: GangIx) -> u32 {
        let gang = self.gangs.get(gang);
        gang.chips / self.ground.item_chips(gang.request.demand.item).max(1)
    }

    /// A running gang was told to leave and is gone by then.
    pub fn notified(&mut self, workload: WorkloadId, gone_by: Instant) {
        let Some(gang) = self.gang_of(workload) else { return };
        let (account, held) = (self.gangs.get(gang).account, self.gangs.get(gang).held.clone());
        if self.gangs.get(gang).gone_by.is_none() {
            for (unit, mask) in held {
                for (lender, chips) in self.lenders_of(account, unit, mask) {
                    self.account_mut(lender).returning += chips;
                }
            }
        }
        self.limit_ends(gang);
        self.gangs.get_mut(gang).gone_by = Some(gone_by);
        self.account_mut(account).small.remove(&gang);
    }

    /// A gang's cells are free again since `at`. It waits for its next lease where `again`, and is gone otherwise.
    pub fn ended(&mut self, workload: WorkloadId, again: bool, at: Instant) {
        let Some(gang) = self.gang_of(workload) else { return };
        self.limit_ends(gang);
        let found = self.gangs.get_mut(gang);
        let (account, leaving) = (found.account, found.gone_by.is_some());
        let (item, held) = (found.request.demand.item, std::mem::take(&mut found.held));
        let served = u64::from(found.chips).saturating_mul(at.since(found.granted_at).ms());
        (found.gone_by, found.chips) = (None, 0);
        found.request.served = found.request.served.saturating_add(served);
        let grows = again && !found.claim.is_empty();
        let state = self.account_mut(account);
        state.running.remove(&gang);
        state.small.remove(&gang);
        state.stuck.clear();
        for (unit, mask) in &held {
            self.count_held(account, (*unit, *mask), false, leaving);
            self.reindex(*unit, |unit| {
                unit.free |= mask;
                unit.tenants.retain(|tenant| tenant.gang != gang);
            });
            self.complete_claims(*unit, *mask);
        }
        self.host_changes(item, &held, false);
        for (unit, mask) in &held {
            self.stir_owners(*unit, *mask);
        }
        if grows {
            self.keep_for_growth(gang, &held);
        }
        self.freed += 1;
        self.stir(account);
        if again {
            self.enqueue(gang);
        } else {
            self.release_claim(gang);
            self.forget(gang);
        }
    }

    /// Counts chips that a gang of `holder` takes or lets go.
    pub(crate) fn count_held(&mut self, holder: AccountIx, cells: (u32, Mask), taken: bool, leaving: bool) {
        let (unit, mask) = cells;
        let change = |count: &mut u32, chips: u32| {
            *count = if taken { *count + chips } else { count.saturating_sub(chips) };
        };
        for (account, chips) in self.pieces_in(unit, mask) {
            if account == holder {
                change(&mut self.account_mut(holder).own_used, chips);
                continue;
            }
            let before = self.accounts[holder].borrowed;
            change(&mut self.account_mut(holder).borrowed, chips);
            let after = self.accounts[holder].borrowed;
            Arc::make_mut(&mut self.sharing).changed(holder, (before, after), self.now);
            let lender = self.account_mut(account);
            change(&mut lender.lent_out, chips);
            if leaving {
                change(&mut lender.returning, chips);
            }
            self.brief(account);
        }
        self.brief(holder);
    }
}

/// How much later a gang stands in line than it came: two-dimensional attained service (chips and time), in levels, as in
/// Tiresias (Gu et al., NSDI '19, section 3.2), where nobody knows how long anything runs. Each level is an eightfold of
/// chip-time and counts as one hour of waiting, so that nobody starves behind newcomers.
fn handicap(served: u64) -> Span {
    let hours = served / HOUR_MS;
    let level = if hours == 0 { 0 } else { u64::from(hours.ilog2() / 3) + 1 };
    Span::from_ms(level * HOUR_MS)
}

const HOUR_MS: u64 = 3_600_000;
