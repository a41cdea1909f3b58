//! A journal for beancount.

use crate::{Bill, Receipt, books, number};
use std::collections::BTreeMap;

/// Each account opened on the day that it is first used, then one transaction an invoice or payment.
pub(crate) fn journal(bills: &[Bill], receipts: &[Receipt]) -> String {
    let mut opened: BTreeMap<String, String> = BTreeMap::new();
    let mut entries = String::new();
    for entry in books::entries(bills, receipts) {
        let day = number::day(entry.at);
        let (payee, name) = (entry.payee, entry.name);
        let from = entry.from.map_or_else(String::new, |from| format!(", from {from}"));
        entries.push_str(&format!("\n{day} * \"{payee}\" \"{name}{from}\"\n"));
        for (path, money) in entry.postings {
            let account = path.map(component).join(":");
            entries.push_str(&format!("  {account:<48}  {money}\n"));
            opened.entry(account).or_insert_with(|| day.clone());
        }
    }
    let open = |(account, day): (&String, &String)| format!("{day} open {account}\n");
    opened.iter().map(open).collect::<String>() + &entries
}

/// Parts of accounts begin with a capital or a digit and hold letters, digits and hyphens. Names hold no capitals, so
/// no two of them become the same part.
fn component(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        match letter {
            '.' => text.push_str("-Dot-"),
            '_' => text.push_str("-Low-"),
            letter if text.is_empty() => text.push(letter.to_ascii_uppercase()),
            letter => text.push(letter),
        }
    }
    text
}
