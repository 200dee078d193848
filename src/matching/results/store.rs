//! The kept tables in a lake: opened, read and added to as all tables of a lake are.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::ViewTable;
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::prelude::{SessionContext, col, lit};
use deltalake_core::DeltaTable;
use deltalake_core::kernel::Transaction;
use deltalake_core::writer::DeltaWriter;
use tokio::sync::mpsc;

use super::tables::{self, Kept, View};
use crate::error::{Error, Result};
use crate::lake::delta::{Delta, Design, Note};
use crate::lake::maintain::Tended;
use crate::lake::planned::{Planned, PlannedTable};
use crate::lake::scan;
use crate::store::Location;

/// The folder of the tables in a lake.
const FOLDER: &str = "recon";
/// The schema of the kept tables, where the views look for them, and of what counts in those of changes.
const SCHEMA: &str = "kept";
const NEWEST: &str = "newest";
/// All that is kept.
const KEPT: [&Kept; 8] = [
    &tables::RUNS,
    &tables::RULE_VERSIONS,
    &tables::MATCHES,
    &tables::MATCH_LINES,
    &tables::EXCEPTIONS,
    &tables::ASSERTIONS,
    &tables::OVERRIDES,
    &tables::CLOSES,
];

/// Rows that are made as they are written.
pub(super) type Batches<'a, const TABLES: usize> = Box<dyn Iterator<Item = Result<[RecordBatch; TABLES]>> + Send + 'a>;

/// The kept tables of a lake, which may not be there yet.
#[derive(Debug)]
pub(super) struct Store {
    tables: BTreeMap<&'static str, Delta>,
}

impl Store {
    pub(super) fn at(location: &Location) -> Result<Self> {
        let table = |kept: &&'static Kept| Ok((kept.name, Delta::at(location, &format!("{FOLDER}/{}", kept.name), kept.name)?));
        Ok(Self { tables: KEPT.iter().map(table).collect::<Result<_>>()? })
    }

    fn delta(&self, kept: &Kept) -> Result<&Delta> {
        self.tables.get(kept.name).ok_or_else(|| Error::bug("a table is not kept").with("table", kept.name))
    }

    /// The tables, to be kept in shape: what was replaced can still be read for so many days.
    pub(super) fn tended(&self, retention: u64) -> Vec<Tended<'_>> {
        self.tables.iter().map(|(name, delta)| Tended::new(format!("{FOLDER}.{name}"), delta, retention)).collect()
    }

    /// A table as it is now, made when it is not there, with all columns that are declared.
    pub(super) async fn open(&self, kept: &Kept) -> Result<DeltaTable> {
        let delta = self.delta(kept)?;
        let design = design(kept);
        let table = delta.ensure(&design).await?;
        delta.widened(table, &design).await
    }

    /// The number that a table's last transaction of a name had; 0 when there was none.
    pub(super) async fn number(&self, kept: &Kept, table: &DeltaTable, name: &str) -> Result<i64> {
        Ok(self.delta(kept)?.transaction(table, name).await?.unwrap_or_default())
    }

    /// Adds rows to a state of a table, in one commit, with the numbers of transactions; nothing is done where there is neither.
    pub(super) async fn add(
        &self,
        kept: &Kept,
        table: &DeltaTable,
        rows: RecordBatch,
        transactions: Vec<Transaction>,
        note: Note,
    ) -> Result<()> {
        if rows.num_rows() == 0 && transactions.is_empty() {
            return Ok(());
        }
        let delta = self.delta(kept)?;
        let mut writer = delta.writer(table)?;
        if rows.num_rows() > 0 {
            writer.write(rows).await.map_err(|error| delta.unwritten(error))?;
        }
        delta.append(table, writer, tables::FLOW, transactions, note).await
    }

    /// Adds rows to tables as they are now, in a commit each, in their order. What is given at once is rows of each table, made as
    /// they are written: each table is written by a task of its own.
    pub(super) async fn add_all<const TABLES: usize>(&self, kept: [&Kept; TABLES], rows: Batches<'_, TABLES>) -> Result<()> {
        let mut writing = Vec::new();
        for kept in kept {
            let (table, delta) = (self.open(kept).await?, self.delta(kept)?);
            let mut writer = delta.writer(&table)?;
            let (rows, mut coming) = mpsc::channel::<RecordBatch>(1);
            let written = SpawnedTask::spawn(async move {
                while let Some(rows) = coming.recv().await {
                    writer.write(rows).await?;
                }
                Ok(writer)
            });
            writing.push((delta, table, rows, written));
        }
        'all: for rows in rows {
            for ((_, _, writer, _), rows) in writing.iter().zip(rows?) {
                // Who has stopped to take rows says below why.
                if rows.num_rows() > 0 && writer.send(rows).await.is_err() {
                    break 'all;
                }
            }
        }
        let mut written = Vec::new();
        for (delta, table, rows, writer) in writing {
            drop(rows);
            let writer = writer.join_unwind().await;
            let writer = writer.map_err(|error| Error::bug("rows were not written to their end").caused_by(error))?;
            written.push((delta, table, writer.map_err(|error| delta.unwritten(error))?));
        }
        for (delta, table, writer) in written {
            delta.append(&table, writer, tables::FLOW, Vec::new(), Note::new()).await?;
        }
        Ok(())
    }

    /// A session whose schema `kept` has these tables as they are now, and `newest` the changes in them that count. The first is
    /// read before the others: where that is the one of the runs, all that its runs have written is in the others.
    pub(super) async fn session(&self, state: &SessionState, needs: &[&'static Kept]) -> Result<SessionContext> {
        let catalogs = Arc::new(MemoryCatalogProviderList::new());
        let state = SessionStateBuilder::new_from_existing(state.clone()).with_catalog_list(catalogs).build();
        let schema = MemorySchemaProvider::new();
        for kept in needs {
            schema.register_table(kept.name.to_owned(), self.provider(&state, kept).await?)?;
        }
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::new(schema))?;
        let name = state.config_options().catalog.default_catalog.clone();
        let context = SessionContext::new_with_state(state);
        let newest = Arc::new(MemorySchemaProvider::new());
        catalog.register_schema(NEWEST, Arc::clone(&newest) as _)?;
        context.register_catalog(name, Arc::new(catalog));
        // Which changes count is told by the runs.
        if needs.iter().any(|kept| kept.name == tables::RUNS.name) {
            for (kept, sql) in needs.iter().filter_map(|kept| Some((kept, kept.newest?))) {
                let plan = context.state().create_logical_plan(sql).await?;
                newest.register_table(kept.name.to_owned(), Arc::new(ViewTable::new(plan, None)))?;
            }
        }
        Ok(context)
    }

    async fn provider(&self, state: &SessionState, kept: &Kept) -> Result<Arc<dyn TableProvider>> {
        match self.delta(kept)?.now().await? {
            Some(table) => {
                let rows = scan::declared(scan::provider(state, &table).await?, kept.name, &kept.schema())?;
                Ok(Arc::new(ViewTable::new(rows, None)))
            }
            None => Ok(Arc::new(EmptyTable::new(kept.schema()))),
        }
    }

    /// The rows that a SELECT gives of a flow.
    pub(super) async fn ask(
        &self,
        state: &SessionState,
        needs: &[&'static Kept],
        sql: &str,
        flow: &str,
    ) -> Result<Vec<RecordBatch>> {
        let rows = self.session(state, needs).await?.sql(sql).await?;
        Ok(rows.filter(col(tables::FLOW).eq(lit(flow)))?.collect().await?)
    }
}

