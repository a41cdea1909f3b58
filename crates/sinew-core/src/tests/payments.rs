//! Payments, one line each: what is asked, and what comes of it.

use super::world::{OWNER, World, org, principal};
use crate::*;
use sinew_ledger::AccountKind;
use sinew_types::*;

fn pay(world: &mut World, by: u128, words: &str) -> Result<Answer, Refusal> {
    let [lab, reference, number, asset, paid_at_s] = words.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("five words: {words}")
    };
    let command = Command::RecordPayment {
        lab: org(lab.parse().expect("a number")),
        reference: reference.parse().expect("a reference"),
        money: format!("{number} {asset}").parse().expect("an amount"),
        paid_at: Instant::from_ms(paid_at_s.parse::<i64>().expect("seconds") * 1_000),
    };
    world.ask(principal(by), command)
}

/// A payment of lab 2 that is larger than anybody can write.
fn pay_units(world: &mut World, reference: &str, units: i128) -> Result<(), Refusal> {
    let asset = "USD".parse().expect("an asset");
    let (lab, reference) = (org(2), reference.parse().expect("a reference"));
    let paid_at = Instant::from_ms(0);
    let command = Command::RecordPayment { lab, reference, money: Money { asset, units }, paid_at };
    world.ask(principal(OWNER), command).map(|_| ())
}

/// Who asks | lab, reference, amount, currency, second | the outcome. It is second 1000; lab 2 has a contract, lab 3 has none.
const TABLE: &str = "
1 | 2 A-1 10.00 USD 900 | written
1 | 2 A-1 10.00 USD 900 | known already
1 | 2 A-1 11.00 USD 900 | PaymentKnown { reference: \"A-1\", money: 10.00 USD
1 | 2 A-1 10.00 USD 901 | PaymentKnown { reference: \"A-1\", money: 10.00 USD
1 | 2 A-2 10.00 EUR 900 | OtherCurrency { found: \"EUR\", owed: [\"USD\"] }
1 | 2 A-2 0.00 USD 900 | NothingPaid
1 | 2 A-2 10.00 USD 1001 | PaidLater
1 | 2 A-2 -4.00 USD 1000 | written
1 | 3 A-1 10.00 USD 900 | NotFound { thing: Organisation
1 | 1 A-1 10.00 USD 900 | NotFound { thing: Organisation
2 | 1 A-1 10.00 USD 900 | NotFound { thing: Organisation
";

#[test]
fn payments_are_written_down_once() {
    let mut world = World::new(2, 2);
    world.contract(2, |_| {}).expect("it fits");
    for row in TABLE.lines().filter(|row| !row.is_empty()) {
        let [by, words, expected] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("three columns: {row}")
        };
        let before = (world.journal.len(), world.control.state().balances.clone());
        let outcome = match pay(&mut world, by.parse().expect("a number"), words) {
            Ok(_) if world.journal.len() > before.0 => "written".to_owned(),
            Ok(_) => "known already".to_owned(),
            Err(refusal) => format!("{refusal:?}")
                .replace("Money { asset: Asset { code: \"USD\", scale: 6 }, units: 10000000 }", "10.00 USD"),
        };
        assert!(outcome.starts_with(expected), "{row}\n{outcome}");
        if outcome != "written" {
            assert_eq!(world.control.state().balances, before.1, "nothing is posted by half: {row}");
        }
    }
    let sum: i128 = world.control.state().balances.iter().map(|(_, money)| money.units).sum();
    assert_eq!(sum, 0);
    let bank = world.control.state().balances.iter().find(|(account, _)| account.kind == AccountKind::Bank);
    assert_eq!(bank.map(|(account, _)| account.with), Some(org(2)));
    assert_eq!(world.control.state().payments.iter().count(), 2);
}

#[test]
fn a_state_with_payments_is_written_and_read_back() {
    let mut world = World::new(2, 1);
    world.contract(2, |_| {}).expect("it fits");
    pay(&mut world, OWNER, "2 A-1 10.00 USD 900").expect("it is right");
    let state = world.control.state();
    assert_eq!(State::from_value(&state.to_value()).as_ref(), Ok(state));
}

/// An invoice that the books could not hold any more is none; what was used stays for another.
#[test]
fn an_invoice_that_the_books_cannot_hold_is_not_made() {
    let mut world = World::new(2, 1);
    let id = world.contract(2, |_| {}).expect("it fits");
    assert_eq!(pay_units(&mut world, "A-1", -i128::MAX), Ok(()), "it can be counted");
    assert_eq!(pay_units(&mut world, "A-2", -1), Err(Refusal::TooLargeToCount));
    assert_eq!(pay_units(&mut world, "A-3", i128::MIN), Err(Refusal::TooLargeToCount));
    world.submit(2, 1, 1).expect("inside the guarantee");
    world.pass(3_000_000);
    let refused = world.ask(principal(OWNER), Command::CloseInvoice { contract: id });
    assert_eq!(refused, Err(Refusal::TooLargeToCount));
    assert!(world.control.state().invoices.is_empty());
}
