//! The one error type: what kind of trouble, said in one sentence, with the facts around it.
//!
//! Everything that depends on an error (exit code, SQLSTATE, gRPC code, HTTP status, whether to try again) is read off its
//! [`ErrorKind`] in one table, so no caller ever parses a message. PostgreSQL has closer words than that for what is wrong with
//! a statement, which are read off DataFusion's error in `sqlstate`. An [`Error`] crosses DataFusion inside
//! [`DataFusionError::External`] and is found again with [`Error::from`].

pub mod sqlstate;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;

/// The crate's result: [`std::result::Result`] with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn StdError + Send + Sync + 'static>;

/// What kind of trouble an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The SQL cannot be answered as written: syntax, unknown names, a table that needs a key.
    Query,
    /// A value that came in cannot be read as what it is declared to be.
    Decode,
    /// The statement would change something, and ckosql only reads.
    ReadOnly,
    /// The command line is wrong.
    Usage,
    /// The configuration is wrong.
    Config,
    /// There is no credential, or Checkout.com does not know it.
    Credentials,
    /// The credential is known and may not read this.
    Scope,
    /// Checkout.com refused the request for what it says.
    Rejected,
    /// Checkout.com did not answer properly, however often it was asked.
    Unavailable,
    /// Checkout.com answered, and the answer cannot be proven complete.
    Incomplete,
    /// A file, here or in a bucket, could not be read or written.
    File,
    /// Somebody else changed the same thing at the same time.
    Conflict,
    /// Reconciliation left what it was told to fail on.
    Exceptions,
    /// The user, or a deadline, stopped it.
    Cancelled,
    /// ckosql is wrong.
    Bug,
}

/// Whether asking again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request may succeed later.
    Later,
    /// The same request will fail again.
    Never,
}

/// Every outside fact of an [`ErrorKind`]; the rows of [`ErrorKind::facts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Exit code of the process.
    pub exit_code: u8,
    /// PostgreSQL's SQLSTATE, where no closer one is known ([`Error::sqlstate`]).
    pub sqlstate: &'static str,
    /// gRPC status code.
    pub grpc: i32,
    /// HTTP status.
    pub http: u16,
    /// Whether asking again may help.
    pub retry: Retry,
}

const fn facts(exit_code: u8, sqlstate: &'static str, grpc: i32, http: u16, retry: Retry) -> Facts {
    Facts { exit_code, sqlstate, grpc, http, retry }
}

impl ErrorKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Query,
        Self::Decode,
        Self::ReadOnly,
        Self::Usage,
        Self::Config,
        Self::Credentials,
        Self::Scope,
        Self::Rejected,
        Self::Unavailable,
        Self::Incomplete,
        Self::File,
        Self::Conflict,
        Self::Exceptions,
        Self::Cancelled,
        Self::Bug,
    ];

    /// The one table from kind to exit code, SQLSTATE, gRPC code, HTTP status and retry.
    pub const fn facts(self) -> Facts {
        match self {
            Self::Query => facts(1, "42000", 3, 400, Retry::Never),
            Self::Decode => facts(1, "22000", 15, 502, Retry::Never),
            Self::ReadOnly => facts(1, "25006", 9, 403, Retry::Never),
            Self::Usage => facts(2, "42601", 3, 400, Retry::Never),
            Self::Config => facts(2, "F0000", 9, 500, Retry::Never),
            Self::Credentials => facts(3, "58000", 9, 502, Retry::Never),
            Self::Scope => facts(3, "42501", 7, 403, Retry::Never),
            Self::Rejected => facts(4, "HV000", 9, 502, Retry::Never),
            Self::Unavailable => facts(4, "08006", 14, 503, Retry::Later),
            Self::Incomplete => facts(4, "HV00L", 10, 502, Retry::Later),
            Self::File => facts(1, "58030", 13, 500, Retry::Never),
            Self::Conflict => facts(1, "40001", 10, 409, Retry::Later),
            Self::Exceptions => facts(5, "P0001", 9, 422, Retry::Never),
            Self::Cancelled => facts(130, "57014", 1, 504, Retry::Never),
            Self::Bug => facts(70, "XX000", 13, 500, Retry::Never),
        }
    }

    /// The word for it where programs read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Decode => "decode",
            Self::ReadOnly => "read_only",
            Self::Usage => "usage",
            Self::Config => "config",
            Self::Credentials => "credentials",
            Self::Scope => "scope",
            Self::Rejected => "rejected",
            Self::Unavailable => "unavailable",
            Self::Incomplete => "incomplete",
            Self::File => "file",
            Self::Conflict => "conflict",
            Self::Exceptions => "exceptions",
            Self::Cancelled => "cancelled",
            Self::Bug => "bug",
        }
    }
}

