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
        // A null in the list makes nothing true, and it would make the list no list of texts.
        let is_null =
            |value: &&Arc<dyn PhysicalExpr>| value.downcast_ref::<Literal>().is_some_and(|literal| literal.value().is_null());
        if list.negated() {
            return None;
        }
        let values = list.list().iter().filter(|value| !is_null(value)).map(|value| logical(value.as_ref(), schema));
        let values = values.collect::<Option<Vec<Expr>>>()?;
        return Some(logical(list.expr().as_ref(), schema)?.in_list(values, false));
    }
    // A join in partitions has one filter for each, chosen by a hash: together they are either one or the other.
    let case = filter.downcast_ref::<CaseExpr>()?;
    let branches = case.when_then_expr().iter().map(|(_, then)| then);
    let branches = branches.chain(case.else_expr()).map(|branch| logical(branch.as_ref(), schema));
    branches.collect::<Option<Vec<Expr>>>()?.into_iter().reduce(Expr::or)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};
    use datafusion::physical_expr::expressions::{case, in_list, is_null};
    use datafusion::physical_plan::expressions::{binary, lit as literal};

    use super::*;

    fn schema() -> Schema {
        Schema::new(vec![Field::new("id", DataType::Utf8, true), Field::new("n", DataType::Int64, true)])
    }

    fn id() -> Arc<dyn PhysicalExpr> {
        Arc::new(Column::new("id", 0))
    }

    fn one_of(values: &[&str]) -> Arc<dyn PhysicalExpr> {
        in_list(id(), values.iter().map(|value| literal(*value)).collect(), &false, &schema()).unwrap()
    }

    fn values(filter: Arc<dyn PhysicalExpr>) -> Option<Vec<String>> {
        constraints(&[filter], &schema()).values("id").map(|values| values.iter().cloned().collect())
    }

    #[test]
    fn a_filter_is_read_as_it_is_when_the_scan_starts() {
        let filter = Arc::new(DynamicFilterPhysicalExpr::new(vec![id()], literal(true)));
        assert_eq!(values(Arc::clone(&filter) as Arc<dyn PhysicalExpr>), None);
        filter.update(one_of(&["b", "a"])).unwrap();
        assert_eq!(values(filter), Some(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_part_of_an_and_that_is_not_understood_is_left_out_and_of_an_or_leaves_nothing() {
        let odd = is_null(id()).unwrap();
        let both = |op| binary(one_of(&["a"]), op, Arc::clone(&odd), &schema()).unwrap();
        assert_eq!(values(both(Operator::And)), Some(vec!["a".to_owned()]));
        assert_eq!(values(both(Operator::Or)), None);
    }

    #[test]
    fn the_filters_of_partitions_hold_together() {
        let when = binary(Arc::new(Column::new("n", 1)), Operator::Eq, literal(0_i64), &schema()).unwrap();
        let parts = |other| case(None, vec![(Arc::clone(&when), one_of(&["a"]))], Some(other)).unwrap();
        assert_eq!(values(parts(one_of(&["b"]))), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(values(parts(is_null(id()).unwrap())), None);
    }
}
