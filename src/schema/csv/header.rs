//! The first row of a file: which cell fills which field.
//!
//! Knows how headers and column names are compared; reads no value.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{FileGiven, Output, Plan, ROW_NUMBER};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::Column;
use crate::schema::fields::Filler;

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
    /// The same for every row.
    Fact(String),
    RowNumber,
    Raw,
    /// Nothing that is in a row.
    Nothing,
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
        let sources = plan.outputs.iter().map(|output| source(&names, output, given)).collect::<Result<_>>()?;
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

fn source(names: &[String], output: &Output, given: &FileGiven) -> Result<Source> {
    let Some(column) = output.column else {
        return Ok(if output.filler == Filler::Raw { Source::Raw } else { Source::Nothing });
    };
    if column.name == ROW_NUMBER {
        return Ok(Source::RowNumber);
    }
    let other = if column.other_path.is_empty() { None } else { find(names, |name| is_header(name, column.other_path))? };
    if let Some(first) = find(names, |name| is_of(name, column))? {
        return Ok(Source::Cell(first, other));
    }
    let fact = || given.facts.iter().find(|(name, _)| *name == column.name);
    Ok(match (other, fact()) {
        (Some(other), _) => Source::Cell(other, None),
        (None, Some((_, fact))) => Source::Fact(fact.clone()),
        (None, None) => Source::Nothing,
    })
}

fn is_of(name: &str, column: &Column) -> bool {
    if column.path.is_empty() { snake_case(name) == column.name } else { is_header(name, column.path) }
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
fn snake_case(header: &str) -> String {
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
