//! The answer people want: the lake as far as it is proven complete, and the live table for the rest.
//!
//! ```text
//!   ── live ──┬────────────── lake ──────────────┬── live ──▶ time
//!           since                              until
//! ```
//!
//! Where rows lie forever in the span they are filed under, the cut is all there is to it. Where a row moves when it
//! changes, what the live table has after the cut takes the place of what the lake has of the same key. Where nothing is
//! synced, or what is there is older than the session allows, the live table answers alone; so it does where a query gives
//! the keys of the rows it wants, which costs a request each and is as fresh as can be. Live rows are seen as the lake's policy
//! lets them be kept, so that a column means one thing.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, JoinType, Result as DataFusionResult, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, ident, lit};
use datafusion::physical_plan::ExecutionPlan;
use tracing::warn;

use super::coverage::Coverage;
use super::manner::{Identity, Unit};
use super::planned::{answer, session};
use super::policy::shown;
use super::scan::{check_whole, not_synced, rows};
use super::table::LakeTable;
use crate::error::Result;
use crate::resources::Resource;
use crate::schema::Role;
use crate::schema::fields::ACCOUNT;
use crate::source::connection::Connection;
use crate::source::constraints::Constraints;
use crate::source::span::rfc3339;
use crate::source::{CheckoutOptions, LiveTable};

/// A table in `public`: of the lake and of the API.
#[derive(Debug)]
pub struct PublicTable {
    live: Arc<LiveTable>,
    /// The live table as the lake's policy lets it be seen.
    shown: Arc<dyn TableProvider>,
    lake: Arc<LakeTable>,
    connections: Arc<[Arc<Connection>]>,
}

impl PublicTable {
    /// The two put together.
    pub fn new(live: Arc<LiveTable>, lake: Arc<LakeTable>, connections: Arc<[Arc<Connection>]>) -> Self {
        let shown = shown(lake.resource.name, Arc::clone(&live) as _, lake.policy.as_ref());
        Self { live, shown, lake, connections }
    }

