//! Where the columns of a logical plan come from: which column of which table, or which expression over which plan.

use arrow::datatypes::FieldRef;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Distinct, Expr, JoinType, LogicalPlan, TableScan};

/// What gives a column its values.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// A column of a table.
    Scanned(&'a TableScan, &'a FieldRef),
    /// An expression over the rows of a plan.
    Computed(&'a Expr, &'a LogicalPlan),
    /// What is not seen through.
    Unknown,
}

/// What gives the column of this index its values; several for a union.
pub fn origins(plan: &LogicalPlan, index: usize) -> Vec<Origin<'_>> {
    match plan {
        LogicalPlan::TableScan(scan) => match scan.projected_schema.fields().get(index) {
            Some(field) => vec![Origin::Scanned(scan, field)],
            None => vec![Origin::Unknown],
        },
        LogicalPlan::Projection(projection) => of_expr(projection.expr.get(index), &projection.input),
        LogicalPlan::Aggregate(aggregate) => {
            // Between groups and aggregates, grouping sets have a column of their own.
            let groups = grouping_set_to_exprlist(&aggregate.group_expr).unwrap_or_default();
            let first = aggregate.schema.fields().len().saturating_sub(aggregate.aggr_expr.len());
            let aggregated = index.checked_sub(first).and_then(|index| aggregate.aggr_expr.get(index));
            of_expr(groups.get(index).copied().or(aggregated), &aggregate.input)
        }
        LogicalPlan::Window(window) => match index.checked_sub(window.input.schema().fields().len()) {
            None => origins(&window.input, index),
            Some(index) => of_expr(window.window_expr.get(index), &window.input),
        },
        LogicalPlan::Distinct(Distinct::On(distinct)) => of_expr(distinct.select_expr.get(index), &distinct.input),
        LogicalPlan::Join(join) => {
            let is_right_only = matches!(join.join_type, JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark);
            match index.checked_sub(join.left.schema().fields().len()) {
                _ if is_right_only => origins_within(&join.right, index),
                None => origins(&join.left, index),
                Some(index) => origins_within(&join.right, index),
            }
        }
        LogicalPlan::Union(union) => union.inputs.iter().flat_map(|input| origins(input, index)).collect(),
        LogicalPlan::SubqueryAlias(alias) => origins(&alias.input, index),
        LogicalPlan::Subquery(subquery) => origins(&subquery.subquery, index),
        LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Distinct(Distinct::All(_)) => plan.inputs().iter().flat_map(|input| origins(input, index)).collect(),
        _ => vec![Origin::Unknown],
    }
}

/// The origins of a column that a plan may lack: a mark join adds one of its own.
fn origins_within(plan: &LogicalPlan, index: usize) -> Vec<Origin<'_>> {
    if index < plan.schema().fields().len() { origins(plan, index) } else { vec![Origin::Unknown] }
}

/// What gives an expression over a plan its values.
pub fn of_expr<'a>(expr: Option<&'a Expr>, input: &'a LogicalPlan) -> Vec<Origin<'a>> {
    match expr {
        Some(Expr::Alias(alias)) => of_expr(Some(&alias.expr), input),
        Some(Expr::Column(column)) => match input.schema().maybe_index_of_column(column) {
            Some(index) => origins(input, index),
            None => vec![Origin::Unknown],
        },
        Some(expr) => vec![Origin::Computed(expr, input)],
        None => vec![Origin::Unknown],
    }
}
