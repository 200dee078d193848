//! The plan node of a live scan: one partition, whose stream makes the requests once somebody reads it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::expressions::{Column, PhysicalSortExpr};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties, SortOrderPushdownResult,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::constraints::Constraints;
use super::effort::Effort;
use super::estimate::{self, Bill};
use super::fetch;
use super::scan::Scan;
use crate::resources::By;
use crate::secret::redact_emails;

/// Batches that may wait for the query to take them.
const WAITING: usize = 2;

/// Reads a live table.
#[derive(Debug)]
pub struct LiveScanExec {
    scan: Arc<Scan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    /// Set when a join tells it keys: how many at the most, where that is known.
    joined: OnceLock<Option<usize>>,
    /// What it costs when no join tells it keys.
    alone: OnceLock<Bill>,
}

impl LiveScanExec {
    /// A node that carries out the scan.
    pub fn new(scan: Scan) -> Self {
        let schema = Arc::clone(&scan.sieve.schema);
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(schema, scan.order.clone()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            scan: Arc::new(scan),
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            joined: OnceLock::new(),
            alone: OnceLock::new(),
        }
    }

    /// What it reads.
    pub fn scan(&self) -> &Scan {
        &self.scan
    }

    /// The same scan for rows of which more is known.
    pub fn narrowed(&self, known: Constraints) -> Self {
        let constraints = self.scan.constraints.clone().and(known);
        let scan = Scan { constraints, ..Scan::clone(&self.scan) };
        Self { metrics: self.metrics.clone(), ..Self::new(scan) }
    }

    /// Tells that a join will tell keys: how many at the most, where that is known.
    pub fn expect_keys(&self, keys: Option<usize>) {
        let _known = self.joined.set(keys);
    }

    /// What it will cost.
    pub fn bill(&self) -> Bill {
        match self.joined.get() {
            Some(keys) => estimate::joined_bill(&self.scan, *keys),
            None => self.alone.get_or_init(|| estimate::bill(&self.scan)).clone(),
        }
    }

    /// Whether windows one after the other give the rows in this order.
    fn is_natural(&self, order: &[PhysicalSortExpr]) -> bool {
        let by_time = order.first().filter(|first| first.options.descending);
        let column = by_time.and_then(|first| first.expr.downcast_ref::<Column>());
        let is_time = column.is_some_and(|column| self.scan.resource.time == Some(column.name()));
        let is_windowed = self.scan.call().is_ok_and(|call| matches!(call.by, By::Windows(_)));
        is_time && is_windowed && self.scan.connections.len() == 1 && self.scan.limit.is_none()
    }
}

impl DisplayAs for LiveScanExec {
    fn fmt_as(&self, _style: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Redacted here, before a renderer breaks words into lines.
        write!(f, "LiveScanExec: table={}, {}", self.scan.resource.name, redact_emails(&self.bill().to_string()))?;
        if let Some(limit) = self.scan.limit {
            write!(f, ", limit={limit}")?;
        }
        if self.scan.order.is_some() {
            write!(f, ", latest first")?;
        }
        if let Some(predicate) = &self.scan.sieve.predicate {
            write!(f, ", filter={}", redact_emails(&predicate.to_string()))?;
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
        for filter in self.scan.sieve.predicate.iter().chain(&self.scan.dynamic) {
            if visit(filter)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let scan = Arc::clone(&self.scan);
        let (metrics, schema, is_joined) = (self.metrics.clone(), self.schema(), self.joined.get().is_some());
        // Nothing is asked before the first row is wanted: by then a join knows what it looks for.
        let rows = stream::once(async move {
            let mut builder = RecordBatchReceiverStream::builder(schema, WAITING);
            let rows = builder.tx();
            let note = move |effort: &Effort| note(&metrics, partition, effort);
            builder.spawn(async move { fetch::run(scan, rows, is_joined, note).await.map_err(DataFusionError::from) });
            Ok::<_, DataFusionError>(builder.build())
        });
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let rows = rows.try_flatten().inspect_ok(move |batch| baseline.record_output(batch.num_rows()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows.boxed())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(&self, _inputs: &[Arc<Statistics>], _args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let rows = usize::try_from(self.bill().rows).unwrap_or(usize::MAX);
        let rows = self.scan.limit.map_or(rows, |limit| limit.min(rows));
        Ok(Arc::new(Statistics::new_unknown(&self.schema()).with_num_rows(Precision::Inexact(rows))))
    }

    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        result: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let filters: Vec<Arc<dyn PhysicalExpr>> = result.parent_filters.iter().map(|filter| Arc::clone(&filter.filter)).collect();
        let left_to_the_parent = vec![PushedDown::No; filters.len()];
        let propagation = FilterPushdownPropagation::with_parent_pushdown_result(left_to_the_parent);
        // A limit counts rows before the join does: fewer rows would make it count others.
        if phase == FilterPushdownPhase::Pre || filters.is_empty() || self.scan.limit.is_some() {
            return Ok(propagation);
        }
        let scan = Scan { dynamic: filters, ..Scan::clone(&self.scan) };
        Ok(propagation.with_updated_node(Arc::new(Self::new(scan))))
    }

    fn try_pushdown_sort(&self, order: &[PhysicalSortExpr]) -> Result<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        if !self.is_natural(order) {
            return Ok(SortOrderPushdownResult::Unsupported);
        }
        let scan = Scan { order: Some(order.to_vec()), ..Scan::clone(&self.scan) };
        Ok(SortOrderPushdownResult::Exact { inner: Arc::new(Self::new(scan)) })
    }

    fn fetch(&self) -> Option<usize> {
        self.scan.limit
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let limit = [self.scan.limit, limit].into_iter().flatten().min();
        Some(Arc::new(Self::new(Scan { limit, ..Scan::clone(&self.scan) })))
    }
}

/// Adds what an ask took to the metrics that `explain analyze` shows.
fn note(metrics: &ExecutionPlanMetricsSet, partition: usize, effort: &Effort) {
    let count = |name: &'static str, value: u64| {
        MetricBuilder::new(metrics).counter(name, partition).add(usize::try_from(value).unwrap_or(usize::MAX));
    };
    let activity = effort.activity();
    count("requests", activity.requests);
    count("shared_pages", effort.shared());
    count("retries", activity.retries);
    count("throttled", activity.throttled);
    count("rows_fetched", effort.rows());
    count("bytes", activity.bytes);
    MetricBuilder::new(metrics).subset_time("waited", partition).add_duration(activity.waited);
}
