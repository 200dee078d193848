//! What a statement may do: read. Everything that would change something is refused, whoever asks.
//!
//! It is looked at twice: as it is written, because what cannot even be planned (a write to a table that is not there, or
//! inside a `with`) is refused for what it is; and as it is planned, because that is what will run.

use std::ops::ControlFlow;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::{LogicalPlan, Statement as Planned};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Select, Statement as Written, Visit, Visitor};

use crate::error::{Error, ErrorKind, Result};

/// What the names of the settings begin with that each session has for itself.
const OWN: &str = "checkout.";
/// Words between `create` and what is created.
const BESIDES: [&str; 5] = ["OR", "REPLACE", "TEMPORARY", "TEMP", "UNLOGGED"];

/// Refuses a statement that is written to change anything but the session's own settings.
///
/// # Errors
/// [`ErrorKind::ReadOnly`], naming the statement.
pub fn check_written(statement: &Statement) -> Result<()> {
    match statement {
        Statement::Statement(written) => check_sql(written),
        Statement::Explain(explain) => check_written(&explain.statement),
        Statement::CreateExternalTable(_) => Err(refused("CREATE EXTERNAL TABLE")),
        Statement::CopyTo(_) => Err(refused("COPY")),
        Statement::Reset(_) => Ok(()),
    }
}

/// As [`check_written`], of what the SQL parser alone reads.
///
/// # Errors
/// [`ErrorKind::ReadOnly`], naming the statement.
pub fn check_sql(statement: &Written) -> Result<()> {
    match statement.visit(&mut Writes) {
        ControlFlow::Break(what) => Err(refused(&what)),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Refuses a plan that would change anything but the session's own settings.
///
/// # Errors
/// [`ErrorKind::ReadOnly`], naming the statement.
pub fn check(plan: &LogicalPlan) -> Result<()> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        found = refusal(node);
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    found.map_or(Ok(()), |what| Err(refused(&what)))
}

/// Refuses to change a setting that is not the session's own.
///
/// # Errors
/// [`ErrorKind::ReadOnly`], naming the setting.
pub fn check_setting(name: &str) -> Result<()> {
    if name.to_lowercase().starts_with(OWN) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::ReadOnly, format!("{name} is the server's own setting and is not changed by who connects")))
}

fn refused(what: &str) -> Error {
    Error::new(ErrorKind::ReadOnly, format!("{what} is refused: ckosql only reads"))
}

/// Finds what writes, however deep it stands.
struct Writes;

impl Visitor for Writes {
    type Break = String;

    fn pre_visit_statement(&mut self, statement: &Written) -> ControlFlow<String> {
        match statement {
            Written::Query(_) | Written::Explain { .. } | Written::ExplainTable { .. } => ControlFlow::Continue(()),
            Written::Prepare { .. } | Written::Execute { .. } | Written::Deallocate { .. } => ControlFlow::Continue(()),
            Written::Set(_) | Written::Reset(_) | Written::ShowVariable { .. } => ControlFlow::Continue(()),
            Written::ShowTables { .. } | Written::ShowColumns { .. } | Written::ShowFunctions { .. } => ControlFlow::Continue(()),
            other => ControlFlow::Break(leading_words(&other.to_string())),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<String> {
        if select.into.is_some() { ControlFlow::Break("SELECT INTO".to_owned()) } else { ControlFlow::Continue(()) }
    }
}

/// What a statement does, in its own words: `DROP TABLE` of `DROP TABLE payments`.
pub(super) fn leading_words(statement: &str) -> String {
    let mut words = statement.split_whitespace().map(str::to_uppercase).filter(|word| !BESIDES.contains(&word.as_str()));
    let first = words.next().unwrap_or_default();
    match (first.as_str(), words.next()) {
        ("CREATE" | "DROP" | "ALTER" | "START", Some(second)) => format!("{first} {second}"),
        _ => first,
    }
}

/// The name of what a node would change.
fn refusal(node: &LogicalPlan) -> Option<String> {
    match node {
        LogicalPlan::Ddl(ddl) => Some(words(ddl.name())),
        LogicalPlan::Dml(dml) => Some(words(dml.op.name())),
        LogicalPlan::Copy(_) => Some("COPY".to_owned()),
        LogicalPlan::Statement(Planned::SetVariable(_) | Planned::ResetVariable(_)) => None,
        LogicalPlan::Statement(Planned::Prepare(_) | Planned::Execute(_) | Planned::Deallocate(_)) => None,
        LogicalPlan::Statement(other) => Some(words(other.name())),
        _ => None,
    }
}

/// `DropTable` as `DROP TABLE`.
fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_uppercase() && words.ends_with(|last: char| last != ' ') {
            words.push(' ');
        }
        words.push(letter);
    }
    words.to_uppercase()
}
