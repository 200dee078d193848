//! A time read from a text, as a template says that it is written.
//!
//! As in PostgreSQL, what is between fields may be any separators or none, what comes after the last field is not looked at,
//! and fields that the text has not are those of the first day and midnight.

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta};

use super::shown::{DAYS, MONTHS};
use super::template::{Field, Part, Placed};
use crate::error::{Error, ErrorKind, Result};

/// What was read, and how far east of UTC it is, in seconds, where the text says that.
pub(super) struct Time {
    pub(super) local: NaiveDateTime,
    pub(super) east: i64,
}

/// Fields that were read.
#[derive(Default)]
struct Fields {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    iso_year: Option<i32>,
    iso_week: Option<u32>,
    iso_weekday: Option<u32>,
    hour: Option<u32>,
    /// An hour of twelve.
    half_day_hour: Option<u32>,
    is_afternoon: Option<bool>,
    minute: u32,
    second: u32,
    second_of_day: Option<u32>,
    micros: u32,
    offset_sign: i64,
    offset_hour: u32,
    offset_minute: u32,
}

/// The time that a text is.
///
/// # Errors
/// [`ErrorKind::Query`] when it is none.
pub(super) fn read(text: &str, parts: &[Part]) -> Result<Time> {
    let mut fields = Fields { offset_sign: 1, ..Fields::default() };
    let (mut rest, mut has_read) = (text.trim_start(), false);
    for (index, part) in parts.iter().enumerate() {
        if rest.is_empty() {
            break;
        }
        match part {
            Part::Letter(letter) if letter.is_alphanumeric() => {
                rest = after(*letter, rest).ok_or_else(|| {
                    wrong("a text is not written as its template says: a letter is missing")
                        .with("letter", letter)
                        .with("text", text)
                })?;
            }
            // Separators are taken with the field they stand before.
            Part::Letter(_) => {}
            Part::Field(placed) => {
                let is_offset = matches!(placed.field, Field::OffsetHour | Field::Offset);
                let is_between = |letter: char| !(letter.is_alphanumeric() || is_offset && matches!(letter, '+' | '-'));
                rest = rest.trim_start_matches(is_between);
                if rest.is_empty() {
                    break;
                }
                let is_alone = parts.get(index + 1).is_none_or(|next| match next {
                    Part::Letter(letter) => !letter.is_ascii_digit(),
                    Part::Field(next) => !is_number(next.field),
                });
                rest = fields.take(*placed, rest, is_alone).map_err(|error| error.with("text", text))?;
                has_read = true;
            }
        }
    }
    if !has_read {
        return Err(wrong("a text has nothing of the time that it should be").with("text", text));
    }
    fields.time().map_err(|error| error.with("text", text))
}

/// What comes after a letter of a template, in the place of which a text may have a separator.
fn after(letter: char, text: &str) -> Option<&str> {
    let alone = text.trim_start_matches(|between: char| !between.is_alphanumeric());
    let written = alone.strip_prefix(|other: char| other.eq_ignore_ascii_case(&letter));
    written.or_else(|| (alone.len() < text.len()).then_some(alone))
}

fn wrong(message: &'static str) -> Error {
    Error::new(ErrorKind::Query, message)
}

fn is_number(field: Field) -> bool {
    !matches!(
        field,
        Field::MonthName
            | Field::MonthShort
            | Field::DayName
            | Field::DayShort
            | Field::Half
            | Field::HalfDotted
            | Field::OffsetHour
            | Field::Offset
    )
}

/// The most digits that a number has, when another comes right after it.
fn width(field: Field) -> usize {
    match field {
        Field::Year(digits) | Field::IsoYear(digits) | Field::Fraction(digits) => digits.into(),
        Field::Microsecond => 6,
        Field::SecondOfDay => 5,
        Field::DayOfYear | Field::Millisecond => 3,
        Field::Quarter | Field::Weekday | Field::IsoWeekday | Field::WeekOfMonth => 1,
        _ => 2,
    }
}

/// The digits a text begins with, at most so many, and what comes after them.
fn digits(text: &str, most: usize) -> Result<(&str, u32, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(length).unwrap_or(("", text));
    let number = digits.parse().map_err(|_none| wrong("a text is not written as its template says: a number is missing"))?;
    Ok((digits, number, rest))
}

/// The one of some names that a text begins with, counted from zero, and what comes after it.
fn name<'a>(text: &'a str, names: &[&str], length: usize) -> Result<(u32, &'a str)> {
    for (index, name) in (0..).zip(names) {
        let name = name.get(..length.min(name.len())).unwrap_or_default();
        if let Some((written, rest)) = text.split_at_checked(name.len())
            && written.eq_ignore_ascii_case(name)
        {
            return Ok((index, rest));
        }
    }
    Err(wrong("a text is not written as its template says: a name is missing"))
}

fn hour_of_offset(text: &str) -> Result<(i64, u32, &str)> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (_, hour, rest) = digits(text.trim_start_matches(['+', '-']), 2)?;
    Ok((sign, hour, rest))
}

