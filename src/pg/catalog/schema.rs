//! The schema `pg_catalog` of a session: the engine's own where it has something to tell, PostgreSQL's dump else.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{CatalogProvider, MemTable, SchemaProvider, TableProvider};
use datafusion::common::Result;

use super::information::Information;
use super::tables::Listing;
use super::{Catalog, INFORMATION_SCHEMA, PG_CATALOG, empty};
use crate::pg::settings::Settings;

/// The engine's catalogue with `pg_catalog` beside its schemas.
pub(super) struct WithCatalog {
    engine: Arc<dyn CatalogProvider>,
    schema: Arc<PgSchema>,
    information: Arc<Information>,
}

/// The schema.
struct PgSchema {
    shared: Arc<Catalog>,
    engine: Arc<dyn CatalogProvider>,
    settings: Arc<Mutex<Settings>>,
}

impl WithCatalog {
    pub(super) fn new(shared: Arc<Catalog>, engine: Arc<dyn CatalogProvider>, settings: Arc<Mutex<Settings>>) -> Self {
        let information = Arc::new(Information::new(&engine));
        let schema = Arc::new(PgSchema { shared, engine: Arc::clone(&engine), settings });
        Self { engine, schema, information }
    }
}

impl fmt::Debug for WithCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithCatalog").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl fmt::Debug for PgSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgSchema").finish_non_exhaustive()
    }
}

impl CatalogProvider for WithCatalog {
    fn schema_names(&self) -> Vec<String> {
        // Not this one: who lists the tables wants those there is something in.
        self.engine.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        match name {
            PG_CATALOG => Some(Arc::<PgSchema>::clone(&self.schema)),
            INFORMATION_SCHEMA => Some(Arc::<Information>::clone(&self.information)),
            _ => self.engine.schema(name),
        }
    }
}

#[async_trait]
impl SchemaProvider for PgSchema {
    fn table_names(&self) -> Vec<String> {
        let mut names = self.shared.dump.table_names();
        names.extend(Listing::NAMES.into_iter().chain(empty::CATALOG.map(|(name, _)| name)).map(str::to_owned));
        names.sort();
        names.dedup();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(columns) = empty::columns_of(name, &empty::CATALOG) {
            return Ok(Some(Arc::new(MemTable::try_new(columns, vec![vec![]])?)));
        }
        let dumped = self.shared.dump.table(name).await?;
        let Some(listing) = Listing::of(name, dumped.as_ref().map(|table| table.schema()), &self.engine, &self.settings) else {
            return Ok(dumped);
        };
        let schema = Arc::clone(listing.columns());
        Ok(Some(Arc::new(StreamingTable::try_new(schema, vec![Arc::new(listing)])?)))
    }

    fn table_exist(&self, name: &str) -> bool {
        Listing::is_known(name) || self.shared.dump.table_exist(name)
    }
}
