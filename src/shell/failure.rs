//! An error as people read it: what happened, where in the SQL, and what to do.
//!
//! ```text
//! error: Expected: end of statement, found: payments at Line: 1, Column: 15
//!   |
//! 1 | select * form payments
//!   |               ^
//! hint: …
//! ```

use super::paint::Paint;
use crate::error::{Error, ErrorKind};

/// An error, and the SQL it is about where there is one.
#[derive(Debug)]
pub struct Failure {
    /// What happened.
    pub error: Error,
    /// The text that positions in the error count in.
    pub sql: Option<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, sql: None }
    }
}

impl Failure {
    /// An error about this SQL.
    pub fn in_sql(error: Error, sql: &str) -> Self {
        Self { error, sql: Some(sql.to_owned()) }
    }

    /// The lines to print, the last one ended.
    pub fn describe(&self, paint: Paint) -> String {
        if self.error.kind() == ErrorKind::Cancelled {
            return format!("{}\n", self.error);
        }
        let message = self.error.to_string();
        let mut text = format!("{} {message}\n", paint.alarming("error:"));
        if let Some(excerpt) = self.sql.as_deref().zip(self.error.place()).and_then(|(sql, place)| excerpt(sql, place)) {
            text.push_str(&excerpt);
        }
        if let Some(hint) = self.error.advice() {
            text.push_str(&format!("{} {hint}\n", paint.bold("hint:")));
        }
        text
    }
}

/// The line of the SQL that an error is in, and a caret under the place.
fn excerpt(sql: &str, (line, column): (usize, usize)) -> Option<String> {
    let text = sql.lines().nth(line.checked_sub(1)?)?;
    // Tabs stay tabs, so that the caret stands where the terminal puts the text.
    let before = text.chars().take(column.checked_sub(1)?).map(|character| if character == '\t' { '\t' } else { ' ' });
    let gutter = " ".repeat(line.to_string().len());
    Some(format!("{gutter} |\n{line} | {text}\n{gutter} | {}^\n", before.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_caret_stands_under_the_place() {
        let error = Error::new(ErrorKind::Query, "found: payments at Line: 2, Column: 10").hint("write from");
        assert_snapshot!(Failure::in_sql(error, "select *\n\tform č, payments").describe(Paint::Plain), @"
        error: found: payments at Line: 2, Column: 10
          |
        2 | 	form č, payments
          | 	        ^
        hint: write from
        ");
    }

    #[test]
    fn a_place_outside_the_text_has_no_caret() {
        let error = Error::new(ErrorKind::Query, "at Line: 7, Column: 1");
        assert_eq!(Failure::in_sql(error, "select").describe(Paint::Plain), "error: at Line: 7, Column: 1\n");
    }

    #[test]
    fn colour_is_only_around_the_labels() {
        let failure = Failure::from(Error::new(ErrorKind::Usage, "no"));
        assert_eq!(failure.describe(Paint::Coloured), "\u{1b}[1;31merror:\u{1b}[0m no\n");
    }
}
