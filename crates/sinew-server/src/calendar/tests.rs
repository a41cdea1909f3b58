//! Windows across changes of the clock, and where they do not fit.

use super::*;
use sinew_types::Span;

fn terms(starts: &str, ends: &str) -> Terms {
    let text = include_str!("terms.json");
    let wire: sinew_api::TermsWire = serde_json::from_str(text).expect("terms");
    let mut terms = wire.to_terms().expect("terms that read");
    (terms.starts, terms.ends) = (starts.parse().expect("a moment"), ends.parse().expect("a moment"));
    (terms.notice, terms.kill_grace, terms.hand_over) =
        (Span::from_ms(60_000), Span::from_ms(1), Span::from_ms(1));
    terms
}

fn windows(calendar: &str, terms: &Terms) -> Vec<String> {
    let expanded = expand(&calendar.parse().expect("a window"), terms).expect("a place");
    expanded.windows.iter().map(|window| format!("{} {}", window.starts, window.ends)).collect()
}

#[test]
fn a_night_is_nine_ten_or_eleven_hours_long() {
    let spring = terms("2026-03-27T12:00:00.000Z", "2026-03-30T12:00:00.000Z");
    assert_eq!(
        windows("daily 20:00-06:00 Europe/Zurich", &spring),
        [
            "2026-03-27T19:00:00.000Z 2026-03-28T05:00:00.000Z",
            "2026-03-28T19:00:00.000Z 2026-03-29T04:00:00.000Z",
            "2026-03-29T18:00:00.000Z 2026-03-30T04:00:00.000Z",
        ]
    );
    let autumn = terms("2026-10-24T12:00:00.000Z", "2026-10-25T12:00:00.000Z");
    assert_eq!(
        windows("daily 20:00-06:00 Europe/Zurich", &autumn),
        ["2026-10-24T18:00:00.000Z 2026-10-25T05:00:00.000Z"]
    );
}

#[test]
fn a_time_that_the_clock_skips_comes_after_the_change_and_one_that_comes_twice_comes_first() {
    // 02:30 does not exist on 29 March and is there twice on 25 October.
    let spring = terms("2026-03-29T00:00:00.000Z", "2026-03-29T12:00:00.000Z");
    assert_eq!(
        windows("sun 02:30-04:00 Europe/Zurich", &spring),
        ["2026-03-29T01:30:00.000Z 2026-03-29T02:00:00.000Z"]
    );
    let autumn = terms("2026-10-25T00:00:00.000Z", "2026-10-25T12:00:00.000Z");
    assert_eq!(
        windows("sun 02:30-04:00 Europe/Zurich", &autumn),
        ["2026-10-25T00:30:00.000Z 2026-10-25T03:00:00.000Z"]
    );
}

#[test]
fn windows_are_cut_at_the_dates_and_too_short_ones_left_out() {
    let some = terms("2026-01-05T09:59:30.000Z", "2026-01-06T08:30:00.000Z");
    let found = windows("mon-fri 08:00-10:00 UTC", &some);
    assert_eq!(
        found,
        ["2026-01-06T08:00:00.000Z 2026-01-06T08:30:00.000Z"],
        "30 s of Monday are left, and a recall takes 60 s"
    );
    assert_eq!(windows("sat,sun 00:00-24:00 UTC", &some), [""; 0]);
    let weekend = terms("2026-01-09T00:00:00.000Z", "2026-01-13T00:00:00.000Z");
    let found = windows("sat,sun 00:00-24:00 UTC", &weekend);
    assert_eq!(
        found,
        ["2026-01-10T00:00:00.000Z 2026-01-12T00:00:00.000Z"],
        "two days that touch are one window"
    );
}

#[test]
fn a_place_that_is_none_is_refused() {
    let calendar = "daily 20:00-06:00 Mars/Olympus".parse().expect("it reads");
    let wrong = expand(&calendar, &terms("2026-01-05T00:00:00.000Z", "2026-01-06T00:00:00.000Z"));
    assert!(wrong.expect_err("no such place").to_string().contains("Europe/Zurich"));
}

#[test]
fn more_than_twelve_years_of_nights_are_not_worked_out() {
    let ages = terms("2026-01-01", "2039-01-01");
    let wrong = expand(&"daily 20:00-06:00 UTC".parse().expect("a window"), &ages).expect_err("too long");
    assert!(wrong.to_string().contains("within twelve years"), "{wrong}");
}
