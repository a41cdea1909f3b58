//! Stories of a pool in text: what happens on the left, what the scheduler does about it on the right. Times are in
//! seconds; every recall bound is 7 s, 5 s of them notice.

use crate::*;
use expect_test::expect;
use story::{Story, account, check, entitlement};

mod agreement;
mod calendar;
mod failures;
mod limits;
mod packing;
mod random;
mod shapes;
mod sharing;
mod story;
mod written;

#[test]
fn own_first_then_borrowed() {
    check(
        "pool cores 2
         contract a own 1 borrow 1 lend 1
         submit w1 a 1..2",
        expect![[r#"
            contract a own 1 borrow 1 lend 1
              bound: 2+1 a
            submit w1 a 1..2
              w1 gets 2+1 own, 3+1 of owner
        "#]],
    );
}

#[test]
fn an_owner_gets_its_core_back_and_the_gang_goes_on_smaller_and_grows_again() {
    check(
        "pool cores 2
         contract a own 1 borrow 1 lend 1
         submit w1 a 1..2
         submit w2 owner 1
         why w2
         again w1
         end w2
         at 20",
        expect![[r#"
            contract a own 1 borrow 1 lend 1
              bound: 2+1 a
            submit w1 a 1..2
              w1 gets 2+1 own, 3+1 of owner
            submit w2 owner 1
              w1 leaves: Recall
            why w2
              w2: recalled until 7 s
            again w1
              w2 gets 3+1 own
              w1 gets 2+1 own
            end w2
            at 20
              w1 leaves: Grow
        "#]],
    );
}

#[test]
fn limits_of_lending_and_borrowing_hold() {
    check(
        "pool cores 4
         contract a own 4 lend 1
         contract b borrow 4
         submit w1 b 1
         submit w2 b 1
         why w2",
        expect![[r#"
            contract a own 4 lend 1
              bound: 2+4 a
            contract b borrow 4
            submit w1 b 1
              w1 gets 2+1 of a
            submit w2 b 1
            why w2
              w2: busy, 0 free
        "#]],
    );
    check(
        "pool cores 4
         contract b borrow 2
         submit w1 b 2
         submit w2 b 1
         why w2",
        expect![[r#"
            contract b borrow 2
            submit w1 b 2
              w1 gets 2+2 of owner
            submit w2 b 1
            why w2
              w2: busy, 0 free
        "#]],
    );
}

#[test]
fn what_is_recalled_is_not_lent_again_meanwhile() {
    check(
        "pool cores 3
         contract a own 1 borrow 2 lend 1
         submit w1 a 2
         submit w2 owner 2
         submit w3 a 1
         why w3
         again w1",
        expect![[r#"
            contract a own 1 borrow 2 lend 1
              bound: 2+1 a
            submit w1 a 2
              w1 gets 2+1 own, 3+1 of owner
            submit w2 owner 2
              w1 leaves: Recall
            submit w3 a 1
            why w3
              w3: busy, 0 free
            again w1
              w2 gets 3+2 own
              w3 gets 2+1 own
        "#]],
    );
}

#[test]
fn a_loan_moves_to_an_idle_lender_instead_of_being_recalled() {
    check(
        "pool cores 3
         contract a own 1 lend 1
         contract b borrow 1
         submit w3 owner 2
         submit w1 b 1
         end w3
         submit w2 a 1",
        expect![[r#"
            contract a own 1 lend 1
              bound: 2+1 a
            contract b borrow 1
            submit w3 owner 2
              w3 gets 3+2 own
            submit w1 b 1
              w1 gets 2+1 of a
            end w3
            submit w2 a 1
              bound: 3+1 a, 2+1 owner
              w1 holds 2+1 of owner
              w2 gets 3+1 own
        "#]],
    );
}

#[test]
fn the_victims_lose_least_and_go_whole() {
    check(
        "pool cores 4
         contract a borrow 4
         submit w1 a 2
         at 60
         submit w3 a 1
         at 80
         submit w2 a 1
         at 100
         submit w4 owner 2",
        expect![[r#"
            contract a borrow 4
            submit w1 a 2
              w1 gets 2+2 of owner
            at 60
            submit w3 a 1
              w3 gets 4+1 of owner
            at 80
            submit w2 a 1
              w2 gets 5+1 of owner
            at 100
            submit w4 owner 2
              w3 leaves: Recall
              w2 leaves: Recall
        "#]],
    );
}

#[test]
fn priority_goes_first_and_small_work_passes_what_never_fits() {
    check(
        "pool cores 1
         submit w0 owner 1
         submit w1 owner 1
         submit w2 owner 1 priority 5
         submit w3 owner 8
         why w1
         why w3
         end w0",
        expect![[r#"
            submit w0 owner 1
              w0 gets 2+1 own
            submit w1 owner 1
            submit w2 owner 1 priority 5
            submit w3 owner 8
            why w1
              w1: behind w2
            why w3
              w3: never fits 1 chips
            end w0
              w2 gets 2+1 own
        "#]],
    );
}

#[test]
fn small_work_of_lower_priority_does_not_starve_large_work_of_higher_priority() {
    check(
        "pool cores 3
         contract a own 2
         submit w1 a 1
         submit w2 a 2 priority 9
         submit w3 a 1
         why w3
         end w1
         end w2",
        expect![[r#"
            contract a own 2
              bound: 2+2 a
            submit w1 a 1
              w1 gets 2+1 own
            submit w2 a 2 priority 9
            submit w3 a 1
            why w3
              w3: behind w2
            end w1
              w2 gets 2+2 own
            end w2
              w3 gets 2+1 own
        "#]],
    );
}

#[test]
fn an_account_gets_its_own_back_to_grow() {
    check(
        "pool cores 2
         contract a own 2 lend 2
         contract b borrow 2
         submit w2 b 1
         submit w1 a 1..2
         at 20
         again w2",
        expect![[r#"
            contract a own 2 lend 2
              bound: 2+2 a
            contract b borrow 2
            submit w2 b 1
              w2 gets 2+1 of a
            submit w1 a 1..2
              w1 gets 3+1 own
            at 20
              w2 leaves: Recall
            again w2
              w1 leaves: Grow
        "#]],
    );
}

#[test]
fn borrowed_cells_become_own_when_the_guarantee_is_idle() {
    check(
        "pool cores 2
         contract a own 1 borrow 1 lend 1
         submit w1 a 1
         submit w2 a 1
         end w1",
        expect![[r#"
            contract a own 1 borrow 1 lend 1
              bound: 2+1 a
            submit w1 a 1
              w1 gets 2+1 own
            submit w2 a 1
              w2 gets 3+1 of owner
            end w1
              bound: 3+1 a, 2+1 owner
              w2 holds 3+1 own
        "#]],
    );
}

#[test]
fn a_new_guarantee_turns_the_owners_use_into_a_loan() {
    check(
        "pool cores 2
         submit w1 owner 2
         contract a own 1 lend 1",
        expect![[r#"
            submit w1 owner 2
              w1 gets 2+2 own
            contract a own 1 lend 1
              bound: 2+1 a
              w1 holds 2+1 of a, 3+1 own
        "#]],
    );
    check(
        "pool cores 2
         submit w1 owner 2
         contract a own 1 lend 0",
        expect![[r#"
            submit w1 owner 2
              w1 gets 2+2 own
            contract a own 1 lend 0
              bound: 2+1 a
              w1 holds 2+1 of a, 3+1 own
              w1 leaves: Recall
        "#]],
    );
}

#[test]
fn contracts_begin_and_close_in_time() {
    check(
        "pool cores 2
         contract a own 1 borrow 1 lend 1 starts 10 closes 50
         submit w1 a 1..2
         why w1
         at 10
         at 50
         submit w2 a 1
         why w2
         end w1
         over a",
        expect![[r#"
            contract a own 1 borrow 1 lend 1 starts 10 closes 50
              bound: 2+1 a
            submit w1 a 1..2
            why w1
              w1: from 10 s on
            at 10
              w1 gets 2+1 own, 3+1 of owner
            at 50
              w1 leaves: ContractEnds
            submit w2 a 1
            why w2
              w2: too late
            end w1
            over a
              bound: 2+1 owner
        "#]],
    );
}

#[test]
fn a_loan_is_safe_in_its_minimum_term() {
    check(
        "pool cores 2
         contract b borrow 2 term 30
         submit w1 b 2
         at 10
         submit w2 owner 1
         why w2
         at 30",
        expect![[r#"
            contract b borrow 2 term 30
            submit w1 b 2
              w1 gets 2+2 of owner
            at 10
            submit w2 owner 1
              w2 planned on 2+1 by 37 s
            why w2
              w2: planned by 37 s
            at 30
              w1 leaves: Recall
        "#]],
    );
}
