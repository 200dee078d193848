//! A table of the lake: a Delta table of the same name as the live one, with the same columns.
//!
//! Every change is one commit of the table's log, which holds the rows and what they prove; a reader sees all of it or
//! nothing. A commit that finds another one in its way fails, and whoever makes it begins again from what is there then.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, SessionContext, col, lit};
use deltalake_core::DeltaTable;
use deltalake_core::kernel::Transaction;
use deltalake_core::writer::RecordBatchWriter;

use super::coverage::Coverage;
use super::delta::{Delta, Design, Note, properties, writer_properties};
use super::maintain::{Tended, retained};
use super::manner::{Identity, Manner};
use super::policy::{self, TablePolicy};
use super::stamp::{self, KEY, MONTH};
use super::{failed, known};
use crate::error::{Error, Result};
use crate::resources::Resource;
use crate::schema::fields::{ACCOUNT, FETCHED_AT};
use crate::store::Location;

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
    delta: Delta,
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

impl LakeTable {
    pub(super) fn new(
        location: &Location,
        resource: &'static Resource,
        manner: Manner,
        retention: u64,
        policy: Option<Arc<TablePolicy>>,
    ) -> Result<Self> {
        Ok(Self { resource, manner, retention, policy, delta: Delta::at(location, resource.name, resource.name)? })
    }

    /// The table as it is now; `None` when nothing was ever written.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::File`] when the log cannot be read.
    pub async fn now(&self) -> Result<Option<DeltaTable>> {
        self.delta.now().await
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
        let design = self.design();
        let table = self.delta.ensure(&design).await?;
        self.check_policy(&table)?;
        self.delta.widened(table, &design).await
    }

    /// How it is made.
    fn design(&self) -> Design {
        let properties = self.properties();
        Design { columns: self.schema(), about: self.resource.about, partition: MONTH, properties }
    }

    /// That the table was made under the policy that is configured.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Config`] when it was made under another one.
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
        own.into_iter().chain(policy).chain(retained(self.retention).map(|(name, value)| property(name, value))).collect()
    }

    /// The table as one that is kept in shape.
    pub(super) fn tended(&self) -> Tended<'_> {
        Tended::new(self.resource.name, &self.delta, self.retention)
    }

    fn keys(&self) -> impl Iterator<Item = &'static str> {
        let keys = self.resource.columns.iter().filter(|column| column.role == crate::schema::Role::Key);
        keys.map(|column| column.name)
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
        self.delta.writer(table)
    }

    /// Commits what was written, with what it proves.
    pub(super) async fn append(
        &self,
        table: &DeltaTable,
        writer: RecordBatchWriter,
        proves: Option<(&str, Coverage)>,
        note: Note,
    ) -> Result<()> {
        self.delta.append(table, writer, MONTH, transactions(proves), note).await
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
            .with_commit_properties(properties(transactions(proves), note))
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
        self.delta.about(error)
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

fn transactions(proves: Option<(&str, Coverage)>) -> Vec<Transaction> {
    proves.map(|(account, coverage)| coverage.transactions(account)).unwrap_or_default()
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}
