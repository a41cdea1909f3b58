//! Stories of hardware that fails and comes back.

use super::check;
use expect_test::expect;

#[test]
fn a_promise_moves_to_a_spare_and_the_owner_keeps_what_is_broken() {
    check(
        "pool gpu-hosts 4
         contract a own 2:host
         break 6 1
         submit w1 a 2:host
         mend 6 1",
        expect![[r#"
            contract a own 2:host
              bound: 6+8 a, 14+8 a
            break 6 1
              bound: 6+8 owner, 22+8 a
            submit w1 a 2:host
              w1 gets 14+16 own
            mend 6 1
        "#]],
    );
}

#[test]
fn without_a_spare_a_guarantee_is_short_until_the_cells_are_back() {
    check(
        "pool cores 3
         contract a own 2
         contract b own 1
         break 2 1
         submit w1 a 2
         why w1
         submit w2 a 1
         mend 2 1",
        expect![[r#"
            contract a own 2
              bound: 2+2 a
            contract b own 1
              bound: 4+1 b
            break 2 1
              a misses 1 chips
            submit w1 a 2
            why w1
              w1: 1 chips of the guarantee are missing
            submit w2 a 1
              w2 gets 3+1 own
            mend 2 1
              a misses 0 chips
        "#]],
    );
}

#[test]
fn work_that_what_is_whole_cannot_hold_keeps_nobody_from_it() {
    let mut story = super::Story::new("cores", 3);
    for line in ["contract a own 3 lend 2", "contract b borrow 2", "submit w0 b 2", "break 4 1"] {
        story.line(line);
        story.settle();
    }
    story.told = "both stand in line before anything is looked at\n".to_owned();
    story.line("submit w1 a 3 priority 9");
    story.line("submit w2 a 2");
    story.settle();
    expect![[r#"
        both stand in line before anything is looked at
          w0 leaves: Recall
    "#]]
    .assert_eq(&story.told);
}

#[test]
fn a_contract_that_ends_leaves_spares() {
    check(
        "pool cores 2
         contract a own 1
         contract b own 1
         break 2 1
         over b",
        expect![[r#"
            contract a own 1
              bound: 2+1 a
            contract b own 1
              bound: 3+1 b
            break 2 1
              a misses 1 chips
            over b
              bound: 3+1 owner
              bound: 2+1 owner, 3+1 a
              a misses 0 chips
        "#]],
    );
}

#[test]
fn a_spare_that_is_lent_is_recalled_like_any_loan() {
    check(
        "pool cores 3
         contract a own 1 lend 1
         contract b borrow 2
         submit w1 b 2
         break 2 1
         submit w2 a 1
         again w1",
        expect![[r#"
            contract a own 1 lend 1
              bound: 2+1 a
            contract b borrow 2
            submit w1 b 2
              w1 gets 3+2 of owner
            break 2 1
              bound: 2+1 owner, 3+1 a
              w1 holds 3+1 of a, 4+1 of owner
            submit w2 a 1
              w1 leaves: Recall
            again w1
              w2 gets 3+1 own
        "#]],
    );
}

#[test]
fn joined_cubes_keep_the_healthy_ones() {
    check(
        "pool tpu-pods 2
         contract a own 4x4x12
         break 150 1
         break 214 1
         break 278 1
         break 342 1",
        expect![[r#"
            contract a own 4x4x12
              bound: 139+64 a, 203+64 a, 267+64 a
            break 150 1
              bound: 139+64 owner, 331+64 a
            break 214 1
              bound: 203+64 owner, 267+64 owner, 331+64 owner, 395+64 a, 459+64 a, 523+64 a
            break 278 1
            break 342 1
        "#]],
    );
}

#[test]
fn a_whole_rack_that_fails_moves_whole() {
    check(
        "pool gpu-hosts 12
         contract a own 1:rack
         break 16 32
         break 50 1
         break 90 1
         mend 16 32",
        expect![[r#"
            contract a own 1:rack
              bound: 16+32 a
            break 16 32
              bound: 16+32 owner, 48+32 a
            break 50 1
              bound: 48+32 owner, 80+32 a
            break 90 1
              a misses 32 chips
            mend 16 32
              bound: 16+32 a, 80+32 owner
              a misses 0 chips
        "#]],
    );
}

#[test]
fn what_was_kept_for_a_gang_is_let_go_when_it_breaks() {
    check(
        "pool cores 2
         contract b borrow 2
         submit w1 b 2
         submit w2 owner 1
         why w2
         break 2 2
         why w2
         again w1
         mend 2 2",
        expect![[r#"
            contract b borrow 2
            submit w1 b 2
              w1 gets 2+2 of owner
            submit w2 owner 1
              w1 leaves: Recall
            why w2
              w2: recalled until 7 s
            break 2 2
            why w2
              w2: busy, 0 free
            again w1
            mend 2 2
              w2 gets 2+1 own
        "#]],
    );
}

#[test]
fn a_box_whose_cubes_others_took_moves_or_is_said_to_be_missing() {
    check(
        "pool torus-cubes 28
         contract a own 4x4x8 own 4x4x8
         break 477 1
         submit w1 a 4x4x8
         submit w2 a 4x4x8",
        expect![[r#"
            contract a own 4x4x8 own 4x4x8
              bound: 477+64 a, 541+64 a, 605+64 a, 669+64 a
            break 477 1
              bound: 477+64 owner, 733+64 a
            submit w1 a 4x4x8
              w1 gets 541+128 own
            submit w2 a 4x4x8
              w2 gets 669+128 own
        "#]],
    );
}

#[test]
fn the_same_shortfall_is_said_once_even_where_another_is_recorded() {
    let mut story = super::Story::new("cores", 2);
    story.line("contract a own 2");
    story.settle();
    story.line("break 2 1");
    let said = |story: &mut super::Story| {
        let action = story.engine.next(story.now)?;
        let crate::Action::Impair { account, missing_chips } = action else { panic!("{action:?}") };
        story.engine.impaired(account, 2);
        Some(missing_chips)
    };
    assert_eq!(said(&mut story), Some(1));
    assert_eq!(said(&mut story), None);
    story.line("mend 2 1");
    assert_eq!(said(&mut story), Some(0));
    assert_eq!(said(&mut story), None);
}

#[test]
fn a_guarantee_without_cells_is_missing_until_there_are_some() {
    let mut story = super::Story::new("cores", 2);
    story.line("contract b own 1");
    story.settle();
    story.told = "a own 2\n".to_owned();
    let promised = [(crate::Item::Chip, 2)];
    story.engine.set_account(super::account("a"), super::entitlement(), &promised);
    story.settle();
    story.line("over b");
    story.settle();
    expect![[r#"
        a own 2
          a misses 2 chips
          bound: 2+1 owner
          bound: 2+2 a
          a misses 0 chips
    "#]]
    .assert_eq(&story.told);
}
