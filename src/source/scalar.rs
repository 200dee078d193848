//! Reads `column = (select …)` of a live table as `column in (select …)`: a join tells what it looks for, a single value
//! that is only known once the query runs tells nothing.
//!
//! Only where the subquery surely has one row at the most: with more, `=` is an error and `in` is not.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::expr_fn::in_subquery;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, LogicalPlan, Operator, Subquery, lit};
use datafusion::optimizer::AnalyzerRule;

use super::lineage::{Origin, of_expr};
use super::table::LiveTable;

/// The rule, as sessions take it.
pub fn rule() -> Arc<dyn AnalyzerRule + Send + Sync> {
    Arc::new(ScalarAsList)
}

#[derive(Debug)]
struct ScalarAsList;

impl AnalyzerRule for ScalarAsList {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Filter(filter) if filter.predicate.exists(|expr| Ok(matches!(expr, Expr::ScalarSubquery(_))))? => {
                let parts = split_conjunction_owned(filter.predicate).into_iter().map(|part| as_list(part, &filter.input));
                let predicate = conjunction(parts).unwrap_or_else(|| lit(true));
                Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(predicate, filter.input)?)))
            }
            plan => Ok(Transformed::no(plan)),
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "scalar_as_list"
    }
}

fn as_list(part: Expr, input: &LogicalPlan) -> Expr {
    match part {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => match (*left, *right) {
            (column, Expr::ScalarSubquery(sub)) | (Expr::ScalarSubquery(sub), column)
                if is_single(&sub) && is_live(&column, input) =>
            {
                in_subquery(column, sub.subquery)
            }
            (left, right) => left.eq(right),
        },
        part => part,
    }
}

fn is_single(sub: &Subquery) -> bool {
    sub.outer_ref_columns.is_empty() && sub.subquery.max_rows().is_some_and(|rows| rows <= 1)
}

/// Whether an expression is a column of a live table.
fn is_live(expr: &Expr, input: &LogicalPlan) -> bool {
    let origins = of_expr(Some(expr), input);
    origins.iter().any(|origin| matches!(origin, Origin::Scanned(scan, _) if LiveTable::of(scan).is_some()))
}
