//! What clauses come to, worked by hand. Everything costs 2 USD a guaranteed and 1 USD a borrowed chip-hour beside them.

use super::contract;
use crate::*;
use sinew_contract::{Clauses, Contract, Flaw};
use sinew_types::{Canonical, Instant, Quantity};

fn at(text: &str) -> Instant {
    text.parse().expect("a time")
}

/// A contract from December 2026 to the middle of April 2027 with these clauses, one a line.
fn with(clauses: &str) -> Contract {
    let mut contract = contract();
    contract.terms.starts = at("2026-12-01");
    contract.terms.ends = at("2027-04-16");
    contract.terms.guaranteed_price = "2.00 USD/chip-hour".parse().expect("a price");
    contract.terms.borrowed_price = "1.00 USD/chip-hour".parse().expect("a price");
    let read = |line: &str| line.trim().parse().expect("a clause");
    contract.terms.clauses =
        Clauses(clauses.split(';').filter(|line| !line.trim().is_empty()).map(read).collect());
    contract.terms.check().expect("terms that make sense");
    contract
}

fn hours(chip_hours: u64) -> Quantity {
    format!("{chip_hours} chip-hours").parse().expect("a quantity")
}

/// Months as `month own borrowed missing late lent`, the last two where there are any, one after the other; `!` closes the contract with the month.
fn bill(contract: &Contract, months: &str) -> Vec<Invoice> {
    let mut made: Vec<Invoice> = Vec::new();
    for month in months.split(';') {
        let words: Vec<&str> = month.split_whitespace().collect();
        let number = |word: &str| word.parse::<u64>().expect("chip-hours");
        let last = words[0].ends_with('!');
        let from = at(&format!("{}-01", words[0].trim_end_matches('!')));
        let used_hours = |at: usize| hours(words.get(at).map_or(0, |word| number(word)));
        let owed = Owed { undelivered: used_hours(3), late: used_hours(4), lent: used_hours(5) };
        let used = Used { own: used_hours(1), borrowed: used_hours(2), owed };
        let past = Past::of(made.iter()).expect("small sums");
        let period = Period { from, to: from.next_month(), last };
        let count = u32::try_from(made.len()).expect("few").saturating_add(1);
        made.push(invoice(contract, count, period, (&used, 0), &past).expect("small sums"));
    }
    made
}

/// `guaranteed 20.00 + borrowed 3.00 = 23.00`, without the lines that are zero.
fn shown(invoice: &Invoice) -> String {
    let line = |line: &Line| {
        let amount = line.amount.to_string();
        format!("{} {}", line.kind.word(), amount.trim_end_matches(" USD"))
    };
    let lines: Vec<String> = invoice.lines.iter().filter(|line| line.amount.units != 0).map(line).collect();
    format!("{} = {}", lines.join(" + "), invoice.total.to_string().trim_end_matches(" USD"))
}

/// Clauses | months | the invoices. February 2027 has 672 hours, April 720, of which the contract covers 15 days in 30.
const TABLE: &str = "
 | 2027-01 10 3 0 | guaranteed 20.00 + borrowed 3.00 = 23.00
