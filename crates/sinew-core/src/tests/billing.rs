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

/// A contract from now to July that guarantees nothing, with which another lab borrows one chip.
fn borrower(world: &mut World, lab: u128) -> ContractId {
    let made = world.contract(lab, |terms: &mut Terms| {
        terms.ends = at("1970-07-01");
        terms.guarantee = vec![];
    });
    made.expect("it promises nothing")
}

#[test]
fn a_lab_whose_idle_guarantee_others_hold_is_paid_for_it_and_never_reads_who() {
    let mut world = World::new(1, 2);
    world.now = at("1970-01-31T12:00:00Z");
    let id = agreed(&mut world, &["lent 0.50 USD/chip-hour"]).expect("it fits");
    let other = borrower(&mut world, 3);
    world.submit(3, 1, 1).expect("it may borrow");
    // Half a day of January, and the loan goes on. February has 9 days of it, until the lab wants its chip back; the
    // program leaves at the deadline, 5 s later.
    go_to(&mut world, "1970-02-10");
    world.submit(2, 1, 1).expect("inside the guarantee");
    go_to(&mut world, "1970-02-10T00:00:05Z");
    go_to(&mut world, "1970-03-01");
    let said = |invoice: &&Invoice| {
        let line = invoice.lines.iter().find(|line| line.kind == sinew_ledger::LineKind::Lent);
        let line = line.expect("a line for what was lent");
        format!("{} {}", line.used.expect("an amount"), line.amount)
    };
    let lent: Vec<String> = invoices(&world, id).iter().map(said).collect();
    assert_eq!(lent, ["43200 chip-seconds -6.00 USD", "777605 chip-seconds -108.000694 USD"]);
    // The loan is one record, whenever the lender is billed: its holder learns nothing of that either.
    let used = world.journal.iter().filter_map(|recorded| match &recorded.event {
        Event::UsageRecorded { record } if record.contract == Some(other) => {
            Some(record.to.since(record.from))
        }
        _ => None,
    });
    assert_eq!(used.collect::<Vec<_>>(), [Span::from_ms(820_805_000)]);
    let said = world.journal.iter().filter_map(|recorded| match &recorded.event {
        Event::CapacityLent { .. } => Some(recorded.event.to_value().to_json()),
        _ => None,
    });
    assert!(said.into_iter().all(|text| !text.contains(&other.to_string())));
}

#[test]
fn what_was_lent_is_paid_once_when_the_contract_is_over() {
    let mut world = World::new(1, 2);
    world.now = at("1970-06-30T23:00:00Z");
    let id = agreed(&mut world, &["lent 0.50 USD/chip-hour"]).expect("it fits");
    world
        .contract(3, |terms: &mut Terms| {
            terms.ends = at("1970-09-01");
            terms.guarantee = vec![];
        })
        .expect("it promises nothing");
    world.submit(3, 1, 1).expect("it may borrow");
    go_to(&mut world, "1970-08-01");
    // Nobody looked in July, when it was over already; so there is one of July as well, and the last.
    let totals: Vec<String> = invoices(&world, id).iter().map(|i| i.total.to_string()).collect();
    assert_eq!(totals, ["-0.50 USD", "0.00 USD", "0.00 USD"]);
    assert_eq!(world.control.state().lent.to_value(), Value::Null, "a contract that is over lends nothing");
}

/// The bound is 7 s. A borrower whose program is still there at its deadline, because nobody could kill it, makes the owner
/// late: 53 s in January, which end with the month, and 40 s in February.
#[test]
fn guaranteed_capacity_that_comes_too_late_is_paid_back_by_itself() {
    let mut world = World::new(1, 2);
    world.now = at("1970-01-31T12:00:00Z");
    let id = agreed(&mut world, &["late 3600.00 USD/chip-hour"]).expect("it fits");
    borrower(&mut world, 3);
    let loan = world.submit(3, 1, 1).expect("it may borrow");
    go_to(&mut world, "1970-01-31T23:59:00Z");
    let own = world.submit(2, 1, 1).expect("inside the guarantee");
    let gang = world.gang(loan);
    world.running.get_mut(&gang).expect("it runs").deadline = None;
    go_to(&mut world, "1970-02-01T00:00:40Z");
    assert!(world.workload(own).lease().is_none());
    world.end(gang, Exit::Deadline);
    assert!(world.workload(own).lease().is_some());
    go_to(&mut world, "1970-03-01");
    let said = |invoice: &&Invoice| {
        let line = invoice.lines.iter().find(|line| line.kind == sinew_ledger::LineKind::Late);
        let line = line.expect("a line for what was late");
        format!("{} {}", line.used.expect("an amount"), line.amount)
    };
    let late: Vec<String> = invoices(&world, id).iter().map(said).collect();
    assert_eq!(late, ["53 chip-seconds -53.00 USD", "40 chip-seconds -40.00 USD"]);
    assert_eq!(world.control.state().late.to_value(), Value::Null, "nothing is awaited or owed");
}

