//! The plan node of a live scan: one partition, whose stream makes the requests.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties};
use futures::TryStreamExt;

use super::fetch::{self, Scan};
use crate::resources::Call;

/// Batches that may wait for the query to take them.
const WAITING: usize = 2;

/// Reads a live table.
#[derive(Debug)]
pub struct LiveScanExec {
    scan: Arc<Scan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl LiveScanExec {
    /// A node that carries out the scan.
    pub fn new(scan: Scan) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&scan.sieve.schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { scan: Arc::new(scan), properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for LiveScanExec {
    fn fmt_as(&self, _style: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveScanExec: table={}", self.scan.resource.name)?;
        let mut calls: Vec<&Call> = self.scan.asks.iter().map(|ask| ask.call).collect();
        calls.dedup_by_key(|call| (call.method, call.path));
        for call in calls {
            let asks = self.scan.asks.iter().filter(|ask| ask.call.path == call.path).count();
            write!(f, ", {asks} x {:?} {}", call.method, call.path)?;
        }
        if let Some(limit) = self.scan.limit {
            write!(f, ", limit={limit}")?;
        }
        if let Some(predicate) = &self.scan.sieve.predicate {
            write!(f, ", filter={predicate}")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for LiveScanExec {
    fn name(&self) -> &'static str {
        "LiveScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(self: Arc<Self>, _children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.scan.sieve.predicate.as_ref().map_or(Ok(TreeNodeRecursion::Continue), visit)
    }

    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut builder = RecordBatchReceiverStream::builder(self.schema(), WAITING);
        let (scan, rows) = (Arc::clone(&self.scan), builder.tx());
        builder.spawn(async move { fetch::run(scan, rows).await.map_err(DataFusionError::from) });
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let rows = builder.build().inspect_ok(move |batch| baseline.record_output(batch.num_rows()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
