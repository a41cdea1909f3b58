//! The time now, and times in the reader's zone.

use sinew_types::{Instant, Span};
use std::time::{SystemTime, UNIX_EPOCH};

/// The time now.
pub(crate) fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A UTC time of the wire, as the reader's clock shows it; as it is, where it is no time.
pub(crate) fn local(text: &str) -> String {
    let Ok(at) = text.parse::<Instant>() else { return text.to_owned() };
    shown(at, offset_s(at))
}

/// Reads a time such as `2026-11-22T17:30:08Z`, or a span such as `30d` from `now` on.
pub(crate) fn time_or_span(text: &str, now: Instant) -> Result<Instant, sinew_types::Malformed> {
    match text.parse::<Span>() {
        Ok(span) => Ok(now.plus(span)),
        Err(_) => text.parse::<Instant>().map_err(|mut wrong| {
            wrong.expected.push_str(", or a length of time from now such as 30d");
            wrong
        }),
    }
}

/// `2026-11-22 18:30:08 +01:00`.
fn shown(at: Instant, offset_s: i64) -> String {
    let local = Instant::from_ms(at.ms().saturating_add(offset_s.saturating_mul(1_000))).to_string();
    let sign = if offset_s < 0 { '-' } else { '+' };
    let minutes = offset_s.abs() / 60;
    let (date, time) = local.split_once('T').unwrap_or((&local, ""));
    let time = time.get(..8).unwrap_or_default();
    format!("{date} {time} {sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// How far the reader's zone is ahead of UTC at a moment, in seconds.
fn offset_s(at: Instant) -> i64 {
    let seconds: libc::time_t = at.ms().div_euclid(1_000);
    let mut broken_down = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are to live values of the right type, and `localtime_r` keeps neither of them; a
    // zeroed `tm` is valid, so it may be read even where the call fails.
    let broken_down = unsafe {
        libc::localtime_r(&raw const seconds, broken_down.as_mut_ptr());
        broken_down.assume_init()
    };
    broken_down.tm_gmtoff
}

#[cfg(test)]
mod tests;
