//! Pools in text, plans in text. Times are in seconds; every recall bound is 7 s.

use crate::*;
use expect_test::{Expect, expect};
use sinew_types::{CellIndex, ContractId, Instant, Span, WorkloadId};
use std::collections::{BTreeMap, BTreeSet};

fn seconds(text: &str) -> Instant {
    Instant::from_ms(text.parse::<i64>().expect("seconds") * 1_000)
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is not a number"))
}

/// `owner`, or a contract by its letter.
fn account(text: &str) -> Account {
    match text {
        "owner" => Account::Owner,
        letter => Account::Contract(ContractId::from_bits(u128::from(letter.as_bytes()[0]))),
    }
}

fn workload(text: &str) -> WorkloadId {
    WorkloadId::from_bits(u128::from(number(&text[1..])))
}

fn range(text: &str) -> (u32, u32) {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    (number(least), number(most))
}

/// Lines: `pool CHIPS`, `now S`, `contract X own N borrow N lend N [closes S]`, `held W ACCOUNT MOST since S CELL=LENDER|own..`
/// and `wait W ACCOUNT LEAST..MOST [priority N]`.
fn read(text: &str) -> Pool {
    let mut pool = Pool {
        now: seconds("100"),
        chips: BTreeSet::new(),
        entitlements: BTreeMap::new(),
        held: vec![],
        queue: vec![],
    };
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["pool", chips] => pool.chips = (0..number(chips)).map(CellIndex).collect(),
            ["now", at] => pool.now = seconds(at),
            ["contract", name, "own", own, "borrow", borrow, "lend", lend, ref rest @ ..] => {
                let entitlement = Entitlement {
                    guarantee: number(own),
                    borrow_limit: number(borrow),
                    lend_limit: number(lend),
                    recall_bound: Span::from_ms(7_000),
                    starts: if rest.first() == Some(&"starts") { seconds(rest[1]) } else { seconds("0") },
                    closes: if rest.first() == Some(&"closes") {
                        seconds(rest[1])
                    } else {
                        seconds("1000000")
                    },
                };
                pool.entitlements.insert(account(name), entitlement);
            }
            ["held", name, of, most, "since", since, ref cells @ ..] => {
                let cell = |text: &&str| {
                    let (cell, how) = text.split_once('=').expect("CELL=own or CELL=LENDER");
                    let holding =
                        if how == "own" { Holding::Own } else { Holding::Borrowed { lender: account(how) } };
                    (CellIndex(number(cell)), holding)
                };
                pool.held.push(Held {
                    workload: workload(name),
                    account: account(of),
                    most: number(most),
                    priority: 0,
                    cells: cells.iter().map(cell).collect(),
                    granted_at: seconds(since),
                    leaves: None,
                });
            }
            ["wait", name, of, shape, ref rest @ ..] => {
                let (least, most) = range(shape);
                pool.queue.push(Queued {
                    workload: workload(name),
                    name: name.parse().expect("a name"),
                    account: account(of),
                    least,
                    most,
                    priority: rest.get(1).map_or(0, |p| p.parse().expect("a priority")),
                    since: seconds(&name[1..]),
                });
            }
            _ => panic!("cannot read `{line}`"),
        }
    }
    pool.entitlements.insert(Account::Owner, owner_of(&pool));
    pool
}

/// The owner has what nobody else was promised.
fn owner_of(pool: &Pool) -> Entitlement {
    let promised: u32 = pool.entitlements.values().map(|e| e.guarantee).sum();
    let chips = u32::try_from(pool.chips.len()).expect("few");
    Entitlement {
        guarantee: chips - promised,
        borrow_limit: chips,
        lend_limit: chips,
        recall_bound: Span::from_ms(7_000),
        starts: seconds("0"),
        closes: seconds("1000000"),
    }
}

fn account_text(account: Account) -> String {
    match account {
        Account::Owner => "owner".to_owned(),
        Account::Contract(id) => char::from(u8::try_from(id.bits()).expect("a letter")).to_string(),
    }
}

fn show(plan: &Plan) -> String {
    let cells = |cells: &BTreeMap<CellIndex, Holding>| {
        let one = |(cell, holding): (&CellIndex, &Holding)| match holding {
            Holding::Own => format!(" {}=own", cell.0),
            Holding::Borrowed { lender } => format!(" {}={}", cell.0, account_text(*lender)),
        };
        cells.iter().map(one).collect::<String>()
    };
    let mut text = String::new();
    for action in &plan.actions {
        text += &match action {
            Action::Grant { workload, cells: got } => format!("w{} gets{}\n", workload.bits(), cells(got)),
            Action::Notify { workload, why } => format!("w{} leaves: {why:?}\n", workload.bits()),
            Action::Rebind { workload, cells: got } => format!("w{} holds{}\n", workload.bits(), cells(got)),
        };
    }
    for (workload, wait) in &plan.waits {
        text += &match wait {
            Wait::NeverFits { asked, largest } => {
                format!("w{} never fits: {asked} of {largest}\n", workload.bits())
            }
            Wait::Recalling { until } => {
                format!("w{} waits until {}s\n", workload.bits(), until.ms() / 1_000)
            }
            Wait::Busy { asked, free } => format!("w{} waits: {asked}, {free} free\n", workload.bits()),
            Wait::Behind { ahead } => format!("w{} waits behind {ahead}\n", workload.bits()),
            Wait::NotBegun { starts } => format!("w{} waits for {}s\n", workload.bits(), starts.ms() / 1_000),
            Wait::Closing { .. } => format!("w{} comes too late\n", workload.bits()),
        };
    }
    text
}

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&show(&plan(&read(text))));
}

