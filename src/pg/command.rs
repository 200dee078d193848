//! What a statement asks for: rows of the engine, or something that is the connection's own matter.

use std::borrow::Cow;

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{
    CloseCursor, CopyLegacyOption, CopyOption, CopySource, CopyTarget, Declare, DiscardObject, Expr, FetchDirection, Ident,
    ObjectName, ObjectNamePart, Query, Reset, Set, Statement, Value, ValueWithSpan,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::copy::Manner;
use super::failure::Failure;
use super::settings::Extent;
use super::user::spelled;
use crate::engine::{access, depth};
use crate::error::Error;

/// How deep a statement may be nested.
const DEEPEST: usize = 50;

/// What a statement asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    /// Rows.
    Rows(Box<Statement>),
    /// Rows in the manner of COPY.
    Copy(Box<Statement>, Manner),
    /// A cursor over rows.
    Declare {
        name: String,
        is_held: bool,
        query: Box<Statement>,
    },
    /// Rows of a cursor.
    Fetch {
        name: String,
        count: Count,
    },
    /// The end of a cursor, or of all.
    Close(Option<String>),
    Set {
        name: String,
        value: Option<String>,
        extent: Extent,
    },
    /// Whatever was set is as it was at the beginning.
    ResetAll,
    /// As if the connection were new.
    DiscardAll,
    Show(String),
    Begin,
    Commit,
    Rollback,
    /// Back to a savepoint, with which a transaction that failed goes on.
    RollbackTo,
    /// The end of a prepared statement, or of all.
    Deallocate(Option<String>),
    /// Nothing, which has this name.
    Nothing(&'static str),
}

/// How many rows of a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Some(usize),
    All,
}

/// The statements of a text.
///
/// # Errors
/// [`ErrorKind::Query`](crate::error::ErrorKind::Query) when the text is no SQL, or more than can be planned.
pub(super) fn statements(sql: &str) -> Result<Vec<Statement>, Error> {
    depth::check(sql)?;
    let parsed = Parser::new(&PostgreSqlDialect {})
        .with_recursion_limit(DEEPEST)
        .try_with_sql(&without_abort(sql))
        .and_then(|mut parser| parser.parse_statements());
    parsed.map_err(|error| DataFusionError::from(error).into())
}

/// ABORT is PostgreSQL's other word for ROLLBACK.
fn without_abort(sql: &str) -> Cow<'_, str> {
    match sql.trim_start().split_at_checked(5) {
        Some((word, rest))
            if word.eq_ignore_ascii_case("abort") && !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_') =>
        {
            Cow::Owned(format!("ROLLBACK{rest}"))
        }
        _ => Cow::Borrowed(sql),
    }
}

impl Command {
    /// What a statement asks for.
    ///
    /// # Errors
    /// A failure when it would change something, or is not known here.
    pub(super) fn of(statement: Statement) -> Result<Self, Failure> {
        Ok(match statement {
            Statement::Set(set) => return of_set(set),
            Statement::Reset(reset) => match reset.reset {
                Reset::ALL => Self::ResetAll,
                Reset::ConfigurationParameter(name) => Self::Set { name: plain(&name), value: None, extent: Extent::Session },
            },
            Statement::Discard { object_type: DiscardObject::ALL } => Self::DiscardAll,
            Statement::Discard { .. } => Self::Nothing("DISCARD"),
            Statement::ShowVariable { variable } => Self::Show(shown(&variable)),
            // Drivers say READ WRITE as a matter of course; what then writes is refused.
            Statement::StartTransaction { .. } => Self::Begin,
            Statement::Commit { .. } => Self::Commit,
            Statement::Rollback { savepoint: None, .. } => Self::Rollback,
            Statement::Rollback { savepoint: Some(_), .. } => Self::RollbackTo,
            Statement::Savepoint { .. } => Self::Nothing("SAVEPOINT"),
            Statement::ReleaseSavepoint { .. } => Self::Nothing("RELEASE"),
            Statement::LISTEN { .. } => return Err(Failure::new("0A000", "nothing is ever notified here")),
            Statement::UNLISTEN { .. } => Self::Nothing("UNLISTEN"),
            Statement::Deallocate { name, .. } => Self::Deallocate((!is_all(&name)).then(|| spelled(&name))),
            Statement::Declare { stmts } => return of_declare(stmts),
            Statement::Fetch { name, direction, into: None, .. } => Self::Fetch { name: name.value, count: forward(&direction)? },
            Statement::Close { cursor: CloseCursor::All } => Self::Close(None),
            Statement::Close { cursor: CloseCursor::Specific { name } } => Self::Close(Some(name.value)),
            Statement::Copy { source, to: true, target: CopyTarget::Stdout, options, legacy_options, .. } => {
                Self::Copy(Box::new(Statement::Query(copied(source)?)), manner(&options, &legacy_options)?)
            }
            other => {
                access::check_sql(&other)?;
                Self::Rows(Box::new(other))
            }
        })
    }

