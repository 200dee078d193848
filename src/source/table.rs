//! A live table: any resource as a DataFusion table, on all configured accounts.
//!
//! Filters are `Exact`: the requests ask for a superset, and the scan applies every filter to the decoded rows itself.
//! Because of that DataFusion hands the limit down, and paging stops as soon as it is met.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::default_table_source::source_as_provider;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result as DataFusionResult};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableScan, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::ask::choose;
use super::connection::Connection;
use super::constraints::Constraints;
use super::exec::LiveScanExec;
use super::options::CheckoutOptions;
use super::rows::Sieve;
use super::scan::Scan;
use super::statement::Statement;
use crate::error::{Error, ErrorKind, Result};
use crate::resources::{By, Call, Resource};
use crate::schema::fields;

/// A resource as a table that reads the API when it is queried.
#[derive(Debug, Clone)]
pub struct LiveTable {
    resource: &'static Resource,
    connections: Arc<[Arc<Connection>]>,
    schema: SchemaRef,
}

impl LiveTable {
    /// A resource on these accounts.
    pub fn new(resource: &'static Resource, connections: Arc<[Arc<Connection>]>) -> Self {
        Self { resource, connections, schema: fields::schema(resource.columns) }
    }

    /// The live table that a scan reads.
    pub fn of(scan: &TableScan) -> Option<Self> {
        source_as_provider(&scan.source).ok()?.downcast_ref::<Self>().cloned()
    }

    /// The column whose moments it answers for.
    pub fn moment(&self) -> Option<&'static str> {
        self.resource.calls.iter().find_map(|call| call.moment()).map(|(column, _)| column)
    }

    /// Whether these filters make it ask for rows one by one, or for none at all.
    pub fn answers_by_key(&self, filters: &[Expr]) -> bool {
        let filtered = columns_of(filters);
        let names: Vec<&str> = filtered.iter().map(String::as_str).collect();
        choose(self.resource, &Constraints::of(filters), &names).map_or(true, |call| matches!(call.by, By::Key(_)))
    }

    /// The fields to decode: those wanted, then those only the filters need.
    fn decoded(&self, wanted: &[usize], filtered: &[String]) -> Vec<usize> {
        let mut decoded = wanted.to_vec();
        for name in filtered {
            if let Ok(index) = self.schema.index_of(name)
                && !decoded.contains(&index)
            {
                decoded.push(index);
            }
        }
        decoded
    }

    fn scan_of(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Scan> {
        let wanted: Vec<usize> = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let filtered = columns_of(filters);
        let constraints = Constraints::of(filters);
        let names: Vec<&str> = filtered.iter().map(String::as_str).collect();
        let chosen = choose(self.resource, &constraints, &names).ok();
        let restated = chosen.map_or(&[][..], Call::restated).iter().map(|name| (*name).to_owned());
        let mut decoded = self.decoded(&wanted, &filtered.iter().cloned().chain(restated).collect::<Vec<_>>());
        let is_by_time = chosen.is_some_and(Call::claims_by_time);
        let claimed_by = self.resource.time.filter(|_| is_by_time).and_then(|time| self.schema.index_of(time).ok());
        let extra = claimed_by.filter(|time| !decoded.contains(time));
        decoded.extend(extra);
        let decoded_schema = self.schema.project(&decoded).map_err(DataFusionError::from)?;
        let time = self.resource.time.and_then(|name| decoded_schema.index_of(name).ok());
        let predicate = match conjunction(filters.to_vec()) {
            Some(filter) => {
                let columns = DFSchema::try_from(decoded_schema)?;
                Some(state.create_physical_expr(without_qualifiers(filter)?, &columns)?)
            }
            None => None,
        };
        let schema = Arc::new(self.schema.project(&wanted).map_err(DataFusionError::from)?);
        let options = CheckoutOptions::of(state.config_options());
        let statement = Statement::of(state.config());
        statement.expect_scan();
        Ok(Scan {
            resource: self.resource,
            connections: Arc::clone(&self.connections),
            constraints,
            filtered,
            decoded,
            time,
            time_is_extra: extra.is_some(),
            sieve: Sieve { predicate, columns: wanted.len(), schema },
            limit,
            order: None,
            dynamic: Vec::new(),
            on_malformed: options.on_malformed,
            on_incomplete: options.on_incomplete,
            statement,
        })
    }
}

/// The columns that filters use, each once, by name.
fn columns_of(filters: &[Expr]) -> Vec<String> {
    let mut columns: Vec<String> =
        filters.iter().flat_map(|filter| filter.column_refs()).map(|column| column.name.clone()).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// The filter with bare column names, as the decoded schema has them.
pub(crate) fn without_qualifiers(filter: Expr) -> DataFusionResult<Expr> {
    filter
        .transform(|expr| {
            Ok(match expr {
                Expr::Column(column) if column.relation.is_some() => {
                    Transformed::yes(Expr::Column(Column::new_unqualified(column.name)))
                }
                other => Transformed::no(other),
            })
        })
        .map(|transformed| transformed.data)
}

#[async_trait]
impl TableProvider for LiveTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
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
        if CheckoutOptions::of(state.config_options()).is_offline {
            return Err(offline(self.resource.name).into());
        }
        let scan = self.scan_of(state, projection, filters, limit)?;
        Ok(Arc::new(LiveScanExec::new(scan)))
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Exact; filters.len()])
    }
}

/// The error of a table that would have to be asked for while nothing may be.
fn offline(table: &str) -> Error {
    Error::new(ErrorKind::Query, "the table is read from Checkout.com, and nothing is to be asked")
        .with("table", table)
        .with("checkout.offline", true)
        .hint("sync it and read it from lake or public, or ask where checkout.offline is false and the role may ask")
}
