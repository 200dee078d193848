//! What the filters that joins make while a query runs say about single columns.
//!
//! A hash join knows the keys of its one side before it reads the other, and hands them over as a filter: a list when
//! they are few, else bounds. They are read as if the user had written them.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::Column as ColumnName;
use datafusion::logical_expr::{Expr, Operator, binary_expr, lit};
use datafusion::physical_expr::expressions::DynamicFilterPhysicalExpr;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::expressions::{BinaryExpr, CaseExpr, Column, InListExpr, Literal};

use super::constraints::Constraints;

/// What follows from the filters as they are now; what is not understood says nothing.
pub(super) fn constraints(filters: &[Arc<dyn PhysicalExpr>], schema: &Schema) -> Constraints {
    let filters: Vec<Expr> = filters.iter().filter_map(|filter| logical(filter.as_ref(), schema)).collect();
    Constraints::of(&filters)
}

/// The filter as the query would have it; a part of an `and` that is not understood is left out.
fn logical(filter: &dyn PhysicalExpr, schema: &Schema) -> Option<Expr> {
    if let Some(dynamic) = filter.downcast_ref::<DynamicFilterPhysicalExpr>() {
        return logical(dynamic.current().ok()?.as_ref(), schema);
    }
    if let Some(column) = filter.downcast_ref::<Column>() {
        let name = schema.fields().get(column.index())?.name();
        return Some(Expr::Column(ColumnName::new_unqualified(name)));
    }
    if let Some(literal) = filter.downcast_ref::<Literal>() {
        return Some(lit(literal.value().clone()));
    }
    if let Some(binary) = filter.downcast_ref::<BinaryExpr>() {
        let (left, right) = (logical(binary.left().as_ref(), schema), logical(binary.right().as_ref(), schema));
        return match (binary.op(), left, right) {
            (op, Some(left), Some(right)) => Some(binary_expr(left, *op, right)),
            (Operator::And, Some(side), None) | (Operator::And, None, Some(side)) => Some(side),
            _ => None,
        };
    }
    if let Some(list) = filter.downcast_ref::<InListExpr>() {
        let values = list.list().iter().map(|value| logical(value.as_ref(), schema)).collect::<Option<Vec<Expr>>>()?;
        return Some(logical(list.expr().as_ref(), schema)?.in_list(values, list.negated()));
    }
    // A join in partitions has one filter for each, chosen by a hash: together they are either one or the other.
    let case = filter.downcast_ref::<CaseExpr>()?;
    let branches = case.when_then_expr().iter().map(|(_, then)| then);
    let branches = branches.chain(case.else_expr()).map(|branch| logical(branch.as_ref(), schema));
    branches.collect::<Option<Vec<Expr>>>()?.into_iter().reduce(Expr::or)
}
