//! Planning rules for joins with live tables.
//!
//! A table that answers only for keys is looked up for the keys of the other side ([`LookupJoinExec`]); any other is put
//! on the side of a hash join that is read last, so that the join can tell it the keys it looks for. What can neither be
//! listed nor looked up is refused, with advice.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, JoinSide, JoinType, Result};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::join_selection::JoinSelection;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::exec::LiveScanExec;
use super::lookup::{LookupJoinExec, scan_below};
use crate::resources::By;

/// DataFusion's rules, with those for live tables in their places.
pub fn rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = vec![Arc::new(LookUp)];
    for rule in PhysicalOptimizer::new().rules {
        let selects_joins = rule.name() == JoinSelection::new().name();
        rules.push(rule);
        if selects_joins {
            rules.push(Arc::new(ReadLast));
        }
    }
    rules.push(Arc::new(Known));
    rules
}

/// Looks up what answers only for keys.
#[derive(Debug)]
struct LookUp;

impl PhysicalOptimizerRule for LookUp {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            Ok(match plan.downcast_ref::<HashJoinExec>().and_then(lookup) {
                Some(lookup) => Transformed::yes(Arc::new(lookup) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(plan),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "look_up_live_tables"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The join as a look-up, where one side of it has to be.
fn lookup(join: &HashJoinExec) -> Option<LookupJoinExec> {
    // Rows that no key leads to would have to come out as well of a join that keeps all rows of the looked-up side.
    let right = matches!(
        join.join_type(),
        JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark | JoinType::RightSemi
    );
    let left = matches!(
        join.join_type(),
        JoinType::Inner | JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark | JoinType::LeftSemi
    );
    let right = right.then(|| join.on().iter().find_map(|(left, right)| Some((left, key(join.right(), right)?)))).flatten();
    let left = left.then(|| join.on().iter().find_map(|(left, right)| Some((right, key(join.left(), left)?)))).flatten();
    let (side, (outer, column)) = match (right, left) {
        (Some(key), _) => (JoinSide::Right, key),
        (None, Some(key)) => (JoinSide::Left, key),
        (None, None) => return None,
    };
    if join.null_aware {
        return None;
    }
    Some(LookupJoinExec::new(Arc::new(join.builder().build().ok()?), side, Arc::clone(outer), column))
}

/// The column of a live table without keys that an expression over its rows is, when it answers for values of it.
fn key(plan: &Arc<dyn ExecutionPlan>, expr: &Arc<dyn PhysicalExpr>) -> Option<&'static str> {
    let scan = scan_below(plan).filter(|scan| scan.scan().call().is_err() && scan.scan().limit.is_none())?;
    let name = scanned_column(plan, expr.downcast_ref::<Column>()?)?;
    scan.scan().resource.calls.iter().find_map(|call| match call.by {
        By::Key(key) if key.column == name && scan.scan().gives_all(call) => Some(key.column),
        _ => None,
    })
}

/// The name that a column of a plan has in the scan below it; a projection may have renamed it.
fn scanned_column(plan: &Arc<dyn ExecutionPlan>, column: &Column) -> Option<String> {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let inner = projection.expr().get(column.index())?.expr.downcast_ref::<Column>()?;
        return scanned_column(projection.input(), inner);
    }
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        let index = match filter.projection() {
            Some(kept) => *kept.get(column.index())?,
            None => column.index(),
        };
        return scanned_column(filter.input(), &Column::new(column.name(), index));
    }
    match plan.children().as_slice() {
        [] => Some(plan.schema().fields().get(column.index())?.name().clone()),
        [child] => scanned_column(child, column),
        _ => None,
    }
}

/// Puts a live table on the side of a join that is read last.
#[derive(Debug)]
struct ReadLast;

impl PhysicalOptimizerRule for ReadLast {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(join) = plan.downcast_ref::<HashJoinExec>() else { return Ok(Transformed::no(plan)) };
            let (left, right) = (size(join.left()), size(join.right()));
            let is_better = matches!((left, right), (Some(left), right) if right.is_none_or(|right| right < left));
            let may_swap = join.join_type().supports_swap() && !join.null_aware && config.optimizer.join_reordering;
            let reads_all = join.join_type().on_lr_is_preserved().1;
            Ok(match (is_better && may_swap, left.or(right)) {
                (true, _) => Transformed::yes(join.swap_inputs(PartitionMode::CollectLeft)?),
                (false, Some(_)) if reads_all && *join.partition_mode() != PartitionMode::CollectLeft => {
                    let join = join.builder().with_partition_mode(PartitionMode::CollectLeft).build_exec()?;
                    Transformed::yes(join)
                }
                _ => Transformed::no(plan),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "read_live_tables_last"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Rows that the live tables below a plan are thought to have; `None` when there are none.
fn size(plan: &Arc<dyn ExecutionPlan>) -> Option<u64> {
    let own = plan.downcast_ref::<LiveScanExec>().map(|scan| scan.bill().rows);
    let below = plan.children().into_iter().filter_map(size);
    own.into_iter().chain(below).reduce(u64::saturating_add)
}

/// Tells scans what their joins know, and refuses those that nobody gives keys.
#[derive(Debug)]
struct Known;

impl PhysicalOptimizerRule for Known {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.apply(|node| {
            if let Some(join) = node.downcast_ref::<HashJoinExec>()
                && let Some(scan) = scan_below(join.right())
            {
                scan.expect_keys(rows(join.left()));
            }
            match node.downcast_ref::<LiveScanExec>().map(|scan| scan.scan().call()) {
                Some(Err(error)) => Err(DataFusionError::from(error)),
                _ => Ok(TreeNodeRecursion::Continue),
            }
        })?;
        Ok(plan)
    }

    fn name(&self) -> &'static str {
        "check_live_tables"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Rows that a plan gives, as far as its statistics know.
pub fn rows(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let has_live = plan.exists(|node| Ok(node.downcast_ref::<LiveScanExec>().is_some())).unwrap_or(true);
    let statistics = (!has_live).then(|| StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new()))?.ok()?;
    statistics.num_rows.get_value().copied()
}
