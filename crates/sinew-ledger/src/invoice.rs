//! Invoices: what a contract used in a period, rated and summed, and what that does to the books.

use crate::rate::{Past, Period, Used, rate, total};
use crate::{Account, AccountKind, Posting, Transaction};
use sinew_contract::{Contract, Owing, Terms};
use sinew_types::{
    ContractId, Hash, Instant, Money, OrgId, Price, Quantity, canonical_enum, canonical_struct,
};
use std::collections::BTreeMap;

/// An invoice's name: its contract and its number there, so that a number tells nothing about other labs.
pub type InvoiceKey = (ContractId, u32);

/// What an invoice line is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LineKind {
    /// Capacity inside the guarantee.
    Guaranteed,
    /// Capacity beyond it.
    Borrowed,
    /// A month's fee.
    Fee,
    /// What a month's use fell short of what was promised to be paid.
    Commitment,
    /// Guaranteed capacity that was not there; below zero.
    Undelivered,
    /// Guaranteed capacity that came too late; below zero.
    Late,
    /// Guaranteed capacity that others held; below zero.
    Lent,
    /// Use that the owner gives away; below zero.
    Credit,
    /// A tax.
    Tax,
    /// Money paid ahead; below zero when it comes back.
    Prepayment,
}

canonical_enum!(LineKind {
    Guaranteed = "guaranteed" {},
    Borrowed = "borrowed" {},
    Fee = "fee" {},
    Commitment = "commitment" {},
    Undelivered = "undelivered" {},
    Late = "late" {},
    Lent = "lent" {},
    Credit = "credit" {},
    Tax = "tax" {},
    Prepayment = "prepayment" {},
});

impl LineKind {
    /// As people and programs read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Guaranteed => "guaranteed",
            Self::Borrowed => "borrowed",
            Self::Fee => "fee",
            Self::Commitment => "commitment",
            Self::Undelivered => "undelivered",
            Self::Late => "late",
            Self::Lent => "lent",
            Self::Credit => "credit",
            Self::Tax => "tax",
            Self::Prepayment => "prepayment",
        }
    }

    /// The line for what an owner owes.
    pub(crate) fn of(owing: Owing) -> Self {
        match owing {
            Owing::Undelivered => Self::Undelivered,
            Owing::Late => Self::Late,
            Owing::Lent => Self::Lent,
        }
    }

    /// The account that a line is booked on.
    fn account(self) -> AccountKind {
        match self {
            Self::Guaranteed | Self::Borrowed | Self::Fee | Self::Commitment => AccountKind::Earnings,
            Self::Undelivered => AccountKind::Undelivered,
            Self::Late => AccountKind::Late,
            Self::Lent => AccountKind::Lent,
            Self::Credit => AccountKind::Credits,
            Self::Tax => AccountKind::Taxes,
            Self::Prepayment => AccountKind::Prepaid,
        }
    }
}

/// One line of an invoice. Rounding happened here and nowhere else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What for.
    pub kind: LineKind,
    /// How much was used, where that is what is paid for.
    pub used: Option<Quantity>,
    /// At what price.
    pub price: Option<Price>,
    /// What it costs.
    pub amount: Money,
    /// The number of the clause that it follows from; nothing for the terms' own prices.
    pub clause: Option<u32>,
}

canonical_struct!(Line { kind, used, price, amount, clause });

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
    /// Guaranteed, then borrowed, always both, so that a zero is seen; then what the clauses come to.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total: Money,
    /// How many usage records it is made of.
    pub records: u64,
    /// What it does to the books.
    pub transaction: Transaction,
    /// The hash of the prices and clauses that it was made by; nothing on invoices from before they had one.
    pub rate_card: Option<Hash>,
}

canonical_struct!(Invoice {
    contract,
    number,
    owner,
    lab,
    from,
    to,
    lines,
    total,
    records,
    transaction,
    rate_card
});

impl Invoice {
    /// Base units of guaranteed capacity that it pays back, where it speaks of that.
    #[must_use]
    pub fn undelivered(&self) -> Option<u128> {
        let line = self.lines.iter().find(|line| line.kind == LineKind::Undelivered)?;
        line.used.map(|used| used.amount)
    }
}

/// Makes the invoice of a period. Nothing where a sum is too large to count.
#[must_use]
pub fn invoice(
    contract: &Contract,
    number: u32,
    period: Period,
    used: (&Used, u64),
    past: &Past,
) -> Option<Invoice> {
    let terms = &contract.terms;
    let (used, records) = used;
    let lines = rate(terms, period, used, past)?;
    let total = total(terms, &lines)?;
    let transaction = book(terms, &lines, &total)?;
    let (owner, lab) = (terms.owner, terms.lab);
    let (from, to) = (period.from, period.to);
    Some(Invoice {
        contract: contract.id,
        number,
        owner,
        lab,
        from,
        to,
        lines,
        total,
        records,
        transaction,
        rate_card: Some(terms.rate_card()),
    })
}

/// What the lab owes, against the accounts of what it owes it for.
fn book(terms: &Terms, lines: &[Line], total: &Money) -> Option<Transaction> {
    let mut against = BTreeMap::from([(AccountKind::Earnings, Money::zero(total.asset.clone()))]);
    for line in lines {
        let kind = line.kind.account();
        let sum = against.entry(kind).or_insert_with(|| Money::zero(total.asset.clone()));
        *sum = sum.checked_add(&line.amount.checked_neg()?)?;
    }
    let account = |kind| Account { of: terms.owner, with: terms.lab, kind };
    let owed = Posting { account: account(AccountKind::Receivable), money: total.clone() };
    let against = against.into_iter().map(|(kind, money)| Posting { account: account(kind), money });
    Some(Transaction { postings: [owed].into_iter().chain(against).collect() })
}
