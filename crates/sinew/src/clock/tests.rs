use super::*;

#[test]
fn times_are_shown_in_a_zone() {
    let at: Instant = "2026-11-22T23:30:08.250Z".parse().expect("a time");
    assert_eq!(shown(at, 3_600), "2026-11-23 00:30:08 +01:00");
    assert_eq!(shown(at, -16_200), "2026-11-22 19:00:08 -04:30");
    assert_eq!(shown(at, 0), "2026-11-22 23:30:08 +00:00");
}

#[test]
fn an_end_may_be_a_time_or_a_span() {
    let now = Instant::from_ms(0);
    assert_eq!(time_or_span("30d", now), Ok(Instant::from_ms(30 * 86_400_000)));
    assert_eq!(time_or_span("1970-01-02", now), Ok(Instant::from_ms(86_400_000)));
    let wrong = time_or_span("tomorrow", now).expect_err("no time").to_string();
    assert!(wrong.contains("`tomorrow` is not a UTC time"), "{wrong}");
    assert!(wrong.contains("such as 30d"), "{wrong}");
}
