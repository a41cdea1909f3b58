//! Shapes of accelerators.

use super::check;
use expect_test::expect;

#[test]
fn a_guarantee_holds_in_shape() {
    check(
        "pool tpu-pods 2
         contract a own 4x4x8 lend 1000
         contract b own 2:cubes own 2x2x4 borrow 64
         contract c own 2:pods
         submit w1 owner 1
         submit w2 owner 1:pod
         submit w3 a 4x4x8
         submit w4 b 2x2x4
         submit w5 b 2x2x4
         submit w6 b 2x4x4
         submit w7 b 3x3x3",
        expect![[r#"
            contract a own 4x4x8 lend 1000
              bound: 139+64 a, 203+64 a
            contract b own 2:cubes own 2x2x4 borrow 64
              bound: 267+64 b, 331+64 b, 395+16 b
            contract c own 2:pods
              c does not fit
            submit w1 owner 1
              w1 gets 411+1 own
            submit w2 owner 1:pod
            submit w3 a 4x4x8
              w3 gets 139+128 own
            submit w4 b 2x2x4
              w4 gets 395+16 own
            submit w5 b 2x2x4
              w5 gets 267+16 own
            submit w6 b 2x4x4
              w6 gets 299+32 own
            submit w7 b 3x3x3
              w7: Unknown(Block([3, 3, 3]))
        "#]],
    );
}

#[test]
fn a_recall_frees_one_cell_of_the_promised_shape() {
    check(
        "pool tpu-pods 1
         contract a own 2:cubes lend 1000
         contract b borrow 1000
         submit w1 owner 2:cubes
         submit w2 b 2x2x4
         submit w3 b 2x4x4
         at 50
         submit w4 b 1:cube
         at 60
         submit w5 a 1:cube
         again w4",
        expect![[r#"
            contract a own 2:cubes lend 1000
              bound: 70+64 a, 134+64 a
            contract b borrow 1000
            submit w1 owner 2:cubes
              w1 gets 198+128 own
            submit w2 b 2x2x4
              w2 gets 70+16 of a
            submit w3 b 2x4x4
              w3 gets 102+32 of a
            at 50
            submit w4 b 1:cube
              w4 gets 134+64 of a
            at 60
            submit w5 a 1:cube
              w4 leaves: Recall
            again w4
              w5 gets 134+64 own
        "#]],
    );
}

#[test]
fn domains_hosts_and_racks_of_gpus() {
    check(
        "pool nvl72 2
         contract a own 1:domain lend 72
         submit w1 owner 3:hosts
         submit w2 owner 8
         submit w3 a 1:domain
         submit w4 owner 1:domain
         why w4",
        expect![[r#"
            contract a own 1:domain lend 72
              bound: 39+72 a
            submit w1 owner 3:hosts
              w1 gets 111+12 own
            submit w2 owner 8
              w2 gets 123+8 own
            submit w3 a 1:domain
              w3 gets 39+72 own
            submit w4 owner 1:domain
            why w4
              w4: busy, 0 free
        "#]],
    );
    check(
        "pool gpu-hosts 8
         contract a own 1:rack
         submit w1 owner 2
         submit w2 owner 3
         submit w3 owner 1:host
         submit w4 owner 1:rack
         why w4
         submit w5 a 1:rack",
        expect![[r#"
            contract a own 1:rack
              bound: 11+32 a
            submit w1 owner 2
              w1 gets 43+2 own
            submit w2 owner 3
              w2 gets 47+3 own
            submit w3 owner 1:host
              w3 gets 51+8 own
            submit w4 owner 1:rack
            why w4
              w4: busy, 0 free
            submit w5 a 1:rack
              w5 gets 11+32 own
        "#]],
    );
}

#[test]
fn boxes_of_a_fixed_torus_turn_and_wrap() {
    check(
        "pool torus-cubes 16
         submit w1 owner 1:cube
         submit w2 owner 8x8x8
         submit w3 owner 4x8x4
         submit w4 owner 8x8x16
         why w4
         end w2
         end w1
         end w3",
        expect![[r#"
            submit w1 owner 1:cube
              w1 gets 273+64 own
            submit w2 owner 8x8x8
              w2 gets 337+128 own, 593+128 own, 849+128 own, 1105+128 own
            submit w3 owner 4x8x4
              w3 gets 529+64 own, 721+64 own
            submit w4 owner 8x8x16
            why w4
              w4: busy, 0 free
            end w2
            end w1
            end w3
              w4 gets 273+1024 own
        "#]],
    );
}

#[test]
fn broken_chips_are_not_given_out() {
    check(
        "pool cores 4
         break 2 2
         submit w1 owner 2
         submit w2 owner 1
         why w2
         mend 3 1",
        expect![[r#"
            break 2 2
            submit w1 owner 2
              w1 gets 4+2 own
            submit w2 owner 1
            why w2
              w2: busy, 0 free
            mend 3 1
              w2 gets 3+1 own
        "#]],
    );
}

#[test]
fn a_smaller_request_of_the_same_kind_is_served_behind_one_that_failed() {
    check(
        "pool cores 8
         contract a borrow 8
         submit w1 owner 3
         submit w2 a 7
         submit w3 a 4",
        expect![[r#"
            contract a borrow 8
            submit w1 owner 3
              w1 gets 2+3 own
            submit w2 a 7
            submit w3 a 4
              w3 gets 6+4 of owner
        "#]],
    );
}

#[test]
fn groups_of_one_lender_count_together_against_its_limit() {
    check(
        "pool tpu-pods 3
         contract a own 2:pods lend 256
         contract b borrow 1000
         submit w1 owner 1:pod
         submit w2 b 2:pods
         why w2
         submit w3 b 1:pod",
        expect![[r#"
            contract a own 2:pods lend 256
              bound: 208+64 a, 272+64 a, 336+64 a, 400+64 a, 464+64 a, 528+64 a, 592+64 a, 656+64 a
            contract b borrow 1000
            submit w1 owner 1:pod
              w1 gets 720+256 own
            submit w2 b 2:pods
            why w2
              w2: busy, 1 free
            submit w3 b 1:pod
              w3 gets 208+256 of a
        "#]],
    );
}

#[test]
fn whoever_asks_behind_a_recall_under_way_gets_its_own_recall() {
    check(
        "pool cores 4
         contract a own 4 lend 4
         contract b borrow 4
         submit w1 b 2
         submit w2 b 2
         at 10
         submit w3 a 1
         submit w4 a 1
         submit w5 a 2
         why w5",
        expect![[r#"
            contract a own 4 lend 4
              bound: 2+4 a
            contract b borrow 4
            submit w1 b 2
              w1 gets 2+2 of a
            submit w2 b 2
              w2 gets 4+2 of a
            at 10
            submit w3 a 1
              w1 leaves: Recall
            submit w4 a 1
            submit w5 a 2
              w2 leaves: Recall
            why w5
              w5: recalled until 17 s
        "#]],
    );
}
