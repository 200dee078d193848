//! A Delta table in a folder: made, opened, widened and added to, whatever its rows are.
//!
//! Every change is one commit of the table's log: a reader sees all of it or nothing. A commit that finds another one in its
//! way fails, and whoever makes it begins again from what is there then.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::kernel::{Action, StructType, Transaction};
use deltalake_core::logstore::LogStoreRef;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::writer::{DeltaWriter, RecordBatchWriter};
use deltalake_core::{DeltaTable, DeltaTableError};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use tokio::sync::Mutex;

use super::failed;
use super::store::log_of;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Location, folder};

/// Bytes at which a file is closed and the next begun.
pub(super) const FILE_BYTES: u64 = 128 << 20;
/// Most rows and most bytes of a row group: what is held in memory of a file that is being written.
const GROUP_ROWS: usize = 128 * 1024;
const GROUP_BYTES: usize = 16 << 20;

/// What a commit says of itself, for people.
pub(crate) type Note = HashMap<String, Value>;

/// A Delta table, which may not be there yet.
#[derive(Debug)]
pub(crate) struct Delta {
    name: &'static str,
    log: LogStoreRef,
    /// As it was last seen.
    seen: Mutex<Option<DeltaTable>>,
}

/// How a table is made.
#[derive(Debug)]
pub(crate) struct Design {
    /// Its columns.
    pub(crate) columns: SchemaRef,
    /// What it is about, for people.
    pub(crate) about: &'static str,
    /// The column whose values have folders of their own.
    pub(crate) partition: &'static str,
    /// Its properties.
    pub(crate) properties: Vec<(String, Option<String>)>,
}

impl Delta {
    /// The table of a name, in a folder of a place.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when the name is none of a folder.
    pub(crate) fn at(location: &Location, folder: &str, name: &'static str) -> Result<Self> {
        Ok(Self { name, log: log_of(location, folder)?, seen: Mutex::default() })
    }

    /// The table as it is now; `None` when nothing was ever written.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when the log cannot be read.
    pub(crate) async fn now(&self) -> Result<Option<DeltaTable>> {
        // The library takes a folder that is not there for a wrong address.
        if folder(self.log.config().location()).is_some_and(|folder| !folder.exists()) {
            return Ok(None);
        }
        let mut seen = self.seen.lock().await;
        let mut table = seen.take().unwrap_or_else(|| DeltaTable::new(Arc::clone(&self.log)));
        match table.update_state().await {
            Ok(()) => {
                *seen = Some(table.clone());
                Ok(Some(table))
            }
            Err(DeltaTableError::NotATable(_)) => Ok(None),
            Err(error) => Err(self.about(failed(error))),
        }
    }

    /// The table as it is now, made when it is not there; somebody else may have made it meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when it can neither be read nor made.
    pub(crate) async fn ensure(&self, design: &Design) -> Result<DeltaTable> {
        if let Some(table) = self.now().await? {
            return Ok(table);
        }
        if let Some(folder) = folder(self.log.config().location()) {
            std::fs::create_dir_all(&folder).map_err(|error| {
                self.about(Error::new(ErrorKind::File, "a folder of the lake cannot be made").caused_by(error))
            })?;
        }
        let created = DeltaTable::new(Arc::clone(&self.log)).create();
        let created = created
            .with_table_name(self.name)
            .with_comment(design.about)
            .with_columns(self.columns(design)?.fields().cloned())
            .with_partition_columns([design.partition])
            .with_save_mode(SaveMode::Ignore)
            .with_configuration(design.properties.iter().cloned())
            // Some are none of Delta's own.
            .with_raise_if_key_not_exists(false);
        created.await.map_err(|error| self.about(failed(error)))?;
        self.now().await?.ok_or_else(|| self.about(Error::bug("a table that was made is not there")))
    }

    /// The table with all columns that are declared by now; older rows have nothing in the new ones.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when it cannot be read or written, [`ErrorKind::Conflict`] when somebody else is in the way.
    pub(crate) async fn widened(&self, table: DeltaTable, design: &Design) -> Result<DeltaTable> {
        let state = table.snapshot().map_err(failed)?;
        let there = state.schema();
        let columns = self.columns(design)?;
        let missing: Vec<_> = columns.fields().filter(|field| there.field(field.name()).is_none()).cloned().collect();
        if missing.is_empty() {
            return Ok(table);
        }
        let added = table.add_columns().with_fields(missing).await.map_err(|error| self.about(failed(error)))?;
        *self.seen.lock().await = Some(added.clone());
        Ok(added)
    }

    fn columns(&self, design: &Design) -> Result<StructType> {
        design
            .columns
            .as_ref()
            .try_into_kernel()
            .map_err(|error| Error::bug("a table's columns cannot be kept in a lake").with("table", self.name).caused_by(error))
    }

    /// The number of the last transaction of a name that is in a state of the table.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when the log cannot be read.
    pub(crate) async fn transaction(&self, table: &DeltaTable, name: &str) -> Result<Option<i64>> {
        let (state, log) = (table.snapshot().map_err(failed)?, table.log_store());
        state.transaction_version(log.as_ref(), name).await.map_err(|error| self.about(failed(error)))
    }

    /// The error of rows that could not be written.
    pub(crate) fn unwritten(&self, error: DeltaTableError) -> Error {
        self.about(failed(error))
    }

    /// A writer of rows that the table has not: each call of it writes files that nobody sees before they are committed.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when the table cannot be read.
    pub(crate) fn writer(&self, table: &DeltaTable) -> Result<RecordBatchWriter> {
        let writer = RecordBatchWriter::for_table(table).map_err(|error| self.about(failed(error)))?;
        Ok(writer.with_writer_properties(writer_properties()).with_target_file_size(FILE_BYTES))
    }

    /// Commits what was written, with the transactions that it is; nothing is done where there is neither.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when it cannot be written, [`ErrorKind::Conflict`] when somebody else has committed one of the
    /// transactions since the table was as given.
    pub(crate) async fn append(
        &self,
        table: &DeltaTable,
        mut writer: RecordBatchWriter,
        partition: &str,
        transactions: Vec<Transaction>,
        note: Note,
    ) -> Result<()> {
        let files = writer.flush().await.map_err(|error| self.about(failed(error)))?;
        if files.is_empty() && transactions.is_empty() {
            return Ok(());
        }
        let operation =
            DeltaOperation::Write { mode: SaveMode::Append, partition_by: Some(vec![partition.to_owned()]), predicate: None };
        let state = table.snapshot().map_err(|error| self.about(failed(error)))?;
        let commit = CommitBuilder::from(properties(transactions, note))
            .with_actions(files.into_iter().map(Action::Add).collect())
            .build(Some(state), table.log_store(), operation);
        let done = commit.await.map_err(|error| self.about(failed(error)))?;
        drop(done);
        Ok(())
    }

    /// An error with the table and the place it is about.
    pub(crate) fn about(&self, error: Error) -> Error {
        error.with_missing("table", self.name).with_missing("lake", self.log.config().location())
    }
}

pub(super) fn properties(transactions: Vec<Transaction>, note: Note) -> CommitProperties {
    // Who finds another commit in his way begins again from what is there then.
    CommitProperties::default().with_metadata(note).with_application_transactions(transactions).with_max_retries(5)
}

pub(super) fn writer_properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .build()
}