/// What went wrong, where, and why.
///
/// `Display` is one line for people; `Debug` adds the causes. Neither carries a secret: the context is written by
/// hand, and URLs are redacted before they get here.
///
/// ```
/// use ckosql::error::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Scope, "cannot read disputes: the key lacks the scope")
///     .with("scope", "disputes:view");
/// assert_eq!(error.to_string(), "cannot read disputes: the key lacks the scope (scope disputes:view)");
/// assert_eq!(error.kind().facts().exit_code, 3);
/// ```
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    /// A closer SQLSTATE than the kind's.
    sqlstate: Option<&'static str>,
    message: Cow<'static, str>,
    context: Vec<(&'static str, String)>,
    hint: Option<Cow<'static, str>>,
    source: Option<Source>,
}

impl Error {
    /// A new error: what was attempted, on what, and what happened; lower case, no full stop.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        let (message, context) = (message.into(), Vec::new());
        Self { inner: Box::new(Inner { kind, sqlstate: None, message, context, hint: None, source: None }) }
    }

    /// An [`ErrorKind::Bug`]: says what was believed and is not so.
    pub fn bug(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Bug, message)
    }

    /// Adds a fact, printed in brackets after the message.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.inner.context.push((name, value.to_string()));
        self
    }

    /// Adds a fact, unless one of that name is there.
    #[must_use]
    pub fn with_missing(self, name: &'static str, value: impl fmt::Display) -> Self {
        if self.context(name).is_some() { self } else { self.with(name, value) }
    }

    /// Adds what the user can do about it, printed on a line of its own by the faces.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.inner.hint = Some(hint.into());
        self
    }

    /// Says more closely than its kind what PostgreSQL calls it.
    #[must_use]
    pub fn state(mut self, sqlstate: &'static str) -> Self {
        self.inner.sqlstate = Some(sqlstate);
        self
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Source>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// What kind of trouble this is.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// What PostgreSQL calls it.
    pub fn sqlstate(&self) -> &'static str {
        self.inner.sqlstate.unwrap_or_else(|| self.kind().facts().sqlstate)
    }

    /// The message alone, without context.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// The value of a fact added by [`Error::with`].
    pub fn context(&self, name: &str) -> Option<&str> {
        self.inner.context.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    /// All facts added by [`Error::with`].
    pub fn details(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.inner.context.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// What the user can do about it.
    pub fn advice(&self) -> Option<&str> {
        self.inner.hint.as_deref()
    }

    /// Where in the SQL it is, when its message says that: line and column, both counted from one.
    pub fn place(&self) -> Option<(usize, usize)> {
        let message = self.to_string();
        let (_, place) = message.rsplit_once("Line: ")?;
        let (line, column) = place.split_once(", Column: ")?;
        let digits = column.find(|character: char| !character.is_ascii_digit()).unwrap_or(column.len());
        Some((line.parse().ok()?, column.get(..digits)?.parse().ok()?))
    }

    /// Whether asking again may help.
    pub fn is_retryable(&self) -> bool {
        self.kind().facts().retry == Retry::Later
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)?;
        for (index, (name, value)) in self.inner.context.iter().enumerate() {
            f.write_str(if index == 0 { " (" } else { ", " })?;
            write!(f, "{name} {value}")?;
        }
        if !self.inner.context.is_empty() {
            f.write_str(")")?;
        }
        if let Some(source) = &self.inner.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.inner.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

impl From<DataFusionError> for Error {
    /// Finds our own error in DataFusion's chain, or judges whose fault DataFusion's is.
    fn from(error: DataFusionError) -> Self {
        match take_own(error) {
            Ok(own) => own,
            Err(DataFusionError::Internal(message)) => Self::bug(format!("DataFusion's own check failed: {message}")),
            Err(DataFusionError::NotImplemented(message)) => {
                Self::new(ErrorKind::Query, format!("not supported: {message}")).state(sqlstate::NOT_SUPPORTED)
            }
            Err(error) => {
                let own = Self::new(kind_of(&error), one_line(&error));
                match sqlstate::of(&error).filter(|_| own.kind() == ErrorKind::Query) {
                    Some(closer) => own.state(closer),
                    None => own,
                }
            }
        }
    }
}

/// Unwraps layers until our error appears; gives the innermost foreign error back otherwise.
fn take_own(error: DataFusionError) -> Result<Error, DataFusionError> {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => Ok(*own),
            Err(inner) => match inner.downcast::<DataFusionError>() {
                Ok(nested) => take_own(*nested),
                Err(inner) => Err(DataFusionError::External(inner)),
            },
        },
        DataFusionError::Context(context, inner) => {
            take_own(*inner).map_err(|inner| DataFusionError::Context(context, Box::new(inner)))
        }
        DataFusionError::Diagnostic(diagnostic, inner) => {
            take_own(*inner).map_err(|inner| DataFusionError::Diagnostic(diagnostic, Box::new(inner)))
        }
        DataFusionError::ArrowError(inner, backtrace) => match *inner {
            ArrowError::ExternalError(external) => take_own(DataFusionError::External(external)),
            other => Err(DataFusionError::ArrowError(Box::new(other), backtrace)),
        },
        DataFusionError::Collection(errors) => {
            let mut first = None;
            for error in errors {
                match take_own(error) {
                    Ok(own) => return Ok(own),
                    Err(error) => first = first.or(Some(error)),
                }
            }
            Err(first.unwrap_or_else(|| DataFusionError::Internal("an empty error collection".into())))
        }
        DataFusionError::Shared(shared) => match own_in(shared.as_ref()) {
            Some(own) => Ok(own),
            None => Err(DataFusionError::Shared(shared)),
        },
        other => Err(other),
    }
}

