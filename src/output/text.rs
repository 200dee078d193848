//! Values as text: what the table, Markdown and separated formats share.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::json::writer::{EncoderOptions, make_encoder};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::cannot_print;
use crate::error::Result;

/// Calls back with the cells of each row, a null as the given word.
pub(super) fn for_each_row(batch: &RecordBatch, null: &str, mut row: impl FnMut(Vec<String>) -> Result<()>) -> Result<()> {
    let batch = without_nesting(batch)?;
    let options = FormatOptions::new().with_display_error(false).with_null(null);
    let mut columns = Vec::with_capacity(batch.num_columns());
    for column in batch.columns() {
        columns.push(ArrayFormatter::try_new(column.as_ref(), &options).map_err(cannot_print)?);
    }
    for index in 0..batch.num_rows() {
        let mut cells = Vec::with_capacity(columns.len());
        for column in &columns {
            cells.push(column.value(index).try_to_string().map_err(cannot_print)?);
        }
        row(cells)?;
    }
    Ok(())
}

/// The same rows, lists and structs as JSON text: the formats of lines have no other place for them.
pub(super) fn without_nesting(batch: &RecordBatch) -> Result<RecordBatch> {
    if !batch.columns().iter().any(|column| column.data_type().is_nested()) {
        return Ok(batch.clone());
    }
    let schema = batch.schema();
    let mut fields: Vec<FieldRef> = Vec::with_capacity(batch.num_columns());
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if column.data_type().is_nested() {
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
            columns.push(as_json(field, column)?);
        } else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(cannot_print)
}

fn as_json(field: &FieldRef, column: &ArrayRef) -> Result<ArrayRef> {
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let mut encoder = make_encoder(field, column.as_ref(), &options).map_err(cannot_print)?;
    let mut texts = StringBuilder::with_capacity(column.len(), 0);
    let mut buffer = Vec::new();
    for index in 0..column.len() {
        if encoder.is_null(index) {
            texts.append_null();
            continue;
        }
        buffer.clear();
        encoder.encode(index, &mut buffer);
        texts.append_value(String::from_utf8_lossy(&buffer));
    }
    Ok(Arc::new(texts.finish()))
}

/// Whether a column's values are read from the right: numbers.
pub(super) fn is_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => value.is_numeric(),
        other => other.is_numeric(),
    }
}

/// The text with its control characters escaped, other than line ends.
pub(super) fn printable(text: String) -> String {
    let must_escape = |character: char| character.is_control() && character != '\n';
    if !text.contains(must_escape) {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if must_escape(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}
