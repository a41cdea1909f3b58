//! A slow, obvious count of everything that the engine keeps up to date, to compare with.

use crate::account::GangIx;
use crate::engine::Engine;
use sinew_types::{CellIndex, CellRange};
use std::collections::BTreeSet;

/// Panics where any count of the engine differs from what a full look at its units and gangs gives.
pub(crate) fn check(engine: &Engine) {
    let units = || (0..engine.ground.units).map(|unit| (unit, engine.units.get(unit)));
    let gangs: BTreeSet<GangIx> =
        engine.accounts.iter().flat_map(|state| state.running.iter().copied()).collect();
    for (at, unit) in units() {
        let bound = unit.pieces.iter().fold(0, |all, piece| {
            assert_eq!(all & piece.mask, 0, "a chip of unit {at} is bound twice");
            all | piece.mask
        });
        assert_eq!(bound, engine.ground.whole(), "every chip of unit {at} is somebody's");
        let held = unit.tenants.iter().fold(0, |all, tenant| {
            assert_eq!(all & tenant.mask, 0, "a chip of unit {at} is held twice");
            let gang = engine.gangs.get(tenant.gang);
            assert!(gang.held.contains(&(at, tenant.mask)), "a tenant knows what it holds");
            assert_eq!(gang.account, tenant.holder);
            assert_eq!(gang.chips, crate::engine::chips_of(&gang.held));
            all | tenant.mask
        });
        assert_eq!(unit.free, engine.ground.whole() & !held, "what nobody holds in unit {at} is free");
        let claims = unit.claims.iter().fold(0, |all, claim| {
            assert_eq!(all & claim.mask, 0, "a chip of unit {at} is claimed twice");
            assert_eq!(engine.gangs.get(claim.gang).account, claim.holder);
            all | claim.mask
        });
        assert_eq!(unit.claimed(), claims);
        kept(engine, unit, claims);
    }
    accounts(engine);
    down(engine);
    regions(engine);
    let whole: BTreeSet<u32> =
        units().filter(|(_, unit)| unit.idle() == engine.ground.whole()).map(|(at, _)| at).collect();
    assert_eq!(engine.whole, whole, "units that are wholly idle");
    for gang in gangs {
        assert!(!engine.gangs.get(gang).held.is_empty(), "whoever runs holds cells");
    }
}

/// What is kept for a planned start is nobody else's then, as far as anybody can tell before.
fn kept(engine: &Engine, unit: &crate::unit::Unit, claims: crate::ground::Mask) {
    assert_eq!(unit.kept() & claims, 0, "a chip is claimed and kept");
    for (kept, mask) in &unit.kept {
        let gang = engine.gangs.get(*kept);
        let plan = engine.bookings.get(&gang.request.workload).expect("whoever has cells kept has a plan");
        assert!(gang.held.is_empty() && engine.accounts[gang.account].planned.contains(kept));
        assert_eq!(mask & !unit.bound_to(gang.account), 0, "a plan lies on own cells");
        assert_eq!(mask & unit.down, 0, "a plan lies on healthy cells");
        for tenant in unit.tenants_on(*mask) {
            let found = engine.gangs.get(tenant.gang);
            let limited = engine.limit_frees(tenant.gang, found.granted_at);
            let bound = engine.accounts[found.account].entitlement.recall_bound;
            let recalled =
                (tenant.holder != gang.account).then(|| engine.safe_until(tenant.gang).plus(bound));
            // A story may tell the time late, and so a recall or a limit that was kept without it.
            let gone = [found.gone_by, limited, recalled].into_iter().flatten().min();
            assert!(
                gone.is_some_and(|gone| gone <= plan.by),
                "{} stays until {gone:?}, beyond the planned start of {} by {:?}",
                found.request.workload,
                gang.request.workload,
                plan.by
            );
        }
    }
}

