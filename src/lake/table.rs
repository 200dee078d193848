//! A table of the lake: a Delta table of the same name as the live one, with the same columns.
//!
//! Every change is one commit of the table's log, which holds the rows and what they prove; a reader sees all of it or
//! nothing. A commit that finds another one in its way fails, and whoever makes it begins again from what is there then.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, SessionContext, col, lit};
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::kernel::{Action, StructType};
use deltalake_core::logstore::LogStoreRef;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::writer::{DeltaWriter, RecordBatchWriter};
use deltalake_core::{DeltaTable, DeltaTableError};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use tokio::sync::Mutex;

use super::coverage::Coverage;
use super::manner::{Identity, Manner};
use super::policy::{self, TablePolicy};
use super::stamp::{self, KEY, MONTH};
use super::store::log_of;
use super::{failed, known};
use crate::error::{Error, ErrorKind, Result};
use crate::resources::Resource;
use crate::schema::fields::{ACCOUNT, FETCHED_AT};
use crate::store::{Location, folder};

/// Bytes at which a file is closed and the next begun.
pub(super) const FILE_BYTES: u64 = 128 << 20;
/// Most rows and most bytes of a row group: what is held in memory of a file that is being written.
const GROUP_ROWS: usize = 128 * 1024;
const GROUP_BYTES: usize = 16 << 20;

/// A table of the lake, which may not be there yet.
#[derive(Debug)]
pub struct LakeTable {
    /// The table.
    pub resource: &'static Resource,
    /// How it is kept true.
    pub manner: Manner,
    /// Days that what was replaced or taken away can still be read.
    retention: u64,
    /// What of its rows may be kept, where that is not all.
    pub(super) policy: Option<Arc<TablePolicy>>,
    log: LogStoreRef,
    /// As it was last seen.
    seen: Mutex<Option<DeltaTable>>,
}

/// What a commit changes beside adding rows.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Stamped rows that take the place of those of the same key.
    pub(super) changed: Vec<RecordBatch>,
    /// Keys whose rows are there no more.
    pub(super) gone: Vec<String>,
    /// The months in which the rows of all these keys lie.
    pub(super) months: BTreeSet<Option<String>>,
}

/// What a commit says of itself, for people.
pub(super) type Note = HashMap<String, Value>;

impl LakeTable {
    pub(super) fn new(
        location: &Location,
        resource: &'static Resource,
        manner: Manner,
        retention: u64,
        policy: Option<Arc<TablePolicy>>,
    ) -> Result<Self> {
        Ok(Self { resource, manner, retention, policy, log: log_of(location, resource.name)?, seen: Mutex::new(None) })
    }

