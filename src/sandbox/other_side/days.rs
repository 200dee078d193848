//! The days on which the merchant's banks work: Mondays to Fridays but for a few holidays, the same at all of them.

use chrono::{Datelike as _, Days, NaiveDate, Weekday};

/// Holidays of every year, month and day.
const HOLIDAYS: [(u32, u32); 4] = [(1, 1), (5, 1), (12, 25), (12, 26)];

/// Whether banks work on a day.
pub(super) fn is_open(day: NaiveDate) -> bool {
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !HOLIDAYS.contains(&(day.month(), day.day()))
}

/// The n-th day after a day on which banks work.
pub(super) fn after(day: NaiveDate, n: usize) -> NaiveDate {
    let mut days = day.iter_days().skip(1).filter(|day| is_open(*day));
    days.nth(n.saturating_sub(1)).unwrap_or(day)
}

/// The days on which banks work from a day to before another.
pub(super) fn between(from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    from.iter_days().take_while(move |day| *day < to).filter(|day| is_open(*day))
}

/// So many days before a day.
pub(super) fn before(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_sub_days(Days::new(days)).unwrap_or(day)
}
