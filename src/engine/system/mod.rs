//! The schema `system`: what ckosql knows about itself, as tables that are made anew whenever they are read.

mod accounts;
mod coverage;
mod requests;
mod scopes;
mod sync_state;
mod tables;

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, Session, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::books::Books;
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::schema::fields::COMMENT;
use crate::source::connection::Connection;
use sync_state::SyncState;

/// The accounts, as far as their connections know.
type Connections = Arc<[Arc<Connection>]>;

/// A column: its name, its type, and what it means.
pub(super) type SystemColumn = (&'static str, fn() -> DataType, &'static str);

/// A table of the schema: its columns, and how its rows are made.
pub(super) struct SystemTable {
    pub(super) name: &'static str,
    pub(super) columns: &'static [SystemColumn],
    pub(super) rows: fn(&[Arc<Connection>]) -> Vec<ArrayRef>,
}

const TABLES: &[&SystemTable] = &[&requests::TABLE, &coverage::TABLE, &scopes::TABLE, &accounts::TABLE];

/// What the rows of a table are made of.
#[async_trait]
pub(super) trait Rows: Send + Sync {
    /// Its columns.
    fn columns(&self) -> &'static [SystemColumn];

    /// A value of each column for each row there is now.
    async fn rows(&self) -> Result<Vec<ArrayRef>>;
}

/// The schema over some accounts, the lake where there is one, and the other side.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when two tables have the same name.
pub(super) fn schema(connections: &Connections, lake: Option<&Arc<Lake>>, books: &Arc<Books>) -> Result<Arc<dyn SchemaProvider>> {
    let schema = MemorySchemaProvider::new();
    for table in TABLES {
        schema.register_table(table.name.to_owned(), table.provider(connections))?;
    }
    for table in tables::ALL {
        let declared = provider(table.name, tables::Declared { table, books: Arc::clone(books), is_kept: lake.is_some() });
        schema.register_table(table.name.to_owned(), declared)?;
    }
    let accounts = connections.iter().map(|connection| connection.name().to_owned()).collect();
    let state = provider(sync_state::NAME, SyncState { lake: lake.cloned(), accounts });
    schema.register_table(sync_state::NAME.to_owned(), state)?;
    Ok(Arc::new(schema))
}

impl SystemTable {
    /// The table over some accounts.
    pub(super) fn provider(&'static self, connections: &Connections) -> Arc<dyn TableProvider> {
        provider(self.name, OfConnections { table: self, connections: Arc::clone(connections) })
    }

    pub(super) fn schema(&self) -> SchemaRef {
        schema_of(self.columns)
    }
}

/// A table that the connections know all of.
struct OfConnections {
    table: &'static SystemTable,
    connections: Connections,
}

#[async_trait]
impl Rows for OfConnections {
    fn columns(&self) -> &'static [SystemColumn] {
        self.table.columns
    }

    async fn rows(&self) -> Result<Vec<ArrayRef>> {
        Ok((self.table.rows)(&self.connections))
    }
}

fn schema_of(columns: &[SystemColumn]) -> SchemaRef {
    let field = |(name, data_type, about): &SystemColumn| {
        Field::new(*name, data_type(), true).with_metadata([(COMMENT.to_owned(), (*about).to_owned())].into())
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn provider(name: &'static str, rows: impl Rows + 'static) -> Arc<dyn TableProvider> {
    Arc::new(Provider { name, schema: schema_of(rows.columns()), rows: Box::new(rows) })
}

struct Provider {
    name: &'static str,
    schema: SchemaRef,
    rows: Box<dyn Rows>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemTable").field("name", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for Provider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), self.rows.rows().await?)
            .map_err(|error| Error::bug("a system table does not fit its schema").with("table", self.name).caused_by(error))?;
        Ok(MemorySourceConfig::try_new_exec(&[vec![rows]], Arc::clone(&self.schema), projection.cloned())?)
    }
}

pub(super) fn text() -> DataType {
    DataType::Utf8
}

pub(super) fn number() -> DataType {
    DataType::Int64
}

fn flag() -> DataType {
    DataType::Boolean
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
