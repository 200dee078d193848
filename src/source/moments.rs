//! Refuses queries that look among the moments of a table which answers for given moments, without giving any.
//!
//! `balances` has a row for every moment that is asked for, and without one those of now. A condition on `as_of` that
//! neither a request nor a look-up can be made of would be tried on the rows of now alone, and find none.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{JoinSide, Result};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, TableScan};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::ask::no_moment;
use super::constraints::Constraints;
use super::joins::may_look_up;
use super::lineage::{Origin, of_expr};
use super::table::LiveTable;

/// The rule, as sessions take it: after all others, when filters are where they will be tried.
pub fn rule() -> Arc<dyn OptimizerRule + Send + Sync> {
    Arc::new(CheckMoments)
}

#[derive(Debug)]
struct CheckMoments;

impl OptimizerRule for CheckMoments {
    fn name(&self) -> &'static str {
        "check_moments"
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        plan.apply_with_subqueries(|node| {
            match node {
                LogicalPlan::Filter(filter) => {
                    for part in split_conjunction(&filter.predicate) {
                        refuse(part, &[&filter.input])?;
                    }
                }
                LogicalPlan::Join(join) => check_join(join)?,
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(Transformed::no(plan))
    }
}

fn check_join(join: &Join) -> Result<()> {
    for (left, right) in &join.on {
        match (moment_of(left, &join.left), moment_of(right, &join.right)) {
            (None, None) => {}
            (Some(_), None) if may_look_up(&join.join_type, JoinSide::Left) && is_table(left, &join.left) => {}
            (None, Some(_)) if may_look_up(&join.join_type, JoinSide::Right) && is_table(right, &join.right) => {}
            (Some(column), _) | (None, Some(column)) => return Err(no_moment(column).into()),
        }
    }
    join.filter.iter().flat_map(split_conjunction).try_for_each(|part| refuse(part, &[&join.left, &join.right]))
}

/// Refuses a condition on moments that nobody gives; that there is none says nothing of a moment.
fn refuse(part: &Expr, inputs: &[&LogicalPlan]) -> Result<()> {
    if matches!(part, Expr::IsNull(_)) {
        return Ok(());
    }
    match inputs.iter().find_map(|input| moment_of(part, input)) {
        Some(column) => Err(no_moment(column).into()),
        None => Ok(()),
    }
}

/// The column of moments, of which none is given, that an expression over a plan uses.
fn moment_of(expr: &Expr, input: &LogicalPlan) -> Option<&'static str> {
    let columns: Vec<Expr> = expr.column_refs().into_iter().cloned().map(Expr::Column).collect();
    columns.iter().find_map(|column| {
        of_expr(Some(column), input).into_iter().find_map(|origin| match origin {
            Origin::Scanned(scan, field) => moment_scanned(scan, field.name()),
            Origin::Computed(expr, input) => moment_of(expr, input),
            Origin::Unknown => None,
        })
    })
}

fn moment_scanned(scan: &TableScan, name: &str) -> Option<&'static str> {
    let column = LiveTable::of(scan)?.moment().filter(|column| *column == name)?;
    let given = Constraints::of(&scan.filters);
    (given.instants(column).is_none() && !given.is_null(column)).then_some(column)
}

/// Whether an expression is a column of the table that a plan reads, which a join can look up.
fn is_table(expr: &Expr, plan: &LogicalPlan) -> bool {
    // A moment of another precision is the same moment.
    let column = match expr {
        Expr::Cast(cast) if matches!(cast.field.data_type(), DataType::Timestamp(..)) => cast.expr.as_ref(),
        expr => expr,
    };
    matches!(of_expr(Some(column), plan).as_slice(), [Origin::Scanned(scan, _)] if scan.fetch.is_none()) && is_by_row(plan)
}

/// Whether a plan does with each row of one table by itself what it does.
fn is_by_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => is_by_row(&projection.input),
        LogicalPlan::Filter(filter) => is_by_row(&filter.input),
        LogicalPlan::SubqueryAlias(alias) => is_by_row(&alias.input),
        plan => matches!(plan, LogicalPlan::TableScan(_)),
    }
}
