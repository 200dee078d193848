//! The catalogue of a role: the universe of all tables as it sees them, and of these those that it may name.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::SessionState;
use datafusion::logical_expr::TableType;
use futures::FutureExt;

use super::seen::{rows, seen};
use super::{Admitted, Role};
use crate::engine::checks::Checks;
use crate::engine::sides::Sides;
use crate::engine::{BOOKS, CHECKS, Caller, Engine, LAKE, PUBLIC, Planner, RECON, SIDES, views};
use crate::error::{Error, ErrorKind, Result};
use crate::resources::RESOURCES;

/// A role with what it sees of an engine's tables.
///
/// # Errors
/// [`ErrorKind::Config`] when a condition of rows is none, or is of no table.
pub(super) fn admit(engine: &Engine, role: Arc<Role>) -> Result<Admitted> {
    let everything = &engine.shared.catalog;
    let state = Arc::new(engine.session()?.context.state());
    let universe = Arc::new(MemoryCatalogProvider::new());
    for name in everything.schema_names().iter().filter(|name| ![PUBLIC, CHECKS, SIDES].contains(&name.as_str())) {
        if let Some(inner) = everything.schema(name) {
            let schema = SeenSchema { role: Arc::clone(&role), name: name.clone(), inner, state: Arc::clone(&state) };
            universe.register_schema(name, Arc::new(schema))?;
        }
    }
    let public = Arc::new(public(&role, everything.as_ref(), &state)?);
    universe.register_schema(PUBLIC, Arc::clone(&public) as Arc<dyn SchemaProvider>)?;
    let admitted = Admitted { role, universe: Arc::clone(&universe) as _, state };
    // A view shows what the role sees of its tables, and is not there where it needs what the role does not see.
    views::register_some(&engine.session_over(&admitted, Caller::default())?.context.state(), public.as_ref())?;
    let planner = Planner::of(engine, Some(&admitted.role.name));
    universe.register_schema(CHECKS, Arc::new(Checks::try_new(planner.clone())?))?;
    universe.register_schema(SIDES, Arc::new(Sides::try_new(planner, &engine.shared.books)?))?;
    check(&admitted.role, everything.as_ref(), &admitted.state)?;
    Ok(admitted)
}

/// The tables of `public` that are no views.
fn public(role: &Arc<Role>, everything: &dyn CatalogProvider, state: &Arc<SessionState>) -> Result<MemorySchemaProvider> {
    let public = MemorySchemaProvider::new();
    let all = everything.schema(PUBLIC).ok_or_else(|| Error::bug("the catalogue has no public schema"))?;
    for resource in RESOURCES {
        let table = at_hand(all.as_ref(), resource.name).and_then(|table| seen(role, PUBLIC, resource.name, table, state));
        if let Some(table) = table {
            public.register_table(resource.name.to_owned(), table)?;
        }
    }
    Ok(public)
}

/// A table that is there without waiting for it.
fn at_hand(schema: &dyn SchemaProvider, name: &str) -> Option<Arc<dyn TableProvider>> {
    schema.table(name).now_or_never()?.ok()?
}

/// Whether a schema has a table, as far as that is known without waiting for it.
fn is_there(schema: &dyn SchemaProvider, name: &str) -> bool {
    !matches!(schema.table(name).now_or_never(), Some(Ok(None)))
}

/// Refuses conditions that hold of no table, and patterns of schemas that do not exist: somebody meant something else.
fn check(role: &Role, everything: &dyn CatalogProvider, state: &SessionState) -> Result<()> {
    let mut schemas = everything.schema_names();
    // These are there when there is something in them.
    schemas.extend([BOOKS, LAKE, RECON].map(str::to_owned));
    for pattern in role.tables.iter().chain(role.rows.iter().map(|(pattern, _)| pattern)) {
        if let Some(unknown) = pattern.schema().filter(|name| !schemas.iter().any(|schema| schema == name)) {
            schemas.sort();
            schemas.dedup();
            return Err(Error::new(ErrorKind::Config, "a role names a schema that does not exist")
                .with("schema", unknown)
                .hint(format!("there are {}", schemas.join(", "))));
        }
    }
    for (pattern, condition) in &role.rows {
        let schemas = everything.schema_names().into_iter().filter_map(|name| Some((everything.schema(&name)?, name)));
        let tables = schemas.flat_map(|(schema, name)| {
            let fitting = schema.table_names().into_iter().filter(|table| pattern.fits(&name, table)).collect::<Vec<_>>();
            fitting.into_iter().filter_map(move |table| at_hand(schema.as_ref(), &table))
        });
        let mut planned = tables.map(|table| rows(condition, &table.schema(), state)).peekable();
        if planned.peek().is_some() && !planned.any(|planned| planned.is_ok()) {
            let wrong = Error::new(ErrorKind::Config, "a condition of rows can be answered by none of its tables");
            return Err(wrong
                .with("condition", condition)
                .hint("write an expression of SQL over their columns, without subqueries"));
        }
    }
    Ok(())
}

/// A schema whose tables are as a role sees them.
#[derive(Debug)]
pub(in crate::engine) struct SeenSchema {
    pub(in crate::engine) role: Arc<Role>,
    pub(in crate::engine) name: String,
    pub(in crate::engine) inner: Arc<dyn SchemaProvider>,
    pub(in crate::engine) state: Arc<SessionState>,
}

#[async_trait]
impl SchemaProvider for SeenSchema {
    fn table_names(&self) -> Vec<String> {
        self.inner.table_names().into_iter().filter(|name| is_there(self, name)).collect()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let table = self.inner.table(name).await?;
        Ok(table.and_then(|table| seen(&self.role, &self.name, name, table, &self.state)))
    }

    async fn table_type(&self, name: &str) -> DataFusionResult<Option<TableType>> {
        self.inner.table_type(name).await
    }

    fn table_exist(&self, name: &str) -> bool {
        self.inner.table_exist(name)
    }
}

/// The tables of a catalogue that a role may name.
#[derive(Debug)]
pub(in crate::engine) struct Allowed {
    pub(in crate::engine) role: Arc<Role>,
    pub(in crate::engine) inner: Arc<dyn CatalogProvider>,
}

impl CatalogProvider for Allowed {
    fn schema_names(&self) -> Vec<String> {
        let is_there = |name: &String| self.schema(name).is_some_and(|schema| !schema.table_names().is_empty());
        self.inner.schema_names().into_iter().filter(is_there).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let inner = self.inner.schema(name)?;
        Some(Arc::new(AllowedSchema { role: Arc::clone(&self.role), name: name.to_owned(), inner }))
    }
}

#[derive(Debug)]
struct AllowedSchema {
    role: Arc<Role>,
    name: String,
    inner: Arc<dyn SchemaProvider>,
}

impl AllowedSchema {
    fn has(&self, table: &str) -> bool {
        self.role.may_name(&self.name, table)
    }
}

#[async_trait]
impl SchemaProvider for AllowedSchema {
    fn table_names(&self) -> Vec<String> {
        self.inner.table_names().into_iter().filter(|table| self.has(table) && is_there(self, table)).collect()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        if self.has(name) { self.inner.table(name).await } else { Ok(None) }
    }

    async fn table_type(&self, name: &str) -> DataFusionResult<Option<TableType>> {
        if self.has(name) { self.inner.table_type(name).await } else { Ok(None) }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.has(name) && self.inner.table_exist(name)
    }
}
