//! What the scheduler is told and what it answers.

use crate::cells::{Bound, Cells};
use crate::ground::Demand;
use sinew_types::{
    Canonical, CellIndex, CellRange, ContractId, Instant, Malformed, Name, Shape, Span, Value, WorkloadId,
    canonical_enum, canonical_struct,
};

/// On whose account something runs in a pool.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Account {
    /// The pool's owner.
    Owner,
    /// The lab of a contract.
    Contract(ContractId),
}

impl Canonical for Account {
    fn to_value(&self) -> Value {
        match self {
            Self::Owner => Value::Text("owner".to_owned()),
            Self::Contract(id) => id.to_value(),
        }
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        match value {
            Value::Text(text) if text == "owner" => Ok(Self::Owner),
            other => ContractId::from_value(other).map(Self::Contract),
        }
    }
}

/// How a lease holds a cell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Holding {
    /// Inside its account's guarantee.
    Own,
    /// Beyond it: the cell is part of the lender's entitlement and goes back when the lender needs it.
    Borrowed {
        /// Whose cell it is.
        lender: Account,
    },
}

canonical_enum!(Holding { Own = "own" {}, Borrowed = "borrowed" { lender } });

/// What an account may have in a pool beside the cells that are bound to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entitlement {
    /// The most chips of others that it may hold.
    pub borrow_limit: u32,
    /// The most of its own chips that others may hold.
    pub lend_limit: u32,
    /// How long a recall takes from it at most.
    pub recall_bound: Span,
    /// How much of that is between the notice and the deadline.
    pub notice: Span,
    /// How much of it is after the deadline, until the cells are in other hands.
    pub hand_over: Span,
    /// How long a lease of it is safe from recall.
    pub minimum_term: Span,
    /// From when on it may hold anything.
    pub starts: Instant,
    /// From when on its leases go, so that they are gone when the contract ends.
    pub closes: Instant,
}

/// A gang that wants to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Which workload.
    pub workload: WorkloadId,
    /// On whose account.
    pub account: Account,
    /// What it needs.
    pub demand: Demand,
    /// Higher goes first within an account.
    pub priority: i32,
    /// First come, first served among equals.
    pub since: Instant,
    /// How often it writes a checkpoint, where it does.
    pub checkpoint_every: Option<Span>,
    /// Chip-milliseconds that it has had.
    pub served: u64,
    /// How long a lease of it lasts at most, where that is known.
    pub limit: Option<Span>,
}

/// Where a gang would rather be: so many of the chips from a first one on. A wish, never a condition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Near {
    /// The first of these chips.
    pub first: CellIndex,
    /// How many there are side by side.
    pub count: u32,
    /// How many of them it would like.
    pub chips: u32,
}

canonical_struct!(Near { first, count, chips });

/// Why a lease is told to leave.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Why {
    /// Somebody entitled needs the cells.
    Recall,
    /// More cells are free; it goes on larger.
    Grow,
    /// Its organisation asked for its end.
    Cancel,
    /// Its organisation holds it back; it goes on when it is released.
    Hold,
    /// Its organisation wants it larger or smaller; it comes back so.
    Resize,
    /// Its contract ends.
    ContractEnds,
    /// The machine that it runs on is being stopped.
    Drain,
    /// Cells that it holds have failed.
    CellsFailed,
    /// It has run for as long as its organisation said that it would at most.
    Limit,
}

canonical_enum!(Why {
    Recall = "recall" {},
    Grow = "grow" {},
    Cancel = "cancel" {},
    Hold = "hold" {},
    Resize = "resize" {},
    ContractEnds = "contract-ends" {},
    Drain = "drain" {},
    CellsFailed = "cells-failed" {},
    Limit = "limit" {},
});

/// Why a planned start is off. Nothing else puts one off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unplanned {
    /// Its cells have failed.
    CellsFailed,
    /// Its cells are somebody else's by promise now.
    Rebound,
    /// Work of its account with a higher priority comes first.
    Outranked,
    /// Its contract's window closed.
    Closed,
}

canonical_enum!(Unplanned {
    CellsFailed = "cells-failed" {},
    Rebound = "rebound" {},
    Outranked = "outranked" {},
    Closed = "closed" {},
});

