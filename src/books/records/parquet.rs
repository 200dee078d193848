//! Parquet: columns have the types of the file, and only those that are wanted are read.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::{FieldRef, SchemaRef};
use arrow::json::LineDelimitedWriter;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryFutureExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::super::place::{File, Place};
use super::super::shapes::RAW;
use super::{BATCH, Columns, Records};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::csv::snake_case;

/// A file that is open, of which no row is read yet.
pub(in crate::books) struct Opened {
    builder: ParquetRecordBatchStreamBuilder<Parts>,
}

impl Opened {
    /// Opens a file; gives its records as well, of which there is none yet.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when it is not Parquet.
    pub(in crate::books) async fn open(place: &Place, file: &File) -> Result<(Self, Records)> {
        let parts = Parts { place: place.clone(), file: file.clone() };
        let builder = ParquetRecordBatchStreamBuilder::new(parts).await.map_err(wrong)?;
        let fields = builder.schema().fields().iter().map(Arc::clone).collect();
        Ok((Self { builder }, Columns { fields, batches: Vec::new() }.records(&file.name)?))
    }

    /// The records of the file as they come, in a schema that has its columns; what of them is not wanted is null, or empty.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when it is broken.
    pub(in crate::books) fn read(
        self,
        Records { file, schema, .. }: Records,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let Self { builder } = self;
        let is_raw_wanted = is_wanted(RAW);
        let fields = builder.schema().fields().iter().enumerate();
        let read = fields.filter(|(_, field)| is_raw_wanted || is_wanted(&snake_case(field.name()))).map(|(place, _)| place);
        let mask = ProjectionMask::roots(builder.parquet_schema(), read);
        let batches = builder.with_projection(mask).with_batch_size(BATCH).build().map_err(wrong)?;
        let mut row = 0;
        let records = batches.map(move |batch| {
            let batch = batch.map_err(wrong)?;
            let raw = if is_raw_wanted { raw(&batch)? } else { vec![String::new(); batch.num_rows()] };
            let first = row;
            row += i64::try_from(batch.num_rows()).unwrap_or(i64::MAX);
            recorded(&batch, &schema, &file, Int64Array::from_iter_values(first + 1..=row), raw)
        });
        Ok(records.boxed())
    }
}

/// A file, of which parts are read.
struct Parts {
    place: Place,
    file: File,
}

impl AsyncFileReader for Parts {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        let parts = self.get_byte_ranges(vec![range]);
        parts.map_ok(|parts| parts.into_iter().next().unwrap_or_default()).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        let unread = |error| ParquetError::External(Box::new(error));
        async move { self.place.read_parts(&self.file, &ranges).await.map_err(unread) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let (reader, size) = (ParquetMetaDataReader::new().with_arrow_reader_options(options), self.file.size);
        async move { reader.load_and_finish(self, size).await.map(Arc::new) }.boxed()
    }
}

/// A batch of a file as records.
fn recorded(batch: &RecordBatch, schema: &SchemaRef, file: &str, rows: Int64Array, raw: Vec<String>) -> Result<RecordBatch> {
    let names: Vec<String> = batch.schema_ref().fields().iter().map(|field| snake_case(field.name())).collect();
    let common: [ArrayRef; 3] =
        [Arc::new(StringArray::from_iter_values(raw.iter().map(|_| file))), Arc::new(rows), Arc::new(StringArray::from(raw))];
    let own = schema.fields().len().saturating_sub(common.len());
    let column = |field: &FieldRef| match names.iter().position(|name| name == field.name()) {
        Some(place) => Arc::clone(batch.column(place)),
        None => new_null_array(field.data_type(), batch.num_rows()),
    };
    let columns = schema.fields().iter().take(own).map(column).chain(common).collect();
    RecordBatch::try_new(Arc::clone(schema), columns)
        .map_err(|error| Error::bug("the columns of a file do not fit each other").caused_by(error))
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

fn wrong(error: ParquetError) -> Error {
    match error {
        ParquetError::External(unread) if unread.is::<Error>() => {
            unread.downcast().map_or_else(|_| Error::bug("an error is none"), |unread| *unread)
        }
        error => Error::new(ErrorKind::Decode, "not Parquet").caused_by(error),
    }
}
