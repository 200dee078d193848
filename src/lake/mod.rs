//! The lake: an exact copy of what Checkout.com has, as Delta tables of Parquet files in a folder or a bucket.
//!
//! ```text
//!  source (live rows) ─▶ stamp: which row, which version ─▶ known: what of it is new ─▶ table: one commit, with its coverage
//! ```
//!
//! [`manner`] derives from a table's declaration how it is kept true, [`sync`] does it, [`scan`] reads a table as it was
//! synced, [`export`] hands rows on as plain files, and [`public`] answers with the lake as far as it is proven complete and the live table for the rest.

pub mod coverage;
pub mod export;
pub mod manner;
pub mod public;
pub mod scan;
pub mod settings;
pub mod state;
pub mod store;
pub mod sync;
pub mod table;

mod known;
mod stamp;

use std::collections::BTreeMap;
use std::sync::Arc;

use deltalake_core::DeltaTableError;
use deltalake_core::kernel::transaction::TransactionError;

use crate::error::{Error, ErrorKind, Result};
use crate::resources::RESOURCES;
use manner::Manner;
use store::Location;
use table::LakeTable;

/// A lake, which may have nothing in it yet.
#[derive(Debug)]
pub struct Lake {
    location: Location,
    tables: BTreeMap<&'static str, Arc<LakeTable>>,
}

impl Lake {
    /// The lake at a place.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when a table's name is none of a folder.
    pub fn new(location: Location) -> Result<Self> {
        let mut tables = BTreeMap::new();
        for resource in RESOURCES {
            if let Some(manner) = Manner::of(resource) {
                tables.insert(resource.name, Arc::new(LakeTable::new(&location, resource, manner)?));
            }
        }
        Ok(Self { location, tables })
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The table of this name; `None` where its rows are known only to those who have their keys.
    pub fn table(&self, name: &str) -> Option<&Arc<LakeTable>> {
        self.tables.get(name)
    }

    /// All tables, in the order of the reference.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<LakeTable>> {
        RESOURCES.iter().filter_map(|resource| self.tables.get(resource.name))
    }
}

/// What went wrong with a table of the lake, as an error of ours.
fn failed(error: DeltaTableError) -> Error {
    let is_conflict = matches!(
        &error,
        DeltaTableError::Transaction {
            source: TransactionError::CommitConflict(_)
                | TransactionError::MaxCommitAttempts(_)
                | TransactionError::VersionAlreadyExists(_)
        } | DeltaTableError::VersionAlreadyExists(_)
    );
    if is_conflict {
        return Error::new(ErrorKind::Conflict, "somebody else has changed the table of the lake meanwhile")
            .hint("run it again: it goes on from what is there")
            .caused_by(error);
    }
    Error::new(ErrorKind::File, "the lake cannot be read or written").caused_by(error)
}
