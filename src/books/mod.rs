//! The other side: bank statements, orders and ledgers in files of the user's, as tables.
//!
//! ```text
//!  [books.NAME] ─▶ settings ─▶ place: which files ─▶ text ─┬▶ records (csv, json, parquet) ─▶ mapping ─┬▶ table
//!                                                          └▶ statement (camt.053, MT940, BAI2, OFX) ──┘
//! ```
//!
//! A source is declared in the configuration, as one of the standard [`shapes`] or with columns of its own. Its files are
//! looked for whenever it is read. All of it is read exactly, or it is an error that names the file and the place.

pub mod settings;
pub mod shapes;
pub mod table;

mod exact;
mod mapping;
mod place;
mod records;
mod statement;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::catalog::TableProvider;

use crate::error::Result;
use settings::{Format, Source};
use shapes::Shape;
use table::BookTable;

/// Ends the name of the table of a source's statements.
const STATEMENTS: &str = "_statements";

/// The sources of a configuration, by the names of their tables.
#[derive(Debug, Default)]
pub struct Books {
    tables: BTreeMap<String, (Arc<Source>, Part)>,
}

/// Which of a source's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Rows,
    Statements,
}

impl Books {
    /// The tables of these sources.
    pub fn new(sources: Vec<Source>) -> Self {
        let mut tables = BTreeMap::new();
        for source in sources {
            let source = Arc::new(source);
            if let Format::Bank(_) = source.format {
                tables.insert(format!("{}{STATEMENTS}", source.name), (Arc::clone(&source), Part::Statements));
            }
            tables.insert(source.name.clone(), (source, Part::Rows));
        }
        Self { tables }
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.tables.keys()
    }

    /// Whether there is one of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tables.contains_key(name)
    }

    /// The shape of a table; `None` where there is no such table, or its columns are its own.
    pub fn shape(&self, name: &str) -> Option<&'static Shape> {
        let (source, part) = self.tables.get(name)?;
        match part {
            Part::Rows => source.shape,
            Part::Statements => Some(&shapes::STATEMENTS),
        }
    }

    /// The table of a name. Where its columns are known only to its files, they are read.
    ///
    /// # Errors
    /// Those of reading the files.
    pub async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some((source, part)) = self.tables.get(name) else { return Ok(None) };
        Ok(Some(BookTable::open(source, *part).await?))
    }
}

#[cfg(test)]
mod tests;