guaranteed 1.50 USD/chip-hour beyond 100 chip-hours | 2027-01 100 0 0 | guaranteed 200.00 = 200.00
guaranteed 1.50 USD/chip-hour beyond 100 chip-hours | 2027-01 140 0 0 | guaranteed 200.00 + guaranteed 60.00 = 260.00
guaranteed 1.50 USD/chip-hour beyond 100 chip-hours; guaranteed 1.00 USD/chip-hour beyond 200 chip-hours | 2027-01 250 0 0 | guaranteed 200.00 + guaranteed 150.00 + guaranteed 50.00 = 400.00
borrowed 0.25 USD/chip-hour beyond 8 chip-hours | 2027-01 0 10 0 | borrowed 8.00 + borrowed 0.50 = 8.50
guaranteed 3.00 USD/chip-hour from 2027-02-01 | 2027-01 10 0 0; 2027-02 10 0 0 | guaranteed 20.00 = 20.00 ; guaranteed 30.00 = 30.00
guaranteed 3.00 USD/chip-hour from 2027-02-01; guaranteed 4.00 USD/chip-hour from 2027-03-01 | 2027-02 10 0 0; 2027-03 10 0 0 | guaranteed 30.00 = 30.00 ; guaranteed 40.00 = 40.00
fee 500.00 USD | 2027-01 10 0 0 | guaranteed 20.00 + fee 500.00 = 520.00
fee 500.00 USD | 2027-04 0 0 0 | fee 250.00 = 250.00
fee 100.00 USD; fee 300.00 USD from 2027-02-01 | 2027-01 0 0 0; 2027-02 0 0 0 | fee 100.00 = 100.00 ; fee 300.00 = 300.00
at least 100.00 USD | 2027-01 10 30 0 | guaranteed 20.00 + borrowed 30.00 + commitment 50.00 = 100.00
at least 100.00 USD | 2027-01 60 0 0 | guaranteed 120.00 = 120.00
at least 100.00 USD; fee 80.00 USD | 2027-01 0 0 0 | fee 80.00 + commitment 20.00 = 100.00
at least 100.00 USD | 2027-04 10 0 0 | guaranteed 20.00 + commitment 30.00 = 50.00
at least 50.00 USD; at least 90.00 USD from 2027-02-01 | 2027-01 0 0 0; 2027-02 0 0 0 | commitment 50.00 = 50.00 ; commitment 90.00 = 90.00
undelivered 5.00 USD/chip-hour | 2027-01 10 0 3 | guaranteed 20.00 + undelivered -15.00 = 5.00
undelivered 5.00 USD/chip-hour | 2027-01 0 0 3 | undelivered -15.00 = -15.00
undelivered 5.00 USD/chip-hour; at least 100.00 USD | 2027-01 10 0 3 | guaranteed 20.00 + commitment 80.00 + undelivered -15.00 = 85.00
late 20.00 USD/chip-hour | 2027-01 10 0 0 2 0 | guaranteed 20.00 + late -40.00 = -20.00
late 20.00 USD/chip-hour; undelivered 5.00 USD/chip-hour | 2027-01 10 0 3 1 0; 2027-02 10 0 0 0 0 | guaranteed 20.00 + undelivered -15.00 + late -20.00 = -15.00 ; guaranteed 20.00 = 20.00
lent 0.40 USD/chip-hour | 2027-01 10 3 0 0 50 | guaranteed 20.00 + borrowed 3.00 + lent -20.00 = 3.00
lent 0.40 USD/chip-hour | 2027-01 0 0 0 0 744 | lent -297.60 = -297.60
lent 0.40 USD/chip-hour; at least 100.00 USD; tax VAT 10 % | 2027-01 10 0 0 0 50 | guaranteed 20.00 + commitment 80.00 + lent -20.00 + tax 8.00 = 88.00
lent 0.40 USD/chip-hour; credit 30.00 USD until 2027-03-01 | 2027-01 20 0 0 0 50; 2027-02 10 0 0 0 0 | guaranteed 40.00 + lent -20.00 + credit -20.00 = 0.00 ; guaranteed 20.00 + credit -10.00 = 10.00
 | 2027-01 10 0 5 5 5 | guaranteed 20.00 = 20.00
credit 30.00 USD until 2027-03-01 | 2027-01 10 0 0; 2027-02 10 0 0; 2027-03 10 0 0 | guaranteed 20.00 + credit -20.00 = 0.00 ; guaranteed 20.00 + credit -10.00 = 10.00 ; guaranteed 20.00 = 20.00
credit 30.00 USD until 2027-02-01 | 2027-01 10 0 0; 2027-02 10 0 0 | guaranteed 20.00 + credit -20.00 = 0.00 ; guaranteed 20.00 = 20.00
credit 5.00 USD until 2027-03-01; credit 9.00 USD until 2027-03-01 | 2027-01 5 0 0 | guaranteed 10.00 + credit -5.00 + credit -5.00 = 0.00
tax VAT 8.1 % | 2027-01 10 0 0 | guaranteed 20.00 + tax 1.62 = 21.62
credit 10.00 USD until 2027-03-01; tax VAT 10 %; tax city 1 % | 2027-01 10 0 0 | guaranteed 20.00 + credit -10.00 + tax 1.00 + tax 0.10 = 11.10
undelivered 5.00 USD/chip-hour; tax VAT 10 % | 2027-01 0 0 2 | undelivered -10.00 + tax -1.00 = -11.00
prepay 100.00 USD on 2027-01-15 back 30.00 USD from 2027-02-01 | 2027-01 10 0 0; 2027-02 10 0 0; 2027-03 20 0 0 | guaranteed 20.00 + prepayment 100.00 = 120.00 ; guaranteed 20.00 + prepayment -20.00 = 0.00 ; guaranteed 40.00 + prepayment -30.00 = 10.00
prepay 100.00 USD on 2027-01-15 back 30.00 USD from 2027-02-01 | 2027-01 0 0 0; 2027-02! 0 0 0 | prepayment 100.00 = 100.00 ; prepayment -100.00 = -100.00
prepay 50.00 USD on 2027-01-15 back 90.00 USD from 2027-02-01; tax VAT 10 % | 2027-01 0 0 0; 2027-02 50 0 0 | prepayment 50.00 = 50.00 ; guaranteed 100.00 + tax 10.00 + prepayment -50.00 = 60.00
";

