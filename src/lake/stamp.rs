//! What the lake knows a row by: three columns of its own beside those of the table.
//!
//! `_key` says which row it is, `_stamp` which version of it, and `_month` in which folder it lies. Two readings of a row
//! that nobody changed give the same three.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Field, FieldRef, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use chrono::{Datelike, NaiveDate};
use sha2::{Digest, Sha256};

use super::manner::{Identity, Manner};
use crate::error::{Error, Result};
use crate::resources::Resource;
use crate::schema::Role;
use crate::schema::fields::{self, ACCOUNT, COMMENT, FETCHED_AT};

/// Which row it is.
pub(super) const KEY: &str = "_key";
/// Which version of the row it is.
pub(super) const STAMP: &str = "_stamp";
/// The month it happened in; the lake's folders.
pub(super) const MONTH: &str = "_month";

/// When the report was made that tells the row.
pub(super) const TOLD: &str = "report_created_on";
/// Columns that say which report a row is from.
const REPORT: [&str; 2] = [TOLD, "report_id"];

/// The columns of a table in the lake: its own, and those it is known by.
pub(super) fn schema(resource: &Resource) -> SchemaRef {
    let own = fields::schema(resource.columns);
    let known = [
        (KEY, DataType::Utf8, "Which row it is: the account and the columns of its key."),
        (STAMP, DataType::Int64, "Which version of the row it is."),
        (MONTH, DataType::Utf8, "The month it happened in, UTC; the folder it lies in."),
    ];
    let known = known.map(|(name, data_type, about)| -> FieldRef {
        Arc::new(Field::new(name, data_type, true).with_metadata([(COMMENT.to_owned(), about.to_owned())].into()))
    });
    Arc::new(Schema::new(own.fields().iter().cloned().chain(known).collect::<Vec<_>>()))
}

/// Adds to batches of a table what its rows are known by.
#[derive(Debug)]
pub(super) struct Stamper {
    schema: SchemaRef,
    account: usize,
    identity: Vec<usize>,
    /// What it is known by where the first of [`Stamper::identity`] is nothing.
    otherwise: Vec<usize>,
    versioned: Vec<usize>,
    month: Option<usize>,
    rows: RowConverter,
}

impl Stamper {
    /// For batches that have all columns of the table, in its order.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when a column that a row is known by is not declared.
    pub(super) fn try_new(resource: &Resource, manner: Manner) -> Result<Self> {
        let own = fields::schema(resource.columns);
        let index = |name: &str| {
            own.index_of(name).map_err(|error| Error::bug("a row is known by a column that its table lacks").caused_by(error))
        };
        let keys = resource.columns.iter().filter(|column| column.role == Role::Key);
        let keys: Vec<usize> = keys.map(|column| index(column.name)).collect::<Result<_>>()?;
        let (identity, otherwise, versioned) = match manner.identity {
            Identity::Key => (keys, Vec::new(), contents(&own)),
            Identity::Reading => ([keys, vec![index(FETCHED_AT)?]].concat(), Vec::new(), contents(&own)),
            Identity::Restated(columns) => {
                let columns = columns.iter().map(|name| index(name)).collect::<Result<_>>()?;
                (columns, keys, REPORT.iter().map(|name| index(name)).collect::<Result<_>>()?)
            }
        };
        let sorted = versioned.iter().map(|column| SortField::new(own.field(*column).data_type().clone())).collect();
        let rows = RowConverter::new(sorted).map_err(|error| Error::bug("rows cannot be told apart").caused_by(error))?;
        let happened = resource.time.or_else(|| manner.column()).or(resource.cursor);
        Ok(Self {
            schema: schema(resource),
            account: index(ACCOUNT)?,
            identity,
            otherwise,
            versioned,
            month: happened.or_else(|| (manner.identity == Identity::Reading).then_some(FETCHED_AT)).map(index).transpose()?,
            rows,
        })
    }

