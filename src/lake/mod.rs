//! The lake: an exact copy of what Checkout.com has, as Delta tables of Parquet files in a folder or a bucket.
//!
//! ```text
//!  source (live rows) ─▶ policy: what of it may be kept ─▶ stamp: which row, which version ─▶ known: what of it is new ─▶ table: one commit, with its coverage
//! ```
//!
//! [`manner`] derives from a table's declaration how it is kept true, [`sync`] does it, [`scan`] reads a table as it was
//! synced, [`export`] hands rows on as plain files, and [`public`] answers with the lake as far as it is proven complete and
//! the live table for the rest. [`policy`] says what the lake may know of people. [`history`] looks back through a table's
//! [`versions`], and [`maintain`] keeps its files few and lets go of what is kept no longer. [`watch`] syncs again and again,
//! when the [`schedule`] says so; [`tries`] keeps what came of it.

pub mod coverage;
pub mod export;
pub mod history;
pub mod maintain;
pub mod manner;
pub mod policy;
pub mod public;
pub mod scan;
pub mod schedule;
pub mod settings;
pub mod state;
pub mod sync;
pub mod table;
pub mod tries;
pub mod versions;
pub mod watch;

pub(crate) mod delta;
pub(crate) mod planned;

mod known;
mod stamp;
mod store;

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::io;
use std::iter::successors;
use std::sync::Arc;

use arrow::datatypes::DataType;
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::transaction::TransactionError;

use crate::error::{Error, ErrorKind, Result, sqlstate};
use crate::resources::{RESOURCES, resource};
use crate::store::Location;
use maintain::Tended;
use manner::Manner;
use policy::Policy;
use table::LakeTable;
use tries::Tries;

/// A column that is not of a table's own: name, type, meaning.
type Described = (&'static str, fn() -> DataType, &'static str);

/// A lake, which may have nothing in it yet.
#[derive(Debug)]
pub struct Lake {
    location: Location,
    tables: BTreeMap<&'static str, Arc<LakeTable>>,
    tries: Tries,
    /// Days that what was replaced or taken away can still be read.
    retention: u64,
}

impl Lake {
    /// The lake at a place, where what was replaced or taken away can still be read for so many days, under a policy.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when its path is none of files; [`ErrorKind::Bug`] when a table's name is none of a folder.
    pub fn new(location: Location, retention: u64, policy: &Policy) -> Result<Self> {
        let mut tables = BTreeMap::new();
        for resource in RESOURCES {
            if let Some(manner) = Manner::of(resource) {
                let policy = policy.of(resource.name).cloned();
                tables.insert(resource.name, Arc::new(LakeTable::new(&location, resource, manner, retention, policy)?));
            }
        }
        let tries = Tries::at(&location)?;
        Ok(Self { location, tables, tries, retention })
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// What came of the last syncs.
    pub fn tries(&self) -> &Tries {
        &self.tries
    }

    /// The table of this name; `None` where its rows are known only to those who have their keys.
    pub fn table(&self, name: &str) -> Option<&Arc<LakeTable>> {
        self.tables.get(name)
    }

    /// The table of this name.
    ///
    /// # Errors
    /// One of this kind when there is none, with the nearest there is.
    pub fn named(&self, name: &str, kind: ErrorKind) -> Result<&Arc<LakeTable>> {
        self.table(name).ok_or_else(|| {
            let nearest = self.tables.keys().min_by_key(|known| strsim::damerau_levenshtein(name, known));
            let error = Error::new(kind, "the lake has no such table").state(sqlstate::NO_TABLE).with("table", name);
            match nearest {
                Some(nearest) if resource(name).is_none() => error.hint(format!("did you mean {nearest}?")),
                _ => error.hint("it cannot be synced: its rows are known only by their keys"),
            }
        })
    }

    /// The tables of these names; all when there are none.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when there is no such table, with the nearest there is.
    pub fn chosen(&self, names: &[String]) -> Result<Vec<Arc<LakeTable>>> {
        if names.is_empty() {
            return Ok(self.tables().cloned().collect());
        }
        names.iter().map(|name| self.named(name, ErrorKind::Usage).cloned()).collect()
    }

    /// The tables of these names, to be kept in shape; all when there are none.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when there is no such table, with the nearest there is.
    pub fn tended(&self, names: &[String]) -> Result<Vec<Tended<'_>>> {
        match names {
            [] => Ok(self.tables().map(|table| table.tended()).collect()),
            _ => names.iter().map(|name| self.named(name, ErrorKind::Usage).map(|table| table.tended())).collect(),
        }
    }

    /// Days that what was replaced or taken away can still be read.
    pub fn retention(&self) -> u64 {
        self.retention
    }

    /// All tables, in the order of the reference.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<LakeTable>> {
        RESOURCES.iter().filter_map(|resource| self.tables.get(resource.name))
    }
}

/// The error of asking for a lake where none is configured.
pub fn no_lake() -> Error {
    Error::new(ErrorKind::Config, "no lake is configured")
        .hint("say where it is: --lake FOLDER, or url = \"…\" under [lake] in ckosql.toml")
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
    let said = error.to_string();
    let hint = match kind_of(&error) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => Some(FULL),
        Some(io::ErrorKind::PermissionDenied) => Some("let the user that ckosql runs as read and write there"),
        None if is_damaged(&error, &said) => Some(DAMAGED),
        _ => None,
    };
    // The library adds where in itself it came from.
    let said = said.split_once("\n   0: ").map_or(said.as_str(), |(said, _)| said).trim_end().to_owned();
    let error = Error::new(ErrorKind::File, "the lake cannot be read or written").caused_by(said);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

const FULL: &str = "make room there, then run it again: nothing half-written is seen, and it goes on from the last commit";
const DAMAGED: &str =
    "the log of the table is damaged: put the table's folder back from a copy, or take it away and sync the table anew";

/// What the system said, where it was the system.
fn kind_of(error: &DeltaTableError) -> Option<io::ErrorKind> {
    let first: &(dyn StdError + 'static) = error;
    let causes = successors(Some(first), |error: &&(dyn StdError + 'static)| (*error).source());
    causes.filter_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind).last()
}

/// Whether what was read is no log, or lacks a part.
fn is_damaged(error: &DeltaTableError, said: &str) -> bool {
    let is_read = matches!(error, DeltaTableError::KernelError(_) | DeltaTableError::InvalidJsonLog { .. });
    is_read && !said.contains("object store")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error of writing, as the library wraps it.
    fn unwritten(kind: io::ErrorKind) -> Error {
        let store = object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(io::Error::from(kind)) };
        failed(DeltaTableError::Parquet { source: parquet::errors::ParquetError::External(Box::new(store)) })
    }

    #[test]
    fn who_has_no_room_or_no_right_is_told_what_to_do() {
        assert!(unwritten(io::ErrorKind::StorageFull).advice().is_some_and(|hint| hint.starts_with("make room there")));
        assert!(unwritten(io::ErrorKind::PermissionDenied).advice().is_some_and(|hint| hint.contains("the user")));
        assert_eq!(unwritten(io::ErrorKind::TimedOut).advice(), None);
    }
}
