//! PostgreSQL's templates of times, `YYYY-MM-DD HH24:MI`, as the fields and texts that they are made of.

use crate::error::{Error, ErrorKind, Result};

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A letter that stands for itself.
    Letter(char),
    Field(Placed),
}

/// A field, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) field: Field,
    pub(super) case: Case,
    /// Whether it stands without blanks and zeros in front: `FM`.
    pub(super) is_bare: bool,
    /// Whether it has an English ending, `1st`, and in which case.
    pub(super) ordinal: Option<Case>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Lower,
    /// Of names: the first letter is a capital.
    Title,
}

/// A field of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// The last so many digits of the year.
    Year(u8),
    /// The year with a comma.
    LongYear,
    /// The last so many digits of the year that the ISO week is of.
    IsoYear(u8),
    Quarter,
    Month,
    MonthName,
    MonthShort,
    IsoWeek,
    /// Week of the year, of which the first begins on its first day.
    Week,
    WeekOfMonth,
    DayOfYear,
    Day,
    /// Day of the week from Sunday, which is one.
    Weekday,
    /// Day of the week from Monday, which is one.
    IsoWeekday,
    DayName,
    DayShort,
    Hour,
    HalfDayHour,
    /// AM or PM.
    Half,
    /// A.M. or P.M.
    HalfDotted,
    Minute,
    Second,
    SecondOfDay,
    Millisecond,
    Microsecond,
    /// So many digits of the second's fraction.
    Fraction(u8),
    Zone,
    Offset,
    OffsetHour,
    OffsetMinute,
}

/// The fields by how they are written, a longer one before what it begins with.
const FIELDS: [(&str, Field); 45] = [
    ("A.M.", Field::HalfDotted),
    ("P.M.", Field::HalfDotted),
    ("AM", Field::Half),
    ("PM", Field::Half),
    ("DAY", Field::DayName),
    ("DDD", Field::DayOfYear),
    ("DD", Field::Day),
    ("DY", Field::DayShort),
    ("D", Field::Weekday),
    ("FF1", Field::Fraction(1)),
    ("FF2", Field::Fraction(2)),
    ("FF3", Field::Fraction(3)),
    ("FF4", Field::Fraction(4)),
    ("FF5", Field::Fraction(5)),
    ("FF6", Field::Fraction(6)),
    ("HH24", Field::Hour),
    ("HH12", Field::HalfDayHour),
    ("HH", Field::HalfDayHour),
    ("ID", Field::IsoWeekday),
    ("IW", Field::IsoWeek),
    ("IYYY", Field::IsoYear(4)),
    ("IYY", Field::IsoYear(3)),
    ("IY", Field::IsoYear(2)),
    ("I", Field::IsoYear(1)),
    ("MI", Field::Minute),
    ("MM", Field::Month),
    ("MONTH", Field::MonthName),
    ("MON", Field::MonthShort),
    ("MS", Field::Millisecond),
    ("OF", Field::Offset),
    ("Q", Field::Quarter),
    ("SSSSS", Field::SecondOfDay),
    ("SSSS", Field::SecondOfDay),
    ("SS", Field::Second),
    ("TZH", Field::OffsetHour),
    ("TZM", Field::OffsetMinute),
    ("TZ", Field::Zone),
    ("US", Field::Microsecond),
    ("WW", Field::Week),
    ("W", Field::WeekOfMonth),
    ("Y,YYY", Field::LongYear),
    ("YYYY", Field::Year(4)),
    ("YYY", Field::Year(3)),
    ("YY", Field::Year(2)),
    ("Y", Field::Year(1)),
];
/// What PostgreSQL has besides, and is refused.
const UNKNOWN: [&str; 11] = ["B.C.", "BC", "A.D.", "AD", "CC", "IDDD", "J", "RM", "TM", "FX", "SP"];

/// The parts of a template.
///
/// # Errors
/// [`ErrorKind::Query`] when it has a field that is not known here, or none at all.
pub(super) fn parts(template: &str) -> Result<Vec<Part>> {
    let (mut parts, mut rest, mut is_quoted) = (Vec::new(), template, false);
    while let Some(letter) = rest.chars().next() {
        let after = rest.strip_prefix(letter).unwrap_or_default();
        match letter {
            '"' => (rest, is_quoted) = (after, !is_quoted),
            '\\' if is_quoted || after.starts_with('"') => {
                let escaped = after.chars().next();
                parts.extend(escaped.map(Part::Letter));
                rest = escaped.and_then(|escaped| after.strip_prefix(escaped)).unwrap_or_default();
            }
            _ if is_quoted => {
                parts.push(Part::Letter(letter));
                rest = after;
            }
            _ => {
                let (part, after) = part(rest)?.unwrap_or((Part::Letter(letter), after));
                parts.push(part);
                rest = after;
            }
        }
    }
    if parts.iter().any(|part| matches!(part, Part::Field(_))) {
        return Ok(parts);
    }
    Err(refused(template, "a template of a time has no field, and would be its own answer"))
}

/// The field that a text begins with, and what comes after it.
fn part(text: &str) -> Result<Option<(Part, &str)>> {
    let bare = text.strip_prefix("FM").or_else(|| text.strip_prefix("fm"));
    let text = bare.unwrap_or(text);
    let Some((field, case, length)) = field(text) else {
        let unknown = UNKNOWN.into_iter().find(|name| cased(text, name, false).is_some());
        return match unknown {
            Some(name) => Err(refused(name, "a template of a time has a field that is not known here")),
            None if bare.is_some() => Err(refused("FM", "a template of a time has FM before what is no field")),
            None => Ok(None),
        };
    };
    let mut rest = text.get(length..).unwrap_or_default();
    let mut ordinal = None;
    for (ending, case) in [("TH", Case::Upper), ("th", Case::Lower)] {
        if let Some(after) = rest.strip_prefix(ending) {
            (ordinal, rest) = (Some(case), after);
        }
    }
    if let Some(name) = UNKNOWN.into_iter().find(|name| *name == "SP" && rest.starts_with(name)) {
        return Err(refused(name, "a template of a time has a field that is not known here"));
    }
    Ok(Some((Part::Field(Placed { field, case, is_bare: bare.is_some(), ordinal }), rest)))
}

/// The field that a text begins with, its case, and how long it is written.
fn field(text: &str) -> Option<(Field, Case, usize)> {
    // Its own, before the shorter ones that it begins with.
    if cased(text, "IDDD", false).is_some() {
        return None;
    }
    FIELDS.iter().find_map(|(name, field)| {
        let is_name = matches!(field, Field::DayName | Field::DayShort | Field::MonthName | Field::MonthShort);
        Some((*field, cased(text, name, is_name)?, name.len()))
    })
}

/// The case in which a text begins with a name.
fn cased(text: &str, name: &str, may_be_title: bool) -> Option<Case> {
    let written = text.get(..name.len())?;
    if written == name {
        return Some(Case::Upper);
    }
    if written == name.to_lowercase() {
        return Some(Case::Lower);
    }
    let (first, others) = (name.get(..1)?, name.get(1..)?.to_lowercase());
    (may_be_title && written.strip_prefix(first) == Some(&others)).then_some(Case::Title)
}

fn refused(given: &str, message: &'static str) -> Error {
    let hint = "write as in 'YYYY-MM-DD HH24:MI:SS', with \"quotes\" around what stands for itself, or as in '%Y-%m-%d'";
    Error::new(ErrorKind::Query, message).with("template", given).hint(hint)
}
