//! The other side: tables that a session has of its own, in schema `books` of the catalogue everybody shares.

use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, MemorySchemaProvider, SchemaProvider};

/// Schema of a session's own tables.
pub const BOOKS: &str = "books";

/// The shared catalogue with a session's own schema beside it, which is not seen while it is empty.
#[derive(Debug)]
pub(super) struct WithBooks {
    pub(super) shared: Arc<dyn CatalogProvider>,
    pub(super) books: Arc<MemorySchemaProvider>,
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
            return Some(Arc::<MemorySchemaProvider>::clone(&self.books));
        }
        self.shared.schema(name)
    }
}
