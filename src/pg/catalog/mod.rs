//! `pg_catalog`: what clients ask PostgreSQL about itself, answered from the engine's catalogue.
//!
//! Types, functions and the like are those of PostgreSQL 17, out of `datafusion-pg-catalog`. Schemas, tables, columns and
//! settings are the engine's own. Only sessions of this face have any of it.

mod empty;
mod functions;
mod information;
mod literals;
mod relations;
mod rewrite;
mod schema;
mod tables;
mod values;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
};
use datafusion::execution::{FunctionRegistry, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::sqlparser::ast::Statement;
use datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_pg_catalog::pg_catalog::oid_type_planner::PgOidTypePlanner;
use datafusion_pg_catalog::pg_catalog::{PgCatalogSchemaProvider, PgCatalogStaticTables};
use datafusion_pg_catalog::setup_pg_catalog;

use super::settings::Settings;
use crate::engine::{CATALOG, Caller, Engine, PUBLIC, Session};
use crate::error::{Error, Result};
use rewrite::Rewriter;
use schema::WithCatalog;

/// Name of the schema.
const PG_CATALOG: &str = "pg_catalog";
/// Name of the schema that the standard of SQL has.
const INFORMATION_SCHEMA: &str = "information_schema";

/// PostgreSQL's own tables, as they are in a database that has nothing.
type Dump = PgCatalogSchemaProvider<Arc<dyn CatalogProviderList>, EmptyContextProvider>;

/// What the catalogues of all connections have in common.
pub(super) struct Catalog {
    dump: Arc<Dump>,
    /// A context that has PostgreSQL's functions, to take them from.
    functions: SessionContext,
    rewriter: Rewriter,
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog").finish_non_exhaustive()
    }
}

impl Catalog {
    /// PostgreSQL's catalogue.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when it cannot be read.
    pub(super) fn try_new() -> Result<Self> {
        let nothing: Arc<dyn CatalogProviderList> = Arc::new(MemoryCatalogProviderList::new());
        let dump = PgCatalogSchemaProvider::try_new(nothing, Arc::new(PgCatalogStaticTables::try_new()?), EmptyContextProvider)?;
        let config =
            SessionConfig::new().with_create_default_catalog_and_schema(false).with_default_catalog_and_schema(CATALOG, PUBLIC);
        let functions = SessionContext::new_with_config(config);
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(PUBLIC, Arc::new(MemorySchemaProvider::new()))?;
        functions.register_catalog(CATALOG, Arc::new(catalog));
        setup_pg_catalog(&functions, CATALOG, EmptyContextProvider).map_err(|error| *error)?;
        Ok(Self { dump: Arc::new(dump), functions, rewriter: Rewriter::default() })
    }

    /// A user's session that has PostgreSQL's catalogue beside the engine's.
    ///
    /// # Errors
    /// Those of [`Engine::session_for`].
    pub(super) fn session(
        self: &Arc<Self>,
        engine: &Engine,
        settings: &Arc<Mutex<Settings>>,
        caller: &Caller,
    ) -> Result<Session> {
        let session = engine.session_for(caller.clone())?;
        let context = session.context();
        let state = context.state();
        let own: BTreeSet<&String> = state.scalar_functions().keys().collect();
        let theirs = self.functions.state();
        let missing = theirs.scalar_functions().iter().filter(|(name, _)| !own.contains(name));
        // The schema is this catalogue's own.
        let config = state.config().clone().with_information_schema(false);
        let with_types = SessionStateBuilder::new_from_existing(state.clone())
            .with_config(config)
            .with_type_planner(Arc::new(PgOidTypePlanner))
            .build();
        *context.state_ref().write() = with_types;
        context.state_ref().write().register_expr_planner(Arc::new(literals::Literals))?;
        missing.for_each(|(_, function)| context.register_udf(function.as_ref().clone()));
        for name in ["generate_series", "range", "pg_get_keywords"] {
            if let Some(function) = theirs.table_functions().get(name) {
                context.register_udtf(name, Arc::clone(function.function()));
            }
        }
        let engine_catalog = context.catalog(CATALOG).ok_or_else(|| Error::bug("a session has no catalogue"))?;
        let names = relations::lazy_names(Arc::clone(&engine_catalog));
        functions::all(settings, names).into_iter().for_each(|function| context.register_udf(function));
        let catalog = WithCatalog::new(Arc::clone(self), engine_catalog, Arc::clone(settings));
        context.register_catalog(CATALOG, Arc::new(catalog));
        Ok(session)
    }

    /// A statement, written like this where that is known, as the engine can read it: in the ways that may do, the truest
    /// first.
    pub(super) fn readings(&self, statement: Statement, sql: Option<&str>) -> Vec<Statement> {
        self.rewriter.readings(statement, sql)
    }
}
