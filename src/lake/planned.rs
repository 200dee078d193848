//! Tables whose rows are a plan, made anew for each query of them.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, ident};
use datafusion::physical_plan::ExecutionPlan;

use crate::error::{Error, Result};

/// What rows a table has.
#[async_trait]
pub(crate) trait Planned: Debug + Send + Sync + 'static {
    /// Its columns.
    fn columns(&self) -> SchemaRef;

    /// The plan of its rows, for a query that asks for no others than these filters let pass.
    async fn rows(&self, state: &SessionState, filters: &[Expr]) -> Result<LogicalPlan>;
}

/// The table of them.
#[derive(Debug)]
pub(crate) struct PlannedTable<T>(pub(crate) T);

#[async_trait]
impl<T: Planned> TableProvider for PlannedTable<T> {
    fn schema(&self) -> SchemaRef {
        self.0.columns()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let state = session(state)?;
        answer(state, self.0.rows(state, filters).await?, projection, filters, limit).await
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Exact; filters.len()])
    }
}

/// The session that a table is planned for.
pub(crate) fn session(state: &dyn Session) -> Result<&SessionState> {
    state.as_any().downcast_ref().ok_or_else(|| Error::bug("a lake is planned in a session of another kind"))
}

/// Plans what is wanted of rows.
pub(crate) async fn answer(
    state: &SessionState,
    rows: LogicalPlan,
    projection: Option<&Vec<usize>>,
    filters: &[Expr],
    limit: Option<usize>,
) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
    let mut plan = LogicalPlanBuilder::from(rows);
    for filter in filters {
        plan = plan.filter(crate::source::table::without_qualifiers(filter.clone())?)?;
    }
    if let Some(projection) = projection {
        let schema = Arc::clone(plan.schema());
        plan = plan.project(projection.iter().map(|index| ident(schema.field(*index).name())))?;
    }
    if limit.is_some() {
        plan = plan.limit(0, limit)?;
    }
    // The plan around this one is optimised after it, and a join whose sides tell each other values cannot be turned around.
    let mut state = state.clone();
    state.config_mut().options_mut().optimizer.enable_join_dynamic_filter_pushdown = false;
    let plan = state.optimize(&plan.build()?)?;
    state.query_planner().create_physical_plan(&plan, &state).await
}
