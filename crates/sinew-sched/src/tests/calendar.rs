//! Windows: what is lent between them comes back in time. Every recall bound is 7 s.

use super::check;
use expect_test::expect;

#[test]
fn a_loan_against_a_coming_window_is_recalled_in_time() {
    check(
        "pool cores 4
         contract a own 2 window 100..200 window 300..400
         contract b borrow 4
         submit w1 b 2
         submit w2 b 2
         submit w3 a 2
         why w3
         at 92
         at 93
         again w2
         why w3
         at 100
         at 200
         again w3
         why w3
         at 292
         at 293
         again w2
         at 300",
        expect![[r#"
            contract a own 2 window 100..200 window 300..400
              bound: 2+2 a
            contract b borrow 4
            submit w1 b 2
              w1 gets 4+2 of owner
            submit w2 b 2
              w2 gets 2+2 of a
            submit w3 a 2
            why w3
              w3: from 100 s on
            at 92
            at 93
              w2 leaves: Recall
            again w2
            why w3
              w3: from 100 s on
            at 100
              w3 gets 2+2 own
            at 200
              w3 leaves: ContractEnds
            again w3
              w2 gets 2+2 of a
            why w3
              w3: from 300 s on
            at 292
            at 293
              w2 leaves: Recall
            again w2
            at 300
              w3 gets 2+2 own
        "#]],
    );
}

#[test]
fn nobody_is_told_to_leave_for_a_window_that_nobody_waits_for() {
    check(
        "pool cores 4
         contract a own 2 lend 1 window 100..200
         contract b borrow 4
         submit w1 b 1
         submit w2 b 1
         submit w3 b 2
         at 50
         at 93
         at 100
         again w1
         why w1
         end w3
         at 200
         again w2",
        expect![[r#"
            contract a own 2 lend 1 window 100..200
              bound: 2+2 a
            contract b borrow 4
            submit w1 b 1
              w1 gets 4+1 of owner
            submit w2 b 1
              w2 gets 2+1 of a
            submit w3 b 2
              w3 gets 3+1 of a, 5+1 of owner
            at 50
            at 93
              w2 leaves: Recall
            at 100
            again w1
              w1 gets 4+1 of owner
            why w1
              w1: runs
            end w3
            at 200
            again w2
              w2 gets 2+1 of a
        "#]],
    );
}

#[test]
fn what_waits_is_prepared_on_idle_cells_and_starts_with_the_window() {
    check(
        "pool cores 2
         contract a own 2 window 100..200
         submit w1 a 1
         submit w2 a 1
         submit w3 a 1
         at 95
         submit w4 owner 1
         why w4
         at 100
         end w1
         at 200
         end w2
         end w3
         why w4",
        expect![[r#"
            contract a own 2 window 100..200
              bound: 2+2 a
            submit w1 a 1
            submit w2 a 1
            submit w3 a 1
            at 95
            submit w4 owner 1
            why w4
              w4: busy, 0 free
            at 100
              w1 gets 3+1 own
              w2 gets 2+1 own
            end w1
              w3 gets 3+1 own
            at 200
              w2 leaves: ContractEnds
              w3 leaves: ContractEnds
            end w2
              w4 gets 2+1 of a
            end w3
            why w4
              w4: runs
        "#]],
    );
}

#[test]
fn a_loan_that_would_be_safe_into_the_window_is_not_made_between_windows() {
    check(
        "pool cores 2
         contract a own 2 lend 0 window 100..200 window 300..400
         contract b borrow 2 term 1000
         contract c borrow 2 term 20
         at 60
         submit w2 c 1
         end w2
         at 90
         submit w1 b 2
         submit w3 a 2
         at 100
         at 200",
        expect![[r#"
            contract a own 2 lend 0 window 100..200 window 300..400
              bound: 2+2 a
            contract b borrow 2 term 1000
            contract c borrow 2 term 20
            at 60
            submit w2 c 1
              w2 gets 2+1 of a
            end w2
            at 90
            submit w1 b 2
            submit w3 a 2
            at 100
              w3 gets 2+2 own
            at 200
              w3 leaves: ContractEnds
        "#]],
    );
}

#[test]
fn a_loan_inside_its_minimum_term_is_recalled_when_that_ends_before_the_window() {
    check(
        "pool cores 2
         contract a own 2 lend 2 window 100..200
         contract b borrow 2 term 36
         at 60
         submit w1 b 2
         submit w3 a 2
         at 93
         at 95
         at 96
         again w1
         at 100",
        expect![[r#"
            contract a own 2 lend 2 window 100..200
              bound: 2+2 a
            contract b borrow 2 term 36
            at 60
            submit w1 b 2
              w1 gets 2+2 of a
            submit w3 a 2
            at 93
            at 95
            at 96
              w1 leaves: Recall
            again w1
            at 100
              w3 gets 2+2 own
        "#]],
    );
}

#[test]
fn cells_that_were_collected_for_a_window_slept_through_are_let_go() {
    check(
        "pool cores 2
         contract a own 2 window 100..200 window 300..400
         contract b borrow 2
         submit w3 a 2
         at 95
         at 250
         submit w1 b 2
         at 293
         again w1
         at 300",
        expect![[r#"
            contract a own 2 window 100..200 window 300..400
              bound: 2+2 a
            contract b borrow 2
            submit w3 a 2
            at 95
            at 250
            submit w1 b 2
              w1 gets 2+2 of a
            at 293
              w1 leaves: Recall
            again w1
            at 300
              w3 gets 2+2 own
        "#]],
    );
}

#[test]
fn a_longer_recall_prepares_every_window_earlier_until_its_contract_is_over() {
    check(
        "pool cores 2
         contract a own 2 lend 0 window 100..200 window 300..400
         contract c borrow 2
         submit w1 c 1
         submit w3 a 2
         submit w4 a 2
         at 60
         contract b borrow 2 recall 60
         again w1
         over b
         why w3
         at 93",
        expect![[r#"
            contract a own 2 lend 0 window 100..200 window 300..400
              bound: 2+2 a
            contract c borrow 2
            submit w1 c 1
              w1 gets 2+1 of a
            submit w3 a 2
            submit w4 a 2
            at 60
            contract b borrow 2 recall 60
              w1 leaves: Recall
            again w1
            over b
              w1 gets 2+1 of a
            why w3
              w3: from 100 s on
            at 93
              w1 leaves: Recall
        "#]],
    );
}