/// A copy of our error behind a shared one, which cannot be moved out.
fn own_in(error: &DataFusionError) -> Option<Error> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(own) = current.downcast_ref::<Error>() {
            return Some(own.copy());
        }
        cause = current.source();
    }
    None
}

impl Error {
    /// The same error again, its causes flattened to their text.
    pub fn copy(&self) -> Self {
        Self {
            inner: Box::new(Inner {
                kind: self.inner.kind,
                sqlstate: self.inner.sqlstate,
                message: self.inner.message.clone(),
                context: self.inner.context.clone(),
                hint: self.inner.hint.clone(),
                source: self.inner.source.as_ref().map(|source| source.to_string().into()),
            }),
        }
    }
}

fn kind_of(error: &DataFusionError) -> ErrorKind {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => kind_of(inner),
        DataFusionError::Internal(_) => ErrorKind::Bug,
        DataFusionError::Shared(inner) => kind_of(inner),
        DataFusionError::IoError(_) | DataFusionError::ObjectStore(_) | DataFusionError::ParquetError(_) => ErrorKind::File,
        DataFusionError::ArrowError(inner, _) if matches!(**inner, ArrowError::ParquetError(_) | ArrowError::IoError(..)) => {
            ErrorKind::File
        }
        DataFusionError::ExecutionJoin(join) if join.is_cancelled() => ErrorKind::Cancelled,
        DataFusionError::ExecutionJoin(_) => ErrorKind::Bug,
        _ => ErrorKind::Query,
    }
}

/// DataFusion's message without its category words and hints about itself.
fn one_line(error: &DataFusionError) -> String {
    match error {
        DataFusionError::Context(_, inner) => one_line(inner),
        DataFusionError::Shared(inner) => one_line(inner),
        DataFusionError::Diagnostic(diagnostic, inner) => match (one_line(inner), diagnostic.span) {
            // Said as the parser says it, so that faces find the place in either.
            (message, Some(span)) if !message.contains("Line: ") => {
                format!("{message} at Line: {}, Column: {}", span.start.line, span.start.column)
            }
            (message, _) => message,
        },
        DataFusionError::SchemaError(inner, _) => match inner.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => no_field(field, valid_fields),
            other => other.to_string(),
        },
        DataFusionError::SQL(parser, _) => match parser.as_ref() {
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => format!("wrong SQL: {message}"),
            ParserError::RecursionLimitExceeded => "wrong SQL: nested too deeply".to_owned(),
        },
        other => {
            let message = other.message();
            no_function(&message).unwrap_or_else(|| message.lines().map(str::trim).collect::<Vec<_>>().join(" "))
        }
    }
}

