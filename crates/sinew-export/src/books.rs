//! What an invoice does to the books of either side, as accounts that book-keeping programs know.

use crate::{Bill, Side};
use sinew_ledger::AccountKind;
use sinew_types::Money;

/// An account: its type, what it is for, and with whom.
pub(crate) type Path<'a> = [&'a str; 3];

/// The postings of an invoice in the books of its side. The lab's are the owner's with the other sign.
pub(crate) fn postings<'a>(bill: &Bill<'a>) -> Vec<(Path<'a>, Money)> {
    let mut found = Vec::new();
    for posting in &bill.invoice.transaction.postings {
        let kind = posting.account.kind;
        let booked = match bill.side {
            Side::Owner => Some((owners(kind, bill.lab), posting.money.clone())),
            Side::Lab => posting.money.checked_neg().map(|money| (labs(kind, bill.owner), money)),
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
    }
}

/// Invoices by the day on which they end, as journals want them.
pub(crate) fn by_day<'b, 'a>(bills: &'b [Bill<'a>]) -> Vec<&'b Bill<'a>> {
    let mut sorted: Vec<&Bill> = bills.iter().collect();
    sorted.sort_by_key(|bill| (bill.invoice.to, bill.invoice.contract, bill.invoice.number));
    sorted
}
