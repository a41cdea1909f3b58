//! The lists that make decisions quick: idle blocks by size, blocks that could come back, units that are wholly idle.
//! Each change of a unit brings those up to date that it is in.

use crate::account::AccountIx;
use crate::engine::{Engine, ask};
use crate::unit::{Piece, Unit};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Engine {
    /// Changes a unit and brings the lists of idle cells and of cells that could come back up to date.
    pub(crate) fn reindex(&mut self, at: u32, change: impl FnOnce(&mut Unit)) {
        let ground = Arc::clone(&self.ground);
        let unit = self.units.get_mut(at);
        let whole_before = unit.idle() == ground.whole();
        change(unit);
        let idle = unit.idle();
        for place in 0..self.units.get(at).pieces.len() {
            let unit = self.units.get(at);
            let before = unit.pieces[place];
            let here = idle & before.mask;
            let owed = unit.owed_to(before.account);
            let after = Piece {
                class: ground.largest_block(here),
                idle: here.count_ones(),
                owed: ground.largest_block(owed),
                ..before
            };
            if (before.class, before.idle, before.owed) != (after.class, after.idle, after.owed) {
                self.units.get_mut(at).pieces[place] = after;
                self.list(at, before, after);
            }
        }
        let whole_after = idle == ground.whole();
        if let Some(parts) = self.parts_mut() {
            parts.set_idle(at, idle);
        }
        if whole_before != whole_after {
            self.set_whole(at, whole_after);
        }
    }

    pub(crate) fn list(&mut self, unit: u32, before: Piece, after: Piece) {
        fn relist(list: &mut BTreeSet<(u8, u32)>, unit: u32, before: u32, after: u32) {
            let size = |class: u32| u8::try_from(class).expect("a unit has at most 128 chips");
            if before != after {
                list.remove(&(size(before), unit));
                if after > 0 {
                    list.insert((size(after), unit));
                }
            }
        }
        let state = self.account_mut(after.account);
        state.idle = state.idle + after.idle - before.idle;
        relist(&mut state.index, unit, before.class, after.class);
        relist(&mut state.owed, unit, before.owed, after.owed);
        self.brief(after.account);
    }

    pub(crate) fn set_whole(&mut self, unit: u32, whole: bool) {
        if whole {
            self.whole.insert(unit);
        } else {
            self.whole.remove(&unit);
        }
        for (tier, counts) in self.ground.tiers.iter().zip(&mut self.whole_in_group) {
            let group = usize::try_from(unit / tier.units).expect("few groups");
            counts[group] = if whole { counts[group] + 1 } else { counts[group] - 1 };
        }
    }

    /// Brings the short form of an account up to date.
    pub(crate) fn brief(&mut self, at: AccountIx) {
        let limit = self.lend_limit(at);
        let state = &self.accounts[at];
        let brief = &mut self.briefs[at];
        let open = state.open(self.now);
        brief.lendable = if state.over { state.idle } else { state.lendable(limit) };
        brief.idle = state.idle;
        brief.largest_idle = state.largest_idle();
        brief.borrow_room = state.borrow_room();
        brief.borrowed = state.borrowed;
        let planned = state.planned.iter().map(|gang| ask(&self.gangs.get(*gang).request.demand));
        let asks = state.waiting.keys().copied().chain(planned);
        brief.waiting = if open { asks.fold(0, |all, ask| all | self.ground.kind(&ask)) } else { 0 };
    }
}