#[test]
fn capacity_that_comes_within_the_bound_costs_the_owner_nothing() {
    let mut world = World::new(1, 2);
    world.now = at("1970-01-31T12:00:00Z");
    let id = agreed(&mut world, &["late 3600.00 USD/chip-hour"]).expect("it fits");
    borrower(&mut world, 3);
    world.submit(3, 1, 1).expect("it may borrow");
    let own = world.submit(2, 1, 1).expect("inside the guarantee");
    world.pass(5_000);
    assert!(world.workload(own).lease().is_some());
    go_to(&mut world, "1970-02-02");
    let late = invoices(&world, id)[0].lines.iter().find(|line| line.kind == sinew_ledger::LineKind::Late);
    assert_eq!(late.map(|line| line.amount.units), Some(0));
}

/// Whoever no longer waits is not paid for waiting.
#[test]
fn lateness_ends_with_the_wait() {
    let mut world = World::new(1, 2);
    world.now = at("1970-02-01T12:00:00Z");
    let id = agreed(&mut world, &["late 3600.00 USD/chip-hour"]).expect("it fits");
    borrower(&mut world, 3);
    let loan = world.submit(3, 1, 1).expect("it may borrow");
    let own = world.submit(2, 1, 1).expect("inside the guarantee");
    let gang = world.gang(loan);
    world.running.get_mut(&gang).expect("it runs").deadline = None;
    world.pass(17_000);
    world.must(principal(2), Command::Cancel { id: own });
    go_to(&mut world, "1970-03-02");
    let late = invoices(&world, id)[0].lines.iter().find(|line| line.kind == sinew_ledger::LineKind::Late);
    assert_eq!(late.map(|line| line.amount.to_string()), Some("-10.00 USD".to_owned()));
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

/// Reports ends as a server does that comes back: with the moments at which they happened, before anything is planned.
fn report(world: &mut World, ends: &[((WorkloadId, u64), Exit, &str)]) {
    for (gang, exit, ended) in ends {
        world.running.remove(gang);
        let (exit, at) = (exit.clone(), Some(at(ended)));
        let observation = Observation::Ended { exit, outputs: Default::default(), at };
        let command = Command::Observe { id: gang.0, epoch: gang.1, observation };
        let request = Request { actor: Actor::System, key: None, command };
        world.control.handle(world.now, &request).expect("a report is never refused");
    }
    world.turn();
    check(world);
}

/// Nobody looked from the twentieth of January to the tenth of February. One program ended before the month did, one after
/// it, and of one nobody knows more than that the last record is of the twentieth: a chip for 36 h, 276 h and 12 days, and 12 h.
#[test]
fn what_ended_while_no_server_ran_is_billed_to_its_end() {
    let mut world = World::new(3, 1);
    world.now = at("1970-01-20");
    let wide = |terms: &mut Terms| {
        terms.ends = at("1970-07-01");
        terms.guarantee = vec![Shape::Chips(3)];
        terms.clauses = Clauses(vec!["fee 1.00 USD from 1970-05-01".parse().expect("a clause")]);
    };
    let id = world.contract(2, wide).expect("it fits");
    let all = [0; 3].map(|_| world.submit(2, 1, 1).expect("inside the guarantee"));
    go_to(&mut world, "1970-01-20T12:00:00Z");
    world.must(principal(2), Command::Cancel { id: all[2] });
    let [early, late, lost] = all.map(|id| world.gang(id));
    let recorded = world.control.state().at.to_string();
    assert_eq!(recorded, "1970-01-20T12:00:00.000Z");
    world.now = at("1970-02-10");
    let over = Exit::Code { code: 0 };
    let ends = [
        (lost, Exit::Lost, recorded.as_str()),
        (early, over.clone(), "1970-01-21T12:00:00Z"),
        (late, over, "1970-02-01T12:00:00Z"),
    ];
    report(&mut world, &ends);
    go_to(&mut world, "1970-03-01");
    // 12 + 36 + 288 h in January, 12 h in February, at 3.60 USD.
    let months = ["1 1970-01-20 1970-02-01: 1209.60 USD", "2 1970-02-01 1970-03-01: 43.20 USD"];
    assert_eq!(shown(&world, id), months);
}

/// Two leases that are lost in one outage are both billed to the last record before it, although the first report is a record.
#[test]
fn all_that_is_lost_in_one_outage_ends_with_the_last_record_before_it() {
    let mut world = World::new(2, 1);
    let wide = |terms: &mut Terms| {
        terms.ends = at("1970-07-01");
        terms.guarantee = vec![Shape::Chips(2)];
    };
    let id = world.contract(2, wide).expect("it fits");
    let began = world.now;
    let all = [0; 2].map(|_| world.submit(2, 1, 1).expect("inside the guarantee"));
    let gangs = all.map(|id| world.gang(id));
    world.now = at("1970-01-02");
    let began = began.to_string();
    report(&mut world, &gangs.map(|gang| (gang, Exit::Lost, began.as_str())));
    world.must(principal(OWNER), Command::CloseInvoice { contract: id });
    assert_eq!(invoices(&world, id)[0].total.to_string(), "0.00 USD");
}

/// The report of what was lost can be the first that a server hears in the new month, and it need not know when that was: the
/// month that is over ends with the last record all the same. A chip for 12 h.
#[test]
fn what_was_lost_at_an_unknown_moment_is_billed_to_the_last_record_also_across_a_month() {
    let mut world = World::new(1, 1);
    world.now = at("1970-01-20");
    let id = agreed(&mut world, &["fee 1.00 USD from 1970-05-01"]).expect("it fits");
    let lost = world.submit(2, 1, 1).expect("inside the guarantee");
    go_to(&mut world, "1970-01-20T12:00:00Z");
    world.submit(2, 1, 1).expect("a record of this moment");
    world.now = at("1970-02-10");
    let gang = world.gang(lost);
    world.running.remove(&gang);
    let observation = Observation::Ended { exit: Exit::Lost, outputs: Default::default(), at: None };
    let command = Command::Observe { id: gang.0, epoch: gang.1, observation };
    world.control.handle(world.now, &Request { actor: Actor::System, key: None, command }).expect("taken");
    world.turn();
    assert_eq!(shown(&world, id)[0], "1 1970-01-20 1970-02-01: 43.20 USD");
}

/// A contract of an old journal, with a price that nobody may offer any more.
fn too_dear(world: &mut World) -> ContractId {
    let id = ContractId::from_bits(world.id());
    let mut terms = super::world::terms(2, world.now);
    terms.ends = at("1970-04-01");
    terms.guarantee = vec![Shape::Chips(200)];
    terms.guaranteed_price = "999999999999999999.00 USD/chip-hour".parse().expect("a price");
    terms.clauses = Clauses(vec!["fee 1.00 USD".parse().expect("a clause")]);
    let secret = sinew_contract::SecretKey::from_seed(&[9; 32]);
    let (key, signature) = (secret.public(), secret.sign(b"long ago"));
    let offered = Event::ContractOffered { id, terms: Box::new(terms), key, signature, expanded: None };
    for event in [offered, Event::ContractSigned { id, key, signature }] {
        let recorded = Recorded { at: world.now, event };
        world.control.replay(&recorded);
        world.journal.push(recorded);
    }
    world.turn();
    id
}

#[test]
fn one_sum_that_cannot_be_counted_keeps_nobody_else_from_an_invoice() {
    let mut world = World::new(201, 2);
    let dear = too_dear(&mut world);
    world.submit(2, 200, 200).expect("inside the guarantee");
    let plain = world.contract(3, |terms: &mut Terms| {
        terms.ends = at("1970-07-01");
        terms.clauses = Clauses(vec!["fee 1.00 USD".parse().expect("a clause")]);
    });
    let plain = plain.expect("it fits");
    go_to(&mut world, "1970-03-02");
    assert_eq!((invoices(&world, dear).len(), invoices(&world, plain).len()), (0, 2));
    // Its owner hears so at once, and not that another invoice is coming.
    let refused = world.ask(principal(OWNER), Command::CloseInvoice { contract: dear });
    assert_eq!(refused, Err(Refusal::TooLargeToCount));
    // When it is over as well, its owner hears why there is none.
    go_to(&mut world, "1970-04-02");
    go_to(&mut world, "1970-04-03");
    assert_eq!(world.control.state().contracts[&dear].standing, sinew_contract::Standing::Ended);
    let refused = world.ask(principal(OWNER), Command::CloseInvoice { contract: dear });
    assert_eq!(refused, Err(Refusal::TooLargeToCount));
    // The records say it once, so that it is known after a restart too: `check` reads them again.
    let stuck = world.journal.iter().filter_map(|recorded| match &recorded.event {
        Event::InvoiceStuck { id, to } => Some((*id, *to)),
        _ => None,
    });
    assert_eq!(stuck.collect::<Vec<_>>(), [(dear, at("1970-02-01"))]);
}
