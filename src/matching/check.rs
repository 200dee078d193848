//! Whether a rule can be trusted to run: its SELECT is one, tells the same every time, compares no floats, and pairs no rows
//! but those that have something in common.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Volatility, WindowFunctionDefinition};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

use super::assign::Side;
use super::due;
use super::rule::{Assign, Rule};
use super::sided::Sided;
use super::sides::Named;
use crate::error::{Error, ErrorKind, Result};
use crate::source::lineage::{Origin, origins};

/// The columns that a rule's SELECT gives.
pub(super) const LEFT_ID: &str = "left_id";
pub(super) const RIGHT_ID: &str = "right_id";
pub(super) const SCORE: &str = "score";
pub(super) const WHY: &str = "why";

/// Joins that compare every row with every other.
const TOO_MANY: [&str; 3] = ["NestedLoopJoinExec", "CrossJoinExec", "PiecewiseMergeJoinExec"];
/// Aggregates whose answer is the same in whatever order rows come, and that pick none of them.
const OF_ALL: [&str; 11] =
    ["avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "count", "grouping", "max", "min", "sum"];

/// A rule that was checked against the tables of a session.
#[derive(Debug)]
pub struct Checked {
    /// The tables of its sides.
    pub(super) sides: Sided<Named>,
}

/// Checks a rule against the tables of a session.
///
/// # Errors
/// [`ErrorKind::Query`] that names the rule, what is wrong and the remedy.
pub async fn check(rule: &Rule, context: &SessionContext) -> Result<Checked> {
    checked(rule, context).await.map_err(|error| error.with_missing("rule", &rule.id))
}

/// The optimised plan of the SELECT of a rule that was checked.
///
/// # Errors
/// Those of planning it.
pub(super) async fn planned(rule: &Rule, state: &SessionState) -> Result<LogicalPlan> {
    let plan = select(rule, state).await.and_then(|plan| Ok(state.optimize(&plan)?));
    plan.map_err(|error| error.with_missing("rule", &rule.id))
}

async fn checked(rule: &Rule, context: &SessionContext) -> Result<Checked> {
    let sides = Named::of(rule, context);
    if sides.both().is_some_and(|[left, right]| left.name() == right.name()) {
        // A row could be taken once from the left and once from the right.
        return Err(
            wrong("both sides of a rule are one table").hint("make a view of each: of what is expected, and of what came")
        );
    }
    let state = context.state();
    let plan = select(rule, &state).await?;
    for (side, _) in sides.iter() {
        is_no_pick(&plan, id_of(side))?;
    }
    if let Assign::MutualBest { .. } = rule.assign {
        match plan.schema().field_with_unqualified_name(SCORE) {
            Ok(field) if field.data_type().is_integer() => {}
            _ => return Err(wrong("mutual_best needs a score that is a whole number").hint("write cast(… as bigint) as score")),
        }
    }
    is_determined(&plan)?;
    for (_, side) in sides.iter() {
        let rows = side.rows(context).await?.into_unoptimized_plan();
        is_determined(&rows).map_err(|error| error.with("table", side.name()))?;
    }
    due::check(rule, context).await?;
    let plan = state.optimize(&plan)?;
    has_something_in_common(&plan)?;
    let physical = state.query_planner().create_physical_plan(&plan, &state).await?;
    no_join_of_all(&physical)?;
    Ok(Checked { sides })
}

/// The column that tells a row of a side.
fn id_of(side: Side) -> &'static str {
    if side == Side::Left { LEFT_ID } else { RIGHT_ID }
}

/// That an id is given, and is a row's own: the smallest of several would be one that was picked.
fn is_no_pick(plan: &LogicalPlan, column: &str) -> Result<()> {
    let Some(index) = plan.schema().index_of_column_by_name(None, column) else {
        return Err(wrong("a rule's SELECT lacks a column").with("column", column).hint(format!("write … as {column}")));
    };
    let picks = |origin: &Origin<'_>| match origin {
        Origin::Computed(Expr::AggregateFunction(call), _) => Some(call.func.name().to_owned()),
        Origin::Computed(Expr::WindowFunction(call), _) => Some(call.fun.name().to_owned()),
        _ => None,
    };
    match origins(plan, index).iter().find_map(picks) {
        Some(picks) => Err(picked(&picks).with("column", column)),
        None => Ok(()),
    }
}

async fn select(rule: &Rule, state: &SessionState) -> Result<LogicalPlan> {
    let at = |error: Error| error.with_missing("line", rule.sql_line);
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state.sql_to_statement(&rule.sql, &dialect).map_err(|error| at(error.into()))?;
    match &statement {
        Statement::Statement(sql) if matches!(**sql, SqlStatement::Query(_)) => {}
        _ => return Err(at(wrong("a rule is one SELECT").hint("leave everything else out"))),
    }
    state.statement_to_plan(statement).await.map_err(|error| at(error.into()))
}

/// That the same rows give the same answer: no clock, no dice, no choice of some rows out of several.
fn is_determined(plan: &LogicalPlan) -> Result<()> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::Limit(_) => found = Some(picked("LIMIT")),
            LogicalPlan::Distinct(Distinct::On(_)) => found = Some(picked("DISTINCT ON")),
            _ => {}
        }
        if found.is_some() {
            return Ok(TreeNodeRecursion::Stop);
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                found = found.take().or_else(|| undetermined(expr));
                Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    })?;
    found.map_or(Ok(()), Err)
}

fn undetermined(expr: &Expr) -> Option<Error> {
    match expr {
        Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => Some(
            wrong("a rule calls a function that does not tell the same every time")
                .with("function", call.func.name())
                .hint("compare columns, and say in the header how far apart days may be"),
        ),
        Expr::AggregateFunction(call) if !OF_ALL.contains(&call.func.name()) => Some(picked(call.func.name())),
        Expr::WindowFunction(call) => {
            let is_of_all = matches!(&call.fun, WindowFunctionDefinition::AggregateUDF(of) if OF_ALL.contains(&of.name()));
            // With an order it is of the rows so far, and which are, of those that are alike, is not said.
            (!is_of_all || !call.params.order_by.is_empty()).then(|| picked(call.fun.name()))
        }
        _ => None,
    }
}

fn picked(by: &str) -> Error {
    wrong("a rule picks some of several rows")
        .with("by", by)
        .hint("leave it out: rows that cannot be told apart are for the header's tie to decide")
}

/// That each join compares columns for equality.
fn has_something_in_common(plan: &LogicalPlan) -> Result<()> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Join(join) = node
            && join.on.is_empty()
        {
            let error = wrong("a rule joins by no equality, so every row is compared with every other");
            let error = match &join.filter {
                Some(filter) => error.with("condition", filter),
                None => error,
            };
            found = Some(error.hint("add a condition such as a.currency = b.currency and a.amount = b.amount"));
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    found.map_or(Ok(()), Err)
}

fn no_join_of_all(plan: &Arc<dyn ExecutionPlan>) -> Result<()> {
    let mut found = None;
    plan.apply(|node| {
        if TOO_MANY.contains(&node.name()) {
            found = Some(node.name().to_owned());
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    match found {
        Some(join) => Err(wrong("a rule compares every row with every other").with("by", join).hint("join by an equality")),
        None => Ok(()),
    }
}

fn wrong(what: &'static str) -> Error {
    Error::new(ErrorKind::Query, what)
}
