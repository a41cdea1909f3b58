//! Statements: what was owed at first, what was asked for, credited and paid, and what is owed in the end.
//!
//! An invoice belongs to the statement whose period holds its last moment, so January's stands on January's statement
//! although it closes at midnight; a payment to the one that holds the moment at which it was made. So statements of periods that follow each
//! other tile: what one ends with the next begins with.

use crate::{Invoice, InvoiceKey, Payment, Reference};
use sinew_types::{Asset, Instant, Money, OrgId};

/// What a line of a statement is of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Entry {
    /// What an invoice asks for.
    Charged(InvoiceKey),
    /// What it takes off again: credits, capacity not delivered, money that comes back.
    Credited(InvoiceKey),
    /// What was paid.
    Paid(Reference),
}

/// One line of a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Booked {
    /// When.
    pub at: Instant,
    /// What it is of.
    pub entry: Entry,
    /// By how much more is owed.
    pub amount: Money,
    /// What is owed after it.
    pub balance: Money,
}

/// What happened between an owner and a lab in one currency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// Who asks.
    pub owner: OrgId,
    /// Who owes.
    pub lab: OrgId,
    /// The first moment.
    pub from: Instant,
    /// The first moment after.
    pub to: Instant,
    /// What was owed before; below zero what the owner owed.
    pub opening: Money,
    /// What changed it, in the order of time.
    pub booked: Vec<Booked>,
    /// What is owed after.
    pub closing: Money,
}

/// Makes a statement from all invoices and payments between the two in this currency. Nothing where a sum is too large to count.
pub fn statement<'a>(
    parties: (OrgId, OrgId),
    asset: &Asset,
    period: (Instant, Instant),
    invoices: impl Iterator<Item = &'a Invoice>,
    payments: impl Iterator<Item = &'a Payment>,
) -> Option<Statement> {
    let ((owner, lab), (from, to)) = (parties, period);
    let mut found: Vec<(bool, Instant, Entry, Money)> = Vec::new();
    for invoice in invoices.filter(|i| (i.owner, i.lab) == parties && i.total.asset == *asset && i.to <= to) {
        let key = (invoice.contract, invoice.number);
        let mut sums = [Money::zero(asset.clone()), Money::zero(asset.clone())];
        for line in &invoice.lines {
            let sum = &mut sums[usize::from(line.amount.units < 0)];
            *sum = sum.checked_add(&line.amount)?;
        }
        let [charged, credited] = sums;
        found.push((from < invoice.to, invoice.to, Entry::Charged(key), charged));
        if credited.units != 0 {
            found.push((from < invoice.to, invoice.to, Entry::Credited(key), credited));
        }
    }
    let paid = payments.filter(|p| (p.owner, p.lab) == parties && p.money.asset == *asset && p.paid_at < to);
    for payment in paid {
        let entry = Entry::Paid(payment.reference.clone());
        found.push((from <= payment.paid_at, payment.paid_at, entry, payment.money.checked_neg()?));
    }
    // What came before first, then by time; of one moment in the order of the kinds.
    found.sort_by(|left, right| (left.0, left.1, &left.2).cmp(&(right.0, right.1, &right.2)));
    let mut balance = Money::zero(asset.clone());
    let mut opening = balance.clone();
    let mut booked = Vec::new();
    for (within, at, entry, amount) in found {
        balance = balance.checked_add(&amount)?;
        if within {
            booked.push(Booked { at, entry, amount, balance: balance.clone() });
        } else {
            opening = balance.clone();
        }
    }
    Some(Statement { owner, lab, from, to, opening, booked, closing: balance })
}
