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