fn design(kept: &Kept) -> Design {
    Design { columns: kept.schema(), about: kept.about, partition: tables::FLOW, properties: Vec::new() }
}

/// What is shown of the kept tables, as a table.
pub(super) fn table(store: &Arc<Store>, view: &'static View) -> Arc<dyn TableProvider> {
    Arc::new(PlannedTable(Shown { store: Arc::clone(store), view, schema: view.schema() }))
}

#[derive(Debug)]
struct Shown {
    store: Arc<Store>,
    view: &'static View,
    schema: SchemaRef,
}

#[async_trait]
impl Planned for Shown {
    fn columns(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    async fn rows(&self, state: &SessionState, _filters: &[Expr]) -> Result<LogicalPlan> {
        let session = self.store.session(state, self.view.needs).await?;
        let plan = session.state().create_logical_plan(self.view.sql).await?;
        scan::fitted(plan, &self.schema)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, StringArray, new_null_array};

    use super::*;

    /// The exceptions as they were kept before they had fingerprints.
    static BEFORE: Kept = Kept {
        name: "exceptions",
        about: "As it was.",
        columns: tables::EXCEPTIONS.columns.split_at(tables::EXCEPTIONS.columns.len() - 1).0,
        newest: None,
    };

    /// A row of a flow, of which nothing else is said.
    fn row(kept: &Kept, flow: &str) -> RecordBatch {
        let column = |field: &arrow::datatypes::FieldRef| -> ArrayRef {
            match field.name().as_str() {
                tables::FLOW => Arc::new(StringArray::from(vec![flow])),
                _ => new_null_array(field.data_type(), 1),
            }
        };
        RecordBatch::try_new(kept.schema(), kept.schema().fields().iter().map(column).collect()).unwrap()
    }

    #[tokio::test]
    async fn what_an_older_version_has_kept_is_read_and_added_to() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Store::at(&Location::parse(folder.path().to_str().unwrap(), &BTreeMap::new()).unwrap()).unwrap();
        let add = async |kept: &Kept, flow: &str| {
            let table = store.open(kept).await.unwrap();
            store.add(kept, &table, row(kept, flow), Vec::new(), Note::new()).await.unwrap();
        };
        let state = SessionContext::new().state();
        let read = async |flow: &str| {
            store.ask(&state, &[&tables::EXCEPTIONS], "select flow, fingerprint from kept.exceptions", flow).await.unwrap()
        };
        add(&BEFORE, "old").await;
        let kept = store.delta(&BEFORE).unwrap().now().await.unwrap().unwrap();
        assert!(kept.snapshot().unwrap().schema().field("fingerprint").is_none());
        assert_eq!(read("old").await.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
        add(&tables::EXCEPTIONS, "new").await;
        for flow in ["old", "new"] {
            assert_eq!(read(flow).await.iter().map(RecordBatch::num_rows).sum::<usize>(), 1, "{flow}");
        }
    }
}
