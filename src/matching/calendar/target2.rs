//! TARGET's closing days, the same every year since 2002 (<https://www.ecb.europa.eu/ecb/contacts/working-hours/html/index.en.html>).

use chrono::NaiveDate;

use super::holidays::{easter, on};

/// Days of a year on which the euro is not settled, weekends aside.
pub(super) fn holidays(year: i32) -> Vec<NaiveDate> {
    let days = [on(year, 1, 1), easter(year, -2), easter(year, 1), on(year, 5, 1), on(year, 12, 25), on(year, 12, 26)];
    days.into_iter().flatten().collect()
}
