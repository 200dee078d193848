//! How much is read of a span in one piece: what is held in memory of one must not depend on how busy the merchant was.
//!
//! A walk that comes out of quiet years does not know how many rows the next span has. Where they are too many it is given up,
//! and the rows that have come, newest first, say how short the next is to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use super::walk::SHORTEST;
use crate::error::{Error, ErrorKind};
use crate::source::span::Span;

/// A limit on what is read of a span, the same for all tables that are read together.
#[derive(Debug)]
pub(super) struct Limit {
    span: Span,
    /// The most rows of a table.
    most: u64,
    /// The width of a shorter span, once this one has too many rows.
    narrower: AtomicI64,
}

impl Limit {
    /// So many rows of each table for a span, unless it is one of the shortest.
    pub(super) fn of(span: Span, most: u64) -> Arc<Self> {
        Arc::new(Self { span, most, narrower: AtomicI64::new(i64::MAX) })
    }

    /// How wide a span is that has about half as many rows as it may; `None` where this one has not too many.
    pub(super) fn exceeded(&self) -> Option<i64> {
        Some(self.narrower.load(Ordering::Relaxed)).filter(|width| *width < i64::MAX)
    }

    /// The rows of a table, which end in an error once they, or those of a table that is read with it, are too many. Their time
    /// is in this column.
    pub(super) fn on(self: &Arc<Self>, rows: SendableRecordBatchStream, time: Option<&'static str>) -> SendableRecordBatchStream {
        let (schema, limit) = (rows.schema(), Arc::clone(self));
        let (mut count, mut oldest) = (0, self.span.to);
        let limited = rows.map(move |batch| {
            let batch = batch?;
            count += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
            oldest = time.and_then(|time| earliest(&batch, time)).map_or(oldest, |time| oldest.min(time));
            if count > limit.most {
                limit.exceed(count, oldest);
            }
            match limit.exceeded() {
                None => Ok(batch),
                Some(_) => Err(DataFusionError::from(Error::new(ErrorKind::Cancelled, "too many rows for one reading"))),
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, limited))
    }

    /// So many rows lie between an instant and the end of the span.
    fn exceed(&self, rows: u64, oldest: i64) {
        let width = self.span.width();
        if width <= SHORTEST {
            return;
        }
        let seen = i128::from(self.span.to.saturating_sub(oldest).max(1));
        let wanted = i64::try_from(seen * i128::from(self.most / 2) / i128::from(rows.max(1))).unwrap_or(width);
        self.narrower.fetch_min(wanted.clamp(SHORTEST.min(width / 2), width / 2), Ordering::Relaxed);
    }
}

fn earliest(batch: &RecordBatch, time: &str) -> Option<i64> {
    let column = batch.column_by_name(time)?.as_primitive_opt::<TimestampMicrosecondType>()?;
    arrow::compute::min(column)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, TimestampMicrosecondArray};
    use futures::stream;

    use super::*;
    use crate::source::span::{DAY, SECOND};

    const MOST: u64 = 400_000;

    /// Whether rows of a second each pass, newest first from the end of a span of so many days on, and what is said then.
    async fn pass(rows: u64, days: i64) -> (bool, Option<i64>) {
        const BATCH: u64 = 10_000;
        let span = Span { from: 0, to: days * DAY };
        let limit = Limit::of(span, MOST);
        let batch = move |number: u64| {
            let newest = span.to - i64::try_from(number * BATCH).unwrap() * SECOND;
            let times: ArrayRef =
                Arc::new(TimestampMicrosecondArray::from_iter_values((1..=10_000).map(|second| newest - second * SECOND)));
            RecordBatch::try_from_iter([("made", times)]).unwrap()
        };
        let schema = batch(0).schema();
        let batches = stream::iter((0..rows / BATCH).map(move |number| Ok(batch(number))));
        let mut rows = limit.on(Box::pin(RecordBatchStreamAdapter::new(schema, batches)), Some("made"));
        let mut is_whole = true;
        while let Some(batch) = rows.next().await {
            is_whole &= batch.is_ok();
        }
        (is_whole, limit.exceeded())
    }

    #[tokio::test]
    async fn a_span_of_too_many_rows_is_given_up_for_one_of_as_many_as_are_wanted() {
        assert_eq!(pass(MOST, 366).await, (true, None));
        let seconds = i64::try_from(MOST / 2).unwrap() * SECOND;
        assert_eq!(pass(MOST + 10_000, 366).await, (false, Some(seconds)));
        // Never wider than half of it: it must come to an end.
        assert_eq!(pass(MOST + 10_000, 3).await, (false, Some(3 * DAY / 2)));
    }

    #[tokio::test]
    async fn one_of_the_shortest_spans_is_read_however_many_rows_it_has() {
        let limit = Limit::of(Span { from: 0, to: SHORTEST }, MOST);
        limit.exceed(10 * MOST, 1);
        assert_eq!(limit.exceeded(), None);
    }
}
