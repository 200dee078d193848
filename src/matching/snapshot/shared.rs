//! What several tables of a snapshot read is read once and before them, so that all of them see it as it was at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{Column, Result as DataFusionResult};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::execution::SessionState;
use datafusion::logical_expr::utils::{conjunction, disjunction};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableScan};
use datafusion::prelude::DataFrame;

use super::held::Held;
use super::{Name, full, joined};
use crate::error::Result;

/// A table that several plans read.
struct Read {
    scan: TableScan,
    /// How many times it is read.
    times: usize,
    columns: BTreeSet<String>,
    /// What each wants of its rows; nothing where one wants all.
    filters: Option<Vec<Expr>>,
}

/// Reads the tables that these plans read more than once, and gives the plans over what was read.
///
/// # Errors
/// Those of reading the tables.
pub(super) async fn read_first(plans: Vec<&LogicalPlan>, state: &SessionState) -> Result<Vec<LogicalPlan>> {
    let mut held: BTreeMap<Name, Arc<Held>> = BTreeMap::new();
    let mut tasks = Vec::new();
    for (name, read) in reads(&plans, state)? {
        if read.times < 2 {
            continue;
        }
        let table = Arc::new(Held::new(source_as_provider(&read.scan.source)?.schema()));
        held.insert(name, Arc::clone(&table));
        let rows = DataFrame::new(state.clone(), read.plan()?);
        tasks.push(SpawnedTask::spawn(async move { table.fill(rows, None).await }));
    }
    joined(tasks).await?;
    let over_held = |plan: &LogicalPlan| {
        let replaced = plan.clone().transform_down_with_subqueries(|node| match node {
            LogicalPlan::TableScan(scan) => match held.get(&full(&scan.table_name, state)) {
                Some(table) if is_whole(&scan) => {
                    let scanned = scanned(&scan, Arc::clone(table))?;
                    Ok(Transformed::new(scanned, true, TreeNodeRecursion::Jump))
                }
                _ => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
            },
            node => Ok(Transformed::no(node)),
        });
        Ok(replaced?.data)
    };
    plans.into_iter().map(over_held).collect()
}

/// Whether all rows that its filters let through are read.
fn is_whole(scan: &TableScan) -> bool {
    scan.fetch.is_none()
}

fn reads(plans: &[&LogicalPlan], state: &SessionState) -> Result<BTreeMap<Name, Read>> {
    let mut reads: BTreeMap<Name, Read> = BTreeMap::new();
    for plan in plans {
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && is_whole(scan)
                && is_of_catalog(scan, state)
            {
                let new = || Read { scan: scan.clone(), times: 0, columns: BTreeSet::new(), filters: Some(Vec::new()) };
                reads.entry(full(&scan.table_name, state)).or_insert_with(new).also(scan);
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(reads)
}

/// Whether the table of a scan is told by its name: functions give tables that have none of their own.
fn is_of_catalog(scan: &TableScan, state: &SessionState) -> bool {
    let (catalog, schema, table) = full(&scan.table_name, state);
    let schema = state.catalog_list().catalog(&catalog).and_then(|catalog| catalog.schema(&schema));
    schema.is_some_and(|schema| schema.table_exist(&table))
}

impl Read {
    fn also(&mut self, scan: &TableScan) {
        self.times += 1;
        self.columns.extend(scan.projected_schema.fields().iter().map(|field| field.name().clone()));
        self.columns.extend(scan.filters.iter().flat_map(Expr::column_refs).map(|column| column.name.clone()));
        match (&mut self.filters, conjunction(scan.filters.clone())) {
            (Some(filters), Some(filter)) => filters.push(unqualified(filter)),
            (filters, None) => *filters = None,
            (None, Some(_)) => {}
        }
    }

    /// What is read: the columns that any wants, of the rows that any wants.
    fn plan(&self) -> DataFusionResult<LogicalPlan> {
        let mut plan = LogicalPlanBuilder::scan(self.scan.table_name.clone(), Arc::clone(&self.scan.source), None)?;
        if let Some(filter) = self.filters.clone().and_then(disjunction) {
            plan = plan.filter(filter)?;
        }
        plan.project(self.columns.iter().map(|column| Expr::Column(Column::from_name(column))))?.build()
    }
}

/// An expression over the columns of a table, whatever the table is called.
fn unqualified(filter: Expr) -> Expr {
    datafusion::logical_expr::expr_rewriter::unnormalize_col(filter)
}

/// The rows of a scan, out of those that are held.
fn scanned(scan: &TableScan, held: Arc<Held>) -> DataFusionResult<LogicalPlan> {
    let mut plan = LogicalPlanBuilder::scan(scan.table_name.clone(), provider_as_source(held), None)?;
    if let Some(filter) = conjunction(scan.filters.clone()) {
        plan = plan.filter(filter)?;
    }
    let columns = scan.projected_schema.columns().into_iter().map(Expr::Column);
    plan.project(columns)?.build()
}
