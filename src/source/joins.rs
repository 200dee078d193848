//! Planning rules for joins with live tables.
//!
//! A table that answers only for keys is looked up for the keys of the other side ([`LookupJoinExec`]); any other is put
//! on the side of a hash join that is read last, so that the join can tell it the keys it looks for. What can neither be
//! listed nor looked up is refused, with advice.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, JoinSide, JoinType, Result};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::join_selection::JoinSelection;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::expressions::{CastExpr, Column};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::utils::JoinOnRef;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode, SortMergeJoinExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::ask::no_moment;
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
    let may = |side| may_look_up(join.join_type(), side);
    let right = || join.on().iter().find_map(|(left, right)| Some((left, key(join.right(), right)?)));
    let left = || join.on().iter().find_map(|(left, right)| Some((right, key(join.left(), left)?)));
    let right = may(JoinSide::Right).then(right).flatten();
    let left = may(JoinSide::Left).then(left).flatten();
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

/// Whether one side of a join may be looked up: rows that no key leads to would have to come out as well of a join that
/// keeps all rows of that side.
pub(super) fn may_look_up(join: &JoinType, side: JoinSide) -> bool {
    match side {
        JoinSide::Right => matches!(
            join,
            JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark | JoinType::RightSemi
        ),
        JoinSide::Left => matches!(
            join,
            JoinType::Inner
                | JoinType::Right
                | JoinType::RightSemi
                | JoinType::RightAnti
                | JoinType::RightMark
                | JoinType::LeftSemi
        ),
        JoinSide::None => false,
    }
}

/// The column of a live table that an expression over its rows is, when the table answers for values of it only, and is
/// given none.
fn key(plan: &Arc<dyn ExecutionPlan>, expr: &Arc<dyn PhysicalExpr>) -> Option<&'static str> {
    let scan = scan_below(plan).filter(|scan| scan.scan().limit.is_none())?.scan();
    let name = scanned_column(plan, expr.downcast_ref::<Column>()?)?;
    if let Ok(call) = scan.call() {
        return call.moment().filter(|(column, _)| *column == name && scan.is_now(column)).map(|(column, _)| column);
    }
    scan.resource.calls.iter().find_map(|call| match call.by {
        By::Key(key) if key.column == name && scan.gives_all(call) => Some(key.column),
        _ => None,
    })
}

/// The name that a column of a plan has in the scan below it; a projection may have renamed it.
fn scanned_column(plan: &Arc<dyn ExecutionPlan>, column: &Column) -> Option<String> {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let inner = &projection.expr().get(column.index())?.expr;
        // A moment of another precision is the same moment.
        let inner = match inner.downcast_ref::<CastExpr>() {
            Some(cast) if matches!(cast.cast_type(), DataType::Timestamp(..)) => cast.expr(),
            _ => inner,
        };
        return scanned_column(projection.input(), inner.downcast_ref::<Column>()?);
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
            let is_better = match (lacks(join.left()), lacks(join.right())) {
                (true, false) => true,
                (false, true) => false,
                _ => matches!((left, right), (Some(left), right) if right.is_none_or(|right| right < left)),
            };
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

/// Whether a plan reads a live table in a way that leaves out what is wanted: keys would give it.
fn lacks(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let scan = scan_below(plan).map(LiveScanExec::scan);
    scan.is_some_and(|scan| scan.call().is_ok_and(|call| scan.lacks(call)))
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
            if let Some(join) = node.downcast_ref::<SortMergeJoinExec>() {
                check_keys(join.on(), join.left(), join.right())?;
            }
            if let Some(join) = node.downcast_ref::<HashJoinExec>() {
                check_keys(join.on(), join.left(), join.right())?;
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

/// Refuses a join by moments that was not made a look-up: other kinds of joins can be asked for by a setting.
fn check_keys(on: JoinOnRef<'_>, left: &Arc<dyn ExecutionPlan>, right: &Arc<dyn ExecutionPlan>) -> Result<()> {
    let moment = |plan, expr: &Arc<dyn PhysicalExpr>| key(plan, expr).filter(|column| Some(*column) == moment_of(plan));
    match on.iter().find_map(|(one, other)| moment(left, one).or_else(|| moment(right, other))) {
        Some(column) => Err(no_moment(column).into()),
        None => Ok(()),
    }
}

/// The column of moments of the live table below a plan.
fn moment_of(plan: &Arc<dyn ExecutionPlan>) -> Option<&'static str> {
    Some(scan_below(plan)?.scan().call().ok()?.moment()?.0)
}

/// Rows that a plan gives, as far as its statistics know.
pub fn rows(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let has_live = plan.exists(|node| Ok(node.downcast_ref::<LiveScanExec>().is_some())).unwrap_or(true);
    let statistics = (!has_live).then(|| StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new()))?.ok()?;
    statistics.num_rows.get_value().copied()
}
