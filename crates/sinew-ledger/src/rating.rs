//! Rating: usage records added up one after the other, in memory that does not grow with their number.
//!
//! Amounts of use are summed exactly and priced once, on the invoice's lines. So a record can be forgotten as soon as it
//! is added, and a month of any length is closed while its records stream by.

use crate::rate::{Owed, Past, Period, Used};
use crate::{Invoice, UsageRecord, invoice};
use sinew_contract::Contract;
use sinew_types::{ContractId, Instant, Meter, Quantity};
use std::collections::BTreeMap;
use std::fmt;

/// Why a record cannot be rated. Nothing of it was added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unrated {
    /// It is of a contract that is not being billed.
    UnknownContract(ContractId),
    /// It ends before it begins.
    Backwards {
        /// Where it says that it begins.
        from: Instant,
        /// Where it says that it ends.
        to: Instant,
    },
    /// It begins before the period or ends after it.
    OutsidePeriod {
        /// Where it begins.
        from: Instant,
        /// Where it ends.
        to: Instant,
    },
    /// A sum is too large to count.
    TooLarge,
}

/// What is wrong with the record, and what to do.
impl fmt::Display for Unrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownContract(id) => {
                write!(
                    f,
                    "it is of {id}, which is not being billed: correct the contract, or bill that one too"
                )
            }
            Self::Backwards { from, to } => {
                write!(f, "it ends at {to}, before it begins at {from}: correct its times")
            }
            Self::OutsidePeriod { from, to } => {
                write!(
                    f,
                    "it lasts from {from} to {to}, which is not within the period: add it to the period that holds it"
                )
            }
            Self::TooLarge => f.write_str(
                "with it a sum would be too large to count: look for a wrong number of chips in it",
            ),
        }
    }
}

/// What an invoice needs to know beside the usage records of its period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opening {
    /// The invoice's number.
    pub number: u32,
    /// What the owner owes for beside what was used.
    pub owed: Owed,
    /// What the clauses came to before.
    pub past: Past,
}

/// The use of one contract, added up.
#[derive(Clone, Debug)]
pub struct Rating<'a> {
    contract: &'a Contract,
    own: Quantity,
    borrowed: Quantity,
    records: u64,
}

impl<'a> Rating<'a> {
    /// No use yet.
    #[must_use]
    pub fn new(contract: &'a Contract) -> Self {
        let nothing = Quantity { meter: Meter::ChipTime, amount: 0 };
        Self { contract, own: nothing, borrowed: nothing, records: 0 }
    }

    /// Adds one record, all of it or nothing.
    pub fn add(&mut self, record: &UsageRecord) -> Result<(), Unrated> {
        if record.to < record.from {
            return Err(Unrated::Backwards { from: record.from, to: record.to });
        }
        let own = self.own.checked_add(record.own()).ok_or(Unrated::TooLarge)?;
        let borrowed = self.borrowed.checked_add(record.borrowed()).ok_or(Unrated::TooLarge)?;
        self.records = self.records.checked_add(1).ok_or(Unrated::TooLarge)?;
        (self.own, self.borrowed) = (own, borrowed);
        Ok(())
    }

    /// Prices what was added by the contract's prices and clauses, and makes the invoice with its postings. Nothing where an
    /// amount is too large to count.
    #[must_use]
    pub fn invoice(&self, period: Period, opening: &Opening) -> Option<Invoice> {
        let used = Used { own: self.own, borrowed: self.borrowed, owed: opening.owed };
        invoice(self.contract, opening.number, period, (&used, self.records), &opening.past)
    }
}

/// A period of many contracts, added up while their records stream by in any order.
#[derive(Clone, Debug)]
pub struct Month<'a> {
    period: Period,
    ratings: BTreeMap<ContractId, Rating<'a>>,
}

impl<'a> Month<'a> {
    /// A period in which nothing was used yet.
    #[must_use]
    pub fn new(contracts: impl IntoIterator<Item = &'a Contract>, period: Period) -> Self {
        let ratings = contracts.into_iter().map(|contract| (contract.id, Rating::new(contract)));
        Self { period, ratings: ratings.collect() }
    }

    /// Adds one record. What an owner used of its own pool is under no contract and costs nothing.
    pub fn add(&mut self, record: &UsageRecord) -> Result<(), Unrated> {
        let Some(contract) = record.contract else { return Ok(()) };
        if record.from < self.period.from || record.to > self.period.to {
            return Err(Unrated::OutsidePeriod { from: record.from, to: record.to });
        }
        let rating = self.ratings.get_mut(&contract).ok_or(Unrated::UnknownContract(contract))?;
        rating.add(record)
    }

    /// One invoice a contract, in the order of their ids. Nothing where an amount is too large to count.
    #[must_use]
    pub fn close(&self, opening: impl Fn(ContractId) -> Opening) -> Option<Vec<Invoice>> {
        self.ratings.iter().map(|(id, rating)| rating.invoice(self.period, &opening(*id))).collect()
    }
}
