//! Calendars of the user: a text with a day a line.

use std::str::FromStr;

use chrono::{Datelike, NaiveDate, Weekday};

use super::{Calendar, MANY_YEARS, WEEKEND, number};
use crate::error::{Error, ErrorKind, Result};

/// The calendar that a text lists.
///
/// # Errors
/// [`ErrorKind::Config`] with the line that cannot be read.
pub(super) fn read(name: &str, text: &str) -> Result<Calendar> {
    let mut weekend = WEEKEND;
    let mut dates: Vec<NaiveDate> = Vec::new();
    let mut is_first = true;
    for (line, whole) in (1..).zip(text.lines()) {
        let content = whole.split('#').next().unwrap_or_default().trim();
        if content.is_empty() {
            continue;
        }
        let wrong = |what: &'static str| Error::new(ErrorKind::Config, what).with("line", line).with("given", content);
        match content.split_once(':') {
            Some((word, days)) if word.trim().eq_ignore_ascii_case("weekend") && is_first => {
                weekend = weekdays(days).ok_or_else(|| {
                    wrong("a calendar's weekend is no list of weekdays")
                        .hint("write \"weekend: Friday, Saturday\", or \"weekend: none\"")
                })?;
            }
            _ => {
                let date = NaiveDate::from_str(content).map_err(|error| {
                    wrong("a line of a calendar is no day").caused_by(error).hint("write a day as 2026-12-24, a line each")
                })?;
                dates.push(date);
            }
        }
        is_first = false;
    }
    let years = dates.iter().map(Datelike::year).min().zip(dates.iter().map(Datelike::year).max());
    let years = years.map_or(MANY_YEARS, |(first, last)| first..=last);
    if !MANY_YEARS.contains(years.start()) || !MANY_YEARS.contains(years.end()) {
        return Err(Error::new(ErrorKind::Config, "a calendar lists days of years that are not 1970 to 2100"));
    }
    Ok(Calendar::new(name, years, weekend, &dates.into_iter().map(number).collect::<Vec<_>>()))
}

fn weekdays(text: &str) -> Option<[bool; 7]> {
    let mut weekend = [false; 7];
    let mut words = text.split([',', ' ']).filter(|word| !word.is_empty()).peekable();
    if words.peek().is_some_and(|word| word.eq_ignore_ascii_case("none")) {
        words.next();
        return words.next().is_none().then_some(weekend);
    }
    for word in words {
        let day = Weekday::from_str(word).ok()?.num_days_from_monday();
        *weekend.get_mut(usize::try_from(day).ok()?)? = true;
    }
    weekend.contains(&true).then_some(weekend)
}
