//! A unit of the ground: whose its chips are, who holds them, and for whom they are kept.

use crate::account::{AccountIx, GangIx};
use crate::ground::Mask;

/// Chips of one unit that belong to one account by promise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) account: AccountIx,
    pub(crate) mask: Mask,
    /// The largest idle block in it.
    pub(crate) class: u32,
    /// Its idle chips.
    pub(crate) idle: u32,
    /// The largest block in it that is idle or lent, so that its account could have it back.
    pub(crate) owed: u32,
}

/// A gang on chips of a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tenant {
    pub(crate) gang: GangIx,
    /// On whose account.
    pub(crate) holder: AccountIx,
    pub(crate) mask: Mask,
}

/// Chips of a unit that are kept for a gang.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Claim {
    pub(crate) gang: GangIx,
    /// On whose account.
    pub(crate) holder: AccountIx,
    pub(crate) mask: Mask,
}

/// A unit.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    /// Chips that nobody holds.
    pub(crate) free: Mask,
    /// Chips that are broken.
    pub(crate) down: Mask,
    /// Whose the chips are; every chip is in one piece.
    pub(crate) pieces: Vec<Piece>,
    /// Who holds which chips.
    pub(crate) tenants: Vec<Tenant>,
    /// For whom which chips are kept.
    pub(crate) claims: Vec<Claim>,
    /// For whose planned start which chips are kept, whoever holds them until then.
    pub(crate) kept: Vec<(GangIx, Mask)>,
}

impl Unit {
    pub(crate) fn claimed(&self) -> Mask {
        self.claims.iter().fold(0, |all, claim| all | claim.mask)
    }

    /// What is kept for gangs of an account. What is kept for others on its cells goes when it needs them.
    pub(crate) fn claimed_by(&self, account: AccountIx) -> Mask {
        self.claims.iter().filter(|claim| claim.holder == account).fold(0, |all, claim| all | claim.mask)
    }

    /// Chips that could be given out now.
    pub(crate) fn idle(&self) -> Mask {
        self.free & !self.down & !self.claimed() & !self.kept()
    }

    /// What is kept for planned starts. A plan lies on its account's own chips.
    pub(crate) fn kept(&self) -> Mask {
        self.kept.iter().fold(0, |all, (_, mask)| all | mask)
    }

    /// Chips of an account that it could have back: whole, neither claimed nor kept, and not held by itself.
    pub(crate) fn owed_to(&self, account: AccountIx) -> Mask {
        let own = self.tenants.iter().filter(|tenant| tenant.holder == account);
        let own = own.fold(0, |all, tenant| all | tenant.mask);
        self.bound_to(account) & !own & !self.claimed_by(account) & !self.down & !self.kept()
    }

    /// The gangs on any of these chips.
    pub(crate) fn tenants_on(&self, mask: Mask) -> impl Iterator<Item = &Tenant> {
        self.tenants.iter().filter(move |tenant| tenant.mask & mask != 0)
    }

    /// Chips of an account that are not broken.
    pub(crate) fn healthy_of(&self, account: AccountIx) -> Mask {
        self.bound_to(account) & !self.down
    }

    /// Chips of an account.
    pub(crate) fn bound_to(&self, account: AccountIx) -> Mask {
        self.pieces.iter().filter(|piece| piece.account == account).fold(0, |all, piece| all | piece.mask)
    }
}
