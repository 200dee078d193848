//! The plan node of a join with a table that answers only for given keys.
//!
//! It reads the other side, asks for the keys it finds there, each once, and lets DataFusion's own hash join put the two
//! together, batch by batch. What a join means is thus decided in one place only.

use std::fmt;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinSide, JoinType, Result};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties, collect,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::constraints::Constraints;
use super::estimate::{Basis, Bill};
use super::exec::LiveScanExec;
use super::joins;
use crate::schema::fields::instant;

/// Joins the rows of its input with those that a live table has for their keys.
#[derive(Debug, Clone)]
pub struct LookupJoinExec {
    /// The join as it was planned; its children stand for the batches that are joined.
    join: Arc<HashJoinExec>,
    /// Which side of it is looked up.
    side: JoinSide,
    /// The side that gives the keys.
    input: Arc<dyn ExecutionPlan>,
    /// The key of each input row.
    key: Arc<dyn PhysicalExpr>,
    /// The column of the live table that it is the key, or the moment, of.
    column: &'static str,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl LookupJoinExec {
    /// A join whose `side` is looked up by `column`, for the values of `key` on the other side.
    pub fn new(join: Arc<HashJoinExec>, side: JoinSide, key: Arc<dyn PhysicalExpr>, column: &'static str) -> Self {
        let (looked_up, input) = if side == JoinSide::Left { (join.left(), join.right()) } else { (join.right(), join.left()) };
        // It scans the table once for each batch: replies are kept for the next.
        scan_below(looked_up).iter().for_each(|scan| scan.scan().statement.expect_scan());
        let input = Arc::clone(input);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(join.schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { join, side, input, key, column, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }

    /// The side that is looked up.
    fn looked_up(&self) -> &Arc<dyn ExecutionPlan> {
        if self.side == JoinSide::Left { self.join.left() } else { self.join.right() }
    }

    /// Whether rows that are looked up come out once, however many input rows they go with: then all input must be there
    /// before the first is joined.
    fn keeps_looked_up_rows(&self) -> bool {
        matches!(
            (self.join.join_type(), self.side),
            (JoinType::LeftSemi, JoinSide::Left) | (JoinType::RightSemi, JoinSide::Right)
        )
    }

    /// What it will cost, and of which table.
    pub fn bill(&self) -> Option<(&'static str, Bill)> {
        let scan = scan_below(self.looked_up())?;
        let (table, bill, input_rows) = (scan.scan().resource.name, scan.bill(), joins::rows(&self.input));
        let calls = scan.scan().resource.calls.iter().filter(|call| call.is_by(self.column) || call.is_at(self.column));
        let keys = input_rows.map(|rows| rows as u64);
        // A moment is asked of every entity.
        let each = if scan.scan().call().is_ok() { bill.requests } else { 1 };
        let bill = Bill {
            calls: calls.map(|call| format!("{} for each {} of the other side", call.title(), self.column)).collect(),
            requests: keys.unwrap_or(1).saturating_mul(each),
            // Rows may have the same key.
            basis: if keys.is_some() { Basis::AtMost } else { Basis::AtLeast },
            rows: keys.unwrap_or(1),
            ..bill
        };
        Some((table, bill))
    }

    /// Joins one batch of the input.
    async fn join_batch(&self, batch: RecordBatch, context: &Arc<TaskContext>) -> Result<Vec<RecordBatch>> {
        let looked_up = collect(narrowed(self.looked_up(), &self.keys(&batch)?)?, Arc::clone(context)).await?;
        let input = memory(vec![batch], self.input.schema())?;
        let looked_up = memory(looked_up, self.looked_up().schema())?;
        let (left, right) = if self.side == JoinSide::Left { (looked_up, input) } else { (input, looked_up) };
        // Without its state: else it would join every batch with the rows of the first.
        let join = self.join.builder().reset_state().with_new_children(vec![left, right])?;
        let join = join.with_partition_mode(PartitionMode::CollectLeft);
        collect(join.build_exec()?, Arc::clone(context)).await
    }

    /// What the rows of a batch look for.
    fn keys(&self, batch: &RecordBatch) -> Result<Constraints> {
        let keys = self.key.evaluate(batch)?.into_array(batch.num_rows())?;
        if keys.data_type().is_temporal() {
            let moments = cast(&keys, &instant())?;
            let moments = moments.as_primitive::<TimestampMicrosecondType>().iter().flatten().collect();
            return Ok(Constraints::at(self.column, moments));
        }
        let keys = cast(&keys, &DataType::Utf8)?;
        // No row has an empty id, and to ask for one would be to ask for anything.
        let keys = keys.as_string::<i32>().iter().flatten().filter(|key| !key.is_empty()).map(str::to_owned).collect();
        Ok(Constraints::one_of(self.column, keys))
    }
}

/// The live scan below nodes that do with each row by itself what they do: then it does not matter which rows there are.
pub(super) fn scan_below(plan: &Arc<dyn ExecutionPlan>) -> Option<&LiveScanExec> {
    let by_row = plan.is::<ProjectionExec>()
        || plan.is::<FilterExec>()
        || plan.is::<RepartitionExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<CooperativeExec>();
    match plan.children().as_slice() {
        [] => plan.downcast_ref::<LiveScanExec>(),
        [child] if by_row && plan.fetch().is_none() => scan_below(child),
        _ => None,
    }
}

/// The plan with its live scan asking for these keys.
fn narrowed(plan: &Arc<dyn ExecutionPlan>, keys: &Constraints) -> Result<Arc<dyn ExecutionPlan>> {
    let with_keys = |plan: Arc<dyn ExecutionPlan>| {
        Ok(match plan.downcast_ref::<LiveScanExec>() {
            Some(scan) => Transformed::yes(Arc::new(scan.narrowed(keys.clone())) as Arc<dyn ExecutionPlan>),
            None => Transformed::no(plan),
        })
    };
    Arc::clone(plan).transform_up(with_keys).data()
}

fn memory(batches: Vec<RecordBatch>, schema: SchemaRef) -> Result<Arc<dyn ExecutionPlan>> {
    Ok(MemorySourceConfig::try_new_exec(&[batches], schema, None)?)
}

impl DisplayAs for LookupJoinExec {
    fn fmt_as(&self, _style: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LookupJoinExec: type={}, key={}", self.join.join_type(), self.key)?;
        let Some(scan) = scan_below(self.looked_up()) else { return Ok(()) };
        write!(f, ", table={}, column={}", scan.scan().resource.name, self.column)
    }
}

impl ExecutionPlan for LookupJoinExec {
    fn name(&self) -> &'static str {
        "LookupJoinExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().unwrap_or_else(|| Arc::clone(&self.input));
        Ok(Arc::new(Self { input, ..Self::clone(&self) }))
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        visit(&self.key)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut input = self.input.execute(partition, Arc::clone(&context))?;
        if self.keeps_looked_up_rows() {
            let schema = input.schema();
            let all = Arc::clone(&schema);
            let whole =
                stream::once(async move { concat_batches(&all, &input.try_collect::<Vec<_>>().await?).map_err(Into::into) });
            input = Box::pin(RecordBatchStreamAdapter::new(schema, whole));
        }
        let join = Arc::new(self.clone());
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let joined = input.and_then(move |batch| {
            let (join, context) = (Arc::clone(&join), Arc::clone(&context));
            async move { Ok(stream::iter(join.join_batch(batch, &context).await?.into_iter().map(Ok))) }
        });
        let joined = joined.try_flatten().inspect_ok(move |batch: &RecordBatch| baseline.record_output(batch.num_rows()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), joined.boxed())))
    }

    /// Its own, and what looking up took: the scan is no child, so nobody else tells.
    fn metrics(&self) -> Option<MetricsSet> {
        let mut metrics = self.metrics.clone_inner();
        let looked_up = scan_below(self.looked_up()).and_then(LiveScanExec::metrics);
        for metric in looked_up.iter().flat_map(MetricsSet::iter).filter(|metric| metric.value().name() != "output_rows") {
            metrics.push(Arc::clone(metric));
        }
        Some(metrics)
    }
}