    /// Whether a plan is wanted, and not what it gives.
    pub(super) fn explains(&self) -> bool {
        matches!(self, Self::Rows(statement) if matches!(**statement, Statement::Explain { .. }))
    }

    /// The statement whose rows are wanted.
    pub(super) fn rows(&self) -> Option<&Statement> {
        match self {
            Self::Rows(statement) | Self::Copy(statement, _) | Self::Declare { query: statement, .. } => Some(statement),
            _ => None,
        }
    }
}

fn of_set(set: Set) -> Result<Command, Failure> {
    let extent = |is_local| if is_local { Extent::Transaction } else { Extent::Session };
    Ok(match set {
        Set::SingleAssignment { scope, variable, values, .. } => {
            let is_local = scope.is_some_and(|scope| scope.to_string().trim().eq_ignore_ascii_case("local"));
            Command::Set { name: plain(&variable), value: value(&values), extent: extent(is_local) }
        }
        Set::SetTimeZone { local, value: zone } => {
            Command::Set { name: "TimeZone".to_owned(), value: value(&[zone]), extent: extent(local) }
        }
        Set::SetNames { charset_name, .. } => {
            Command::Set { name: "client_encoding".to_owned(), value: Some(charset_name.value), extent: Extent::Session }
        }
        Set::SetTransaction { .. } => Command::Nothing("SET"),
        other => {
            let text = other.to_string();
            return Err(Failure::new("0A000", format!("{text} is not supported")));
        }
    })
}

fn of_declare(mut declared: Vec<Declare>) -> Result<Command, Failure> {
    let one = declared.pop().filter(|_| declared.is_empty());
    let cursor = one.and_then(|mut one| {
        let name = one.names.pop().filter(|_| one.names.is_empty())?;
        Some((name.value, one.hold == Some(true), one.for_query?))
    });
    let (name, is_held, query) = cursor.ok_or_else(|| Failure::new("42601", "only cursors are declared, one at a time"))?;
    let query = Statement::Query(query);
    access::check_sql(&query)?;
    Ok(Command::Declare { name, is_held, query: Box::new(query) })
}

fn forward(direction: &FetchDirection) -> Result<Count, Failure> {
    let count = |limit: &ValueWithSpan| match &limit.value {
        Value::Number(number, _) => number.to_string().parse().map(Count::Some).ok(),
        _ => None,
    };
    let count = match direction {
        FetchDirection::Next | FetchDirection::Forward { limit: None } => Some(Count::Some(1)),
        FetchDirection::Count { limit } | FetchDirection::Forward { limit: Some(limit) } => count(limit),
        FetchDirection::All | FetchDirection::ForwardAll => Some(Count::All),
        _ => None,
    };
    count.ok_or_else(|| Failure::new("55000", "cursors go forward only"))
}

/// The query of what is copied.
fn copied(source: CopySource) -> Result<Box<Query>, Failure> {
    let (table, columns) = match source {
        CopySource::Query(query) => {
            access::check_sql(&Statement::Query(query.clone()))?;
            return Ok(query);
        }
        CopySource::Table { table_name, columns } => (table_name, columns),
    };
    let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
    let columns = if columns.is_empty() { "*".to_owned() } else { columns.join(", ") };
    let mut statements = statements(&format!("select {columns} from {table}"))?;
    match statements.pop() {
        Some(Statement::Query(query)) => Ok(query),
        _ => Err(Error::bug("a table's rows are no query").into()),
    }
}

fn manner(options: &[CopyOption], legacy: &[CopyLegacyOption]) -> Result<Manner, Failure> {
    let is_csv = |format: &Ident| format.value.eq_ignore_ascii_case("csv");
    let is_binary = |format: &Ident| format.value.eq_ignore_ascii_case("binary");
    let format = options.iter().find_map(|option| match option {
        CopyOption::Format(format) => Some(format),
        _ => None,
    });
    let mut manner = match format {
        Some(format) if is_csv(format) => Manner::csv(),
        Some(format) if is_binary(format) => Manner::Binary,
        Some(format) if !format.value.eq_ignore_ascii_case("text") => {
            return Err(Failure::new("22023", format!("COPY format \"{}\" not recognized", format.value)));
        }
        _ if legacy.iter().any(|option| matches!(option, CopyLegacyOption::Csv(_))) => Manner::csv(),
        _ if legacy.contains(&CopyLegacyOption::Binary) => Manner::Binary,
        _ => Manner::text(),
    };
    for option in options {
        match option {
            CopyOption::Format(_) | CopyOption::Freeze(_) => {}
            CopyOption::Delimiter(delimiter) => manner.delimit(*delimiter)?,
            CopyOption::Null(null) => manner.show_null(null)?,
            CopyOption::Header(header) => manner.head(*header)?,
            CopyOption::Encoding(encoding) if ["utf8", "utf-8"].contains(&encoding.to_lowercase().as_str()) => {}
            CopyOption::Quote('"') | CopyOption::Escape('"') => {}
            other => return Err(Failure::new("0A000", format!("COPY option {other} is not supported"))),
        }
    }
    for option in legacy {
        match option {
            CopyLegacyOption::Binary => {}
            CopyLegacyOption::Csv(inner) if inner.is_empty() => {}
            CopyLegacyOption::Csv(inner) if inner.iter().all(|option| option.to_string() == "HEADER") => manner.head(true)?,
            CopyLegacyOption::Header => manner.head(true)?,
            CopyLegacyOption::Delimiter(delimiter) => manner.delimit(*delimiter)?,
            CopyLegacyOption::Null(null) => manner.show_null(null)?,
            other => return Err(Failure::new("0A000", format!("COPY option {other} is not supported"))),
        }
    }
    Ok(manner)
}