    /// The batch with what its rows are known by.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the batch is of another table.
    pub(super) fn stamp(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let wrong = |error| Error::bug("rows of another table are stamped").caused_by(error);
        let known: [ArrayRef; 3] = [Arc::new(self.keys(batch)?), Arc::new(self.stamps(batch)?), Arc::new(self.months(batch)?)];
        let columns = batch.columns().iter().cloned().chain(known).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(wrong)
    }

    fn keys(&self, batch: &RecordBatch) -> Result<StringArray> {
        let account = texts(batch, &[self.account])?;
        let (identity, otherwise) = (texts(batch, &self.identity)?, texts(batch, &self.otherwise)?);
        let mut keys = StringBuilder::with_capacity(batch.num_rows(), batch.num_rows() * 40);
        let mut key = String::new();
        for row in 0..batch.num_rows() {
            key.clear();
            let is_named = otherwise.is_empty() || identity.first().is_some_and(|first| !first.is_null(row));
            let parts = if is_named { &identity } else { &otherwise };
            for part in account.iter().chain(parts) {
                if !key.is_empty() {
                    key.push('/');
                }
                push(&mut key, (!part.is_null(row)).then(|| part.value(row)));
            }
            keys.append_value(&key);
        }
        Ok(keys.finish())
    }

    /// The first eight bytes of a hash of what the row says.
    fn stamps(&self, batch: &RecordBatch) -> Result<Int64Array> {
        let columns: Vec<ArrayRef> = self.versioned.iter().map(|column| Arc::clone(batch.column(*column))).collect();
        let rows =
            self.rows.convert_columns(&columns).map_err(|error| Error::bug("rows cannot be told apart").caused_by(error))?;
        let stamp = |row: arrow::row::Row<'_>| {
            let digest = Sha256::digest(row.as_ref());
            digest.first_chunk::<8>().map_or(0, |bytes| i64::from_le_bytes(*bytes))
        };
        Ok(rows.iter().map(stamp).collect())
    }

    fn months(&self, batch: &RecordBatch) -> Result<StringArray> {
        let Some(column) = self.month else { return Ok(std::iter::repeat_n(None::<&str>, batch.num_rows()).collect()) };
        let days = cast(batch.column(column), &DataType::Date32)
            .map_err(|error| Error::bug("a row's time is no day").caused_by(error))?;
        let month = |days: i32| {
            let day = NaiveDate::default().checked_add_signed(chrono::Duration::days(days.into())).unwrap_or_default();
            format!("{:04}-{:02}", day.year(), day.month())
        };
        let days = days.as_primitive::<Date32Type>();
        // Rows come by time, so most have the month of the row before.
        let mut last: Option<(i32, String)> = None;
        Ok(days
            .iter()
            .map(|days| {
                let days = days?;
                if last.as_ref().is_none_or(|(known, _)| *known != days) {
                    last = Some((days, month(days)));
                }
                last.as_ref().map(|(_, month)| month.clone())
            })
            .collect())
    }
}

/// All columns that are said of the row: not when it was read.
fn contents(schema: &Schema) -> Vec<usize> {
    let fields = schema.fields().iter().enumerate();
    fields.filter(|(_, field)| field.name() != FETCHED_AT).map(|(index, _)| index).collect()
}

fn texts(batch: &RecordBatch, columns: &[usize]) -> Result<Vec<StringArray>> {
    let text = |column: &usize| {
        let text = cast(batch.column(*column), &DataType::Utf8);
        text.map(|text| text.as_string::<i32>().clone()).map_err(|error| Error::bug("a key cannot be written").caused_by(error))
    };
    columns.iter().map(text).collect()
}

/// Writes a part of a key so that no two keys are written alike: nothing is `%0`, and the separator is spelled.
fn push(key: &mut String, part: Option<&str>) {
    let Some(part) = part else { return key.push_str("%0") };
    for c in part.chars() {
        match c {
            '/' | '%' => {
                // Writing to a string does not fail.
                let _written = write!(key, "%{:02X}", u32::from(c));
            }
            c => key.push(c),
        }
    }
}
