//! What few Arrow types are sent: each of them is read by every client, and none carries more than its own rows.
//!
//! Views and dictionaries are sent as what they stand for: a view's buffers would travel whole with each of its slices.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use arrow_flight::encode::FlightDataEncoderBuilder;
use futures::stream;

use crate::error::{Error, Result};

/// The columns as they are sent.
pub(super) fn sent(schema: &Schema) -> SchemaRef {
    let schema = Arc::new(Schema::new_with_metadata(fields(schema.fields()), schema.metadata().clone()));
    // The encoder has a word in it.
    let encoder = FlightDataEncoderBuilder::new().with_schema(Arc::clone(&schema)).build(stream::empty());
    encoder.known_schema().unwrap_or(schema)
}

/// Whether the columns have the types of others, in their order.
pub(super) fn are_alike(schema: &Schema, other: &Schema) -> bool {
    let types = |schema: &Schema| schema.fields().iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
    types(schema) == types(other)
}

/// The rows in the types they are sent in.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when they are of other columns.
pub(super) fn convert(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let wrong = |error| Error::bug("rows cannot be sent as was told").caused_by(error);
    let exactly = CastOptions { safe: false, ..CastOptions::default() };
    let convert = |(column, field): (&ArrayRef, &FieldRef)| {
        if column.data_type() == field.data_type() {
            return Ok(Arc::clone(column));
        }
        cast_with_options(column, field.data_type(), &exactly)
    };
    let columns = batch.columns().iter().zip(schema.fields()).map(convert).collect::<Result<_, _>>().map_err(wrong)?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(wrong)
}

fn fields(fields: &Fields) -> Fields {
    fields.iter().map(|one| Arc::new(Field::clone(one).with_data_type(data_type(one.data_type())))).collect()
}

/// A field inside of another, where planning and running do not agree on what is more than a name and a type.
fn inner(field: &FieldRef) -> FieldRef {
    Arc::new(Field::new(field.name(), data_type(field.data_type()), true))
}

fn data_type(of: &DataType) -> DataType {
    match of {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => data_type(values),
        DataType::RunEndEncoded(_, values) => data_type(values.data_type()),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => DataType::Decimal128(*precision, *scale),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) | DataType::LargeListView(item) => {
            DataType::List(inner(item))
        }
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(inner(item), *length),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, DictionaryArray, StringViewArray, StructArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    fn batch() -> RecordBatch {
        let views: ArrayRef = Arc::new(StringViewArray::from(vec![Some("longer than a view holds itself"), None]));
        let words: ArrayRef = Arc::new(vec!["a", "a"].into_iter().collect::<DictionaryArray<Int32Type>>());
        let inside = StructArray::from(vec![(Arc::new(Field::new("view", DataType::Utf8View, true)), Arc::clone(&views))]);
        RecordBatch::try_from_iter([("views", views), ("words", words), ("inside", Arc::new(inside) as ArrayRef)]).unwrap()
    }

    #[test]
    fn views_and_dictionaries_are_sent_as_what_they_stand_for_at_any_depth() {
        let batch = batch();
        let schema = sent(&batch.schema());
        let inside = DataType::Struct(vec![Field::new("view", DataType::Utf8, true)].into());
        let types: Vec<_> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        assert_eq!(types, [DataType::Utf8, DataType::Utf8, inside]);
        let sent = convert(&batch, &schema).unwrap();
        let texts: Vec<_> = sent.column(0).as_string::<i32>().iter().collect();
        assert_eq!(texts, [Some("longer than a view holds itself"), None]);
        assert_eq!(sent.column(1).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("a"); 2]);
    }

    #[test]
    fn what_is_sent_is_sent_as_it_is() {
        let schema = sent(&batch().schema());
        assert_eq!(sent(&schema), schema);
        assert!(are_alike(&schema, &schema) && !are_alike(&schema, &batch().schema()));
    }
}
