//! The schema `pg_catalog` of a session: the engine's own where it has something to tell, PostgreSQL's dump else.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::Result;

use super::tables::Listing;
use super::{Catalog, PG_CATALOG};
use crate::pg::settings::Settings;

/// The engine's catalogue with `pg_catalog` beside its schemas.
pub(super) struct WithCatalog {
    engine: Arc<dyn CatalogProvider>,
    schema: Arc<PgSchema>,
}

/// The schema.
struct PgSchema {
    shared: Arc<Catalog>,
    engine: Arc<dyn CatalogProvider>,
    settings: Arc<Mutex<Settings>>,
}

impl WithCatalog {
    pub(super) fn new(shared: Arc<Catalog>, engine: Arc<dyn CatalogProvider>, settings: Arc<Mutex<Settings>>) -> Self {
        let schema = Arc::new(PgSchema { shared, engine: Arc::clone(&engine), settings });
        Self { engine, schema }
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
        if name == PG_CATALOG {
            return Some(Arc::<PgSchema>::clone(&self.schema));
        }
        self.engine.schema(name)
    }
}

#[async_trait]
impl SchemaProvider for PgSchema {
    fn table_names(&self) -> Vec<String> {
        let mut names = self.shared.dump.table_names();
        names.extend(Listing::NAMES.iter().map(|name| (*name).to_owned()));
        names.sort();
        names.dedup();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let dumped = self.shared.dump.table(name).await?;
        let Some(listing) = Listing::of(name, dumped.as_ref().map(|table| table.schema()), &self.engine, &self.settings) else {
            return Ok(dumped);
        };
        let schema = Arc::clone(listing.columns());
        Ok(Some(Arc::new(StreamingTable::try_new(schema, vec![Arc::new(listing)])?)))
    }

    fn table_exist(&self, name: &str) -> bool {
        Listing::NAMES.contains(&name) || self.shared.dump.table_exist(name)
    }
}
