//! Statements and payments, worked by hand: one line an entry, what is owed after it at the end.

use super::contract;
use crate::*;
use sinew_types::{Asset, Instant, Malformed, Money, OrgId};

fn at(text: &str) -> Instant {
    text.parse().expect("a time")
}

fn usd() -> Asset {
    "USD".parse().expect("an asset")
}

const PARTIES: (u128, u128) = (1, 2);

fn parties() -> (OrgId, OrgId) {
    (OrgId::from_bits(PARTIES.0), OrgId::from_bits(PARTIES.1))
}

/// An invoice of a month with one line for each amount.
fn billed(number: u32, month: &str, amounts: &[&str]) -> Invoice {
    let from = at(month);
    let period = Period { from, to: from.next_month(), last: false };
    let rating = Rating::new(&contract())
        .invoice(period, &Opening { number, owed: Owed::default(), past: Past::default() });
    let mut made = rating.expect("nothing was used");
    let template = made.lines[0].clone();
    made.lines.clear();
    for amount in amounts {
        let amount: Money = amount.parse().expect("an amount");
        made.total = made.total.checked_add(&amount).expect("small sums");
        made.lines.push(Line { amount, ..template.clone() });
    }
    made
}

fn paid(reference: &str, at_text: &str, amount: &str) -> Payment {
    let (owner, lab) = parties();
    let (reference, money) = (reference.parse().expect("a reference"), amount.parse().expect("an amount"));
    Payment { owner, lab, reference, money, paid_at: at(at_text) }
}

/// Opening, a line for each entry, closing.
fn shown(from: &str, to: &str, invoices: &[Invoice], payments: &[Payment]) -> String {
    let period = (at(from), at(to));
    let made = statement(parties(), &usd(), period, invoices.iter(), payments.iter()).expect("small sums");
    let mut text = format!("opening {}\n", made.opening);
    for line in &made.booked {
        let what = match &line.entry {
            Entry::Charged((_, number)) => format!("invoice {number}"),
            Entry::Credited((_, number)) => format!("credit of {number}"),
            Entry::Paid(reference) => format!("paid {reference}"),
        };
        let day = line.at.to_string();
        text.push_str(&format!("{} {what}: {} = {}\n", &day[..10], line.amount, line.balance));
    }
    format!("{text}closing {}\n", made.closing)
}

#[test]
fn statements_of_months_that_follow_each_other_tile() {
    let invoices = [
        billed(1, "2027-01-01", &["100.00 USD", "20.00 USD", "-30.00 USD"]),
        billed(2, "2027-02-01", &["50.00 USD"]),
    ];
    let payments = [
        paid("A-2", "2027-02-10", "60.00 USD"),
        paid("A-1", "2027-02-01", "30.00 USD"),
        paid("back", "2027-03-05T12:00:00Z", "-10.00 USD"),
        paid("A-3", "2027-03-05", "60.00 USD"),
    ];
    let of = |from, to| shown(from, to, &invoices, &payments);
    expect_test::expect![[r#"
        opening 0.00 USD
        2027-02-01 invoice 1: 120.00 USD = 120.00 USD
        2027-02-01 credit of 1: -30.00 USD = 90.00 USD
        closing 90.00 USD
    "#]]
    .assert_eq(&of("2027-01-01", "2027-02-01"));
    expect_test::expect![[r#"
        opening 90.00 USD
        2027-02-01 paid A-1: -30.00 USD = 60.00 USD
        2027-02-10 paid A-2: -60.00 USD = 0.00 USD
        2027-03-01 invoice 2: 50.00 USD = 50.00 USD
        closing 50.00 USD
    "#]]
    .assert_eq(&of("2027-02-01", "2027-03-01"));
    expect_test::expect![[r#"
        opening 50.00 USD
        2027-03-05 paid A-3: -60.00 USD = -10.00 USD
        2027-03-05 paid back: 10.00 USD = 0.00 USD
        closing 0.00 USD
    "#]]
    .assert_eq(&of("2027-03-01", "2027-04-01"));
}

#[test]
fn what_a_statement_ends_with_is_what_the_books_say() {
    let invoices =
        [billed(1, "2027-01-01", &["100.00 USD", "-30.00 USD"]), billed(2, "2027-02-01", &["7.50 USD"])];
    let payments = [paid("x", "2027-02-10", "60.00 USD"), paid("y", "2027-02-11", "25.00 USD")];
    let mut balances = Balances::default();
    for invoice in &invoices {
        let account = Account { of: invoice.owner, with: invoice.lab, kind: AccountKind::Receivable };
        balances.post(&Transaction { postings: vec![Posting { account, money: invoice.total.clone() }] });
    }
    for payment in &payments {
        let transaction = payment.transaction().expect("a small sum");
        assert!(transaction.balances());
        balances.post(&transaction);
    }
    let end = at("2028-01-01");
    let made =
        statement(parties(), &usd(), (end, end), invoices.iter(), payments.iter()).expect("small sums");
    assert_eq!(
        (made.opening.to_string(), made.closing.to_string()),
        ("-7.50 USD".into(), "-7.50 USD".into())
    );
    assert!(made.booked.is_empty());
    let books: Vec<String> = balances.iter().map(|(of, money)| format!("{:?} {money}", of.kind)).collect();
    assert_eq!(books, ["Receivable -7.50 USD", "Bank 85.00 USD"]);
}

#[test]
fn other_currencies_and_other_parties_are_not_on_it() {
    let mut other = paid("z", "2027-01-10", "60.00 USD");
    other.lab = OrgId::from_bits(3);
    let payments = [other, paid("e", "2027-01-10", "60.00 EUR")];
    assert_eq!(shown("2027-01-01", "2027-02-01", &[], &payments), "opening 0.00 USD\nclosing 0.00 USD\n");
}

#[test]
fn a_sum_that_overflows_is_no_statement_and_cannot_be_posted() {
    let mut large = paid("l", "2027-01-10", "1.00 USD");
    large.money.units = i128::MAX;
    let again = Payment { reference: "m".parse().expect("a reference"), ..large.clone() };
    let both = [large.clone(), again];
    let period = (at("2027-01-01"), at("2027-02-01"));
    assert_eq!(statement(parties(), &usd(), period, [].iter(), both.iter()), None);
    let mut balances = Balances::default();
    let transaction = large.transaction().expect("it has an opposite");
    assert!(balances.can_post(&transaction));
    balances.post(&transaction);
    let before = balances.clone();
    assert!(!balances.can_post(&transaction));
    assert_eq!(balances, before);
    large.money.units = i128::MIN;
    assert_eq!(large.transaction(), None);
}

#[test]
fn a_reference_stands_in_any_file() {
    for text in ["2027-02/0815", "A", "RF18 5390 0754 7034", "a.b_c:d+e#f"] {
        assert_eq!(text.parse::<Reference>().map(|reference| reference.to_string()), Ok(text.to_owned()));
    }
    for text in ["", " a", "a ", "a\"b", "a\nb", "é", "a,b", &"a".repeat(141)] {
        let wrong: Malformed = text.parse::<Reference>().expect_err(text);
        assert!(wrong.to_string().contains("a reference of 1 to 140 letters"), "{wrong}");
    }
}