/// Why a workload waits. Holds nothing about any other organisation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Its account can never hold that much.
    NeverFits {
        /// What it needs at least.
        asked: Shape,
        /// The most that its account could ever hold.
        largest: Shape,
    },
    /// Its contract has not begun.
    NotBegun {
        /// When it begins.
        starts: Instant,
    },
    /// Its contract is about to end.
    Closing {
        /// From when on nothing starts under it.
        closed: Instant,
    },
    /// Its own cells are being taken back for it.
    Recalling {
        /// The latest moment at which they are here.
        until: Instant,
    },
    /// It needs more than its guarantee, and that much is not idle.
    Busy {
        /// What it needs at least.
        asked: Shape,
        /// What it could have now.
        free: Shape,
    },
    /// Another workload of its organisation comes first.
    Behind {
        /// Which.
        ahead: Name,
    },
    /// Its organisation holds it back.
    Held {
        /// Since when.
        since: Instant,
    },
    /// Cells of its guarantee have failed, and nothing stands in for them.
    Impaired {
        /// How many chips of the guarantee are missing.
        missing: Shape,
    },
    /// Its start is planned, because those who hold its cells say how long they run at most.
    Planned {
        /// The latest moment of it.
        by: Instant,
        /// The workload of its organisation that it waits for longest, where it is one of them.
        after: Option<Name>,
    },
}

canonical_enum!(Wait {
    NeverFits = "never-fits" { asked, largest },
    NotBegun = "not-begun" { starts },
    Closing = "closing" { closed },
    Recalling = "recalling" { until },
    Busy = "busy" { asked, free },
    Behind = "behind" { ahead },
    Held = "held" { since },
    Impaired = "impaired" { missing },
    Planned = "planned" { by, after },
});

/// Why a gang waits, as the scheduler knows it: in chips, and without names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// Its account can never hold that much.
    NeverFits {
        /// The most chips that its account could ever hold.
        largest_chips: u32,
    },
    /// Its contract has not begun.
    NotBegun {
        /// When it begins.
        starts: Instant,
    },
    /// Its contract is about to end.
    Closing {
        /// From when on nothing starts under it.
        closed: Instant,
    },
    /// Its own cells are being taken back for it.
    Recalling {
        /// The latest moment at which they are here.
        until: Instant,
    },
    /// That much is not idle in that shape.
    Busy {
        /// How many of its items it could have now.
        free_items: u32,
    },
    /// Another gang of its account comes first.
    Behind {
        /// Which.
        ahead: WorkloadId,
    },
    /// Cells of its account's guarantee have failed, and nothing stands in for them.
    Impaired {
        /// How many chips of the guarantee are missing.
        missing_chips: u32,
    },
    /// Its start is planned.
    Planned {
        /// The latest moment of it.
        by: Instant,
        /// The gang of its account that it waits for longest, where it is one of its account.
        after: Option<WorkloadId>,
    },
}

/// One thing that should happen. The scheduler is told when it has happened, and is asked again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// A waiting gang gets its cells, all at once.
    Grant {
        /// Which gang.
        workload: WorkloadId,
        /// Its cells.
        cells: Cells,
    },
    /// A running gang is told to leave.
    Notify {
        /// Which gang.
        workload: WorkloadId,
        /// Why.
        why: Why,
    },
    /// A gang that waits surely fits on these cells by then; they are kept for it.
    Plan {
        /// Which gang.
        workload: WorkloadId,
        /// Which cells.
        cells: Vec<CellRange>,
        /// When all of them are free at the latest.
        by: Instant,
    },
    /// A planned start is off; the gang stands in line again.
    Unplan {
        /// Which gang.
        workload: WorkloadId,
        /// Why.
        why: Unplanned,
    },
    /// Cells belong to somebody else by promise from now on. Leases stay where they are.
    Bind {
        /// The cells that move, and to whom.
        cells: Vec<Bound>,
    },
    /// So much of a guarantee cannot be held since cells have failed; nothing where it is whole again.
    Impair {
        /// Whose guarantee.
        account: Account,
        /// How many of its chips are missing.
        missing_chips: u32,
    },
}