fn accounts(engine: &Engine) {
    let units = || (0..engine.ground.units).map(|unit| (unit, engine.units.get(unit)));
    for (at, state) in engine.accounts.iter().enumerate() {
        let mask = |which: &dyn Fn(&crate::unit::Unit) -> crate::ground::Mask| {
            units().map(|(_, unit)| (which(unit) & unit.bound_to(at)).count_ones()).sum::<u32>()
        };
        let held_by = |own: bool| {
            units().map(move |(_, unit)| {
                let ours = unit.tenants.iter().filter(|tenant| (tenant.holder == at) == own);
                ours.map(|tenant| (tenant.mask & unit.bound_to(at)).count_ones()).sum::<u32>()
            })
        };
        assert_eq!(state.bound, mask(&|_| u128::MAX), "bound of account {at}");
        assert_eq!(state.idle, mask(&|unit| unit.idle()), "idle of account {at}");
        assert_eq!(state.claimed, mask(&|unit| unit.claimed_by(at)), "claimed of account {at}");
        let elsewhere = units().map(|(_, unit)| (unit.claimed_by(at) & !unit.bound_to(at)).count_ones());
        assert_eq!(state.borrow_claimed, elsewhere.sum::<u32>(), "claimed by account {at} of others");
        assert_eq!(state.own_used, held_by(true).sum::<u32>(), "own of account {at}");
        assert_eq!(state.lent_out, held_by(false).sum::<u32>(), "lent by account {at}");
        let holds: u32 =
            state.running.iter().map(|gang| crate::engine::chips_of(&engine.gangs.get(*gang).held)).sum();
        assert_eq!(state.borrowed, holds - state.own_used, "borrowed by account {at}");
        let leaving = units().flat_map(|(_, unit)| {
            let leaves = unit
                .tenants
                .iter()
                .filter(|tenant| tenant.holder != at && engine.gangs.get(tenant.gang).gone_by.is_some());
            leaves.map(move |tenant| (tenant.mask & unit.bound_to(at)).count_ones())
        });
        assert_eq!(state.returning, leaving.sum::<u32>(), "on its way back to account {at}");
        let blocks = |which: &dyn Fn(&crate::unit::Unit) -> crate::ground::Mask| -> BTreeSet<(u8, u32)> {
            let sized = units().map(|(unit_at, unit)| (engine.ground.largest_block(which(unit)), unit_at));
            let some = sized.filter(|(size, _)| *size > 0);
            some.map(|(size, unit_at)| (u8::try_from(size).expect("small"), unit_at)).collect()
        };
        assert_eq!(
            state.index,
            blocks(&|unit| unit.idle() & unit.bound_to(at)),
            "idle blocks of account {at}"
        );
        assert_eq!(state.owed, blocks(&|unit| unit.owed_to(at)), "blocks that account {at} could have back");
        let limits = state.running.iter().map(|gang| (gang, engine.gangs.get(*gang)));
        let limits = limits
            .filter(|(_, gang)| gang.gone_by.is_none())
            .filter_map(|(at, gang)| Some((gang.granted_at.plus(gang.request.limit?), *at)));
        assert_eq!(state.limited, limits.collect(), "when gangs of account {at} have run for long enough");
        let kinds = state.waiting.keys().fold(0, |all, ask| all | engine.ground.kind(ask));
        assert_eq!(state.waiting_kinds, kinds, "what account {at} waits for");
        assert_eq!((engine.briefs[at].idle, engine.briefs[at].borrowed), (state.idle, state.borrowed));
        assert_eq!(
            engine.briefs[at].lendable,
            if state.over { state.idle } else { state.lendable(engine.lend_limit(at)) }
        );
    }
}

fn down(engine: &Engine) {
    for at in 0..engine.accounts.len() {
        let units = (0..engine.ground.units).map(|unit| engine.units.get(unit));
        let down: u32 = units.map(|unit| (unit.bound_to(at) & unit.down).count_ones()).sum();
        assert_eq!(engine.health.down.get(&at).copied().unwrap_or(0), down, "broken chips of account {at}");
    }
}

/// What is said of the whole pool is what each account's counts say, and the parts add up to it.
fn regions(engine: &Engine) {
    let ground = &engine.ground;
    let chips = ground.units * ground.unit_chips;
    let whole = CellRange { first: CellIndex(ground.first_chip), count: chips };
    let all = &engine.cell_sums(whole, chips, None)[0];
    let parts = engine.cell_sums(whole, ground.unit_chips, None);
    assert_eq!(parts.iter().map(|part| part.free).sum::<u32>(), all.free, "free in parts");
    assert_eq!(parts.iter().map(|part| part.failed).sum::<u32>(), all.failed, "failed in parts");
    for (at, state) in engine.accounts.iter().enumerate() {
        let said = all.shares.get(&state.account).copied().unwrap_or_default();
        let counted = (state.bound, state.lent_out, state.own_used, state.borrowed);
        assert_eq!((said.bound, said.lent, said.own, said.borrowed), counted, "the share of account {at}");
        let alone = &engine.cell_sums(whole, chips, Some(&[state.account]))[0].shares;
        assert!(alone.keys().all(|account| *account == state.account), "a look at one shows no other");
        let own: u32 = parts.iter().filter_map(|part| part.shares.get(&state.account)).map(|s| s.own).sum();
        assert_eq!(own, said.own, "own chips of account {at} in parts");
    }
}