impl Fields {
    /// Takes a field from a text's beginning; gives what comes after it.
    fn take<'a>(&mut self, placed: Placed, text: &'a str, is_alone: bool) -> Result<&'a str> {
        let field = placed.field;
        let whole = usize::MAX;
        match field {
            Field::MonthName | Field::MonthShort => {
                let (index, rest) = name(text, &MONTHS, if field == Field::MonthShort { 3 } else { whole })?;
                self.month = Some(index + 1);
                return Ok(rest);
            }
            Field::DayName | Field::DayShort => return Ok(name(text, &DAYS, if field == Field::DayShort { 3 } else { whole })?.1),
            Field::Half => {
                let (index, rest) = name(text, &["am", "pm"], whole)?;
                self.is_afternoon = Some(index == 1);
                return Ok(rest);
            }
            Field::HalfDotted => {
                let (index, rest) = name(text, &["a.m.", "p.m."], whole)?;
                self.is_afternoon = Some(index == 1);
                return Ok(rest);
            }
            Field::OffsetHour => {
                let (sign, hour, rest) = hour_of_offset(text)?;
                (self.offset_sign, self.offset_hour) = (sign, hour);
                return Ok(rest);
            }
            Field::Offset => {
                let (sign, hour, rest) = hour_of_offset(text)?;
                (self.offset_sign, self.offset_hour) = (sign, hour);
                let Some(minutes) = rest.strip_prefix(':') else { return Ok(rest) };
                let (_, minute, rest) = digits(minutes, 2)?;
                self.offset_minute = minute;
                return Ok(rest);
            }
            Field::LongYear | Field::Zone | Field::Week | Field::WeekOfMonth | Field::Weekday => {
                return Err(wrong("a template has a field that times are not read from").with("field", format!("{field:?}")));
            }
            _ => {}
        }
        let (written, number, rest) = digits(text, if is_alone { whole } else { width(field) })?;
        let year = || {
            i32::try_from(number).map(|year| full(year, written.len())).map_err(|_huge| wrong("a year is out of the calendar"))
        };
        match field {
            Field::Year(_) => self.year = Some(year()?),
            Field::IsoYear(_) => self.iso_year = Some(year()?),
            Field::Month => self.month = Some(number),
            Field::IsoWeek => self.iso_week = Some(number),
            Field::IsoWeekday => self.iso_weekday = Some(number),
            Field::DayOfYear => self.day_of_year = Some(number),
            Field::Day => self.day = Some(number),
            Field::Hour => self.hour = Some(number),
            Field::HalfDayHour => self.half_day_hour = Some(number),
            Field::Minute => self.minute = number,
            Field::Second => self.second = number,
            Field::SecondOfDay => self.second_of_day = Some(number),
            Field::Millisecond | Field::Microsecond | Field::Fraction(_) => self.micros = fraction(written, width(field))?,
            Field::OffsetMinute => self.offset_minute = number,
            // A quarter says nothing that its month does not.
            _ => {}
        }
        Ok(rest)
    }

    fn time(&self) -> Result<Time> {
        let no_day = || wrong("a text is no date of the calendar");
        let midnight = self.date()?.and_hms_opt(0, 0, 0).ok_or_else(no_day)?;
        let no_time = || wrong("a text is no time of a day");
        let hour = match (self.hour, self.half_day_hour) {
            (Some(hour), None) if hour < 24 => hour,
            (None, Some(hour)) if (1..=12).contains(&hour) => match self.is_afternoon {
                Some(true) => hour % 12 + 12,
                Some(false) => hour % 12,
                None => hour,
            },
            (None, None) => 0,
            _ => return Err(no_time()),
        };
        if self.minute > 59 || self.second > 59 || self.offset_hour > 15 || self.offset_minute > 59 {
            return Err(no_time());
        }
        let seconds = match self.second_of_day {
            Some(seconds) if seconds < 86_400 && hour == 0 && self.minute == 0 && self.second == 0 => seconds,
            Some(_) => return Err(no_time()),
            None => hour * 3600 + self.minute * 60 + self.second,
        };
        let since = TimeDelta::seconds(seconds.into()) + TimeDelta::microseconds(self.micros.into());
        let local = midnight.checked_add_signed(since).ok_or_else(no_day)?;
        Ok(Time { local, east: self.offset_sign * i64::from(self.offset_hour * 3600 + self.offset_minute * 60) })
    }

    fn date(&self) -> Result<NaiveDate> {
        let is_iso = self.iso_year.is_some() || self.iso_week.is_some() || self.iso_weekday.is_some();
        let is_civil = self.year.is_some() || self.month.is_some() || self.day.is_some() || self.day_of_year.is_some();
        if is_iso && is_civil {
            return Err(wrong("a template has a year of months and one of ISO weeks"));
        }
        let date = if is_iso {
            let year = self.iso_year.ok_or_else(|| wrong("a template has an ISO week, and not its year"))?;
            let weekday =
                chrono::Weekday::try_from(u8::try_from(self.iso_weekday.unwrap_or(1).wrapping_sub(1)).unwrap_or(u8::MAX));
            weekday.ok().and_then(|weekday| NaiveDate::from_isoywd_opt(year, self.iso_week.unwrap_or(1), weekday))
        } else {
            let year = self.year.ok_or_else(|| wrong("a template has no year: whichever it were would be a guess"))?;
            match self.day_of_year {
                Some(day) if self.month.is_none() && self.day.is_none() => NaiveDate::from_yo_opt(year, day),
                Some(_) => None,
                None => NaiveDate::from_ymd_opt(year, self.month.unwrap_or(1), self.day.unwrap_or(1)),
            }
        };
        date.filter(|date| date.year() >= 1).ok_or_else(|| wrong("a text is no date of the calendar"))
    }
}

/// A year of which some digits are written: the one nearest to 2020.
fn full(year: i32, digits: usize) -> i32 {
    match year {
        _ if digits >= 4 => year,
        0..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        _ => year + 1000,
    }
}

/// Microseconds of the digits of a fraction, of which so many are looked at.
fn fraction(digits: &str, width: usize) -> Result<u32> {
    if digits.len() > width {
        return Err(wrong("a fraction of a second has more digits than its field in the template"));
    }
    (digits.bytes().chain(std::iter::repeat(b'0')).take(6))
        .try_fold(0_u32, |micros, digit| Some(micros * 10 + u32::from(digit.checked_sub(b'0')?)))
        .ok_or_else(|| wrong("a fraction of a second is no number"))
}