    /// The table as it is now; `None` when nothing was ever written.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::File`] when the log cannot be read.
    pub async fn now(&self) -> Result<Option<DeltaTable>> {
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

    /// The table as of an older version of it.
    pub(super) async fn version(&self, mut table: DeltaTable, number: u64) -> Result<DeltaTable> {
        table.load_version(number).await.map_err(|error| self.about(failed(error)))?;
        Ok(table)
    }

    /// The columns of the table in the lake.
    pub(super) fn schema(&self) -> SchemaRef {
        stamp::schema(self.resource)
    }

    /// The table as it is now, made when it is not there.
    pub(super) async fn ensure(&self) -> Result<DeltaTable> {
        if let Some(table) = self.now().await? {
            self.check_policy(&table)?;
            return self.widened(table).await;
        }
        let schema: StructType = self.schema().as_ref().try_into_kernel().map_err(|error| {
            Error::bug("a table's columns cannot be kept in a lake").with("table", self.resource.name).caused_by(error)
        })?;
        if let Some(folder) = folder(self.log.config().location()) {
            std::fs::create_dir_all(&folder).map_err(|error| {
                self.about(Error::new(ErrorKind::File, "a folder of the lake cannot be made").caused_by(error))
            })?;
        }
        let created = DeltaTable::new(Arc::clone(&self.log)).create();
        let created = created
            .with_table_name(self.resource.name)
            .with_comment(self.resource.about)
            .with_columns(schema.fields().cloned())
            .with_partition_columns([MONTH])
            .with_save_mode(SaveMode::Ignore)
            .with_configuration(self.properties())
            // The policy's is none of Delta's own.
            .with_raise_if_key_not_exists(false);
        created.await.map_err(|error| self.about(failed(error)))?;
        let table = self.now().await?.ok_or_else(|| self.about(Error::bug("a table that was made is not there")))?;
        // Somebody else may have made it meanwhile.
        self.check_policy(&table)?;
        Ok(table)
    }

    /// That the table was made under the policy that is configured.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it was made under another one.
    pub(super) fn check_policy(&self, table: &DeltaTable) -> Result<()> {
        let state = table.snapshot().map_err(|error| self.about(failed(error)))?;
        let recorded = state.metadata().configuration().get(policy::PROPERTY);
        policy::check(recorded.map(String::as_str), self.policy.as_ref()).map_err(|error| self.about(error))
    }

    /// Properties of a new table.
    fn properties(&self) -> Vec<(String, Option<String>)> {
        let time = [self.resource.time, self.resource.cursor, self.manner.column()].into_iter().flatten();
        let told: BTreeSet<&str> = time.chain([ACCOUNT, FETCHED_AT, KEY]).chain(self.keys()).collect();
        let property = |name: &str, value: String| (name.to_owned(), Some(value));
        let own = [
            property("delta.enableChangeDataFeed", "true".to_owned()),
            property("delta.dataSkippingStatsColumns", told.into_iter().collect::<Vec<_>>().join(",")),
        ];
        let policy = self.policy.iter().map(|policy| property(policy::PROPERTY, policy.text().to_owned()));
        own.into_iter().chain(policy).chain(self.retained().map(|(name, value)| property(name, value))).collect()
    }

    /// The properties that say how long what was replaced or taken away can still be read.
    pub(super) fn retained(&self) -> [(&'static str, String); 2] {
        let interval = format!("interval {} days", self.retention);
        [("delta.deletedFileRetentionDuration", interval.clone()), ("delta.logRetentionDuration", interval)]
    }

    fn keys(&self) -> impl Iterator<Item = &'static str> {
        let keys = self.resource.columns.iter().filter(|column| column.role == crate::schema::Role::Key);
        keys.map(|column| column.name)
    }

    /// The table with all columns that are declared by now; older rows have nothing in the new ones.
    async fn widened(&self, table: DeltaTable) -> Result<DeltaTable> {
        let state = table.snapshot().map_err(failed)?;
        let there = state.schema();
        let schema: StructType = self.schema().as_ref().try_into_kernel().map_err(|error| {
            Error::bug("a table's columns cannot be kept in a lake").with("table", self.resource.name).caused_by(error)
        })?;
        let missing: Vec<_> = schema.fields().filter(|field| there.field(field.name()).is_none()).cloned().collect();
        if missing.is_empty() {
            return Ok(table);
        }
        let added = table.add_columns().with_fields(missing).await.map_err(|error| self.about(failed(error)))?;
        *self.seen.lock().await = Some(added.clone());
        Ok(added)
    }

    /// What is proven of an account's rows.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::File`] when the log cannot be read.
    pub async fn coverage(&self, account: &str) -> Result<Option<Coverage>> {
        match self.now().await? {
            Some(table) => Coverage::read(&table, account).await.map_err(|error| self.about(error)),
            None => Ok(None),
        }
    }

    /// A writer of rows that the table has not: each call of it writes files that nobody sees before they are committed.
    pub(super) fn writer(&self, table: &DeltaTable) -> Result<RecordBatchWriter> {
        let writer = RecordBatchWriter::for_table(table).map_err(|error| self.about(failed(error)))?;
        Ok(writer.with_writer_properties(writer_properties()).with_target_file_size(FILE_BYTES))
    }

    /// Commits what was written, with what it proves.
    pub(super) async fn append(
        &self,
        table: &DeltaTable,
        mut writer: RecordBatchWriter,
        proves: Option<(&str, Coverage)>,
        note: Note,
    ) -> Result<()> {
        let files = writer.flush().await.map_err(|error| self.about(failed(error)))?;
        if files.is_empty() && proves.is_none() {
            return Ok(());
        }
        let operation =
            DeltaOperation::Write { mode: SaveMode::Append, partition_by: Some(vec![MONTH.to_owned()]), predicate: None };
        let state = table.snapshot().map_err(|error| self.about(failed(error)))?;
        let commit = CommitBuilder::from(properties(proves, note))
            .with_actions(files.into_iter().map(Action::Add).collect())
            .build(Some(state), table.log_store(), operation);
        let done = commit.await.map_err(|error| self.about(failed(error)))?;
        drop(done);
        Ok(())
    }

    /// Replaces and takes away rows, with what the reading proves when nothing is added after it.
    pub(super) async fn change(
        &self,
        table: DeltaTable,
        change: Change,
        proves: Option<(&str, Coverage)>,
        note: Note,
    ) -> Result<DeltaTable> {
        let source = self.source(&change)?;
        let months = change.months.iter().map(|month| match month {
            Some(month) => col(format!("lake.{MONTH}")).eq(lit(month.as_str())),
            None => col(format!("lake.{MONTH}")).is_null(),
        });
        let same = col(format!("lake.{KEY}")).eq(col(format!("read.{KEY_READ}")));
        let predicate = match months.reduce(Expr::or) {
            Some(months) => same.and(months),
            None => same,
        };
        let names: Vec<String> = self.schema().fields().iter().map(|field| field.name().clone()).collect();
        let is = |what: &str| col(format!("read.{WHAT}")).eq(lit(what));
        let merged = table
            .merge(source, predicate)
            .with_target_alias("lake")
            .with_source_alias("read")
            .with_writer_properties(writer_properties())
            .with_commit_properties(properties(proves, note))
            .when_matched_update(|update| {
                let update = update.predicate(is(PUT));
                names.iter().fold(update, |update, name| update.update(quoted(name), col(format!("read.{}", quoted(name)))))
            })
            .and_then(|merge| merge.when_matched_delete(|delete| delete.predicate(is(GONE))))
            .and_then(|merge| {
                merge.when_not_matched_insert(|insert| {
                    let insert = insert.predicate(is(PUT).or(is(ADD)));
                    names.iter().fold(insert, |insert, name| insert.set(quoted(name), col(format!("read.{}", quoted(name)))))
                })
            })
            .map_err(|error| self.about(failed(error)))?;
        let (table, _metrics) = merged.await.map_err(|error| self.about(failed(error)))?;
        Ok(table)
    }

    /// The rows of a change, each with what is to be done with it.
    fn source(&self, change: &Change) -> Result<DataFrame> {
        let wrong = |error: arrow::error::ArrowError| Error::bug("a change cannot be put together").caused_by(error);
        let is_grouped = matches!(self.manner.identity, Identity::Restated(_));
        let own = self.schema();
        let mut fields: Vec<_> = own.fields().iter().cloned().collect();
        fields.extend([KEY_READ, WHAT].map(|name| Arc::new(Field::new(name, DataType::Utf8, true))));
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let put = |batch: &RecordBatch, key: ArrayRef, what: &str| {
            let what: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(what, batch.num_rows())));
            let columns = batch.columns().iter().cloned().chain([key, what]).collect();
            RecordBatch::try_new(Arc::clone(&schema), columns).map_err(wrong)
        };
        let mut batches = Vec::with_capacity(change.changed.len() + 1);
        let mut gone: BTreeSet<String> = change.gone.iter().cloned().collect();
        for batch in &change.changed {
            let keys = known::text(batch, KEY)?;
            if is_grouped {
                // All rows of the key go, however many there are, and these come.
                gone.extend(keys.iter().flatten().map(str::to_owned));
                batches.push(put(batch, new_null_array(&DataType::Utf8, batch.num_rows()), ADD)?);
            } else {
                batches.push(put(batch, Arc::new(keys), PUT)?);
            }
        }
        let empty: Vec<ArrayRef> = own.fields().iter().map(|field| new_null_array(field.data_type(), gone.len())).collect();
        let nothing = RecordBatch::try_new(own, empty).map_err(wrong)?;
        batches.push(put(&nothing, Arc::new(StringArray::from_iter_values(gone)), GONE)?);
        Ok(SessionContext::new().read_batches(batches)?)
    }

    pub(super) fn about(&self, error: Error) -> Error {
        error.with_missing("table", self.resource.name).with_missing("lake", self.log.config().location())
    }
}

/// Column of a change's source: the key that its row takes the place of.
const KEY_READ: &str = "_read_key";
/// Column of a change's source: what is to be done.
const WHAT: &str = "_what";
/// The row takes the place of the one of its key.
const PUT: &str = "put";
/// The row comes in.
const ADD: &str = "add";
/// All rows of the key go.
const GONE: &str = "gone";

fn properties(proves: Option<(&str, Coverage)>, note: Note) -> CommitProperties {
    let proven = proves.map(|(account, coverage)| coverage.transactions(account)).unwrap_or_default();
    // Who finds another commit in his way begins again from what is there then.
    CommitProperties::default().with_metadata(note).with_application_transactions(proven).with_max_retries(5)
}

pub(super) fn writer_properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .build()
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}
