//! What the planner is shown and what it answers.

use sinew_types::{
    Canonical, CellIndex, ContractId, Instant, Malformed, Name, Shape, Span, Value, WorkloadId,
    canonical_enum,
};
use std::collections::{BTreeMap, BTreeSet};

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

/// What an account may have in a pool, in chips.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entitlement {
    /// Its own at any instant.
    pub guarantee: u32,
    /// The most it may hold of others'.
    pub borrow_limit: u32,
    /// The most of its own that others may hold.
    pub lend_limit: u32,
    /// How long a recall takes from it at most.
    pub recall_bound: Span,
    /// From when on it may hold anything.
    pub starts: Instant,
    /// From when on its leases go, so that they are gone when the contract ends.
    pub closes: Instant,
}

/// A running gang.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// Whose.
    pub workload: WorkloadId,
    /// On whose account.
    pub account: Account,
    /// The most chips that it makes use of.
    pub most: u32,
    /// Higher goes first within an account.
    pub priority: i32,
    /// What it holds.
    pub cells: BTreeMap<CellIndex, Holding>,
    /// Since when.
    pub granted_at: Instant,
    /// When it must be gone and why, once it has been told.
    pub leaves: Option<(Instant, Why)>,
}

/// A waiting gang.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Queued {
    /// Which.
    pub workload: WorkloadId,
    /// Its name, for the reasons of those behind it.
    pub name: Name,
    /// On whose account.
    pub account: Account,
    /// The fewest chips that it runs on.
    pub least: u32,
    /// The most that it makes use of.
    pub most: u32,
    /// Higher goes first within an account.
    pub priority: i32,
    /// First come, first served among equals.
    pub since: Instant,
}

/// One pool at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pool {
    /// The moment.
    pub now: Instant,
    /// Every chip that can be lent.
    pub chips: BTreeSet<CellIndex>,
    /// What each account may have. The guarantees together are never more than the chips.
    pub entitlements: BTreeMap<Account, Entitlement>,
    /// What runs.
    pub held: Vec<Held>,
    /// What waits.
    pub queue: Vec<Queued>,
}

/// Why a lease is told to leave.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Why {
    /// Somebody entitled needs the cells.
    Recall,
    /// More cells are free; it goes on larger.
    Grow,
    /// Its organisation asked for its end.
    Cancel,
    /// Its contract ends.
    ContractEnds,
    /// The machine that it runs on is being stopped.
    Drain,
}

canonical_enum!(Why {
    Recall = "recall" {},
    Grow = "grow" {},
    Cancel = "cancel" {},
    ContractEnds = "contract-ends" {},
    Drain = "drain" {},
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
}

canonical_enum!(Wait {
    NeverFits = "never-fits" { asked, largest },
    NotBegun = "not-begun" { starts },
    Closing = "closing" { closed },
    Recalling = "recalling" { until },
    Busy = "busy" { asked, free },
    Behind = "behind" { ahead },
});

/// One thing that should happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// A waiting gang gets its cells, all at once.
    Grant {
        /// Which gang.
        workload: WorkloadId,
        /// Its cells.
        cells: BTreeMap<CellIndex, Holding>,
    },
    /// A running gang is told to leave.
    Notify {
        /// Which gang.
        workload: WorkloadId,
        /// Why.
        why: Why,
    },
    /// A running gang keeps its cells but holds them differently.
    Rebind {
        /// Which gang.
        workload: WorkloadId,
        /// All its cells as they are held from now on.
        cells: BTreeMap<CellIndex, Holding>,
    },
}

/// What should happen, why the others wait, and when to look again.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// In the order in which they should happen.
    pub actions: Vec<Action>,
    /// A reason for every gang that still waits.
    pub waits: BTreeMap<WorkloadId, Wait>,
    /// The next moment at which the plan may change by itself.
    pub look_again: Option<Instant>,
}
