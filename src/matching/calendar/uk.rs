//! Bank holidays of England and Wales (<https://www.gov.uk/bank-holidays>).

use chrono::{NaiveDate, Weekday};

use super::holidays::{easter, last_monday, nth, on, with_substitutes};

/// Bank holidays of a year, with those that were proclaimed or moved once.
pub(super) fn holidays(year: i32) -> Vec<NaiveDate> {
    let early_may = match year {
        // VE day, 75 years after.
        2020 => on(2020, 5, 8),
        _ => nth(year, 5, Weekday::Mon, 1),
    };
    let spring = match year {
        // Next to the platinum jubilee.
        2022 => on(2022, 6, 2),
        _ => last_monday(year, 5),
    };
    let once: &[Option<NaiveDate>] = match year {
        // The platinum jubilee and the state funeral of Elizabeth II.
        2022 => &[on(2022, 6, 3), on(2022, 9, 19)],
        // The coronation of Charles III.
        2023 => &[on(2023, 5, 8)],
        _ => &[],
    };
    let usual = [
        on(year, 1, 1),
        easter(year, -2),
        easter(year, 1),
        early_may,
        spring,
        last_monday(year, 8),
        on(year, 12, 25),
        on(year, 12, 26),
    ];
    with_substitutes(usual.iter().chain(once).flatten().copied())
}
