//! The columns of held rows that a plan gives as they are.

use arrow::array::ArrayRef;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::held::Held;

/// What these are of each row of a table that is held in memory, where a plan reads the whole table and they are columns of it.
pub(in crate::matching) fn columns_of<'a>(
    plan: &LogicalPlan,
    wanted: impl IntoIterator<Item = &'a Expr>,
) -> Option<Vec<ArrayRef>> {
    wanted.into_iter().map(|wanted| column(plan, wanted)).collect()
}

fn column(plan: &LogicalPlan, wanted: &Expr) -> Option<ArrayRef> {
    let Expr::Column(wanted) = wanted.clone().unalias() else { return None };
    column_at(plan, plan.schema().index_of_column(&wanted).ok()?)
}

fn column_at(plan: &LogicalPlan, place: usize) -> Option<ArrayRef> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => column_at(&alias.input, place),
        LogicalPlan::Projection(projection) => column(&projection.input, projection.expr.get(place)?),
        LogicalPlan::TableScan(scan) if scan.filters.is_empty() && scan.fetch.is_none() => {
            let table = source_as_provider(&scan.source).ok()?;
            let name = scan.projected_schema.fields().get(place)?.name();
            table.downcast_ref::<Held>()?.whole()?.column_by_name(name).cloned()
        }
        _ => None,
    }
}
