//! Instants and spans, in milliseconds. Instants are UTC; no zone data lives here.

use crate::value::{Canonical, Malformed, Value};
use std::fmt;
use std::str::FromStr;

const MS_PER_DAY: i64 = 86_400_000;

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

/// A length of time in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

impl Instant {
    /// The moment `ms` milliseconds after the start of 1970, UTC.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the start of 1970, UTC.
    #[must_use]
    pub fn ms(self) -> i64 {
        self.0
    }

    /// The moment `span` later; the last moment there is where that would be beyond it.
    #[must_use]
    pub fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }

    /// The moment `span` earlier; the first moment there is where that would be before it.
    #[must_use]
    pub fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub_unsigned(span.0))
    }

    /// How long after `earlier` this is; nothing where it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Span {
        Span(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Year, month and day of this moment, in UTC.
    #[must_use]
    pub fn date(self) -> (i64, u32, u32) {
        civil_from_days(self.0.div_euclid(MS_PER_DAY))
    }

    /// The first moment of the calendar month, in UTC, that this moment lies in.
    #[must_use]
    pub fn month(self) -> Self {
        let (year, month, _) = self.date();
        Self(days_from_civil(year, month, 1).saturating_mul(MS_PER_DAY))
    }

    /// The first moment of the month after.
    #[must_use]
    pub fn next_month(self) -> Self {
        let (year, month, _) = self.date();
        let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        Self(days_from_civil(year, month, 1).saturating_mul(MS_PER_DAY))
    }
}

impl Span {
    /// A span of `ms` milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Its milliseconds.
    #[must_use]
    pub fn ms(self) -> u64 {
        self.0
    }

    /// Both one after the other; the longest span there is where the sum would be longer.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// Days to a date of the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
}

/// The inverse of `civil_from_days`, same source.
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// `2026-11-22T17:30:08.250Z`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let ms = self.0.rem_euclid(MS_PER_DAY);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1_000)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads `2026-11-22`, `2026-11-22T17:30:08Z` and `2026-11-22T17:30:08.250Z`.
impl FromStr for Instant {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed::new(text, "a UTC time such as 2026-11-22 or 2026-11-22T17:30:08Z");
        let (date, clock) = match text.split_once('T') {
            Some((date, clock)) => (date, clock.strip_suffix('Z').ok_or_else(wrong)?),
            None => (text, "00:00:00"),
        };
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
        let (year, month, day) = three(date, '-').ok_or_else(wrong)?;
        let (hour, minute, second) = three(clock, ':').ok_or_else(wrong)?;
        let in_day = hour < 24 && minute < 60 && second < 60 && fraction.len() <= 3;
        if year > 9_999 || !in_day || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let days = days_from_civil(i64::from(year), month, day);
        if civil_from_days(days) != (i64::from(year), month, day) {
            return Err(wrong());
        }
        let fraction_ms: i64 = format!("{fraction:0<3}").parse().map_err(|_| wrong())?;
        let seconds = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
        Ok(Self(days * MS_PER_DAY + seconds * 1_000 + fraction_ms))
    }
}

fn three(text: &str, between: char) -> Option<(u32, u32, u32)> {
    let mut parts = text.split(between).map(|part| {
        let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if digits { part.parse::<u32>().ok() } else { None }
    });
    let read = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(read)
}

/// `250ms`, `5s`, `1m12s`, `2h`, `3d`: the largest units that leave nothing over.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
        let mut left = self.0;
        if left == 0 {
            return f.pad("0s");
        }
        let mut text = String::new();
        for (unit_ms, letters) in units {
            if left >= unit_ms {
                text.push_str(&format!("{}{letters}", left / unit_ms));
                left %= unit_ms;
            }
        }
        f.pad(&text)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads what `Display` writes, such as `60s` or `1h30m`.
impl FromStr for Span {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed::new(text, "a length of time such as 250ms, 5s, 1m30s, 2h or 3d");
        let mut rest = text;
        let mut total_ms: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let letters = rest[digits..].bytes().take_while(u8::is_ascii_lowercase).count();
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            let unit_ms = match &rest[digits..digits + letters] {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return Err(wrong()),
            };
            total_ms =
                number.checked_mul(unit_ms).and_then(|ms| total_ms.checked_add(ms)).ok_or_else(wrong)?;
            rest = &rest[digits + letters..];
        }
        if text.is_empty() { Err(wrong()) } else { Ok(Self(total_ms)) }
    }
}

impl Canonical for Instant {
    fn to_value(&self) -> Value {
        self.0.to_value()
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        i64::from_value(value).map(Self)
    }
}

impl Canonical for Span {
    fn to_value(&self) -> Value {
        self.0.to_value()
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        u64::from_value(value).map(Self)
    }
}
