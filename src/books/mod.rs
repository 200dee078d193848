//! The other side: bank statements, orders and ledgers in files and databases of the user's, as tables.
//!
//! ```text
//!  [books.NAME] ─▶ settings ─┬▶ place: which files ─▶ text ─┬▶ records (csv, json, parquet) ─┬▶ mapping ─┬▶ table
//!                            │                              └▶ statement (camt.053, MT940, BAI2, OFX) ────┘
//!                            └▶ server ─▶ database: the answer of PostgreSQL, MySQL or SQLite ─┘
//! ```
//!
//! A source is declared in the configuration, as one of the standard [`shapes`] or with columns of its own; all sources of a
//! shape are also one table, of the shape's name. Its files are
//! looked for whenever it is read. All of it is read exactly, or it is an error that names the file and the place.

pub mod made;
pub mod settings;
pub mod shapes;
pub mod table;

mod database;
mod exact;
mod mapping;
mod place;
mod records;
mod server;
mod statement;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::catalog::TableProvider;

use crate::error::Result;
use settings::Source;
use shapes::{SHAPES, Shape};
use table::BookTable;

/// Ends the name of the table of a source's statements.
const STATEMENTS: &str = "_statements";

/// The sources of a configuration, by the names of their tables.
#[derive(Debug, Default)]
pub struct Books {
    tables: BTreeMap<String, Table>,
}

/// A table of the other side.
#[derive(Debug)]
enum Table {
    /// That of a source.
    Own(Member),
    /// All tables of a shape put together.
    Union(&'static Shape, Vec<Member>),
}

/// A table of a source.
#[derive(Debug, Clone)]
struct Member {
    source: Arc<Source>,
    part: Part,
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
            if source.is_of_bank() {
                let member = Member { source: Arc::clone(&source), part: Part::Statements };
                tables.insert(format!("{}{STATEMENTS}", source.name), member);
            }
            tables.insert(source.name.clone(), Member { source, part: Part::Rows });
        }
        let mut unions = Vec::new();
        for shape in SHAPES.into_iter().chain([&shapes::STATEMENTS]) {
            let members: Vec<Member> = tables.values().filter(|member| member.shape() == Some(shape)).cloned().collect();
            // Where there are lines of banks there may be statements, and rules ask for them.
            let is_wanted = !members.is_empty() || shape == &shapes::STATEMENTS && has_lines(&tables);
            // A source that bears the name of its shape has the table of that name to itself.
            if is_wanted && !tables.contains_key(shape.name) {
                unions.push((shape.name.to_owned(), Table::Union(shape, members)));
            }
        }
        let own = tables.into_iter().map(|(name, member)| (name, Table::Own(member)));
        Self { tables: own.chain(unions).collect() }
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
        match self.tables.get(name)? {
            Table::Own(member) => member.shape(),
            Table::Union(shape, _) => Some(shape),
        }
    }

    /// Whether a table is that of all sources of a shape.
    pub fn is_union(&self, name: &str) -> bool {
        matches!(self.tables.get(name), Some(Table::Union(..)))
    }

    /// Whether the table of a shape's name has the rows of all sources of the shape; `None` where there is no source of it.
    pub fn has_all(&self, shape: &str) -> Option<bool> {
        let is_of = |table: &&Table| matches!(table, Table::Own(own) if own.shape().is_some_and(|own| own.name == shape));
        let sources = self.tables.values().filter(is_of).count();
        let is_its_own = || sources == 1 && self.tables.get(shape).as_ref().is_some_and(is_of);
        (sources > 0 || self.is_union(shape)).then(|| self.is_union(shape) || is_its_own())
    }

    /// The table of a name. Where its columns are known only to its files, they are read.
    ///
    /// # Errors
    /// Those of reading the files.
    pub async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.tables.get(name) {
            None => Ok(None),
            Some(Table::Own(member)) => Ok(Some(BookTable::open(member).await?)),
            Some(Table::Union(shape, members)) => Ok(Some(BookTable::union(shape, members))),
        }
    }
}

fn has_lines(tables: &BTreeMap<String, Member>) -> bool {
    tables.values().any(|member| member.shape() == Some(&shapes::BANK_LINES))
}

impl Member {
    fn shape(&self) -> Option<&'static Shape> {
        match self.part {
            Part::Rows => self.source.shape,
            Part::Statements => Some(&shapes::STATEMENTS),
        }
    }
}

#[cfg(test)]
mod tests;
