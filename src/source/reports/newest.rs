//! Which rows of a report no newer one tells anew.
//!
//! Reports overlap and are made again. Rows are alike by some of their columns (for an action of a balance: entity, account,
//! action and breakdown type); of rows alike, all those of the newest report count, however often it has them, and none of
//! an older one. Files come in newest first.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher as _};

use arrow::array::{Array as _, BooleanArray, RecordBatch};
use arrow::row::{RowConverter, SortField};

use crate::error::{Error, Result};
use crate::source::rows;

/// What the reports read so far told.
#[derive(Debug)]
pub(super) struct Newest {
    /// The columns that rows are alike by; none where all rows count.
    columns: Vec<usize>,
    rows: Option<RowConverter>,
    /// Rows of newer reports, each as a number that no other has: 128 bits of a hash.
    told: HashSet<u128>,
    /// Those of the report at hand, told once it is done with.
    telling: HashSet<u128>,
    /// The report at hand.
    report: Option<String>,
}

impl Newest {
    /// Nothing told yet, of rows alike by these columns of a batch.
    pub(super) fn new(columns: Vec<usize>) -> Self {
        Self { columns, rows: None, told: HashSet::new(), telling: HashSet::new(), report: None }
    }

    /// Whether all rows count.
    pub(super) fn keeps_all(&self) -> bool {
        self.columns.is_empty()
    }

    /// Begins a file of a report.
    pub(super) fn begin(&mut self, report: &str) {
        if self.report.as_deref() != Some(report) {
            self.report = Some(report.to_owned());
            self.told.extend(self.telling.drain());
        }
    }

    /// The rows of a batch of the report at hand that no newer report told; `is_last` where no older report follows, which
    /// needs not know them.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the batch has not these columns.
    pub(super) fn keep(&mut self, batch: RecordBatch, is_last: bool) -> Result<RecordBatch> {
        if self.keeps_all() || is_last && self.told.is_empty() {
            return Ok(batch);
        }
        let wrong = |error| Error::bug("cannot tell the rows of a report apart").caused_by(error);
        let columns = batch.project(&self.columns).map_err(wrong)?;
        let converter = match &mut self.rows {
            Some(rows) => rows,
            none => {
                let fields = columns.schema().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
                none.insert(RowConverter::new(fields).map_err(wrong)?)
            }
        };
        let keys = converter.convert_columns(columns.columns()).map_err(wrong)?;
        let keys: Vec<u128> = keys.iter().map(|key| hash(key.as_ref())).collect();
        // What has no name is not told again.
        let is_named = |row| columns.columns().first().is_none_or(|first| first.is_valid(row));
        let mask = keys.iter().enumerate().map(|(row, key)| Some(!is_named(row) || !self.told.contains(key)));
        let mask: BooleanArray = mask.collect();
        if !is_last {
            self.telling.extend(keys);
        }
        rows::select(&batch, &mask)
    }
}

fn hash(bytes: &[u8]) -> u128 {
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(seed);
        hasher.write(bytes);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
