//! Business days: which days banks settle on, so that a window of days is that of the contract.
//!
//! A calendar knows a span of years and refuses days outside: holidays that nobody has listed would be business days.
//! Days are counted since 1970-01-01.

mod file;
mod holidays;
mod target2;
mod uk;
mod us_fed;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, NaiveDate};

use crate::error::{Error, ErrorKind, Result};

/// Name and meaning of the calendars that are built in.
pub const CALENDARS: [(&str, &str); 4] = [
    ("TARGET2", "Settlement days of the euro, 2015 to 2050."),
    ("UK", "All but bank holidays of England and Wales, 2015 to 2050."),
    ("US_FED", "Days on which the Federal Reserve Banks are open, 2015 to 2050."),
    ("WEEKENDS", "Mondays to Fridays, 1970 to 2100."),
];

/// Years that holidays are known of.
const YEARS: std::ops::RangeInclusive<i32> = 2015..=2050;
/// Years of calendars without holidays.
const MANY_YEARS: std::ops::RangeInclusive<i32> = 1970..=2100;
/// Saturday and Sunday, of a week from Monday on.
const WEEKEND: [bool; 7] = [false, false, false, false, false, true, true];

/// Which days are business days, over some years.
///
/// ```
/// use ckosql::matching::calendar::Calendars;
/// use ckosql::schema::time::parse_date;
///
/// let target2 = Calendars::default().get("TARGET2")?.clone();
/// let day = |text| parse_date(text).unwrap();
/// let (thursday, tuesday) = (day("2026-04-02 00:00:00"), day("2026-04-07 00:00:00"));
/// assert_eq!(target2.add(thursday, 1)?, tuesday);
/// assert_eq!(target2.business_days(thursday, tuesday)?, 1);
/// # Ok::<(), ckosql::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    name: String,
    /// First and last day that it knows.
    first: i32,
    last: i32,
    /// All business days among them.
    days: Vec<i32>,
}

impl Calendar {
    /// A calendar of these years, where all days are business days but those of the weekend (a week from Monday on) and
    /// these.
    fn new(name: &str, years: std::ops::RangeInclusive<i32>, weekend: [bool; 7], holidays: &[i32]) -> Self {
        let holidays: BTreeSet<i32> = holidays.iter().copied().collect();
        let first = day(*years.start(), 1, 1);
        let last = day(*years.end(), 12, 31);
        let is_business = |day: &i32| {
            // 1970-01-01 was a Thursday.
            let weekday = usize::try_from((*day + 3).rem_euclid(7)).unwrap_or_default();
            !weekend.get(weekday).copied().unwrap_or_default() && !holidays.contains(day)
        };
        Self { name: name.to_owned(), first, last, days: (first..=last).filter(is_business).collect() }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a day is a business day.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the calendar does not know the day.
    pub fn is_business_day(&self, day: i32) -> Result<bool> {
        self.check(day)?;
        Ok(self.days.binary_search(&day).is_ok())
    }

    /// The running count of business days, up to and with a day. A day that is none has the number of the business day
    /// before it.
    ///
    /// Of a weekend and the Friday before it this makes one number: to ask whether a day lies within business days of
    /// another, compare it with [`window`](Self::window).
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the calendar does not know the day.
    pub fn day_number(&self, day: i32) -> Result<i32> {
        self.check(day)?;
        Ok(i32::try_from(self.days.partition_point(|known| *known <= day)).unwrap_or(i32::MAX))
    }

    /// How many business days there are after `from`, up to and with `to`; backwards as many, negative.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the calendar does not know one of the days.
    pub fn business_days(&self, from: i32, to: i32) -> Result<i32> {
        Ok(self.day_number(to)? - self.day_number(from)?)
    }

    /// The `n`-th business day after a day, or before it with a negative `n`; with 0 the day itself, whatever it is.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the calendar does not know one of the days.
    pub fn add(&self, day: i32, n: i32) -> Result<i32> {
        self.check(day)?;
        let steps = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX);
        let place = match n {
            0 => return Ok(day),
            1.. => self.days.partition_point(|known| *known <= day).checked_add(steps - 1),
            _ => self.days.partition_point(|known| *known < day).checked_sub(steps),
        };
        let found = place.and_then(|place| self.days.get(place)).copied();
        found.ok_or_else(|| self.beyond(day).with("business_days", n))
    }

