//! How report files are written; the vendor's differ from account to account.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};

/// How a merchant's report files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileOptions {
    /// What ends a line.
    pub line_end: LineEnd,
    /// Whether every third row ends with a separator too many.
    pub trailing_separators: bool,
    /// Whether settlement breakdowns are `.csv.gz`.
    pub gzip: bool,
    /// Rows of a file at the most; a report with more has several files.
    pub rows_per_file: Option<usize>,
    /// Whether financial actions of some days are told wrongly at first, and again, rightly, two days later.
    pub restatements: bool,
    /// Whether the second entity has optional columns at the end of its financial actions.
    pub more_columns: bool,
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineEnd {
    /// Carriage return and line feed, as the vendor does.
    #[default]
    CrLf,
    /// Line feed.
    Lf,
}

/// Their names; `split` has a number.
const NAMES: &str = "options are gzip, split=ROWS, restatements, more_columns, trailing_separators, lf";

impl FileOptions {
    /// Reads `gzip,split=1000,restatements,more_columns,trailing_separators,lf`; an empty text is the default.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when a name is unknown or a number is none.
    pub fn parse(text: &str) -> Result<Self> {
        let mut options = Self::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match entry.split_once('=').unwrap_or((entry, "")) {
                ("gzip", "") => options.gzip = true,
                ("restatements", "") => options.restatements = true,
                ("more_columns", "") => options.more_columns = true,
                ("trailing_separators", "") => options.trailing_separators = true,
                ("lf", "") => options.line_end = LineEnd::Lf,
                ("split", rows) => options.rows_per_file = Some(rows_per_file(rows).ok_or_else(|| wrong(entry))?),
                _ => return Err(wrong(entry)),
            }
        }
        Ok(options)
    }
}

impl FromStr for FileOptions {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

fn rows_per_file(text: &str) -> Option<usize> {
    text.parse().ok().filter(|rows| *rows > 0)
}

fn wrong(entry: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Usage, "there is no such option for report files").with("files", entry).hint(NAMES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_by_name() {
        let all = FileOptions::parse("gzip, split=7,restatements,more_columns,trailing_separators,lf").unwrap();
        let (line_end, rows_per_file) = (LineEnd::Lf, Some(7));
        let expected = FileOptions {
            line_end,
            trailing_separators: true,
            gzip: true,
            rows_per_file,
            restatements: true,
            more_columns: true,
        };
        assert_eq!((all, FileOptions::parse("").unwrap()), (expected, FileOptions::default()));
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for entry in ["zip", "gzip=1", "split", "split=0", "split=x"] {
            let error = FileOptions::parse(&format!("lf,{entry}")).unwrap_err();
            assert_eq!(error.to_string(), format!("there is no such option for report files (files {entry})"));
        }
    }
}
