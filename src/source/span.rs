//! Spans of time: half-open, in microseconds since 1970, UTC.

use chrono::{DateTime, SecondsFormat, Utc};

/// `[from, to)`, in microseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First instant inside.
    pub from: i64,
    /// First instant after.
    pub to: i64,
}

/// One second.
pub const SECOND: i64 = 1_000_000;
/// One hour.
pub const HOUR: i64 = 3_600 * SECOND;
/// One day.
pub const DAY: i64 = 24 * HOUR;

impl Span {
    /// All time.
    pub const ALWAYS: Self = Self { from: i64::MIN, to: i64::MAX };

    /// How long it is; zero when it is empty.
    pub fn width(self) -> i64 {
        self.to.saturating_sub(self.from).max(0)
    }

    /// Rows inside, where so many a year lie evenly in time.
    pub fn rows(self, per_year: u64) -> u64 {
        let rows = i128::from(self.width()) * i128::from(per_year) / i128::from(365 * DAY);
        u64::try_from(rows).unwrap_or(u64::MAX)
    }

    /// Whether no instant is inside.
    pub fn is_empty(self) -> bool {
        self.from >= self.to
    }

    /// What both have.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }

    /// The narrowest span that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }

    /// Whether the instant is inside.
    pub fn contains(self, instant: i64) -> bool {
        self.from <= instant && instant < self.to
    }
}

/// One millisecond.
const MILLISECOND: i64 = 1_000;

impl Span {
    /// Its two ends as the API takes them, each a millisecond outside: whether the ends of a span are inclusive is not
    /// documented for every call.
    pub fn around(self) -> (String, String) {
        let from = self.from.saturating_sub(MILLISECOND).div_euclid(MILLISECOND).saturating_mul(MILLISECOND);
        let to = self.to.saturating_add(2 * MILLISECOND - 1).div_euclid(MILLISECOND).saturating_mul(MILLISECOND);
        (rfc3339(from), rfc3339(to))
    }
}

/// The instant as the API takes it: to the millisecond, or to the microsecond where it has some.
pub fn rfc3339(micros: i64) -> String {
    let format = if micros % MILLISECOND == 0 { SecondsFormat::Millis } else { SecondsFormat::Micros };
    match DateTime::<Utc>::from_timestamp_micros(micros) {
        Some(instant) => instant.to_rfc3339_opts(format, true),
        // Only i64's far ends, which no span that is sent has.
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_sent_a_millisecond_outside() {
        let span = Span { from: 1_600_000_000_000_000, to: 1_600_000_060_000_500 };
        assert_eq!(span.around(), ("2020-09-13T12:26:39.999Z".to_owned(), "2020-09-13T12:27:40.002Z".to_owned()));
        assert_eq!(rfc3339(1_600_000_060_000_500), "2020-09-13T12:27:40.000500Z");
    }
}
