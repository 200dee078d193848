//! A fence between what a role may see of a table and what it asks of it.
//!
//! Rows that are left out must not be told by anything else: not by a condition that fails on them (`1 / (amount - 5)`), not by
//! how many there were before they were left out, not by a plan. So nothing goes through the fence but rows to the outside, and
//! to the inside only conditions that cannot fail on a value.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties};

/// Rows that a role may see. To everybody outside it is a leaf of which nothing is known.
#[derive(Debug)]
pub(super) struct FenceExec {
    table: String,
    inner: Arc<dyn ExecutionPlan>,
}

impl FenceExec {
    pub(super) fn new(table: &str, inner: Arc<dyn ExecutionPlan>) -> Self {
        Self { table: table.to_owned(), inner }
    }
}

impl DisplayAs for FenceExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FenceExec: table={}, the rows that the role may see", self.table)
    }
}

impl ExecutionPlan for FenceExec {
    fn name(&self) -> &'static str {
        "FenceExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.inner.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(self: Arc<Self>, _children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.inner.execute(partition, context)
    }
}

/// Operators that compare two values, whatever these are.
const COMPARISONS: [Operator; 8] = [
    Operator::Eq,
    Operator::NotEq,
    Operator::Lt,
    Operator::LtEq,
    Operator::Gt,
    Operator::GtEq,
    Operator::IsDistinctFrom,
    Operator::IsNotDistinctFrom,
];

/// Whether a condition can neither fail on a value nor tell of it otherwise: it compares columns with values.
pub(super) fn is_harmless(condition: &Expr) -> bool {
    let is_operand = |expr: &Expr| matches!(expr, Expr::Column(_) | Expr::Literal(..));
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => is_harmless(left) && is_harmless(right),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => COMPARISONS.contains(op) && is_operand(left) && is_operand(right),
        Expr::Not(inner) => is_harmless(inner),
        Expr::IsNull(inner) | Expr::IsNotNull(inner) => is_operand(inner),
        Expr::InList(list) => is_operand(&list.expr) && list.list.iter().all(is_operand),
        Expr::Between(between) => [&between.expr, &between.low, &between.high].into_iter().all(|expr| is_operand(expr)),
        other => is_operand(other),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

    use super::*;

    #[test]
    fn only_comparisons_of_columns_with_values_are_harmless() {
        let harmless = [
            col("a").eq(lit(1)).and(col("b").in_list(vec![lit("x")], true)).or(col("c").is_null()),
            col("a").between(lit(1), lit(2)),
            !col("a").lt(col("b")),
        ];
        let others = [
            (lit(1) / col("a")).gt(lit(0)),
            datafusion::logical_expr::cast(col("a"), arrow::datatypes::DataType::Int64).eq(lit(1)),
            col("a").eq(lit(1)).or((lit(1) / col("a")).gt(lit(0))),
            !(lit(1) / col("a")).gt(lit(0)),
            (col("a") - lit(1)).is_null(),
        ];
        assert!(harmless.iter().all(is_harmless));
        assert!(!others.iter().any(is_harmless));
    }
}
