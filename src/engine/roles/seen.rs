//! A table as a role sees it: without the columns that are hidden, with what the policy makes of others, and only the rows that
//! meet its condition.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result as DataFusionResult};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, ident};
use datafusion::physical_plan::ExecutionPlan;

use super::Role;
use super::fence::{FenceExec, is_harmless};
use crate::engine::{REF, SYSTEM};
use crate::error::{Error, ErrorKind, Result};
use crate::lake::planned::{answer, session};
use crate::lake::policy::shown;
use crate::resources::resource;

/// A table as a role sees it; `None` where it has no column for the condition that its rows have to meet.
pub(super) fn seen(
    role: &Role,
    schema: &str,
    name: &str,
    table: Arc<dyn TableProvider>,
    state: &SessionState,
) -> Option<Arc<dyn TableProvider>> {
    // What is taken as known is of nobody.
    let condition = role.rows_of(schema, name).filter(|_| schema != REF);
    let rows = match condition.map(|condition| rows(condition, &table.schema(), state)) {
        None => None,
        Some(Ok(rows)) => Some(rows),
        Some(Err(_)) => return None,
    };
    let full_name = format!("{schema}.{name}");
    // First the rows, by what they are, and then what is left of them.
    let table: Arc<dyn TableProvider> = match rows {
        Some(_) => Arc::new(Seen { name: full_name.clone(), columns: table.schema(), table, rows }),
        None => table,
    };
    let resource = resource(name).filter(|_| schema != SYSTEM);
    let table = match resource {
        Some(resource) => shown(resource.name, table, role.policy.of(resource.name)),
        None => table,
    };
    let all = table.schema();
    let is_hidden = |column: &str| role.hidden.iter().any(|pattern| pattern.fits(schema, name, column));
    let fields: Vec<_> = all.fields().iter().filter(|field| !is_hidden(field.name())).cloned().collect();
    if fields.len() == all.fields().len() {
        return Some(table);
    }
    let columns = Arc::new(Schema::new_with_metadata(fields, all.metadata().clone()));
    Some(Arc::new(Seen { name: full_name, table, columns, rows: None }))
}

/// The condition that rows have to meet, over the columns of a table.
///
/// # Errors
/// Those of planning it: a column that is not there, above all; [`ErrorKind::Config`] when it looks at other tables.
pub(super) fn rows(condition: &str, columns: &Schema, state: &SessionState) -> Result<Expr> {
    let planned = state.create_logical_expr(condition, &DFSchema::try_from(columns.clone())?)?;
    let looks_elsewhere = |expr: &Expr| {
        Ok(matches!(expr, Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_)))
    };
    if planned.exists(looks_elsewhere)? {
        return Err(Error::new(ErrorKind::Config, "a condition of rows looks at their own columns only"));
    }
    Ok(planned)
}

#[derive(Debug)]
struct Seen {
    name: String,
    table: Arc<dyn TableProvider>,
    columns: SchemaRef,
    rows: Option<Expr>,
}

#[async_trait]
impl TableProvider for Seen {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.columns)
    }

    fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        let goes_in = |filter: &&Expr| match self.rows.is_none() || is_harmless(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(goes_in).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let mut rows = LogicalPlanBuilder::scan(self.name.as_str(), provider_as_source(Arc::clone(&self.table)), None)?;
        if let Some(condition) = &self.rows {
            rows = rows.filter(condition.clone())?;
        }
        let rows = rows.project(self.columns.fields().iter().map(|field| ident(field.name())))?.build()?;
        let plan = answer(session(state)?, rows, projection, filters, limit).await?;
        Ok(if self.rows.is_some() { Arc::new(FenceExec::new(&self.name, plan)) } else { plan })
    }
}