#[test]
fn own_first_then_borrowed() {
    check(
        "pool 2\ncontract a own 1 borrow 1 lend 1\nwait w1 a 1..2",
        expect![[r#"
        w1 gets 0=own 1=owner
    "#]],
    );
}

#[test]
fn the_borrow_limit_holds() {
    check(
        "pool 8\ncontract a own 1 borrow 2 lend 1\nwait w1 a 1..8\nwait w2 a 1",
        expect![[r#"
        w1 gets 0=own 2=owner
        w2 gets 1=owner
    "#]],
    );
}

#[test]
fn the_lend_limit_holds() {
    check(
        "pool 4\ncontract a own 4 borrow 0 lend 1\ncontract b own 0 borrow 4 lend 0\nwait w1 b 1..4",
        expect![[r#"
            w1 gets 0=a
        "#]],
    );
}

#[test]
fn an_owner_gets_its_core_back() {
    check(
        "pool 2\ncontract a own 1 borrow 1 lend 1\nheld w1 a 2 since 90 0=own 1=owner\nwait w2 owner 1",
        expect![[r#"
            w1 leaves: Recall
            w2 waits until 107s
        "#]],
    );
}

#[test]
fn what_is_recalled_is_not_lent_again_meanwhile() {
    check(
        "pool 3\ncontract a own 1 borrow 2 lend 1\nheld w1 a 2 since 90 0=own 1=owner\nwait w2 owner 2\nwait w3 a 1",
        expect![[r#"
            w1 leaves: Recall
            w2 waits until 107s
            w3 waits: 1 chip, 0 chips free
        "#]],
    );
}

#[test]
fn a_loan_moves_to_an_idle_lender_instead_of_being_recalled() {
    check(
        "pool 3\ncontract a own 1 borrow 0 lend 1\ncontract b own 0 borrow 1 lend 0\nheld w1 b 1 since 90 0=a\nwait w2 a 1",
        expect![[r#"
            w1 holds 0=owner
            w2 gets 1=own
        "#]],
    );
}

#[test]
fn the_victim_loses_least_and_goes_whole() {
    check(
        "pool 4\ncontract a own 0 borrow 4 lend 0\nheld w1 a 2 since 10 0=owner 1=owner\nheld w2 a 1 since 80 2=owner\n\
         held w3 a 1 since 60 3=owner\nwait w4 owner 2",
        expect![[r#"
            w2 leaves: Recall
            w3 leaves: Recall
            w4 waits until 107s
        "#]],
    );
}

#[test]
fn small_work_passes_work_that_never_fits() {
    check(
        "pool 4\nwait w1 owner 8\nwait w2 owner 2",
        expect![[r#"
        w2 gets 0=own 1=own
        w1 never fits: 8 chips of 4 chips
    "#]],
    );
}

#[test]
fn priority_goes_first() {
    check(
        "pool 1\nwait w1 owner 1\nwait w2 owner 1 priority 5",
        expect![[r#"
        w2 gets 0=own
        w1 waits: 1 chip, 0 chips free
    "#]],
    );
}

#[test]
fn a_gang_grows_when_it_has_settled() {
    let text = |since| format!("pool 2\ncontract a own 1 borrow 1 lend 1\nheld w1 a 2 since {since} 0=own");
    check(&text(90), expect![""]);
    check(
        &text(80),
        expect![[r#"
        w1 leaves: Grow
    "#]],
    );
    assert_eq!(plan(&read(&text(90))).look_again, Some(seconds("104")));
}

#[test]
fn an_account_gets_its_own_back_to_grow() {
    check(
        "pool 2\ncontract a own 2 borrow 0 lend 2\ncontract b own 0 borrow 2 lend 0\nheld w1 a 2 since 10 0=own\n\
         held w2 b 1 since 20 1=a",
        expect![[r#"
            w2 leaves: Recall
        "#]],
    );
}

#[test]
fn borrowed_cells_become_own_when_the_guarantee_is_idle() {
    check(
        "pool 2\ncontract a own 1 borrow 1 lend 1\nheld w1 a 1 since 90 1=owner",
        expect![[r#"
        w1 holds 1=own
    "#]],
    );
}

#[test]
fn a_new_guarantee_turns_the_owners_use_into_a_loan() {
    check(
        "pool 2\ncontract a own 1 borrow 0 lend 1\nheld w1 owner 2 since 10 0=own 1=own",
        expect![[r#"
        w1 holds 0=a 1=own
    "#]],
    );
}

#[test]
fn a_contract_that_closes_takes_its_leases_along() {
    check(
        "pool 2\ncontract a own 1 borrow 1 lend 1 closes 99\nheld w1 a 2 since 10 0=own 1=owner\nwait w2 a 1",
        expect![[r#"
        w1 leaves: ContractEnds
        w2 comes too late
    "#]],
    );
}

#[test]
fn a_contract_that_has_not_begun_waits() {
    check(
        "pool 2\ncontract a own 1 borrow 1 lend 1 starts 200\nwait w1 a 1",
        expect![[r#"
        w1 waits for 200s
    "#]],
    );
}

#[test]
fn a_gang_with_no_account_never_fits() {
    check(
        "pool 2\nwait w1 z 1",
        expect![[r#"
        w1 never fits: 1 chip of 0 chips
    "#]],
    );
}

#[test]
fn a_guarantee_signed_over_cells_in_use_is_called_back_when_it_is_not_lent() {
    check(
        "pool 2\ncontract a own 1 borrow 0 lend 0\nheld w1 owner 2 since 10 0=own 1=own",
        expect![[r#"
        w1 holds 0=a 1=own
        w1 leaves: Recall
    "#]],
    );
}
