//! What holidays are made of: Easter, the n-th Monday of a month, substitutes.

use chrono::{Datelike, Days, NaiveDate, Weekday};

/// A date, where there is one.
pub(super) fn on(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, day)
}

/// A day that lies so many days from Easter Sunday, which is the first Sunday after the first full moon of spring
/// (<https://en.wikipedia.org/wiki/Date_of_Easter#Anonymous_Gregorian_algorithm>).
pub(super) fn easter(year: i32, offset: i32) -> Option<NaiveDate> {
    let (century, of_century, golden) = (year.div_euclid(100), year.rem_euclid(100), year.rem_euclid(19));
    let correction = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - correction + 15).rem_euclid(30);
    let weekday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - epact - of_century % 4).rem_euclid(7);
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let march = epact + weekday - 7 * late + 22 + offset;
    let first = on(year, 3, 1)?;
    let days = Days::new(u64::from((march - 1).unsigned_abs()));
    if march >= 1 { first.checked_add_days(days) } else { first.checked_sub_days(days) }
}

/// The n-th such weekday of a month.
pub(super) fn nth(year: i32, month: u32, weekday: Weekday, n: u8) -> Option<NaiveDate> {
    NaiveDate::from_weekday_of_month_opt(year, month, weekday, n)
}

/// The last Monday of a month of 31 days.
pub(super) fn last_monday(year: i32, month: u32) -> Option<NaiveDate> {
    let last = on(year, month, 31)?;
    last.checked_sub_days(Days::new(last.weekday().num_days_from_monday().into()))
}

/// These days, where each that falls on a weekend is made up for by the next day that is none and no holiday.
pub(super) fn with_substitutes(days: impl IntoIterator<Item = NaiveDate>) -> Vec<NaiveDate> {
    let mut holidays: Vec<NaiveDate> = Vec::new();
    let (weekdays, weekends): (Vec<_>, Vec<_>) = days.into_iter().partition(|day| !is_weekend(*day));
    holidays.extend(weekdays);
    for day in weekends {
        let free = day.iter_days().find(|day| !is_weekend(*day) && !holidays.contains(day));
        holidays.extend(free);
    }
    holidays
}

fn is_weekend(day: NaiveDate) -> bool {
    matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}
