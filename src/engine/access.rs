//! What a statement may do: read. Everything that would change something is refused, whoever asks.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::{LogicalPlan, Statement};

use crate::error::{Error, ErrorKind, Result};

/// Refuses a plan that would change anything but the session's own settings.
///
/// # Errors
/// [`ErrorKind::ReadOnly`], naming the statement.
pub fn check(plan: &LogicalPlan) -> Result<()> {
    let mut refused = None;
    plan.apply_with_subqueries(|node| {
        refused = refusal(node);
        Ok(if refused.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    match refused {
        Some(what) => Err(Error::new(ErrorKind::ReadOnly, format!("{what} is refused: ckosql only reads"))),
        None => Ok(()),
    }
}

/// The name of what a node would change.
fn refusal(node: &LogicalPlan) -> Option<String> {
    match node {
        LogicalPlan::Ddl(ddl) => Some(words(ddl.name())),
        LogicalPlan::Dml(dml) => Some(words(dml.op.name())),
        LogicalPlan::Copy(_) => Some("COPY".to_owned()),
        LogicalPlan::Statement(Statement::SetVariable(_) | Statement::ResetVariable(_)) => None,
        LogicalPlan::Statement(Statement::Prepare(_) | Statement::Execute(_) | Statement::Deallocate(_)) => None,
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
