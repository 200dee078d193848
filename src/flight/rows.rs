//! An answer on its way: a batch is made when the client has room for it, and cut into messages that clients take.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow_flight::FlightData;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tonic::Status;

/// Bytes of rows that a message should have at most: clients in Go and Rust take four megabytes if not told otherwise.
const MESSAGE: usize = 2 << 20;

/// What is sent to a client.
pub(super) type Messages = stream::BoxStream<'static, Result<FlightData, Status>>;

/// The columns, and the rows as they come.
pub(super) fn messages(schema: SchemaRef, batches: impl Stream<Item = Result<RecordBatch, Status>> + Send + 'static) -> Messages {
    let pieces = batches.map_ok(|batch| stream::iter(pieces(batch).into_iter().map(Ok))).try_flatten();
    let encoder = FlightDataEncoderBuilder::new()
        // It would cut again by what the whole batch has.
        .with_max_flight_data_size(usize::MAX)
        .with_schema(schema)
        .build(pieces.map_err(|status: Status| FlightError::Tonic(Box::new(status))));
    encoder.map_err(Status::from).boxed()
}

/// One batch that is at hand.
pub(super) fn one(batch: RecordBatch) -> Messages {
    messages(batch.schema(), stream::iter([Ok(batch)]))
}

/// The rows in pieces that are not too large, unless a single row is.
fn pieces(batch: RecordBatch) -> Vec<RecordBatch> {
    let mut pieces = Vec::new();
    let mut left = vec![batch];
    while let Some(batch) = left.pop() {
        let rows = batch.num_rows();
        if rows > 1 && size(&batch) > MESSAGE {
            let half = rows / 2;
            left.push(batch.slice(half, rows - half));
            left.push(batch.slice(0, half));
        } else {
            pieces.push(batch);
        }
    }
    pieces
}

/// Bytes of the rows, without what stands around them in the same memory.
fn size(batch: &RecordBatch) -> usize {
    // What has no size of its own that is known is taken for as large as its memory.
    let size =
        |column: &Arc<dyn Array>| column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_buffer_memory_size());
    batch.columns().iter().map(size).sum()
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    fn batch(texts: Vec<String>) -> RecordBatch {
        let numbers: Int64Array = (0..).take(texts.len()).collect();
        let columns = [("n", Arc::new(numbers) as ArrayRef), ("t", Arc::new(StringArray::from(texts)) as ArrayRef)];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn rows_of_any_sizes_are_cut_into_messages_and_stay_in_order() {
        let sizes = [10, MESSAGE, 10, MESSAGE / 2, MESSAGE / 3, 3 * MESSAGE, 1, 1, 1];
        let batch = batch(sizes.iter().map(|size| "x".repeat(*size)).collect());
        let pieces = pieces(batch.clone());
        assert!(pieces.iter().all(|piece| piece.num_rows() == 1 || size(piece) <= MESSAGE));
        assert!(pieces.len() < sizes.len(), "{}", pieces.len());
        assert_eq!(arrow::compute::concat_batches(&batch.schema(), &pieces).unwrap(), batch);
    }

    #[test]
    fn a_slice_is_as_large_as_its_own_rows() {
        let batch = batch(vec!["x".repeat(1000); 10_000]);
        assert_eq!(pieces(batch.slice(0, 1000)).len(), 1);
        assert!(pieces(batch).len() > 4);
    }

    #[tokio::test]
    async fn columns_are_told_even_where_there_are_no_rows() {
        let none = batch(Vec::new());
        let sent: Vec<_> = one(none).collect().await;
        assert_eq!(sent.len(), 1);
    }
}
