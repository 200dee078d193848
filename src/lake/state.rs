//! What the lake holds: `system.sync_state`, a row for each table and account.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::coverage::Coverage;
use super::{Described, Lake};
use crate::error::{Error, Result};
use crate::schema::fields::{COMMENT, instant};

/// The columns.
const COLUMNS: [Described; 9] = [
    ("table", || DataType::Utf8, "The table."),
    ("account", || DataType::Utf8, "The account."),
    ("since", instant, "All rows from here on are in the lake; none where no span of time is kept."),
    ("until", instant, "All rows before this were read."),
    ("as_of", instant, "When the last sync that came to its end began: what had changed by then was looked for."),
    ("version", || DataType::Int64, "Version of the Delta table."),
    ("files", || DataType::Int64, "Its data files, of all accounts."),
    ("rows", || DataType::Int64, "Its rows, of all accounts."),
    ("bytes", || DataType::Int64, "Bytes of its data files, of all accounts."),
];

/// `system.sync_state`.
#[derive(Debug)]
pub struct SyncState {
    lake: Option<Arc<Lake>>,
    accounts: Vec<String>,
    schema: SchemaRef,
}

#[derive(Debug)]
struct Row {
    table: &'static str,
    account: String,
    coverage: Coverage,
    numbers: [Option<i64>; 4],
}

impl SyncState {
    /// Of a lake, where there is one, and these accounts.
    pub fn new(lake: Option<Arc<Lake>>, accounts: Vec<String>) -> Self {
        let field = |(name, data_type, about): &Described| {
            Field::new(*name, data_type(), true).with_metadata([(COMMENT.to_owned(), (*about).to_owned())].into())
        };
        Self { lake, accounts, schema: Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>())) }
    }

    async fn rows(&self) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for table in self.lake.iter().flat_map(|lake| lake.tables()) {
            let Some(state) = table.now().await? else { continue };
            let numbers = sizes(&state)?;
            for account in &self.accounts {
                if let Some(coverage) = Coverage::read(&state, account).await? {
                    rows.push(Row { table: table.resource.name, account: account.clone(), coverage, numbers });
                }
            }
        }
        Ok(rows)
    }

    fn batch(&self, rows: &[Row]) -> Result<RecordBatch> {
        let time = |get: fn(&Coverage) -> Option<i64>| -> ArrayRef {
            Arc::new(rows.iter().map(|row| get(&row.coverage)).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        };
        let number = |index: usize| -> ArrayRef {
            Arc::new(rows.iter().map(|row| row.numbers.get(index).copied().flatten()).collect::<Int64Array>())
        };
        let columns = vec![
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.table))) as ArrayRef,
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.account))),
            time(|coverage| Some(coverage.since).filter(|since| *since != i64::MIN)),
            time(|coverage| Some(coverage.until)),
            time(|coverage| Some(coverage.as_of)),
            number(0),
            number(1),
            number(2),
            number(3),
        ];
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|error| Error::bug("the state of the lake does not fit its schema").caused_by(error))
    }
}

/// Version, files, rows and bytes of a table.
fn sizes(table: &deltalake_core::DeltaTable) -> Result<[Option<i64>; 4]> {
    let state = table.snapshot().map_err(super::failed)?;
    let (mut files, mut rows, mut bytes) = (0, 0_usize, 0);
    for file in state.log_data().iter() {
        files += 1;
        rows += file.num_records().unwrap_or_default();
        bytes += file.size();
    }
    Ok([table.version().and_then(|version| i64::try_from(version).ok()), Some(files), i64::try_from(rows).ok(), Some(bytes)])
}

#[async_trait]
impl TableProvider for SyncState {
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
        let rows = self.batch(&self.rows().await?)?;
        Ok(MemorySourceConfig::try_new_exec(&[vec![rows]], Arc::clone(&self.schema), projection.cloned())?)
    }
}