    /// The days from `low` business days after a day to `high` after it, both with them; before it where negative.
    ///
    /// A day lies in this window, also a weekend's, exactly when it is not before the first and not after the second.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the calendar does not know one of the days.
    pub fn window(&self, day: i32, low: i32, high: i32) -> Result<(i32, i32)> {
        Ok((self.add(day, low)?, self.add(day, high)?))
    }

    fn check(&self, day: i32) -> Result<()> {
        if (self.first..=self.last).contains(&day) { Ok(()) } else { Err(self.beyond(day)) }
    }

    fn beyond(&self, day: i32) -> Error {
        Error::new(ErrorKind::Query, "a day is outside the years that a calendar knows")
            .with("calendar", &self.name)
            .with("day", text(day))
            .with("first", text(self.first))
            .with("last", text(self.last))
    }
}

/// The calendars that rules can name: those built in, and those of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendars {
    /// By name, in capitals.
    known: BTreeMap<String, Arc<Calendar>>,
}

static BUILT_IN: LazyLock<Calendars> = LazyLock::new(|| {
    let of = |holidays: fn(i32) -> Vec<NaiveDate>| -> Vec<i32> { YEARS.flat_map(holidays).map(number).collect() };
    let [target2, uk, us_fed, weekends] = CALENDARS.map(|(name, _)| name);
    let calendars = [
        Calendar::new(target2, YEARS, WEEKEND, &of(target2::holidays)),
        Calendar::new(uk, YEARS, WEEKEND, &of(uk::holidays)),
        Calendar::new(us_fed, YEARS, WEEKEND, &of(us_fed::holidays)),
        Calendar::new(weekends, MANY_YEARS, WEEKEND, &[]),
    ];
    Calendars { known: calendars.into_iter().map(|calendar| (calendar.name.clone(), Arc::new(calendar))).collect() }
});

impl Default for Calendars {
    fn default() -> Self {
        BUILT_IN.clone()
    }
}

impl Calendars {
    /// The calendar of a name, compared without case.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] with the nearest name, and all there are.
    pub fn get(&self, name: &str) -> Result<&Arc<Calendar>> {
        let wanted = name.trim().to_uppercase();
        self.known.get(&wanted).ok_or_else(|| {
            let nearest = self.known.keys().min_by_key(|known| strsim::damerau_levenshtein(&wanted, known));
            let all: Vec<&str> = self.known.keys().map(String::as_str).collect();
            Error::new(ErrorKind::Query, "there is no such calendar")
                .with("calendar", name)
                .with("nearest", nearest.map(String::as_str).unwrap_or_default())
                .hint(format!("the calendars are {}", all.join(", ")))
        })
    }

    /// Adds the calendar that a file's text lists: a day a line (`2026-12-24`), perhaps with `#` and a remark; the first line
    /// may name the weekend (`weekend: Friday, Saturday`). It knows the years from the first day to the last.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the line that cannot be read, or when there is such a calendar.
    pub fn add(&mut self, name: &str, text: &str) -> Result<()> {
        let wanted = name.trim().to_uppercase();
        if self.known.contains_key(&wanted) || wanted.is_empty() {
            return Err(Error::new(ErrorKind::Config, "a calendar needs a name that no other has").with("calendar", name));
        }
        let calendar = file::read(&wanted, text).map_err(|error| error.with("calendar", name))?;
        self.known.insert(wanted, Arc::new(calendar));
        Ok(())
    }
}

/// Days since 1970-01-01.
fn number(date: NaiveDate) -> i32 {
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).unwrap_or(i32::MAX)
}

/// Days since 1970-01-01 of a date that there is.
fn day(year: i32, month: u32, day: u32) -> i32 {
    NaiveDate::from_ymd_opt(year, month, day).map_or(i32::MAX, number)
}

fn text(day: i32) -> String {
    let date = DateTime::from_timestamp(i64::from(day) * 86_400, 0);
    date.map_or_else(|| day.to_string(), |date| date.date_naive().to_string())
}

#[cfg(test)]
mod tests;