#[test]
fn clauses_worked_by_hand() {
    for row in TABLE.lines().filter(|row| !row.trim().is_empty()) {
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        let made = bill(&with(columns[0]), columns[1]);
        let lines: Vec<String> = made.iter().map(shown).collect();
        assert_eq!(lines.join(" ; "), columns[2], "{row}");
        for invoice in made {
            assert!(invoice.transaction.balances(), "{row}");
            assert_eq!(Invoice::from_value(&invoice.to_value()), Ok(invoice));
        }
    }
}

#[test]
fn each_kind_of_line_has_its_account() {
    let contract = with(
        "undelivered 5.00 USD/chip-hour; late 7.00 USD/chip-hour; lent 0.50 USD/chip-hour; \
         credit 4.00 USD until 2027-03-01; tax VAT 10 %; \
         prepay 30.00 USD on 2027-01-02 back 9.00 USD from 2027-02-01",
    );
    let made = bill(&contract, "2027-01 20 0 1 2 2; 2027-02 10 0 0");
    let mut balances = Balances::default();
    made.iter().for_each(|invoice| balances.post(&invoice.transaction));
    let shown: Vec<String> =
        balances.iter().map(|(account, money)| format!("{:?} {money}", account.kind)).collect();
    // January: 40 - 5 - 14 - 1 - 4 = 16, tax 1.60, prepayment 30. February: 20, tax 2, 9 come back.
    let expected = [
        "Receivable 60.60 USD",
        "Earnings -60.00 USD",
        "Undelivered 5.00 USD",
        "Credits 4.00 USD",
        "Taxes -3.60 USD",
        "Prepaid -21.00 USD",
        "Late 14.00 USD",
        "Lent 1.00 USD",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn an_amount_too_large_to_count_is_no_invoice() {
    let contract = with("tax VAT 100 %");
    let own = Quantity { amount: u128::MAX / 4, ..hours(0) };
    let used = Used { own, borrowed: hours(0), owed: Owed::default() };
    let period = Period { from: at("2027-01-01"), to: at("2027-02-01"), last: false };
    assert_eq!(rate(&contract.terms, period, &used, &Past::default()), None);
}

#[test]
fn clauses_that_make_no_sense_are_flaws() {
    let flaw = |clauses: &str| {
        let mut terms = with("").terms;
        terms.clauses =
            Clauses(clauses.split(';').map(|line| line.trim().parse().expect("a clause")).collect());
        match terms.check() {
            Err(Flaw::Clause(flaw)) => format!("{flaw:?}"),
            other => format!("{other:?}"),
        }
    };
    for (clauses, expected) in [
        ("fee 1.00 EUR", "Currency"),
        ("fee 1.00 USD from 2027-01-02", "NoMonth"),
        ("credit 1.00 USD until 2027-01-01T00:00:01Z", "NoMonth"),
        ("fee 1.00 USD; fee 2.00 USD", "Twice"),
        ("undelivered 1.00 USD/chip-hour; undelivered 2.00 USD/chip-hour", "Twice"),
        ("lent 1.00 USD/chip-hour; late 1.00 USD/chip-hour; lent 2.00 USD/chip-hour", "Twice"),
        ("prepay 1.00 USD on 2028-01-01 back 1.00 USD from 2028-02-01", "NeverDue"),
    ] {
        let found = flaw(clauses);
        assert!(found.starts_with(expected), "{clauses}: {found}");
    }
    let many = vec!["credit 1.00 USD until 2027-01-01"; 65].join(";");
    assert_eq!(flaw(&many), "TooMany { most: 64 }");
}