fn is_all(name: &Ident) -> bool {
    name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all")
}

/// A name without quotes.
fn plain(name: &ObjectName) -> String {
    let part = |part: &ObjectNamePart| part.as_ident().map(|ident| ident.value.clone());
    name.0.iter().filter_map(part).collect::<Vec<_>>().join(".")
}

/// What is shown: a setting, which is also spelled in several words.
fn shown(variable: &[Ident]) -> String {
    let words: Vec<String> = variable.iter().map(|word| word.value.to_lowercase()).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["time", "zone"] => "TimeZone".to_owned(),
        ["transaction", "isolation", "level"] => "transaction_isolation".to_owned(),
        ["session", "authorization"] => "session_authorization".to_owned(),
        _ => words.join("."),
    }
}

/// What is set; none for the default.
fn value(values: &[Expr]) -> Option<String> {
    let one = |expr: &Expr| match expr {
        Expr::Value(value) => value.value.clone().into_string().unwrap_or_else(|| value.to_string()),
        Expr::Identifier(word) => word.value.clone(),
        other => other.to_string(),
    };
    let text = values.iter().map(one).collect::<Vec<_>>().join(", ");
    (!text.eq_ignore_ascii_case("default")).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str) -> Result<Command, Failure> {
        Command::of(statements(sql).unwrap().remove(0))
    }

    #[test]
    fn settings_are_read_however_they_are_written() {
        let set = |name: &str, value: Option<&str>, extent| Command::Set {
            name: name.to_owned(),
            value: value.map(str::to_owned),
            extent,
        };
        assert_eq!(of("set checkout.max_requests = 10").unwrap(), set("checkout.max_requests", Some("10"), Extent::Session));
        assert_eq!(of("set local statement_timeout to '5s'").unwrap(), set("statement_timeout", Some("5s"), Extent::Transaction));
        assert_eq!(of("set session datestyle = iso, mdy").unwrap(), set("datestyle", Some("iso, mdy"), Extent::Session));
        assert_eq!(of("set time zone 'UTC'").unwrap(), set("TimeZone", Some("UTC"), Extent::Session));
        assert_eq!(of("set names 'UTF8'").unwrap(), set("client_encoding", Some("UTF8"), Extent::Session));
        assert_eq!(of("set search_path to default").unwrap(), set("search_path", None, Extent::Session));
        assert_eq!(of("reset all").unwrap(), Command::ResetAll);
        assert_eq!(of("show transaction isolation level").unwrap(), Command::Show("transaction_isolation".to_owned()));
    }

    #[test]
    fn cursors_go_forward() {
        let count = |count| Command::Fetch { name: "c".to_owned(), count };
        assert_eq!(of("fetch forward 100 from \"c\"").unwrap(), count(Count::Some(100)));
        assert_eq!(of("fetch all in c").unwrap(), count(Count::All));
        assert_eq!(of("fetch next from c").unwrap(), count(Count::Some(1)));
        assert_eq!(of("fetch prior from c").unwrap_err().sqlstate(), "55000");
        assert!(matches!(
            of("declare \"c\" no scroll cursor with hold for select 1").unwrap(),
            Command::Declare { is_held: true, .. }
        ));
    }

    #[test]
    fn whatever_writes_is_refused() {
        for sql in [
            "delete from payments",
            "with gone as (delete from payments returning *) select * from gone",
            "with new as (select 1) insert into payments select * from new",
            "select * into copy from payments",
            "create table t (a int)",
            "create or replace view v as select 1",
            "copy (select 1) to '/tmp/never'",
            "copy payments to program 'sh'",
            "copy payments from stdin",
            "declare c cursor for select * into copy from payments",
            "copy (with gone as (delete from payments returning *) select * from gone) to stdout",
            "explain analyze delete from payments",
            "prepare p as delete from payments",
            "truncate payments",
            "drop schema public",
            "vacuum payments",
            "grant all on payments to public",
            "call proc()",
            "lock table payments",
        ] {
            let refused = Command::of(statements(sql).unwrap().remove(0));
            assert_eq!(refused.unwrap_err().sqlstate(), "25006", "{sql}");
        }
    }

    #[test]
    fn an_error_in_the_sql_has_its_place() {
        let sql = "select 1;\nselect * form x";
        let failure = Failure::of(&statements(sql).unwrap_err(), sql);
        assert_eq!(failure.sqlstate(), "42601");
        assert!(format!("{failure:?}").contains("position: Some("), "{failure:?}");
    }
}
