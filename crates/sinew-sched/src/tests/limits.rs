//! Work that says how long it runs at most.

use super::check;
use expect_test::expect;

#[test]
fn a_gang_is_told_in_time_for_its_limit() {
    check(
        "pool cores 2
         submit w1 owner 1 limit 60
         submit w2 owner 1 limit 3
         at 2
         again w2
         at 54
         at 55
         why w1
         end w1",
        expect![[r#"
            submit w1 owner 1 limit 60
              w1 gets 2+1 own
            submit w2 owner 1 limit 3
              w2 gets 3+1 own
              w2 leaves: Limit
            at 2
            again w2
              w2 gets 3+1 own
              w2 leaves: Limit
            at 54
            at 55
              w1 leaves: Limit
            why w1
              w1: runs
            end w1
        "#]],
    );
}

#[test]
fn a_large_gang_gets_a_start_and_small_work_fills_the_hole_before_it() {
    check(
        "pool cores 4
         submit w1 owner 3 limit 100
         submit w2 owner 4
         why w2
         submit w3 owner 1
         submit w4 owner 1 limit 60
         submit w5 owner 1 limit 99
         at 50
         end w4
         submit w6 owner 1 limit 40
         submit w7 owner 1 limit 50
         why w7
         end w6
         at 95
         end w1",
        expect![[r#"
            submit w1 owner 3 limit 100
              w1 gets 2+3 own
            submit w2 owner 4
              w2 planned on 2+4 by 102 s
            why w2
              w2: planned by 102 s after w1
            submit w3 owner 1
            submit w4 owner 1 limit 60
              w4 gets 5+1 own
            submit w5 owner 1 limit 99
            at 50
            end w4
            submit w6 owner 1 limit 40
              w6 gets 5+1 own
            submit w7 owner 1 limit 50
            why w7
              w7: behind w3
            end w6
              w7 gets 5+1 own
            at 95
              w1 leaves: Limit
              w7 leaves: Limit
            end w1
        "#]],
    );
}

#[test]
fn without_limits_nothing_is_planned() {
    check(
        "pool cores 4
         submit w1 owner 3
         submit w2 owner 4
         submit w3 owner 1
         why w2",
        expect![[r#"
            submit w1 owner 3
              w1 gets 2+3 own
            submit w2 owner 4
            submit w3 owner 1
              w3 gets 5+1 own
            why w2
              w2: busy, 0 free
        "#]],
    );
}

#[test]
fn a_planned_gang_starts_early_where_it_can_and_borrows_what_is_missing() {
    check(
        "pool cores 4
         contract a own 3 borrow 1
         submit w1 a 2 limit 100
         submit w2 owner 1
         submit w3 a 2
         why w3
         end w2",
        expect![[r#"
            contract a own 3 borrow 1
              bound: 2+3 a
            submit w1 a 2 limit 100
              w1 gets 2+2 own
            submit w2 owner 1
              w2 gets 5+1 own
            submit w3 a 2
              w3 planned on 2+2 by 102 s
            why w3
              w3: planned by 102 s after w1
            end w2
              w3 gets 4+1 own, 5+1 of owner
        "#]],
    );
}

#[test]
fn a_higher_priority_puts_a_plan_off_and_an_equal_one_does_not() {
    check(
        "pool cores 4
         submit w1 owner 2 limit 100
         submit w2 owner 4
         submit w3 owner 2
         submit w4 owner 2 priority 1
         why w2",
        expect![[r#"
            submit w1 owner 2 limit 100
              w1 gets 2+2 own
            submit w2 owner 4
              w2 planned on 2+4 by 102 s
            submit w3 owner 2
            submit w4 owner 2 priority 1
              w2 planned no more: Outranked
              w4 gets 4+2 own
            why w2
              w2: busy, 0 free
        "#]],
    );
}

#[test]
fn a_plan_is_off_when_its_cells_break_and_is_made_anew() {
    check(
        "pool cores 4
         submit w1 owner 2 limit 100
         submit w2 owner 3
         break 5 1
         why w2
         break 4 1
         why w2
         mend 4 1
         at 95
         end w1",
        expect![[r#"
            submit w1 owner 2 limit 100
              w1 gets 2+2 own
            submit w2 owner 3
              w2 planned on 2+3 by 102 s
            break 5 1
            why w2
              w2: planned by 102 s after w1
            break 4 1
              w2 planned no more: CellsFailed
            why w2
              w2: busy, 0 free
            mend 4 1
              w2 planned on 2+3 by 102 s
            at 95
              w1 leaves: Limit
            end w1
              w2 gets 2+3 own
        "#]],
    );
}

#[test]
fn loans_on_planned_cells_come_back_in_time() {
    check(
        "pool cores 4
         contract a own 4 lend 2
         contract b borrow 2 term 50
         submit w1 a 2 limit 100
         submit w2 b 2
         submit w3 a 4
         why w3
         at 99
         again w1
         at 100
         end w1
         again w2",
        expect![[r#"
            contract a own 4 lend 2
              bound: 2+4 a
            contract b borrow 2 term 50
            submit w1 a 2 limit 100
              w1 gets 2+2 own
            submit w2 b 2
              w2 gets 4+2 of a
            submit w3 a 4
              w3 planned on 2+4 by 102 s
            why w3
              w3: planned by 102 s after w1
            at 99
              w1 leaves: Limit
              w2 leaves: Recall
            again w1
            at 100
            end w1
            again w2
              w3 gets 2+4 own
        "#]],
    );
}

#[test]
fn a_plan_holds_in_shape() {
    check(
        "pool tpu-pods 1
         submit w1 owner 4x4x4 limit 100
         submit w2 owner 2x2x4 limit 300
         submit w3 owner 4x4x4 limit 200
         submit w4 owner 4x4x4
         submit w5 owner 4x4x8
         why w5
         submit w6 owner 2x2x1",
        expect![[r#"
            submit w1 owner 4x4x4 limit 100
              w1 gets 70+64 own
            submit w2 owner 2x2x4 limit 300
              w2 gets 134+16 own
            submit w3 owner 4x4x4 limit 200
              w3 gets 198+64 own
            submit w4 owner 4x4x4
              w4 gets 262+64 own
            submit w5 owner 4x4x8
              w5 planned on 70+64, 198+64 by 202 s
            why w5
              w5: planned by 202 s after w3
            submit w6 owner 2x2x1
              w6 gets 150+4 own
        "#]],
    );
}