    fn resource(&self) -> &'static Resource {
        self.lake.resource
    }

    /// The rows that answer; `None` where the live table does so alone.
    async fn rows(&self, state: &SessionState, filters: &[Expr]) -> Result<Option<LogicalPlan>> {
        let options = CheckoutOptions::of(state.config_options());
        let table = self.lake.now().await?;
        if options.is_offline {
            let table = table.ok_or_else(|| not_synced(self.resource()))?;
            check_whole(state, &table, self.resource(), &self.connections, filters).await?;
            self.tell_age().await?;
            return Ok(Some(rows(state, &table, self.resource()).await?));
        }
        let Some(column) = self.lake.manner.column() else { return Ok(None) };
        let Some(table) = table else { return Ok(None) };
        self.lake.check_policy(&table)?;
        if self.live.answers_by_key(&self.sent(filters)) {
            return Ok(None);
        }
        let mut parts = Vec::new();
        let mut is_live = true;
        for connection in self.connections.iter() {
            let proven = Coverage::read(&table, connection.name()).await?;
            let is_fresh = |coverage: &Coverage| {
                let age = connection.now().timestamp_micros().saturating_sub(coverage.as_of);
                options.max_staleness.is_none_or(|most| age <= most)
            };
            match proven.filter(is_fresh) {
                None => parts.push(self.live(connection, Vec::new())?),
                Some(coverage) => {
                    is_live = false;
                    let synced = rows(state, &table, self.resource()).await?;
                    parts.extend(self.cut(connection, column, coverage, synced, filters)?);
                }
            }
        }
        Ok(if is_live { None } else { union(parts)? })
    }

    /// An account's rows: those of the lake, and those of the API before and after what is proven.
    fn cut(
        &self,
        connection: &Connection,
        column: &str,
        coverage: Coverage,
        synced: LogicalPlan,
        filters: &[Expr],
    ) -> Result<Vec<LogicalPlan>> {
        let after = || self.live(connection, vec![ident(column).gt_eq(instant(coverage.until))]);
        let mut synced = LogicalPlanBuilder::from(synced).filter(ident(ACCOUNT).eq(lit(connection.name())))?;
        synced = match self.lake.manner.unit {
            Unit::Spans(_) => {
                synced.filter(ident(column).gt_eq(instant(coverage.since)).and(ident(column).lt(instant(coverage.until))))?
            }
            _ => {
                let keys = self.keys();
                let newer = LogicalPlanBuilder::from(after()?).project(keys.iter().map(|key| ident(*key)))?;
                let newer = newer.alias("newer")?.build()?;
                let of = |table: &str| keys.iter().map(|key| Column::new(Some(table), *key)).collect::<Vec<_>>();
                let older = synced.alias("synced")?;
                let left = older.join(newer, JoinType::LeftAnti, (of("synced"), of("newer")), None)?;
                let names: Vec<Expr> = self
                    .live
                    .schema()
                    .fields()
                    .iter()
                    .map(|field| Expr::Column(Column::new(Some("synced"), field.name())).alias(field.name()))
                    .collect();
                left.project(names)?
            }
        };
        let mut parts = vec![synced.build()?, after()?];
        let asked = Constraints::of(filters).span(column);
        let start = connection.account().history_start.timestamp_micros();
        // Rows from before the account's history only where the query says so, as the live table has it.
        let is_asked = coverage.since > start || asked.from != i64::MIN || asked.to <= start;
        if asked.from < coverage.since && is_asked {
            parts.push(self.live(connection, vec![ident(column).lt(instant(coverage.since))])?);
        }
        Ok(parts)
    }

    /// The filters that the API may be asked by: those on columns that are as it has them.
    fn sent(&self, filters: &[Expr]) -> Vec<Expr> {
        let is_as_told = |filter: &&Expr| match &self.lake.policy {
            Some(policy) => filter.column_refs().into_iter().all(|column| policy.keeps(&column.name)),
            None => true,
        };
        filters.iter().filter(is_as_told).cloned().collect()
    }

    /// The columns that say which rows are the same one.
    fn keys(&self) -> Vec<&'static str> {
        let own = self.resource().columns.iter().filter(|column| column.role == Role::Key).map(|column| column.name);
        match self.lake.manner.identity {
            Identity::Restated(columns) => columns.to_vec(),
            Identity::Key | Identity::Reading => own.collect(),
        }
    }

    /// An account's rows as the API has them now.
    fn live(&self, connection: &Connection, filters: Vec<Expr>) -> Result<LogicalPlan> {
        let source = provider_as_source(Arc::clone(&self.shown));
        let mut live = LogicalPlanBuilder::scan(self.resource().name, source, None)?;
        live = live.filter(ident(ACCOUNT).eq(lit(connection.name())))?;
        for filter in filters {
            live = live.filter(filter)?;
        }
        let names: Vec<Expr> = self.live.schema().fields().iter().map(|field| ident(field.name()).alias(field.name())).collect();
        Ok(live.project(names)?.build()?)
    }

    /// Says how old an answer from the lake alone is.
    async fn tell_age(&self) -> Result<()> {
        for connection in self.connections.iter() {
            if let Some(coverage) = self.lake.coverage(connection.name()).await? {
                warn!(table = self.resource().name, account = connection.name(), "offline: as of {}", rfc3339(coverage.as_of));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl TableProvider for PublicTable {
    fn schema(&self) -> SchemaRef {
        self.live.schema()
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
        match self.rows(session(state)?, filters).await? {
            None => self.shown.scan(state, projection, filters, limit).await,
            Some(rows) => answer(session(state)?, rows, projection, filters, limit).await,
        }
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Exact; filters.len()])
    }
}

/// An instant in SQL.
pub(super) fn instant(micros: i64) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())))
}

fn union(parts: Vec<LogicalPlan>) -> Result<Option<LogicalPlan>> {
    let mut whole: Option<LogicalPlanBuilder> = None;
    for part in parts {
        whole = Some(match whole {
            None => LogicalPlanBuilder::from(part),
            Some(whole) => whole.union(part)?,
        });
    }
    Ok(whole.map(LogicalPlanBuilder::build).transpose()?)
}
