//! A table as it was last synced: `lake.payments`, with the columns of `live.payments`.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::common::{Result as DataFusionResult, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, ident, lit};
use deltalake_core::DeltaTable;
use tracing::warn;

use super::coverage::Coverage;
use super::failed;
use super::planned::{Planned, PlannedTable};
use super::table::LakeTable;
use crate::error::{Error, ErrorKind, Result};
use crate::resources::Resource;
use crate::schema::fields;
use crate::source::CheckoutOptions;
use crate::source::ask::wanted;
use crate::source::connection::Connection;
use crate::source::constraints::Constraints;
use crate::source::options::OnIncomplete;
use crate::source::span::rfc3339;

/// A table of the lake in SQL, as it was last synced, which is an error for those of these accounts that were not synced to the
/// end.
pub fn table(table: Arc<LakeTable>, connections: Arc<[Arc<Connection>]>) -> Arc<dyn TableProvider> {
    let schema = fields::schema(table.resource.columns);
    Arc::new(PlannedTable(LakeScan { table, connections, schema }))
}

/// The same with whatever it has by now.
pub(super) fn as_it_is(of: &Arc<LakeTable>) -> Arc<dyn TableProvider> {
    table(Arc::clone(of), Arc::from([]))
}

#[derive(Debug)]
struct LakeScan {
    table: Arc<LakeTable>,
    connections: Arc<[Arc<Connection>]>,
    schema: SchemaRef,
}

#[async_trait]
impl Planned for LakeScan {
    fn columns(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    async fn rows(&self, state: &SessionState, filters: &[Expr]) -> Result<LogicalPlan> {
        let Some(table) = self.table.now().await? else { return Err(not_synced(self.table.resource)) };
        check_whole(state, &table, self.table.resource, &self.connections, filters).await?;
        rows(state, &table, self.table.resource).await
    }
}

/// The error of asking the lake for what was never synced.
pub(super) fn not_synced(resource: &Resource) -> Error {
    Error::new(ErrorKind::Query, format!("{} was never synced", resource.name)).hint("run ckosql sync, or ask the table in live")
}

/// Refuses to take a state of a table for an answer where an account that is asked for was not synced to the end.
pub(super) async fn check_whole(
    state: &SessionState,
    table: &DeltaTable,
    resource: &Resource,
    connections: &[Arc<Connection>],
    filters: &[Expr],
) -> Result<()> {
    let constraints = Constraints::of(filters);
    for connection in wanted(connections, &constraints) {
        let error = match Coverage::read(table, connection.name()).await? {
            Some(coverage) if coverage.is_whole() => continue,
            Some(coverage) => {
                let error = format!("{} was not synced to its end", resource.name);
                let error = Error::new(ErrorKind::Incomplete, error).with("complete_until", rfc3339(coverage.until));
                error.hint(
                    "run ckosql sync, which goes on from there, or ask the table in public, which takes the rest from the API",
                )
            }
            None => not_synced(resource),
        };
        let error = error.with("account", connection.name());
        if CheckoutOptions::of(state.config_options()).on_incomplete == OnIncomplete::Error {
            return Err(error);
        }
        warn!("the answer is not complete: {error}");
    }
    Ok(())
}

/// The rows of a state of a table, with the columns that its resource declares.
pub(super) async fn rows(state: &SessionState, table: &DeltaTable, resource: &Resource) -> Result<LogicalPlan> {
    declared(provider(state, table).await?, resource.name, &fields::schema(resource.columns))
}

/// A state of a Delta table, to be read in a session.
pub(crate) async fn provider(state: &SessionState, table: &DeltaTable) -> Result<Arc<dyn TableProvider>> {
    table.update_datafusion_session(state).map_err(failed)?;
    Ok(table.table_provider().with_session(Arc::new(state.clone())).await?)
}

/// The rows of what a table keeps, with the columns that are declared.
pub(crate) fn declared(kept: Arc<dyn TableProvider>, name: &str, columns: &SchemaRef) -> Result<LogicalPlan> {
    fitted(LogicalPlanBuilder::scan(name, provider_as_source(kept), None)?.build()?, columns)
}

/// Rows with the columns that are declared.
pub(crate) fn fitted(rows: LogicalPlan, columns: &SchemaRef) -> Result<LogicalPlan> {
    let there = Arc::clone(rows.schema().inner());
    let column = |field: &arrow::datatypes::FieldRef| {
        let (name, wanted) = (field.name(), field.data_type());
        // A table that was made before the column was declared has nothing in it.
        match there.field_with_name(name) {
            Ok(kept) if kept.data_type() == wanted => Ok(ident(name)),
            Ok(_) => Ok(cast(ident(name), wanted.clone()).alias(name)),
            Err(_) => ScalarValue::try_from(wanted).map(|nothing| lit(nothing).alias(name)),
        }
    };
    let columns: Vec<Expr> = columns.fields().iter().map(column).collect::<DataFusionResult<_>>()?;
    Ok(LogicalPlanBuilder::from(rows).project(columns)?.build()?)
}
