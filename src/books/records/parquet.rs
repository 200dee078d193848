//! Parquet: columns have the types of the file.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::FieldRef;
use arrow::json::LineDelimitedWriter;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{BATCH, Columns};
use crate::error::{Error, ErrorKind, Result};

/// The columns of a file.
///
/// # Errors
/// [`ErrorKind::Decode`] when it is not Parquet.
pub(super) fn read(bytes: Bytes) -> Result<Columns> {
    let wrong = |error| Error::new(ErrorKind::Decode, "not Parquet").caused_by(error);
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(wrong)?;
    let fields: Vec<FieldRef> = builder.schema().fields().iter().map(Arc::clone).collect();
    let mut batches = Vec::new();
    for batch in builder.with_batch_size(BATCH).build().map_err(wrong)? {
        let batch = batch.map_err(|error| Error::new(ErrorKind::Decode, "not Parquet").caused_by(error))?;
        batches.push((batch.columns().to_vec(), raw(&batch)?));
    }
    Ok(Columns { fields, batches })
}

/// The rows as JSON.
fn raw(batch: &RecordBatch) -> Result<Vec<String>> {
    let wrong = |error| Error::new(ErrorKind::Decode, "a row of Parquet cannot be written as JSON").caused_by(error);
    let mut writer = LineDelimitedWriter::new(Vec::new());
    writer.write(batch).map_err(wrong)?;
    writer.finish().map_err(wrong)?;
    let text = String::from_utf8(writer.into_inner()).map_err(|error| Error::bug("JSON is not UTF-8").caused_by(error))?;
    Ok(text.lines().map(str::to_owned).collect())
}
