//! What the lake knows of the rows that are being read, and what a reading changes of it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};

use super::manner::Identity;
use super::stamp::{KEY, MONTH, STAMP, TOLD};
use crate::error::{Error, Result};

/// The rows that the lake has of what is being read.
#[derive(Debug)]
pub(super) struct Known {
    rows: HashMap<Box<str>, Row>,
    months: Vec<Option<String>>,
    /// Whether several rows may go by one key.
    is_grouped: bool,
    /// All keys of this reading so far.
    read: HashSet<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    stamp: i64,
    /// When the report was made that tells it, where reports tell rows anew.
    told: i64,
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

    /// Forgets the rows of the lake, and gives their memory back; what was read so far stays known.
    pub(super) fn forget(&mut self) {
        self.rows = HashMap::new();
        self.months.clear();
    }

    /// The columns by which rows of the lake are known.
    pub(super) fn columns(&self) -> &'static [&'static str] {
        if self.is_grouped { &[KEY, STAMP, MONTH, TOLD] } else { &[KEY, STAMP, MONTH] }
    }

    /// Adds rows of the lake, or those of them that have one of the keys: a batch of [`Known::columns`].
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when a column is missing.
    pub(super) fn add(&mut self, batch: &RecordBatch, keys_of: Option<&HashSet<Box<str>>>) -> Result<()> {
        let (keys, stamps) = (text(batch, KEY)?, stamps(batch)?);
        let (months, told) = (text(batch, MONTH)?, self.told(batch)?);
        for index in 0..batch.num_rows() {
            if keys_of.is_some_and(|wanted| !wanted.contains(keys.value(index))) {
                continue;
            }
            let month = (!months.is_null(index)).then(|| months.value(index));
            let month = match self.months.iter().rposition(|known| known.as_deref() == month) {
                Some(known) => known,
                None => {
                    self.months.push(month.map(str::to_owned));
                    self.months.len() - 1
                }
            };
            let row = Row { stamp: stamps.value(index), told: told.value(index), month, is_seen: false };
            self.rows.insert(keys.value(index).into(), row);
        }
        Ok(())
    }

    /// The rows of a stamped and numbered batch that the lake lacks; the others are as it has them, or it has them as a newer
    /// report tells them.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the batch is not stamped.
    pub(super) fn sift(&mut self, batch: &RecordBatch) -> Result<Sifted> {
        let (keys, stamps, told) = (text(batch, KEY)?, stamps(batch)?, self.told(batch)?);
        let (mut is_new, mut is_changed) = (vec![false; batch.num_rows()], vec![false; batch.num_rows()]);
        for (row, (new, changed)) in is_new.iter_mut().zip(&mut is_changed).enumerate() {
            match self.rows.get_mut(keys.value(row)) {
                None => *new = true,
                Some(known) => {
                    known.is_seen = true;
                    // Reports are not always read in the order they were made in.
                    *changed = known.stamp != stamps.value(row) && known.told <= told.value(row);
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

    /// When the reports were made that tell the rows of a batch; the same of all where nothing is told anew.
    fn told(&self, batch: &RecordBatch) -> Result<Int64Array> {
        if !self.is_grouped {
            return Ok(Int64Array::from_value(0, batch.num_rows()));
        }
        let column = batch.column_by_name(TOLD).ok_or_else(|| Error::bug("a report's row does not say when it was made"))?;
        let column = column.as_primitive_opt::<TimestampMicrosecondType>();
        let column = column.ok_or_else(|| Error::bug("a report was not made at an instant"))?;
        Ok(column.iter().map(|told| told.unwrap_or(i64::MIN)).collect())
    }

    /// The months that rows of these keys lie in.
    pub(super) fn months<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> BTreeSet<Option<&str>> {
        if self.is_grouped {
            // Those of one key may lie in several.
            return self.months.iter().map(Option::as_deref).collect();
        }
        let rows = keys.into_iter().filter_map(|key| self.rows.get(key));
        rows.filter_map(|row| self.months.get(row.month)).map(Option::as_deref).collect()
    }
}

pub(super) fn text(batch: &RecordBatch, name: &str) -> Result<StringArray> {
    let column = batch.column_by_name(name).ok_or_else(|| Error::bug("a stamped batch lacks a column").with("column", name))?;
    let text = arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8);
    text.map(|text| text.as_string::<i32>().clone()).map_err(|error| Error::bug("a column is no text").caused_by(error))
}

fn stamps(batch: &RecordBatch) -> Result<Int64Array> {
    let column = batch.column_by_name(STAMP).ok_or_else(|| Error::bug("a batch is not stamped"))?;
    Ok(column.as_primitive::<Int64Type>().clone())
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, TimestampMicrosecondArray};

    use super::*;

    /// Rows as they are known and read: key, version, month, and when their report was made.
    fn rows(rows: &[(&str, i64, &str, i64)]) -> RecordBatch {
        let columns: [(&str, ArrayRef); 4] = [
            (KEY, Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0)))),
            (STAMP, Arc::new(rows.iter().map(|row| Some(row.1)).collect::<Int64Array>())),
            (MONTH, Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.2)))),
            (TOLD, Arc::new(rows.iter().map(|row| Some(row.3)).collect::<TimestampMicrosecondArray>())),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn keys(batch: &RecordBatch) -> Vec<String> {
        text(batch, KEY).unwrap().iter().flatten().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_new_changed_or_gone_is_told_apart() {
        let mut known = Known::new(Identity::Key);
        known.add(&rows(&[("same", 1, "2026-01", 9), ("other", 2, "2026-01", 9), ("gone", 3, "2026-02", 9)]), None).unwrap();
        let sifted =
            known.sift(&rows(&[("same", 1, "2026-01", 5), ("other", 7, "2026-01", 5), ("new", 4, "2026-01", 5)])).unwrap();
        assert_eq!((keys(&sifted.new), keys(&sifted.changed)), (vec!["new".to_owned()], vec!["other".to_owned()]));
        assert_eq!(known.gone(), ["gone"]);
        assert_eq!(known.months(["gone", "new"]), BTreeSet::from([Some("2026-02")]));
    }

    #[test]
    fn an_older_report_does_not_take_the_place_of_a_newer_one() {
        let mut known = Known::new(Identity::Restated(&["payout_id"]));
        known.add(&rows(&[("a", 1, "2026-02", 20), ("b", 1, "2026-02", 20), ("c", 1, "2026-02", 20)]), None).unwrap();
        let sifted = known.sift(&rows(&[("a", 2, "2026-01", 10), ("b", 3, "2026-02", 30), ("c", 4, "2026-02", 20)])).unwrap();
        assert_eq!((keys(&sifted.new), keys(&sifted.changed)), (vec![], vec!["b".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn rows_of_one_key_are_looked_for_in_all_their_months() {
        let mut known = Known::new(Identity::Restated(&["payout_id"]));
        known.add(&rows(&[("a", 1, "2026-01", 1), ("a", 1, "2026-02", 1), ("b", 1, "2026-03", 1)]), None).unwrap();
        assert_eq!(known.months(["a"]), BTreeSet::from([Some("2026-01"), Some("2026-02"), Some("2026-03")]));
    }

    #[test]
    fn rows_that_are_told_alike_are_numbered_through_all_of_a_reading() {
        let mut known = Known::new(Identity::Key);
        let read = |known: &mut Known| keys(&known.numbered(rows(&[("a", 1, "2026-01", 1), ("b", 1, "2026-01", 1)])).unwrap());
        assert_eq!(read(&mut known), ["a", "b"]);
        known.forget();
        assert_eq!(read(&mut known), ["a//2", "b//2"]);
    }
}
