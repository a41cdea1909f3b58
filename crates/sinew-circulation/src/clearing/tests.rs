use super::share;

#[test]
fn shares_that_are_too_large_to_multiply_are_exact() {
    let big = i128::MAX / 4;
    assert_eq!(share(big, big, big), big);
    assert_eq!(share(big / 3, big, big), big / 3);
    assert_eq!(share(big - 1, big / 2, big), big / 2 - 1);
    assert_eq!(share(7, 3, 10), 2);
}

/// A chain: 3 pays 2 pays 1 pays 0, and 1 has outside means for most of what it owes.
#[test]
fn failures_come_in_rounds() {
    let owed = crate::Graph::new(4, [(3, 2, 100), (2, 1, 90), (1, 0, 200)]).expect("small sums");
    let found = crate::stress(&owed, &[], crate::Shock::Stops(3));
    let shown: Vec<_> = found.failures.iter().map(|one| (one.round, one.party, one.owed, one.paid)).collect();
    assert_eq!(shown, [(0, 3, 100, 0), (1, 2, 90, 0), (2, 1, 200, 110)]);
    let halved = crate::stress(&owed, &[(1, 0, 61), (3, 0, 20)], crate::Shock::Halves(0));
    let shown: Vec<_> =
        halved.failures.iter().map(|one| (one.round, one.party, one.owed, one.paid)).collect();
    // 1 had 110 of its own and loses 31 of it; 3 had 100 and loses 10, and 2 still has enough.
    assert_eq!(shown, [(1, 1, 200, 169), (1, 3, 100, 90)]);
}

#[test]
fn a_circle_without_means_pays_nothing_in_the_end() {
    let owed =
        crate::Graph::new(3, [(0, 1, 1_000_000), (1, 0, 1_000_000), (0, 2, 1_000)]).expect("small sums");
    let found = crate::clear(&owed, &[0, 0, 0], None);
    assert!(!found.settled || found.paid == [0, 0, 0], "{found:?}");
}
