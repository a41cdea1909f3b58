//! When a contract holds: always between its dates, or in windows that recur.
//!
//! A window is agreed in the words of people, `mon-fri 20:00-06:00 Europe/Zurich`, and that is what both sides sign. What
//! it means in moments depends on the time-zone data, which this crate does not hold: whoever offers expands it once, and
//! the expansion is recorded with the version of the data.

use sinew_types::{Canonical, Instant, Malformed, Value, canonical_struct};
use std::fmt;
use std::str::FromStr;

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;
/// As people write them, Monday first.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A window that recurs on some days of the week, by the clock of a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Calendar {
    /// On which days it opens, Monday first.
    pub days: [bool; 7],
    /// When it opens, in minutes after midnight.
    pub from_minute: u16,
    /// When it closes, in minutes after midnight: on the next day where that is not after it opens.
    pub to_minute: u16,
    /// The place, as the time-zone database names it.
    pub zone: String,
}

/// From one moment up to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Window {
    /// The first moment.
    pub starts: Instant,
    /// The first moment after.
    pub ends: Instant,
}

canonical_struct!(Window { starts, ends });

/// A calendar in moments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expanded {
    /// Its windows within a contract's dates, in order, none touching another.
    pub windows: Vec<Window>,
    /// The version of the time-zone database, such as `2026a`.
    pub zone_data: String,
}

canonical_struct!(Expanded { windows, zone_data });

impl Calendar {
    /// Whether it closes on the day after it opened.
    #[must_use]
    pub fn past_midnight(&self) -> bool {
        self.to_minute <= self.from_minute
    }
}

/// `daily 20:00-06:00 Europe/Zurich`.
impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = match self.days {
            [true, true, true, true, true, true, true] => "daily".to_owned(),
            [true, true, true, true, true, false, false] => "mon-fri".to_owned(),
            days => {
                let named = DAYS.iter().zip(days).filter(|(_, on)| *on).map(|(day, _)| *day);
                named.collect::<Vec<_>>().join(",")
            }
        };
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        write!(f, "{days} {}-{} {}", clock(self.from_minute), clock(self.to_minute), self.zone)
    }
}

impl FromStr for Calendar {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        const WANTED: &str = "a window such as `daily 20:00-06:00 Europe/Zurich`, `mon-fri 08:00-18:00 UTC` or `sat,sun 00:00-24:00 UTC`";
        let read = || {
            let words: Vec<&str> = text.split_whitespace().collect();
            let [days, times, zone] = words[..] else { return None };
            let (from, to) = times.split_once('-')?;
            let (from_minute, to_minute) = (minutes(from)?, minutes(to)?);
            let sound = from_minute < DAY_MINUTES && to_minute <= DAY_MINUTES && from_minute != to_minute;
            let calendar = Self { days: days_of(days)?, from_minute, to_minute, zone: zone.to_owned() };
            sound.then_some(calendar)
        };
        read().ok_or_else(|| Malformed::new(text.to_owned(), WANTED))
    }
}

fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| digits(text));
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 24 && minutes < 60).then(|| hours.saturating_mul(60).saturating_add(minutes))
}

/// `daily`, `mon-fri`, `sat,sun`, `mon-wed,fri`; a range may go round the end of the week.
fn days_of(text: &str) -> Option<[bool; 7]> {
    let place = |day: &str| DAYS.iter().position(|known| *known == day);
    if text == "daily" {
        return Some([true; 7]);
    }
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (place(first)?, place(last)?);
        let on = |day: usize| {
            if first <= last { (first..=last).contains(&day) } else { day >= first || day <= last }
        };
        (0..7).filter(|day| on(*day)).for_each(|day| days[day] = true);
    }
    Some(days)
}

impl Canonical for Calendar {
    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }
    fn from_value(value: &Value) -> Result<Self, Malformed> {
        match value {
            Value::Text(text) => text.parse(),
            other => Err(Malformed::new(other.to_json(), "a window")),
        }
    }
}
