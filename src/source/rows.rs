//! Which decoded rows a scan keeps: those inside the span asked for, that satisfy the filters, up to the limit.

use std::collections::BTreeSet;
use std::iter::repeat_n;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, TimestampMicrosecondArray};
use arrow::compute::{concat_batches, filter_record_batch, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::expressions::PhysicalSortExpr;

use super::span::{SECOND, Span, rfc3339};
use crate::error::{Error, ErrorKind, Result};

/// What a scan does to decoded batches: filter them, and leave out the columns only the filters needed.
#[derive(Debug, Clone)]
pub struct Sieve {
    /// The filters, over the decoded columns.
    pub predicate: Option<Arc<dyn PhysicalExpr>>,
    /// How many of the decoded columns, from the first on, the query wants.
    pub columns: usize,
    /// The schema of those columns.
    pub schema: SchemaRef,
}

impl Sieve {
    /// The wanted rows and columns of a decoded batch.
    ///
    /// # Errors
    /// Those of evaluating the filters.
    pub fn keep(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let batch = match &self.predicate {
            Some(predicate) => {
                let mask = predicate.evaluate(&batch)?.into_array(batch.num_rows())?;
                select(&batch, mask.as_boolean())?
            }
            None => batch,
        };
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = batch.columns().iter().take(self.columns).map(Arc::clone).collect();
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &rows).map_err(internal)
    }
}

/// All rows of some batches in one, sorted.
///
/// # Errors
/// Those of evaluating what is sorted by.
pub fn sorted(batches: &[RecordBatch], schema: &SchemaRef, order: &[PhysicalSortExpr]) -> Result<RecordBatch> {
    let batch = concat_batches(schema, batches).map_err(internal)?;
    let columns = order.iter().map(|expr| expr.evaluate_to_sort_column(&batch));
    let columns = columns.collect::<datafusion::common::Result<Vec<_>>>()?;
    let order = lexsort_to_indices(&columns, None).map_err(internal)?;
    take_record_batch(&batch, &order).map_err(internal)
}

/// The rows a mask selects.
///
/// # Errors
/// [`ErrorKind::Bug`] when the mask has another length than the batch.
pub fn select(batch: &RecordBatch, mask: &BooleanArray) -> Result<RecordBatch> {
    filter_record_batch(batch, mask).map_err(internal)
}

/// A mask of the rows of a page, made one of its batch: what a row of the page became is selected as that row is.
pub fn spread(mask: Vec<bool>, exploded_into: Option<&[usize]>) -> BooleanArray {
    match exploded_into {
        Some(counts) => {
            mask.iter().zip(counts).flat_map(|(selected, count)| repeat_n(*selected, *count)).collect::<Vec<_>>().into()
        }
        None => mask.into(),
    }
}

fn internal(error: arrow::error::ArrowError) -> Error {
    Error::bug("cannot select rows of a batch").caused_by(error)
}

/// How far outside of a window a row may lie: the window is sent wider, and servers may round.
const SLACK: i64 = SECOND;

/// Refuses a page with rows that were not asked for: then the server's idea of the window is not ours, and rows of other
/// windows may be missing just as well.
///
/// # Errors
/// [`ErrorKind::Incomplete`], naming the stray row's time.
pub fn check_window(batch: &RecordBatch, time: usize, window: Span) -> Result<()> {
    let wide = Span { from: window.from.saturating_sub(SLACK), to: window.to.saturating_add(SLACK) };
    match instants(batch, time)?.values().iter().find(|instant| !wide.contains(**instant)) {
        Some(stray) => Err(Error::new(ErrorKind::Incomplete, "the answer has a row that lies outside of what was asked for")
            .with("time", rfc3339(*stray))),
        None => Ok(()),
    }
}

/// The rows inside a span by a time column, and the instants of these rows, each run of equal ones once.
///
/// # Errors
/// [`ErrorKind::Decode`] when a row has no time: no window can claim it.
pub fn inside(batch: &RecordBatch, time: usize, span: Span) -> Result<(RecordBatch, Vec<i64>)> {
    let instants = instants(batch, time)?;
    let mask = BooleanArray::from_iter(instants.values().iter().map(|instant| Some(span.contains(*instant))));
    let mut times: Vec<i64> = instants.values().iter().copied().filter(|instant| span.contains(*instant)).collect();
    times.dedup();
    Ok((select(batch, &mask)?, times))
}

/// The rows that have one of these texts in a column.
///
/// # Errors
/// [`ErrorKind::Bug`] when the column is not decoded.
pub fn claimed(batch: &RecordBatch, column: &str, values: &BTreeSet<String>) -> Result<RecordBatch> {
    let texts = batch.column_by_name(column).and_then(|column| column.as_string_opt::<i32>());
    let texts = texts.ok_or_else(|| Error::bug("a column that rows are claimed by is not decoded").with("column", column))?;
    let mask = texts.iter().map(|text| text.is_some_and(|text| values.contains(text))).collect::<Vec<_>>();
    select(batch, &mask.into())
}

fn instants(batch: &RecordBatch, time: usize) -> Result<&TimestampMicrosecondArray> {
    let Some(column) = batch.columns().get(time) else { return Err(Error::bug("the time column of a window is not decoded")) };
    let instants = column.as_primitive::<TimestampMicrosecondType>();
    if instants.null_count() > 0 {
        let field = batch.schema().field(time).name().clone();
        return Err(Error::new(ErrorKind::Decode, "a row of a listing by time has no time").with("field", field));
    }
    Ok(instants)
}

/// How many more rows a query wants.
#[derive(Debug)]
pub struct Remaining(Option<AtomicUsize>);

impl Remaining {
    /// As many as the limit says, or all.
    pub fn new(limit: Option<usize>) -> Self {
        Self(limit.map(AtomicUsize::new))
    }

    /// How many; `None` when all are wanted.
    pub fn get(&self) -> Option<usize> {
        self.0.as_ref().map(|left| left.load(Ordering::Relaxed))
    }

    /// Whether no more rows are wanted.
    pub fn is_zero(&self) -> bool {
        self.get() == Some(0)
    }

    /// Takes a batch's rows off, and cuts the batch to what was still wanted.
    pub fn take(&self, batch: RecordBatch) -> RecordBatch {
        let Some(left) = &self.0 else { return batch };
        let rows = batch.num_rows();
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(rows)));
        let before = before.unwrap_or_default();
        if rows <= before { batch } else { batch.slice(0, before) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_of_page_rows_holds_for_all_that_each_became() {
        let fresh = vec![true, false, true, false];
        assert_eq!(spread(fresh.clone(), Some(&[2, 3, 0, 1])), BooleanArray::from(vec![true, true, false, false, false, false]));
        assert_eq!(spread(fresh.clone(), None), BooleanArray::from(fresh));
    }
}
