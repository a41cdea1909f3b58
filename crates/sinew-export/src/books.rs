//! What invoices and payments do to the books of either side, as accounts that book-keeping programs know.

use crate::{Bill, Receipt, Side};
use sinew_ledger::{AccountKind, Transaction};
use sinew_types::{Instant, Money};

/// An account: its type, what it is for, and with whom.
pub(crate) type Path<'a> = [&'a str; 3];

/// The postings of a transaction in the books of a side. The lab's are the owner's with the other sign.
fn postings<'a>(made: &Transaction, side: Side, names: (&'a str, &'a str)) -> Vec<(Path<'a>, Money)> {
    let (owner, lab) = names;
    let mut found = Vec::new();
    for posting in &made.postings {
        let kind = posting.account.kind;
        let booked = match side {
            Side::Owner => Some((owners(kind, lab), posting.money.clone())),
            Side::Lab => posting.money.checked_neg().map(|money| (labs(kind, owner), money)),
        };
        found.push(booked.expect("the ledger posts no sum that has no opposite: it negates each itself"));
    }
    found
}

fn owners(kind: AccountKind, lab: &str) -> Path<'_> {
    match kind {
        AccountKind::Receivable => ["assets", "receivable", lab],
        AccountKind::Earnings => ["income", "compute", lab],
        AccountKind::Undelivered => ["expenses", "undelivered", lab],
        AccountKind::Credits => ["expenses", "credits", lab],
        AccountKind::Taxes => ["liabilities", "taxes", lab],
        AccountKind::Prepaid => ["liabilities", "prepaid", lab],
        AccountKind::Late => ["expenses", "late", lab],
        AccountKind::Lent => ["expenses", "lent", lab],
        AccountKind::Bank => ["assets", "bank", lab],
    }
}

fn labs(kind: AccountKind, owner: &str) -> Path<'_> {
    match kind {
        AccountKind::Receivable => ["liabilities", "payable", owner],
        AccountKind::Earnings => ["expenses", "compute", owner],
        AccountKind::Undelivered => ["income", "undelivered", owner],
        AccountKind::Credits => ["income", "credits", owner],
        AccountKind::Taxes => ["expenses", "taxes", owner],
        AccountKind::Prepaid => ["assets", "prepaid", owner],
        AccountKind::Late => ["income", "late", owner],
        AccountKind::Lent => ["income", "lent", owner],
        AccountKind::Bank => ["assets", "bank", owner],
    }
}

/// One transaction of a journal.
pub(crate) struct Entry<'a> {
    /// On which day.
    pub(crate) at: Instant,
    /// The invoice, or the payment's reference.
    pub(crate) name: String,
    /// Who stands on the other side.
    pub(crate) payee: &'a str,
    /// From when on it is an invoice of; nothing for a payment.
    pub(crate) from: Option<Instant>,
    /// What it does to the accounts.
    pub(crate) postings: Vec<(Path<'a>, Money)>,
}

/// Invoices by the day on which they end and payments by theirs, in the order that journals want; an invoice first.
pub(crate) fn entries<'a>(bills: &[Bill<'a>], receipts: &[Receipt<'a>]) -> Vec<Entry<'a>> {
    let mut invoices: Vec<&Bill> = bills.iter().collect();
    invoices.sort_by_key(|bill| (bill.invoice.to, bill.invoice.contract, bill.invoice.number));
    let invoices = invoices.into_iter().map(|bill| Entry {
        at: bill.invoice.to,
        name: bill.name(),
        payee: other(bill.side, bill.owner, bill.lab),
        from: Some(bill.invoice.from),
        postings: postings(&bill.invoice.transaction, bill.side, (bill.owner, bill.lab)),
    });
    let payments = receipts.iter().map(|receipt| {
        let transaction = receipt.payment.transaction();
        let transaction = transaction.expect("a payment was posted, so it has an opposite");
        Entry {
            at: receipt.payment.paid_at,
            name: receipt.payment.reference.to_string(),
            payee: other(receipt.side, receipt.owner, receipt.lab),
            from: None,
            postings: postings(&transaction, receipt.side, (receipt.owner, receipt.lab)),
        }
    });
    let mut all: Vec<Entry> = invoices.chain(payments).collect();
    all.sort_by_key(|entry| entry.at);
    all
}

fn other<'a>(side: Side, owner: &'a str, lab: &'a str) -> &'a str {
    match side {
        Side::Owner => lab,
        Side::Lab => owner,
    }
}
