//! Times as PostgreSQL's users write them: templates beside DataFusion's formats, and clocks of other places.
//!
//! A template or format is DataFusion's when it has a `%`, as in `%Y-%m-%d`, and else PostgreSQL's, as in `YYYY-MM-DD`.

mod age;
mod clock;
mod read;
mod shown;
mod span;
mod template;
mod templated;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::planner::ExprPlanner;

use templated::{Kind, Templated};

/// The function behind `at time zone`.
pub(super) const TIMEZONE: &str = "timezone";

/// Name, arguments and meaning of each function.
pub(super) const FUNCTIONS: [(&str, &str, &str); 5] = [
    (
        "age",
        "later, earlier",
        "The years, months and days between two dates or timestamps, as people count them; of one alone, up to today.",
    ),
    (
        "timezone",
        "zone, timestamp",
        "What a clock of the zone shows at an instant; of a timestamp without zone the instant at which it shows that. \
         Also `timestamp at time zone zone`.",
    ),
    ("to_char", "time, template", "A date or timestamp as text."),
    ("to_date", "text, template", "The date that a text tells."),
    ("to_timestamp", "text, template", "The instant that a text tells, in UTC; of a number alone so many seconds after 1970."),
];

/// The functions of a session.
pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    let templated = [Kind::Char, Kind::Date, Kind::Timestamp].map(|kind| ScalarUDF::from(Templated::new(kind)));
    templated.into_iter().chain([ScalarUDF::from(clock::Timezone::default()), ScalarUDF::from(age::Age::default())])
}

/// What plans their arithmetic.
pub(super) fn planner() -> Arc<dyn ExprPlanner> {
    Arc::new(span::Spans)
}

/// `2026-01-01 10:30+02` with the seconds that it leaves out; none when it has them, or is no time.
pub fn with_seconds(text: &str) -> Option<String> {
    let (minutes, zone) = text.split_at_checked(16)?;
    let is_time = minutes.bytes().enumerate().all(|(place, byte)| match place {
        4 | 7 => byte == b'-',
        10 => matches!(byte, b' ' | b'T'),
        13 => byte == b':',
        _ => byte.is_ascii_digit(),
    });
    let has_zone = zone.is_empty() || zone.starts_with(['+', '-', 'Z', ' ']);
    (is_time && has_zone).then(|| format!("{minutes}:00{zone}"))
}

/// Whether a format is one of DataFusion's.
fn is_datafusions(format: &str) -> bool {
    format.contains('%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_told_of() {
        let mut names: Vec<String> = functions().map(|function| function.name().to_owned()).collect();
        names.sort_unstable();
        assert_eq!(names, FUNCTIONS.map(|(name, ..)| name));
    }

    #[test]
    fn a_time_without_seconds_is_one_of_a_whole_minute() {
        assert_eq!(with_seconds("2026-01-01 10:30").as_deref(), Some("2026-01-01 10:30:00"));
        assert_eq!(with_seconds("2026-01-01T10:30+02").as_deref(), Some("2026-01-01T10:30:00+02"));
        assert_eq!(with_seconds("2026-01-01 10:30:07"), None);
        assert_eq!(with_seconds("2026-01-01"), None);
    }
}
