//! Holidays of the Federal Reserve Banks (<https://www.frbservices.org/about/holiday-schedules>): one that falls on a Sunday
//! is observed on Monday, one on a Saturday is not made up for.

use chrono::{Datelike, NaiveDate, Weekday};

use super::holidays::{last_monday, nth, on};

/// Holidays of a year as they are observed.
pub(super) fn holidays(year: i32) -> Vec<NaiveDate> {
    // A federal holiday since June 2021, when it was a Saturday.
    let juneteenth = if year > 2021 { on(year, 6, 19) } else { None };
    let days = [
        on(year, 1, 1),
        nth(year, 1, Weekday::Mon, 3),
        nth(year, 2, Weekday::Mon, 3),
        last_monday(year, 5),
        juneteenth,
        on(year, 7, 4),
        nth(year, 9, Weekday::Mon, 1),
        nth(year, 10, Weekday::Mon, 2),
        on(year, 11, 11),
        nth(year, 11, Weekday::Thu, 4),
        on(year, 12, 25),
    ];
    let observed = |day: NaiveDate| if day.weekday() == Weekday::Sun { day.succ_opt() } else { Some(day) };
    days.into_iter().flatten().filter_map(observed).collect()
}
