//! Texts that PostgreSQL reads as what they are compared with: `indisprimary = 'f'`, and times without seconds.

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::engine::times::with_seconds;

/// Reads them when a comparison is planned.
#[derive(Debug)]
pub(super) struct Literals;

impl ExprPlanner for Literals {
    fn plan_binary_op(&self, mut expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let is_comparison = matches!(
            expr.op,
            BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
        );
        if is_comparison {
            let (left, right) = (expr.left.get_type(schema), expr.right.get_type(schema));
            if let Some(read) = left.ok().and_then(|data_type| read(&expr.right, &data_type)) {
                expr.right = read;
            }
            if let Some(read) = right.ok().and_then(|data_type| read(&expr.left, &data_type)) {
                expr.left = read;
            }
        }
        Ok(PlannerResult::Original(expr))
    }
}

/// A literal text as a value of a type, where the engine would not read it as one.
fn read(literal: &Expr, data_type: &DataType) -> Option<Expr> {
    let Expr::Literal(value, metadata) = literal else { return None };
    let text = value.try_as_str().flatten()?;
    let read = match data_type {
        DataType::Boolean => ScalarValue::from(truth(text)?),
        DataType::Timestamp(..) => ScalarValue::from(with_seconds(text)?),
        _ => return None,
    };
    Some(Expr::Literal(read, metadata.clone()))
}

fn truth(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "on" | "1" => Some(true),
        "f" | "false" | "n" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truths_are_read_in_postgresql_s_spellings() {
        assert_eq!((truth("f"), truth(" TRUE "), truth("perhaps")), (Some(false), Some(true), None));
    }
}
