//! An error as clients read it: SQLSTATE, message, hint, and where in the SQL.

use std::fmt;
use std::io;

use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::{ErrorResponse, NoticeResponse};

use crate::error::{Error, ErrorKind};

/// An error, and what it does to the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    is_fatal: bool,
    sqlstate: &'static str,
    message: String,
    hint: Option<String>,
    /// Counted in characters from one.
    position: Option<usize>,
    /// Where in PostgreSQL's source it would come from, where drivers know it by that.
    routine: Option<&'static str>,
}

/// Why a statement, or the connection, does not go on.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The client is told.
    Said(Box<Failure>),
    /// There is no client any more.
    Gone,
}

impl Failure {
    /// An error that ends the statement.
    pub(super) fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self { is_fatal: false, sqlstate, message: message.into(), hint: None, position: None, routine: None }
    }

    /// An error that ends the connection.
    pub(super) fn fatal(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self { is_fatal: true, ..Self::new(sqlstate, message) }
    }

    /// The same as it comes from this place in PostgreSQL.
    pub(super) fn at(self, routine: &'static str) -> Self {
        Self { routine: Some(routine), ..self }
    }

    /// The same as one that ends the connection.
    pub(super) fn ends(self) -> Self {
        Self { is_fatal: true, ..self }
    }

    /// What no client that keeps to the protocol says.
    pub(super) fn protocol(message: &str) -> Self {
        Self::fatal("08P01", message)
    }

    /// An error of the engine about this SQL.
    pub(super) fn of(error: &Error, sql: &str) -> Self {
        let position = error.place().and_then(|(line, column)| position(sql, line, column));
        Self { hint: error.advice().map(str::to_owned), position, ..Self::new(error.sqlstate(), error.to_string()) }
    }

    /// The same as the engine has it.
    pub(super) fn error(&self) -> Error {
        let is_write = self.sqlstate == ErrorKind::ReadOnly.facts().sqlstate;
        let kind = if is_write { ErrorKind::ReadOnly } else { ErrorKind::Query };
        Error::new(kind, self.message.clone()).state(self.sqlstate)
    }

    pub(super) fn is_fatal(&self) -> bool {
        self.is_fatal
    }

    #[cfg(test)]
    pub(super) fn sqlstate(&self) -> &'static str {
        self.sqlstate
    }

    /// The message that tells it.
    pub(super) fn message(&self) -> PgWireBackendMessage {
        let severity = if self.is_fatal { "FATAL" } else { "ERROR" };
        PgWireBackendMessage::ErrorResponse(ErrorResponse::new(self.fields(severity)))
    }

    /// The message that tells it as something that happened, and no error.
    pub(super) fn notice(&self) -> PgWireBackendMessage {
        PgWireBackendMessage::NoticeResponse(NoticeResponse::new(self.fields("WARNING")))
    }

    fn fields(&self, severity: &str) -> Vec<(u8, String)> {
        // A zero byte would end a field.
        let clean = |text: &str| text.replace('\0', "\u{fffd}");
        let mut fields = vec![
            (b'S', severity.to_owned()),
            (b'V', severity.to_owned()),
            (b'C', self.sqlstate.to_owned()),
            (b'M', clean(&self.message)),
        ];
        fields.extend(self.hint.as_deref().map(|hint| (b'H', clean(hint))));
        fields.extend(self.position.map(|position| (b'P', position.to_string())));
        fields.extend(self.routine.map(|routine| (b'R', routine.to_owned())));
        fields
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.sqlstate)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::of(&error, "")
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Said(Box::new(failure))
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}

impl From<io::Error> for Trouble {
    fn from(_gone: io::Error) -> Self {
        Self::Gone
    }
}

/// The error of a statement that is ended before it is done.
pub(super) fn cancelled(why: &str) -> Failure {
    Failure::new(ErrorKind::Cancelled.facts().sqlstate, format!("canceling statement due to {why}"))
}

/// The last word to everybody when the server stops.
pub(super) fn stopped() -> Failure {
    Failure::fatal("57P01", "terminating connection due to administrator command")
}

/// The character where a line and column stand, all counted from one.
fn position(sql: &str, line: usize, column: usize) -> Option<usize> {
    let before: usize = sql.split('\n').take(line.checked_sub(1)?).map(|line| line.chars().count() + 1).sum();
    let position = before + column;
    (position <= sql.chars().count() + 1).then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_in_characters() {
        assert_eq!(position("select 'č'\n form", 2, 2), Some(13));
        assert_eq!(position("select", 1, 1), Some(1));
        assert_eq!(position("select", 3, 1), None);
    }

    #[test]
    fn an_error_of_the_engine_keeps_its_state_hint_and_place() {
        let error = Error::new(ErrorKind::Query, "no field at Line: 1, Column: 8").hint("look");
        let failure = Failure::of(&error, "select nope");
        assert_eq!((failure.sqlstate, failure.hint.as_deref(), failure.position), ("42000", Some("look"), Some(8)));
    }
}
