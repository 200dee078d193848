//! The tables that rules match rows of, as they were at one moment: each is read once for all rules of a run, however many
//! name it, and rules are run over what was read.
//!
//! ```text
//!  names in headers ─▶ held: tables that are empty yet ─▶ rules are planned over them: which columns they use
//!                                                                    └▶ shared: what two of them read is read first
//!                                                                             └▶ held: filled, in memory or in files
//! ```
//!
//! What is read is in the order of its keys. It is kept in memory, as far as the session's memory goes
//! (`datafusion.runtime.memory_limit`), and in temporary files beyond. Tables that a SELECT reads besides, which no header
//! names, are read when the rule has its turn.

mod columns;
mod hash;
mod held;
mod order;
mod shared;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider as _, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, SchemaProvider, TableProvider,
};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Column, Result as DataFusionResult, TableReference};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::prelude::{DataFrame, SessionContext};

use crate::error::{Error, Result};
pub(super) use columns::columns_of;
use held::Held;
pub(super) use order::order;

/// A table's full name: catalogue, schema, table.
type Name = (String, String, String);

/// The tables of a run.
pub(super) struct Snapshot {
    /// A session that has the held tables in place of those they are read from.
    context: SessionContext,
    tables: BTreeMap<Name, Source>,
}

/// A held table, and where it is read from.
struct Source {
    held: Arc<Held>,
    /// All that the table has, from where it really is.
    rows: LogicalPlan,
    /// The column that it is put in the order of.
    key: Option<String>,
}

/// A table that is to be held, and the column that it is put in the order of.
pub(super) type Wanted = (TableReference, Option<String>);

impl Snapshot {
    /// A snapshot of these tables of a session, which is empty until it is [filled](Self::fill).
    ///
    /// # Errors
    /// Those of planning the tables.
    pub(super) async fn of(wanted: Vec<Wanted>, context: &SessionContext) -> Result<Self> {
        let state = context.state();
        let mut tables: BTreeMap<Name, Source> = BTreeMap::new();
        for (table, key) in wanted {
            let name = full(&table, &state);
            if let Some(known) = tables.get_mut(&name) {
                known.key = known.key.take().or(key);
                continue;
            }
            let rows = context.table(table).await?.into_unoptimized_plan();
            let held = Arc::new(Held::with_plain_texts(rows.schema().as_arrow()));
            tables.insert(name, Source { held, rows, key });
        }
        let held: BTreeMap<Name, Arc<Held>> =
            tables.iter().map(|(name, source)| (name.clone(), Arc::clone(&source.held))).collect();
        let catalogs = catalogs(&state, &held)?;
        let state = SessionStateBuilder::new_from_existing(state).with_catalog_list(catalogs).build();
        Ok(Self { context: SessionContext::new_with_state(state), tables })
    }

    /// The session that rules are planned and run in.
    pub(super) fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Reads what these plans, made in its [session](Self::context), use of its tables.
    ///
    /// # Errors
    /// Those of reading the tables.
    pub(super) async fn fill(&self, plans: &[&LogicalPlan]) -> Result<()> {
        let state = self.context.state();
        let used = used(plans, &state)?;
        let mut reads = Vec::new();
        for (name, source) in &self.tables {
            let columns = used.get(name).into_iter().flatten();
            let columns = columns.chain(&source.key).collect::<BTreeSet<_>>().into_iter();
            let columns = columns.map(|column| Expr::Column(Column::from_name(column)));
            let rows = DataFrame::new(state.clone(), source.rows.clone()).select(columns)?;
            reads.push((source, rows.into_optimized_plan()?));
        }
        let plans = shared::read_first(reads.iter().map(|(_, plan)| plan).collect(), &state).await?;
        let read = |(source, _): &(&Source, LogicalPlan), plan: LogicalPlan| {
            let (held, key, state) = (Arc::clone(&source.held), source.key.clone(), state.clone());
            SpawnedTask::spawn(async move { held.fill(DataFrame::new(state, plan), key.as_deref()).await })
        };
        let tasks = reads.iter().zip(plans).map(|(source, plan)| read(source, plan));
        joined(tasks.collect()).await
    }

    /// What is held of a table, in the order of its key; `None` where it is in files.
    pub(super) fn whole(&self, table: &TableReference) -> Option<&RecordBatch> {
        self.tables.get(&full(table, &self.context.state()))?.held.whole()
    }
}

/// Waits for all of them.
async fn joined(tasks: Vec<SpawnedTask<Result<()>>>) -> Result<()> {
    for task in tasks {
        task.join_unwind().await.map_err(|error| Error::bug("a table was not read to its end").caused_by(error))??;
    }
    Ok(())
}

fn full(table: &TableReference, state: &SessionState) -> Name {
    let catalog = &state.config_options().catalog;
    let table = table.clone().resolve(&catalog.default_catalog, &catalog.default_schema);
    (table.catalog.to_string(), table.schema.to_string(), table.table.to_string())
}

/// The columns that plans use of tables.
fn used(plans: &[&LogicalPlan], state: &SessionState) -> Result<BTreeMap<Name, BTreeSet<String>>> {
    let mut used: BTreeMap<Name, BTreeSet<String>> = BTreeMap::new();
    for plan in plans {
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                let columns = scan.projected_schema.fields().iter().map(|field| field.name().clone());
                used.entry(full(&scan.table_name, state)).or_default().extend(columns);
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(used)
}

/// The catalogues of a session, with the held tables in place of those of their names.
fn catalogs(state: &SessionState, held: &BTreeMap<Name, Arc<Held>>) -> Result<Arc<dyn CatalogProviderList>> {
    let (real, list) = (state.catalog_list(), MemoryCatalogProviderList::new());
    for catalog_name in real.catalog_names() {
        let Some(catalog) = real.catalog(&catalog_name) else { continue };
        let copy = MemoryCatalogProvider::new();
        for schema_name in catalog.schema_names() {
            let Some(schema) = catalog.schema(&schema_name) else { continue };
            let of_schema = held.iter().filter(|((catalog, schema, _), _)| *catalog == catalog_name && *schema == schema_name);
            let held = of_schema.map(|((_, _, table), held)| (table.clone(), Arc::clone(held))).collect();
            copy.register_schema(&schema_name, Arc::new(WithHeld { schema, held }))?;
        }
        list.register_catalog(catalog_name, Arc::new(copy));
    }
    Ok(Arc::new(list))
}

/// A schema with held tables in place of its own.
#[derive(Debug)]
struct WithHeld {
    schema: Arc<dyn SchemaProvider>,
    held: BTreeMap<String, Arc<Held>>,
}

#[async_trait]
impl SchemaProvider for WithHeld {
    fn table_names(&self) -> Vec<String> {
        self.schema.table_names()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        match self.held.get(name) {
            Some(held) => Ok(Some(Arc::<Held>::clone(held))),
            None => self.schema.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.held.contains_key(name) || self.schema.table_exist(name)
    }
}
