//! What the lake knows of the rows that are being read, and what a reading changes of it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int64Type;

use super::manner::Identity;
use super::stamp::{KEY, MONTH, STAMP};
use crate::error::{Error, Result};

/// The rows that the lake has of what is being read.
#[derive(Debug)]
pub(super) struct Known {
    rows: HashMap<Box<str>, Row>,
    months: Vec<Option<String>>,
    /// Whether several rows may go by one key.
    is_grouped: bool,
    /// Keys of this reading that the lake does not have, or has otherwise.
    read: HashSet<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    stamp: i64,
    /// Index of its month.
    month: usize,
    is_seen: bool,
}

/// The rows of a batch that the lake lacks.
#[derive(Debug)]
pub(super) struct Sifted {
    /// Rows of keys that it has not.
    pub(super) new: RecordBatch,
    /// Rows that it has otherwise.
    pub(super) changed: RecordBatch,
}

impl Known {
    /// Nothing.
    pub(super) fn new(identity: Identity) -> Self {
        let is_grouped = matches!(identity, Identity::Restated(_));
        Self { rows: HashMap::new(), months: Vec::new(), is_grouped, read: HashSet::new() }
    }

    /// Forgets the rows of the lake; what was read so far stays known.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
    }

    /// Adds rows of the lake, or those of them that have one of the keys: a batch of [`KEY`], [`STAMP`] and [`MONTH`].
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when a column is missing.
    pub(super) fn add(&mut self, batch: &RecordBatch, keys_of: Option<&HashSet<Box<str>>>) -> Result<()> {
        let (keys, stamps) = (text(batch, KEY)?, stamps(batch)?);
        let months = text(batch, MONTH)?;
        for row in 0..batch.num_rows() {
            if keys_of.is_some_and(|wanted| !wanted.contains(keys.value(row))) {
                continue;
            }
            let month = (!months.is_null(row)).then(|| months.value(row));
            let month = match self.months.iter().rposition(|known| known.as_deref() == month) {
                Some(index) => index,
                None => {
                    self.months.push(month.map(str::to_owned));
                    self.months.len() - 1
                }
            };
            self.rows.insert(keys.value(row).into(), Row { stamp: stamps.value(row), month, is_seen: false });
        }
        Ok(())
    }

    /// The rows of a stamped and numbered batch that the lake lacks; the others are as it has them.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the batch is not stamped.
    pub(super) fn sift(&mut self, batch: &RecordBatch) -> Result<Sifted> {
        let (keys, stamps) = (text(batch, KEY)?, stamps(batch)?);
        let (mut is_new, mut is_changed) = (vec![false; batch.num_rows()], vec![false; batch.num_rows()]);
        for (row, (new, changed)) in is_new.iter_mut().zip(&mut is_changed).enumerate() {
            match self.rows.get_mut(keys.value(row)) {
                None => *new = true,
                Some(known) => {
                    known.is_seen = true;
                    *changed = known.stamp != stamps.value(row);
                }
            }
        }
        let keep = |wanted: Vec<bool>| {
            filter_record_batch(batch, &BooleanArray::from(wanted))
                .map_err(|error| Error::bug("rows cannot be sifted").caused_by(error))
        };
        Ok(Sifted { new: keep(is_new)?, changed: keep(is_changed)? })
    }

    /// A stamped batch, where a key that came before is numbered: rows that their source tells alike are rows all the same.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the batch is not stamped.
    pub(super) fn numbered(&mut self, batch: RecordBatch) -> Result<RecordBatch> {
        if self.is_grouped {
            return Ok(batch);
        }
        let keys = text(&batch, KEY)?;
        let mut is_same = true;
        let mut numbered: Vec<Box<str>> = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let mut key: Box<str> = keys.value(row).into();
            let mut number = 1;
            while !self.read.insert(key.clone()) {
                number += 1;
                is_same = false;
                key = format!("{}//{number}", keys.value(row)).into();
            }
            numbered.push(key);
        }
        if is_same {
            return Ok(batch);
        }
        let index = batch.schema().index_of(KEY).map_err(|error| Error::bug("a batch has no keys").caused_by(error))?;
        let mut columns = batch.columns().to_vec();
        if let Some(column) = columns.get_mut(index) {
            *column = Arc::new(StringArray::from_iter_values(numbered));
        }
        RecordBatch::try_new(batch.schema(), columns).map_err(|error| Error::bug("keys cannot be numbered").caused_by(error))
    }

    /// Keys of the rows that no reading has seen, in order.
    pub(super) fn gone(&self) -> Vec<&str> {
        let unseen = self.rows.iter().filter(|(_, row)| !row.is_seen);
        let mut gone: Vec<&str> = unseen.map(|(key, _)| key.as_ref()).collect();
        gone.sort_unstable();
        gone
    }

    /// The months that rows of these keys lie in.
    pub(super) fn months<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> BTreeSet<Option<&str>> {
        let rows = keys.into_iter().filter_map(|key| self.rows.get(key));
        rows.filter_map(|row| self.months.get(row.month)).map(Option::as_deref).collect()
    }
}

pub(super) fn text(batch: &RecordBatch, name: &str) -> Result<StringArray> {
    let column = batch.column_by_name(name).ok_or_else(|| Error::bug("a stamped batch lacks a column").with("column", name))?;
    let text = arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8);
    text.map(|text| text.as_string::<i32>().clone()).map_err(|error| Error::bug("a column is no text").caused_by(error))
}

fn stamps(batch: &RecordBatch) -> Result<arrow::array::Int64Array> {
    let column = batch.column_by_name(STAMP).ok_or_else(|| Error::bug("a batch is not stamped"))?;
    Ok(column.as_primitive::<Int64Type>().clone())
}
