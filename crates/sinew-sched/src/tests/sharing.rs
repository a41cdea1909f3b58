//! Who gets what others leave idle.

use super::check;
use expect_test::expect;

#[test]
fn weights_decide_who_borrows_next() {
    // a weighs two, b one: two for a, one for b.
    check(
        "pool cores 6
         contract a borrow 9
         contract b borrow 9
         share a A 2
         share b B 1
         submit w1 owner 6
         submit w11 a 1
         submit w12 a 1
         submit w13 a 1
         submit w14 a 1
         submit w15 a 1
         submit w21 b 1
         submit w22 b 1
         submit w23 b 1
         end w1",
        expect![[r#"
            contract a borrow 9
            contract b borrow 9
            share a A 2
            share b B 1
            submit w1 owner 6
              w1 gets 2+6 own
            submit w11 a 1
            submit w12 a 1
            submit w13 a 1
            submit w14 a 1
            submit w15 a 1
            submit w21 b 1
            submit w22 b 1
            submit w23 b 1
            end w1
              w11 gets 2+1 of owner
              w21 gets 3+1 of owner
              w12 gets 4+1 of owner
              w13 gets 5+1 of owner
              w22 gets 6+1 of owner
              w14 gets 7+1 of owner
        "#]],
    );
}

#[test]
fn branches_share_before_their_members_do() {
    // Two labs of one university together get what the company gets alone.
    check(
        "pool cores 4
         contract a borrow 9
         contract b borrow 9
         contract c borrow 9
         share a U 1 A 1
         share b U 1 B 1
         share c C 1
         submit w1 owner 4
         submit w11 a 1
         submit w12 a 1
         submit w21 b 1
         submit w22 b 1
         submit w31 c 1
         submit w32 c 1
         end w1",
        expect![[r#"
            contract a borrow 9
            contract b borrow 9
            contract c borrow 9
            share a U 1 A 1
            share b U 1 B 1
            share c C 1
            submit w1 owner 4
              w1 gets 2+4 own
            submit w11 a 1
            submit w12 a 1
            submit w21 b 1
            submit w22 b 1
            submit w31 c 1
            submit w32 c 1
            end w1
              w11 gets 2+1 of owner
              w31 gets 3+1 of owner
              w21 gets 4+1 of owner
              w32 gets 5+1 of owner
        "#]],
    );
}

#[test]
fn what_was_held_yesterday_counts_and_fades() {
    check(
        "pool cores 2
         contract a borrow 9
         contract b borrow 9
         submit w1 a 2
         at 86400
         end w1
         submit w2 owner 2
         submit w11 a 1
         submit w12 a 1
         submit w21 b 1
         submit w22 b 1
         end w2
         at 900000
         end w21
         end w22",
        expect![[r#"
            contract a borrow 9
            contract b borrow 9
            submit w1 a 2
              w1 gets 2+2 of owner
            at 86400
            end w1
            submit w2 owner 2
              w2 gets 2+2 own
            submit w11 a 1
            submit w12 a 1
            submit w21 b 1
            submit w22 b 1
            end w2
              w21 gets 2+1 of owner
              w11 gets 3+1 of owner
            at 900000
            end w21
              w22 gets 2+1 of owner
            end w22
              w12 gets 2+1 of owner
        "#]],
    );
}

#[test]
fn who_has_had_much_stands_behind_newcomers_for_a_while() {
    // w1 has had three chip-hours and stands in line as if it had come an hour later than it did.
    check(
        "pool cores 1
         submit w1 owner 1
         at 1000
         submit w2 owner 1
         at 4000
         submit w3 owner 1
         at 10800
         again w1
         end w2
         end w1
         end w3",
        expect![[r#"
            submit w1 owner 1
              w1 gets 2+1 own
            at 1000
            submit w2 owner 1
            at 4000
            submit w3 owner 1
            at 10800
            again w1
              w2 gets 2+1 own
            end w2
              w1 gets 2+1 own
            end w1
              w3 gets 2+1 own
            end w3
        "#]],
    );
}
