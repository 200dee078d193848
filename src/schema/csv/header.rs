//! The first row of a file: which cell fills which field.
//!
//! Knows how headers and column names are compared; reads no value.

use std::borrow::Cow;
use std::collections::HashMap;

use arrow::array::timezone::Tz;

use super::{FileGiven, Headers, Output, Plan, ROW_NUMBER};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::fields::Filler;
use crate::schema::{Column, Kind};

/// Header of the column that names the zone of a row's local times.
const ZONE: &str = "Timezone";

/// The columns of a file.
#[derive(Debug)]
pub(super) struct Header {
    /// In order, without outer spaces.
    pub(super) names: Vec<String>,
    /// One per field of the schema.
    pub(super) sources: Vec<Source>,
}

/// What fills a field.
#[derive(Debug)]
pub(super) enum Source {
    /// A cell, or another where that is empty.
    Cell(usize, Option<usize>),
    /// A cell with a local time, in a zone.
    Local {
        cell: usize,
        zone: Zone,
        /// Whether it must be an instant.
        is_needed: bool,
    },
    /// The same for every row.
    Fact(String),
    RowNumber,
    Raw,
    /// Nothing that is in a row.
    Nothing,
}

/// The zone of a file's local times.
#[derive(Debug, Clone, Copy)]
pub(super) enum Zone {
    /// The one that this cell names.
    Cell(usize),
    /// The one that is known without the file.
    Known(Tz),
}

impl Header {
    /// Finds the columns under these headers.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when there are none, two are the same, or two name the same column.
    pub(super) fn try_new<'a>(names: impl Iterator<Item = Cow<'a, str>>, plan: &Plan, given: &FileGiven) -> Result<Self> {
        let mut names: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
        if names.len() > 1 && names.last().is_some_and(String::is_empty) {
            names.pop();
        }
        if names.iter().all(String::is_empty) {
            return Err(Error::new(ErrorKind::Decode, "cannot read the header: there is no name in it"));
        }
        refuse_duplicates(&names)?;
        let sources = plan.outputs.iter().map(|output| source(&names, output, plan.headers, given)).collect::<Result<_>>()?;
        Ok(Self { names, sources })
    }
}

fn refuse_duplicates(names: &[String]) -> Result<()> {
    let mut seen = HashMap::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        if let Some(first) = seen.insert(name.to_lowercase(), index) {
            return Err(twice(name, first, index));
        }
    }
    Ok(())
}

fn source(names: &[String], output: &Output, headers: Headers, given: &FileGiven) -> Result<Source> {
    let Some(column) = output.column else {
        return Ok(if output.filler == Filler::Raw { Source::Raw } else { Source::Nothing });
    };
    if column.name == ROW_NUMBER {
        return Ok(Source::RowNumber);
    }
    if let Some((_, fact)) = given.facts.iter().find(|(name, _)| *name == column.name) {
        return Ok(Source::Fact(fact.clone()));
    }
    let header = header_of(column, headers);
    let first = match header {
        Some(header) => find(names, |name| is_header(name, header))?,
        None => find(names, |name| snake_case(name) == column.name)?,
    };
    let other = if is_text(column.other_path) { find(names, |name| is_header(name, column.other_path))? } else { None };
    Ok(match (first, other) {
        (Some(first), other) => Source::Cell(first, other),
        (None, Some(other)) => Source::Cell(other, None),
        (None, None) => match header.filter(|_| column.kind == Kind::Time) {
            Some(header) => local(names, column, header, given)?.unwrap_or(Source::Nothing),
            None => Source::Nothing,
        },
    })
}

/// The header that a column is found under, where it is not the words of its name.
fn header_of(column: &Column, headers: Headers) -> Option<&'static str> {
    let named = headers.iter().find(|(name, _)| *name == column.name).map(|(_, header)| *header);
    named.or_else(|| Some(column.path).filter(|path| is_text(path)))
}

/// Whether a path is a header, and no JSON pointer of a table's other sources.
fn is_text(path: &str) -> bool {
    !path.is_empty() && !path.starts_with('/')
}

/// The local time that an instant is known from, where the file or the account says its zone.
fn local(names: &[String], column: &Column, header: &str, given: &FileGiven) -> Result<Option<Source>> {
    let Some(header) = header.strip_suffix(" UTC") else { return Ok(None) };
    let (Some(local), zone) = (find(names, |name| is_header(name, header))?, find(names, |name| is_header(name, ZONE))?) else {
        return Ok(None);
    };
    let zone = zone.map(Zone::Cell).or_else(|| given.zone.map(Zone::Known));
    let is_needed = given.needed.iter().any(|needed| needed == column.name);
    Ok(zone.map(|zone| Source::Local { cell: local, zone, is_needed }))
}

fn is_header(name: &str, header: &str) -> bool {
    name.to_lowercase() == header.to_lowercase()
}

fn find(names: &[String], wanted: impl Fn(&str) -> bool) -> Result<Option<usize>> {
    let mut found = names.iter().enumerate().filter(|(_, name)| wanted(name));
    let first = found.next();
    if let (Some((first, _)), Some((second, name))) = (first, found.next()) {
        return Err(twice(name, first, second));
    }
    Ok(first.map(|(index, _)| index))
}

/// A header as the name of a column: `FX Rate Applied` is `fx_rate_applied`.
pub fn snake_case(header: &str) -> String {
    let words = header.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("_")
}

fn twice(name: &str, first: usize, second: usize) -> Error {
    let (first, second) = (first + 1, second + 1);
    let message = format!("cannot tell the columns apart: columns {first} and {second} have the same header");
    Error::new(ErrorKind::Decode, message).with("column", if name.is_empty() { "without a name" } else { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_the_column_of_its_words() {
        for (header, name) in [
            ("FX Rate Applied", "fx_rate_applied"),
            ("  Requested On UTC ", "requested_on_utc"),
            ("Pay-To (Card)  Fees", "pay_to_card_fees"),
            ("UDF 1", "udf_1"),
            ("_already_snake", "already_snake"),
        ] {
            assert_eq!(snake_case(header), name);
        }
    }
}
