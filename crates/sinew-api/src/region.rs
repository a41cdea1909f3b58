//! Parts of a pool on the wire: what fails and comes back, and who holds what at any depth.

use serde::{Deserialize, Serialize};
use sinew_core::{Control, Principal, State};
use sinew_sched::{Account, CellSum, Share};
use sinew_types::{CellRange, Level, PoolId, Region, RegionFlaw, Topology};
use utoipa::ToSchema;

/// The most cells of one answer.
pub const CELLS_MAX: u32 = 1_024;

/// A part of a pool that fails or is healthy again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CellsRequest {
    /// Such as `pod-3/rack-1`, `host-0` or `chip-5`, counted from 0; `pool` for all of it.
    pub region: String,
}

/// The cells of a region, a number of levels below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegionView {
    /// The pool's name.
    pub pool: String,
    /// The region; empty for the whole pool.
    pub region: String,
    /// The cells in order; a lab sees those of which it has something.
    pub cells: Vec<RegionCellView>,
}

/// One cell of a region, in chips.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegionCellView {
    /// Its own region.
    pub region: String,
    /// How many chips it has.
    pub chips: u32,
    /// Healthy chips that nobody holds; for the owner.
    pub free: Option<u32>,
    /// Failed chips, held or not; for the owner.
    pub failed: Option<u32>,
    /// Who has what of it: an owner sees everybody, a lab itself.
    pub shares: Vec<ShareView>,
}

/// What one account has of a cell, in chips.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShareView {
    /// Whose.
    pub organisation: String,
    /// Under which contract; the owner's own account where absent.
    pub contract: Option<String>,
    /// Promised to it there.
    pub bound: u32,
    /// Of these, held by others now.
    pub lent: u32,
    /// Of the promised ones, failed.
    pub failed: u32,
    /// Held by it inside its promise.
    pub own: u32,
    /// Held by it beyond that.
    pub borrowed: u32,
    /// When the last of its gangs there that were told to leave is gone.
    pub leaves_by: Option<String>,
}

/// Why there is no answer about a region.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoAnswer {
    /// The pool has no such part.
    Region {
        /// What is wrong with it.
        flaw: RegionFlaw,
    },
    /// The answer would be too long.
    TooMany {
        /// How many cells it would have.
        cells: u32,
    },
}

impl RegionView {
    /// The cells `depth` levels below a region, as a principal may see them. The cost grows with the units of the
    /// region and the cells of the answer, not with the pool.
    pub fn of(
        control: &Control,
        who: &Principal,
        pool: PoolId,
        what: (&Region, u32),
    ) -> Result<Option<Self>, NoAnswer> {
        let (region, depth) = what;
        let state = control.state();
        let Some(found) = state.pools.get(&pool) else { return Ok(None) };
        let range = found.topology.region(region).map_err(|flaw| NoAnswer::Region { flaw })?;
        let below = below(&found.topology, region, depth);
        let size = below.map_or(range.count, |level| found.topology.chips_of(level).unwrap_or(range.count));
        let cells = range.count / size.max(1);
        if cells > CELLS_MAX {
            return Err(NoAnswer::TooMany { cells });
        }
        let mine = found.owner == who.org;
        let accounts: Vec<Account> = state
            .index
            .accounts_of(who.org)
            .filter(|(at, _)| *at == pool)
            .map(|(_, account)| account)
            .collect();
        let only = (!mine).then_some(&accounts[..]);
        let Some(sums) = control.cell_sums(pool, range, size, only) else { return Ok(None) };
        let cells = (0..).zip(sums).map(|(number, sum)| {
            let region = below.map_or_else(|| region.clone(), |level| region.child(level, number));
            cell_view(state, (pool, mine), &region, &sum)
        });
        let cells = cells.filter(|cell| mine || !cell.shares.is_empty()).collect();
        Ok(Some(Self { pool: found.name.to_string(), region: region.to_string(), cells }))
    }
}

/// The level so many levels below a region; nothing at depth 0 and for a chip.
fn below(topology: &Topology, region: &Region, depth: u32) -> Option<Level> {
    let above = region.steps().last().map_or(Level::Pool, |(level, _)| *level);
    let inside: Vec<Level> =
        topology.tiers().iter().map(|tier| tier.level).filter(|level| *level > above).collect();
    let at = usize::try_from(depth).ok()?.checked_sub(1)?;
    inside.get(at).or(inside.last()).copied()
}

fn cell_view(state: &State, of: (PoolId, bool), region: &Region, sum: &CellSum) -> RegionCellView {
    let (pool, mine) = of;
    let CellSum { cells: CellRange { count, .. }, free, failed, shares } = sum;
    let shares = shares.iter().map(|(account, share)| share_view(state, pool, *account, *share)).collect();
    RegionCellView {
        region: region.to_string(),
        chips: *count,
        free: mine.then_some(*free),
        failed: mine.then_some(*failed),
        shares,
    }
}

fn share_view(state: &State, pool: PoolId, account: Account, share: Share) -> ShareView {
    let (org, contract) = match account {
        Account::Owner => (state.pools.get(&pool).map(|pool| pool.owner), None),
        Account::Contract(id) => (state.contracts.get(&id).map(|contract| contract.terms.lab), Some(id)),
    };
    let organisation = org.and_then(|org| state.organisations.get(&org));
    ShareView {
        organisation: organisation.map_or_else(String::new, |found| found.name.to_string()),
        contract: contract.map(|id| id.to_string()),
        bound: share.bound,
        lent: share.lent,
        failed: share.failed,
        own: share.own,
        borrowed: share.borrowed,
        leaves_by: share.leaves_by.map(|at| at.to_string()),
    }
}
