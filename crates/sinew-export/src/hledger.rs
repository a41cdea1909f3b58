//! A journal for hledger. It declares what it uses, so `hledger check --strict` accepts it.

use crate::{Bill, Receipt, books, number};
use std::collections::BTreeSet;

/// Declarations, then one transaction an invoice or payment.
pub(crate) fn journal(bills: &[Bill], receipts: &[Receipt]) -> String {
    let (mut commodities, mut accounts, mut payees) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut entries = String::new();
    for entry in books::entries(bills, receipts) {
        let (payee, at) = (entry.payee, entry.at);
        payees.insert(payee);
        entries.push_str(&format!("\n{} ({}) {payee}", number::day(at), entry.name));
        entries.push_str(&entry.from.map_or_else(String::new, |from| format!("  ; {from} to {at}")));
        entries.push('\n');
        for (path, money) in entry.postings {
            let account = path.join(":");
            entries.push_str(&format!("    {account:<48}  {money}\n"));
            commodities.insert(money.asset.code().to_owned());
            accounts.insert(account);
        }
    }
    let mut text = String::new();
    // All digits that an amount can have, so that none is rounded when it is shown.
    commodities.iter().for_each(|code| text.push_str(&format!("commodity 1000.000000 {code}\n")));
    payees.iter().for_each(|payee| text.push_str(&format!("payee {payee}\n")));
    accounts.iter().for_each(|account| text.push_str(&format!("account {account}\n")));
    text + &entries
}
