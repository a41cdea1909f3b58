//! Invoices: a contract's usage records of a period, rated and summed.

use crate::{Account, AccountKind, Posting, Transaction, UsageRecord};
use sinew_contract::Contract;
use sinew_types::{
    ContractId, Instant, Meter, Money, OrgId, Price, Quantity, canonical_enum, canonical_struct,
};

/// An invoice's name: its contract and its number there, so that a number tells nothing about other labs.
pub type InvoiceKey = (ContractId, u32);

/// What an invoice line is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LineKind {
    /// Capacity inside the guarantee.
    Guaranteed,
    /// Capacity beyond it.
    Borrowed,
}

canonical_enum!(LineKind { Guaranteed = "guaranteed" {}, Borrowed = "borrowed" {} });

/// One line: so much of a meter at a price. Rounding happened here and nowhere else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What for.
    pub kind: LineKind,
    /// How much was used.
    pub used: Quantity,
    /// At what price.
    pub price: Price,
    /// What it costs.
    pub amount: Money,
}

canonical_struct!(Line { kind, used, price, amount });

/// What an owner asks of a lab for a period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invoice {
    /// Under which contract.
    pub contract: ContractId,
    /// Counts up from 1 in each contract.
    pub number: u32,
    /// Who asks.
    pub owner: OrgId,
    /// Who owes.
    pub lab: OrgId,
    /// The first moment of the period.
    pub from: Instant,
    /// The first moment after.
    pub to: Instant,
    /// Guaranteed, then borrowed; always both, so that a zero is seen.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total: Money,
    /// How many usage records it is made of.
    pub records: u32,
    /// What it does to the books.
    pub transaction: Transaction,
}

canonical_struct!(Invoice { contract, number, owner, lab, from, to, lines, total, records, transaction });

/// Makes the invoice of a period from its usage records. Nothing where a sum is too large to count.
#[must_use]
pub fn invoice(
    contract: &Contract,
    number: u32,
    period: (Instant, Instant),
    records: &[UsageRecord],
) -> Option<Invoice> {
    let terms = &contract.terms;
    let line = |kind, price: &Price, of: fn(&UsageRecord) -> Quantity| {
        let nothing = Quantity { meter: Meter::ChipTime, amount: 0 };
        let used = records.iter().try_fold(nothing, |sum, record| sum.checked_add(of(record)))?;
        Some(Line { kind, used, price: price.clone(), amount: price.charge(used, terms.rounding)? })
    };
    let guaranteed = line(LineKind::Guaranteed, &terms.guaranteed_price, UsageRecord::own)?;
    let borrowed = line(LineKind::Borrowed, &terms.borrowed_price, UsageRecord::borrowed)?;
    let total = guaranteed.amount.checked_add(&borrowed.amount)?;
    let account = |kind| Account { of: terms.owner, with: terms.lab, kind };
    let transaction = Transaction {
        postings: vec![
            Posting { account: account(AccountKind::Receivable), money: total.clone() },
            Posting { account: account(AccountKind::Earnings), money: total.checked_neg()? },
        ],
    };
    Some(Invoice {
        contract: contract.id,
        number,
        owner: terms.owner,
        lab: terms.lab,
        from: period.0,
        to: period.1,
        lines: vec![guaranteed, borrowed],
        total,
        records: u32::try_from(records.len()).ok()?,
        transaction,
    })
}
