//! A time in the words of a template.

use chrono::{Datelike, NaiveDateTime, Timelike};

use super::template::{Case, Field, Part, Placed};

pub(super) const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
pub(super) const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// The longest of these names, to whose length PostgreSQL fills the others up.
const LONGEST: usize = 9;

/// A time as a template says; what has a zone is in UTC.
pub(super) fn shown(time: &NaiveDateTime, has_zone: bool, parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Letter(letter) => text.push(*letter),
            Part::Field(placed) => text.push_str(&field(time, has_zone, *placed)),
        }
    }
    text
}

fn field(time: &NaiveDateTime, has_zone: bool, placed: Placed) -> String {
    let Placed { field, case, is_bare, ordinal } = placed;
    let number = |number: u32, digits: usize| {
        let digits = if is_bare { 0 } else { digits };
        format!("{number:0digits$}{}", ordinal.map_or("", |case| ending(number, case)))
    };
    let zone = |text: &str| if has_zone { text.to_owned() } else { String::new() };
    let micros = time.nanosecond() / 1000;
    let hour = time.hour();
    match field {
        Field::Year(digits) => number(last(time.year(), digits), digits.into()),
        Field::LongYear => format!("{},{:03}", time.year() / 1000, time.year() % 1000),
        Field::IsoYear(digits) => number(last(time.iso_week().year(), digits), digits.into()),
        Field::Quarter => number(time.month0() / 3 + 1, 1),
        Field::Month => number(time.month(), 2),
        Field::MonthName => name(MONTHS.get(time.month0() as usize), case, if is_bare { 0 } else { LONGEST }),
        Field::MonthShort => short(MONTHS.get(time.month0() as usize), case),
        Field::IsoWeek => number(time.iso_week().week(), 2),
        Field::Week => number(time.ordinal0() / 7 + 1, 2),
        Field::WeekOfMonth => number(time.day0() / 7 + 1, 1),
        Field::DayOfYear => number(time.ordinal(), 3),
        Field::Day => number(time.day(), 2),
        Field::Weekday => number(time.weekday().number_from_sunday(), 1),
        Field::IsoWeekday => number(time.weekday().number_from_monday(), 1),
        Field::DayName => name(day_name(time), case, if is_bare { 0 } else { LONGEST }),
        Field::DayShort => short(day_name(time), case),
        Field::Hour => number(hour, 2),
        Field::HalfDayHour => number(if hour.is_multiple_of(12) { 12 } else { hour % 12 }, 2),
        Field::Half => cased(if hour < 12 { "AM" } else { "PM" }, case),
        Field::HalfDotted => cased(if hour < 12 { "A.M." } else { "P.M." }, case),
        Field::Minute => number(time.minute(), 2),
        Field::Second => number(time.second(), 2),
        Field::SecondOfDay => number(time.num_seconds_from_midnight(), 1),
        Field::Millisecond => format!("{:03}", micros / 1000),
        Field::Microsecond => format!("{micros:06}"),
        Field::Fraction(digits) => format!("{micros:06}").chars().take(digits.into()).collect(),
        Field::Zone => cased(&zone("UTC"), case),
        Field::Offset => zone("+00"),
        Field::OffsetHour => "+00".to_owned(),
        Field::OffsetMinute => "00".to_owned(),
    }
}

/// The last digits of a year.
fn last(year: i32, digits: u8) -> u32 {
    let year = year.unsigned_abs();
    // Of four digits it is the whole year, which may have more.
    if digits < 4 { year % 10_u32.pow(digits.into()) } else { year }
}

fn day_name(time: &NaiveDateTime) -> Option<&'static &'static str> {
    DAYS.get(time.weekday().num_days_from_monday() as usize)
}

fn name(name: Option<&&str>, case: Case, width: usize) -> String {
    format!("{:width$}", cased(name.copied().unwrap_or_default(), case))
}

fn short(name: Option<&&str>, case: Case) -> String {
    cased(name.and_then(|name| name.get(..3)).unwrap_or_default(), case)
}

fn cased(word: &str, case: Case) -> String {
    match case {
        Case::Upper => word.to_uppercase(),
        Case::Lower => word.to_lowercase(),
        Case::Title => word.to_owned(),
    }
}

fn ending(number: u32, case: Case) -> &'static str {
    let lower = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    match (case, lower) {
        (Case::Lower, _) => lower,
        (_, "st") => "ST",
        (_, "nd") => "ND",
        (_, "rd") => "RD",
        _ => "TH",
    }
}
