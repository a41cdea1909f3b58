//! Contracts with clauses are billed by themselves: at the end of every month, and once more when they are over.

use super::invariants::check;
use super::world::{OWNER, World, principal};
use crate::*;
use sinew_contract::{Clauses, Terms};
use sinew_ledger::Invoice;
use sinew_types::*;

fn at(text: &str) -> Instant {
    text.parse().expect("a time")
}

/// Until the first of July 1970, one chip guaranteed at 3.60 USD an hour, borrowing at 1.80.
fn agreed(world: &mut World, clauses: &[&str]) -> Result<ContractId, Refusal> {
    let read: Vec<_> = clauses.iter().map(|clause| clause.parse().expect("a clause")).collect();
    world.contract(2, |terms: &mut Terms| {
        terms.ends = at("1970-07-01");
        terms.guaranteed_price = "3.60 USD/chip-hour".parse().expect("a price");
        terms.borrowed_price = "1.80 USD/chip-hour".parse().expect("a price");
        terms.clauses = Clauses(read.clone());
    })
}

fn invoices(world: &World, id: ContractId) -> Vec<&Invoice> {
    world.control.state().invoices.range((id, 0)..=(id, u32::MAX)).map(|(_, invoice)| invoice).collect()
}

/// `number from to: total`, to the day where it is one.
fn shown(world: &World, id: ContractId) -> Vec<String> {
    let day = |at: Instant| at.to_string().trim_end_matches("T00:00:00.000Z").to_owned();
    let line = |i: &&Invoice| format!("{} {} {}: {}", i.number, day(i.from), day(i.to), i.total);
    invoices(world, id).iter().map(line).collect()
}

fn go_to(world: &mut World, text: &str) {
    let ms = at(text).since(world.now).ms();
    world.pass(ms);
    check(world);
}

#[test]
fn every_month_is_billed_at_its_end_whenever_the_server_looks() {
    let mut world = World::new(2, 1);
    world.now = at("1970-01-31T12:00:00Z");
    let id = agreed(&mut world, &["fee 3100.00 USD"]).expect("it fits");
    world.submit(2, 1, 1).expect("inside the guarantee");
    assert_eq!(world.control.look_again(), Some(at("1970-02-01")));
    // Nobody looks before the tenth: January still ends with January. Half a day of a month of 31 days, and 12 hours.
    go_to(&mut world, "1970-02-10");
    assert_eq!(shown(&world, id), ["1 1970-01-31T12:00:00.000Z 1970-02-01: 93.20 USD"]);
    // Two months at once, each with its own use: 28 and 31 days.
    go_to(&mut world, "1970-04-05T06:00:00Z");
    let months = shown(&world, id).split_off(1);
    assert_eq!(months, ["2 1970-02-01 1970-03-01: 5519.20 USD", "3 1970-03-01 1970-04-01: 5778.40 USD"]);
    let records: Vec<u64> = invoices(&world, id).iter().map(|invoice| invoice.records).collect();
    assert_eq!(records, [1, 1, 1]);
}

#[test]
fn the_last_invoice_comes_when_the_contract_is_over() {
    let mut world = World::new(2, 1);
    let terms = ["prepay 100.00 USD on 1970-01-15 back 10.00 USD from 1970-03-01"];
    let id = agreed(&mut world, &terms).expect("it fits");
    go_to(&mut world, "1970-07-02");
    let last = invoices(&world, id).last().map(|invoice| (invoice.to, invoice.total.to_string()));
    // Nothing was used, so nothing came back before.
    assert_eq!(last, Some((at("1970-07-02"), "-100.00 USD".to_owned())));
    assert_eq!(world.control.state().contracts[&id].standing, sinew_contract::Standing::Ended);
    let refused = world.ask(principal(OWNER), Command::CloseInvoice { contract: id });
    assert_eq!(refused, Err(Refusal::BilledByTheMonth { next: None }));
}

#[test]
fn capacity_that_was_not_delivered_is_paid_back_with_its_month_and_never_twice() {
    let mut world = World::new(1, 1);
    let id = agreed(&mut world, &["undelivered 10.00 USD/chip-hour"]).expect("it fits");
    go_to(&mut world, "1970-01-31T22:00:00Z");
    let region: Region = "chip-0".parse().expect("a region");
    let pool = PoolId::from_bits(7);
    world.must(principal(OWNER), Command::CellsDown { pool, region: region.clone() });
    go_to(&mut world, "1970-02-01T03:00:00Z");
    world.must(principal(OWNER), Command::CellsUp { pool, region });
    go_to(&mut world, "1970-03-02");
    let totals: Vec<String> = invoices(&world, id).iter().map(|i| i.total.to_string()).collect();
    assert_eq!(totals, ["-20.00 USD", "-30.00 USD"]);
}

#[test]
fn months_that_are_over_are_not_agreed_on_and_no_invoice_is_asked_for_in_between() {
    let mut world = World::new(2, 1);
    world.now = at("1970-02-03");
    let id = agreed(&mut world, &["fee 1.00 USD"]).expect("it fits");
    let refused = world.ask(principal(OWNER), Command::CloseInvoice { contract: id });
    assert_eq!(refused, Err(Refusal::BilledByTheMonth { next: Some(at("1970-03-01")) }));
    let refused = world.contract(2, |terms: &mut Terms| {
        terms.guarantee = vec![];
        terms.starts = at("1970-01-31");
        terms.ends = at("1970-07-01");
        terms.clauses = Clauses(vec!["fee 1.00 USD".parse().expect("a clause")]);
    });
    assert_eq!(refused, Err(Refusal::MonthsGoneBy { month: at("1970-02-01") }));
}
