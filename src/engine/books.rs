//! The other side: the configured sources, and tables that a session has of its own, in schema `books` of the catalogue
//! everybody shares.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::logical_expr::TableType;

use crate::books::Books;
use crate::error::{Error, ErrorKind, Result};

/// Schema of the other side.
pub const BOOKS: &str = "books";

/// The shared catalogue with the other side beside it, which is not seen while it is empty.
#[derive(Debug)]
pub(super) struct WithBooks {
    pub(super) shared: Arc<dyn CatalogProvider>,
    pub(super) books: Arc<dyn SchemaProvider>,
}

impl CatalogProvider for WithBooks {
    fn schema_names(&self) -> Vec<String> {
        let mut names = self.shared.schema_names();
        if !self.books.table_names().is_empty() {
            names.push(BOOKS.to_owned());
        }
        names
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if name == BOOKS {
            return Some(Arc::clone(&self.books));
        }
        self.shared.schema(name)
    }
}

/// The schema of a session: what is configured, and its own tables.
#[derive(Debug)]
pub(super) struct OtherSide {
    configured: Arc<Books>,
    own: MemorySchemaProvider,
}

impl OtherSide {
    /// The schema of a session that has no tables yet.
    pub(super) fn new(configured: Arc<Books>) -> Self {
        Self { configured, own: MemorySchemaProvider::new() }
    }

    /// Adds a table of the session's own.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when there is one of this name.
    pub(super) fn register(&self, name: &str, table: Arc<dyn TableProvider>) -> Result<()> {
        if self.configured.has(name) {
            return Err(Error::new(ErrorKind::Query, "a source of the configuration has this name").with("table", name));
        }
        self.own.register_table(name.to_owned(), table)?;
        Ok(())
    }
}

#[async_trait]
impl SchemaProvider for OtherSide {
    fn table_names(&self) -> Vec<String> {
        self.configured.names().cloned().chain(self.own.table_names()).collect()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        match self.configured.table(name).await? {
            Some(table) => Ok(Some(table)),
            None => self.own.table(name).await,
        }
    }

    async fn table_type(&self, name: &str) -> DataFusionResult<Option<TableType>> {
        // Asked of all tables, and no reason to read a file.
        if self.configured.has(name) { Ok(Some(TableType::Base)) } else { self.own.table_type(name).await }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.configured.has(name) || self.own.table_exist(name)
    }
}
