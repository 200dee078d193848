//! Pauses for what makes many rows of few: a join may compute for hours between two rows of its input, and would not be
//! seen to be stopped.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{NestedLoopJoinExec, NestedLoopJoinExecBuilder};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

/// Nodes that may give many rows for one.
const MULTIPLY: [&str; 6] =
    ["CrossJoinExec", "HashJoinExec", "NestedLoopJoinExec", "RecursiveQueryExec", "SortMergeJoinExec", "UnnestExec"];

/// Whether nobody waits for a statement any more. What is held by who waits says so when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Awaited(Arc<AtomicBool>);

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Awaited {
    /// A plan that pauses between the rows it makes, and ends when it is stopped.
    ///
    /// # Errors
    /// Those of making a node anew.
    pub(super) fn within(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            if !MULTIPLY.contains(&plan.name()) {
                return Ok(Transformed::no(plan));
            }
            let plan = self.in_filter(plan.as_ref())?.unwrap_or(plan);
            Ok(Transformed::yes(Arc::new(CooperativeExec::new(plan)) as _))
        })
        .data()
    }

    /// The join of all rows with all, of which hours may pass without a row that fits.
    fn in_filter(&self, plan: &dyn ExecutionPlan) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() else { return Ok(None) };
        let Some(filter) = join.filter() else { return Ok(None) };
        let condition = Arc::new(Until { is_stopped: Arc::clone(&self.0), condition: Arc::clone(filter.expression()) });
        let filter = JoinFilter::new(condition, filter.column_indices().to_vec(), Arc::clone(filter.schema()));
        Ok(Some(Arc::new(NestedLoopJoinExecBuilder::from(join).with_filter(Some(filter)).build()?)))
    }
}

/// A condition that fails once the statement is stopped.
#[derive(Debug)]
struct Until {
    is_stopped: Arc<AtomicBool>,
    condition: Arc<dyn PhysicalExpr>,
}

impl PartialEq for Until {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.is_stopped, &other.is_stopped) && self.condition.eq(&other.condition)
    }
}

impl Eq for Until {}

impl Hash for Until {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

impl PhysicalExpr for Until {
    fn return_field(&self, input: &Schema) -> Result<FieldRef> {
        self.condition.return_field(input)
    }

    fn data_type(&self, input: &Schema) -> Result<arrow::datatypes::DataType> {
        self.condition.data_type(input)
    }

    fn nullable(&self, input: &Schema) -> Result<bool> {
        self.condition.nullable(input)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.is_stopped.load(Ordering::Relaxed) {
            return exec_err!("nobody waits for the statement any more");
        }
        self.condition.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let [condition] = <[_; 1]>::try_from(children)
            .or_else(|children| exec_err!("a condition was given {} in the place of one", children.len()))?;
        Ok(Arc::new(Self { is_stopped: Arc::clone(&self.is_stopped), condition }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use datafusion::physical_plan::execute_stream;
    use datafusion::prelude::SessionContext;
    use tokio::task::yield_now;

    use super::*;
    use crate::engine::aside;

    /// The rows that each node of a plan has given so far, where it counts them; with whether it is one that reads.
    fn given(plan: &dyn ExecutionPlan) -> Vec<(bool, usize)> {
        let inputs = plan.children();
        let own = plan.metrics().and_then(|metrics| metrics.output_rows()).map(|rows| (inputs.is_empty(), rows));
        own.into_iter().chain(inputs.iter().flat_map(|input| given(input.as_ref()))).collect()
    }

    /// Whether all that a plan reads has given rows, and something in it has.
    fn has_begun(plan: &dyn ExecutionPlan) -> bool {
        let given = given(plan);
        given.iter().any(|(_, rows)| *rows > 0) && given.iter().all(|(reads, rows)| !reads || *rows > 0)
    }

    #[tokio::test]
    async fn what_makes_rows_for_hours_ends_soon_after_it_is_left() {
        for sql in [
            "select count(*) from generate_series(1, 1000000) a(x), generate_series(1, 1000000) b(y) where x + y = 7",
            "select sum(x * y) from generate_series(1, 1000000) a(x), generate_series(1, 1000000) b(y)",
            "select sum(x * y) from generate_series(1, 1000000) a(x) join generate_series(1, 1000000) b(y) on x % 2 = y % 2",
            "with recursive n as (select 1 as i union all select i from n) select count(*) from n",
        ] {
            let context = SessionContext::new();
            let plan = context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
            let awaited = Awaited::default();
            let plan = awaited.within(plan).unwrap();
            let (begun, task, pool) = (Arc::clone(&plan), context.task_ctx(), Arc::clone(&context.runtime_env().memory_pool));
            let rows = aside::run(async move { aside::rows(execute_stream(plan, task).unwrap(), awaited, None).unwrap() });
            let rows = rows.await.unwrap();
            let over = async {
                while !has_begun(begun.as_ref()) || pool.reserved() == 0 {
                    yield_now().await;
                }
                drop((rows, begun));
                // What computes holds the side that a join has gathered, or the rows that a recursion goes on from.
                while pool.reserved() > 0 {
                    yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), over).await.expect(sql);
        }
    }
}