/// An unknown column, and the nearest three that there are.
fn no_field(field: &Column, valid: &[Column]) -> String {
    let wrong = field.name().to_lowercase();
    let distances = valid.iter().map(|column| (strsim::damerau_levenshtein(&wrong, &column.name().to_lowercase()), column));
    let mut near: Vec<_> = distances.filter(|(distance, _)| *distance <= 1.max(wrong.len() / 3)).collect();
    near.sort_by_key(|(distance, _)| *distance);
    let near: Vec<_> = near.iter().take(3).map(|(_, column)| format!("'{}'", column.quoted_flat_name())).collect();
    let field = field.quoted_flat_name();
    if near.is_empty() {
        // Not the table's own name: here it may be an alias.
        format!("No field named {field} (\\d TABLE in the shell lists a table's columns)")
    } else {
        format!("No field named {field}. Did you mean {}?", near.join(" or "))
    }
}

/// A function that does not take these arguments, and those it takes. DataFusion calls this an internal error of its own
/// where one signature is made of several, lists why each did not fit, and asks for a report; it is the query's fault.
fn no_function(message: &str) -> Option<String> {
    let (_, call) = message.split_once("No function matches the given name and argument types '")?;
    let (call, rest) = call.split_once("'. ")?;
    let (_, candidates) = rest.split_once("Candidate functions:")?;
    let candidates: Vec<_> = candidates.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Some(format!("No function matches {call}; candidates: {}", candidates.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_names_and_statuses_of_their_own_trouble() {
        let names: std::collections::BTreeSet<&str> = ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ErrorKind::ALL.len());
        assert!(ErrorKind::ALL.iter().all(|kind| (400..600).contains(&kind.facts().http)));
        let worth_another_try = ErrorKind::ALL.iter().filter(|kind| kind.facts().retry == Retry::Later);
        assert!(worth_another_try.map(|kind| kind.facts().http).all(|status| [409, 502, 503].contains(&status)));
    }

    #[test]
    fn our_error_survives_datafusion_layers() {
        let own = Error::new(ErrorKind::Incomplete, "page 3 is missing").with("table", "payments");
        let wrapped = DataFusionError::from(own).context("while joining").context("while sorting");
        let arrow = ArrowError::ExternalError(Box::new(wrapped));
        let back = Error::from(DataFusionError::ArrowError(Box::new(arrow), None));
        assert_eq!(back.kind(), ErrorKind::Incomplete);
        assert_eq!(back.context("table"), Some("payments"));
    }

    #[test]
    fn a_shared_error_keeps_its_kind() {
        let own = Error::new(ErrorKind::Scope, "no");
        let shared = DataFusionError::Shared(std::sync::Arc::new(own.into()));
        assert_eq!(Error::from(shared).kind(), ErrorKind::Scope);
    }

    #[test]
    fn a_plan_error_is_the_query_s_fault() {
        let error = Error::from(DataFusionError::Plan("no such table".into()));
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Query, "no such table"));
    }

    fn no_field_named(name: &str) -> String {
        let valid_fields =
            ["amount", "amount_minor", "Amounts", "amounted", "id", "status"].map(|name| Column::new(Some("t"), name));
        let inner = SchemaError::FieldNotFound { field: Box::new(Column::from_name(name)), valid_fields: valid_fields.to_vec() };
        Error::from(DataFusionError::SchemaError(Box::new(inner), Box::new(None))).to_string()
    }

    #[test]
    fn an_unknown_column_shows_the_nearest_three_at_most() {
        assert_eq!(no_field_named("amuont"), "No field named amuont. Did you mean 't.amount' or 't.\"Amounts\"'?");
        assert_eq!(no_field_named("stats"), "No field named stats. Did you mean 't.status'?");
        assert_eq!(no_field_named("nope"), "No field named nope (\\d TABLE in the shell lists a table's columns)");
    }

    #[test]
    fn wrong_arguments_of_a_function_are_the_query_s_fault_in_one_line() {
        let error = Error::from(DataFusionError::Plan(
            "Internal error: Function 'sum' failed to match any signature, errors: ….\nThis issue was likely caused by a bug in \
             DataFusion's code. No function matches the given name and argument types 'sum(Utf8)'. You might need to add \
             explicit type casts.\n\tCandidate functions:\n\tsum(Decimal)\n\tsum(Int64)"
                .into(),
        ));
        let said = "No function matches sum(Utf8); candidates: sum(Decimal), sum(Int64)";
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Query, said));
    }
}
