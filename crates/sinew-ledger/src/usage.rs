//! Usage records.

use sinew_types::{ContractId, Instant, PoolId, Quantity, WorkloadId, canonical_struct};

/// What a lease held from one moment to the next. Records of a lease tile its life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageRecord {
    /// The contract it is billed under; none where an owner used its own pool.
    pub contract: Option<ContractId>,
    /// The pool that the cells belong to.
    pub pool: PoolId,
    /// Whose lease.
    pub workload: WorkloadId,
    /// Which lease of that workload.
    pub epoch: u64,
    /// The first moment.
    pub from: Instant,
    /// The first moment after.
    pub to: Instant,
    /// Thousandths of a chip held inside the guarantee.
    pub own_chip_milli: u64,
    /// Thousandths of a chip held beyond it.
    pub borrowed_chip_milli: u64,
}

canonical_struct!(UsageRecord {
    contract,
    pool,
    workload,
    epoch,
    from,
    to,
    own_chip_milli,
    borrowed_chip_milli
});

impl UsageRecord {
    /// Chip-time inside the guarantee.
    #[must_use]
    pub fn own(&self) -> Quantity {
        Quantity::chip_time(self.own_chip_milli, self.to.since(self.from))
    }

    /// Chip-time beyond it.
    #[must_use]
    pub fn borrowed(&self) -> Quantity {
        Quantity::chip_time(self.borrowed_chip_milli, self.to.since(self.from))
    }
}
