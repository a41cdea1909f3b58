//! The tables beside the definition, and a few remainders worked out by hand.

use super::*;

fn share(text: &str) -> Share {
    text.parse().expect("a share")
}

fn mix() -> Mix {
    let counts = [
        ("1x460m 4000m 0Mi", 5),
        ("1x540m 12000m 0Mi on 1", 2),
        ("1x1000m 8000m 0Mi", 9),
        ("2x1000m 20000m 0Mi on 0", 3),
        ("4x1000m 16000m 0Mi", 1),
        ("0x0m 8000m 0Mi", 7),
    ];
    Mix::of(&counts.map(|(text, count)| (share(text), count)), 10)
}

fn left(model: u32, cpu_milli: u32, parts: &[u32]) -> Left {
    let mut left = Left::new(model, cpu_milli);
    parts.iter().for_each(|parts| left.push(*parts));
    left
}

/// The measure as its definition says it, kind by kind.
fn lost_by_definition(mix: &Mix, left: &Left) -> i64 {
    let whole: i64 = left.parts().iter().map(|parts| i64::from(*parts) * mix.each_milli * ONE).sum();
    let end: i64 = left.parts().iter().map(|parts| mix.ends[*parts as usize]).sum();
    let mut sum = 0;
    for kind in &mix.kinds {
        let wanted = kind.models == Share::ANY_MODEL || kind.models & left.model != 0;
        let fits = left.parts().iter().filter(|parts| **parts >= kind.parts).count();
        let able = wanted && kind.cpu_milli <= left.cpu_milli && fits >= kind.devices as usize;
        sum += i128::from(kind.count) * i128::from(if able { end } else { whole });
    }
    i64::try_from(sum / i128::from(mix.devices_count)).expect("a small number")
}

#[test]
fn tables_say_what_the_definition_says() {
    let mix = mix();
    for model in [1, 2, 4] {
        for cpu_milli in [0, 3_999, 4_000, 8_000, 12_500, 16_000, 64_000] {
            for parts in
                [&[][..], &[0, 0], &[46], &[54, 100], &[100, 100], &[100; 4], &[7, 99, 100, 100, 100]]
            {
                let left = left(model, cpu_milli, parts);
                assert_eq!(mix.lost(&left), lost_by_definition(&mix, &left), "{left:?}");
            }
        }
    }
}

#[test]
fn a_remainder_that_nothing_fits_is_lost_and_one_that_is_filled_is_not() {
    let ends = mix().ends;
    assert_eq!(ends[45], 450 * ONE);
    assert!(ends[46] < 30 * ONE, "a 460 comes for sure: {}", ends[46]);
    assert!(ends[100] < ends[99], "a whole device ends better than one with a scratch");
    assert_eq!(ends[0], 0);
}

#[test]
fn nobody_came_yet_and_whole_hosts_are_as_good_as_any() {
    let none = Mix::default();
    assert_eq!(none.lost(&left(1, 1_000, &[100])), 0);
    let idle = Mix::of(&[(share("0x0m 8000m 0Mi"), 4)], 10);
    assert_eq!(idle.lost(&left(1, 1_000, &[100])), 1_000 * ONE);
}

#[test]
fn the_published_score_is_a_logistic_curve_in_hundredths() {
    // 100 / (1 + e^-x), cut off.
    let scores = [(-10_000, 0), (-1_000, 26), (-1, 49), (0, 50), (1, 50), (1_000, 73), (10_000, 99)];
    for (milli, score) in scores {
        assert_eq!(published(milli * ONE), score, "{milli}");
    }
}

#[test]
fn more_requests_than_anybody_will_see_overflow_nothing() {
    let many = Mix::of(&[(share("1x460m 4000m 0Mi"), u64::from(u32::MAX)), (share("1x1000m 1m 0Mi"), 1)], 8);
    assert!(many.lost(&left(1, 4_000, &[125; 125])) >= 0);
}
