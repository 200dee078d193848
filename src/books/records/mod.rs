//! The records of a file of no bank's format, as batches: of text where the format has no types of its own.
//!
//! Columns are named in small letters, with `_` for what is neither letter nor digit, as those of reports are. Every
//! batch ends in the name of the file, the number of the row, and the row as it is written.

mod csv;
mod json;
pub(super) mod parquet;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};

use super::settings::{Format, Source};
use super::shapes::{COMMON, ShapeColumn};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::csv::snake_case;

/// Rows of a batch.
const BATCH: usize = 8192;

/// The records of a file.
#[derive(Debug)]
pub(super) struct Records {
    /// The file's name.
    pub(super) file: String,
    pub(super) schema: SchemaRef,
    pub(super) batches: Vec<RecordBatch>,
}

/// The records in the bytes of a file.
///
/// # Errors
/// [`ErrorKind::Decode`] when it is not of this format.
pub(super) fn read(source: &Source, format: Format, file: &str, bytes: &[u8]) -> Result<Records> {
    let columns = match format {
        Format::Csv => csv::read(&source.encoding.read(bytes)?, source.csv)?,
        Format::Json => json::read(&source.encoding.read(bytes)?)?,
        Format::Parquet | Format::Bank(_) => return Err(Error::bug("a file of another format was read as records")),
    };
    columns.records(file)
}

/// The columns of a file before they are named, and how each row is written.
pub(super) struct Columns {
    fields: Vec<FieldRef>,
    batches: Vec<(Vec<ArrayRef>, Vec<String>)>,
}

impl Columns {
    /// The columns of rows of text.
    pub(super) fn of_texts(names: &[String], rows: Vec<(Vec<Option<String>>, String)>) -> Self {
        let fields = names.iter().map(|name| Arc::new(Field::new(name, DataType::Utf8, true))).collect();
        let mut batches = Vec::new();
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let (cells, raw): (Vec<_>, Vec<_>) = rows.by_ref().take(BATCH).unzip();
            let column = |index: usize| -> ArrayRef {
                let cell = |row: &Vec<Option<String>>| row.get(index).cloned().flatten();
                Arc::new(StringArray::from_iter(cells.iter().map(cell)))
            };
            batches.push(((0..names.len()).map(column).collect(), raw));
        }
        Self { fields, batches }
    }

    /// The same, with some columns as the binary floats that they are.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when a text of them is no number.
    pub(super) fn with_floats(mut self, are_floats: &[bool]) -> Result<Self> {
        for (index, _) in are_floats.iter().enumerate().filter(|(_, is_float)| **is_float) {
            if let Some(field) = self.fields.get_mut(index) {
                *field = Arc::new(Field::new(field.name(), DataType::Float64, true));
            }
            for column in self.batches.iter_mut().filter_map(|(columns, _)| columns.get_mut(index)) {
                let options = CastOptions { safe: false, ..CastOptions::default() };
                *column = cast_with_options(column, &DataType::Float64, &options)
                    .map_err(|error| Error::new(ErrorKind::Decode, "a number cannot be read").caused_by(error))?;
            }
        }
        Ok(self)
    }

    /// The records that they are.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when two columns have the same name.
    pub(super) fn records(self, file: &str) -> Result<Records> {
        let mut fields = Vec::with_capacity(self.fields.len() + COMMON.len());
        let mut seen = HashMap::new();
        for field in &self.fields {
            let name = snake_case(field.name());
            if let Some(other) = seen.insert(name.clone(), field.name().clone()) {
                return Err(Error::new(ErrorKind::Decode, "two columns of a file have the same name")
                    .with("column", &name)
                    .with("one", other)
                    .with("other", field.name()));
            }
            fields.push(Arc::new(Field::new(name, field.data_type().clone(), true)));
        }
        fields.extend(COMMON.iter().map(ShapeColumn::field));
        let schema = Arc::new(Schema::new(fields));
        let mut batches = Vec::with_capacity(self.batches.len());
        let mut row = 0;
        for (mut columns, raw) in self.batches {
            let first = row;
            row += i64::try_from(raw.len()).unwrap_or(i64::MAX);
            columns.push(Arc::new(StringArray::from_iter_values(raw.iter().map(|_| file))));
            columns.push(Arc::new(Int64Array::from_iter_values(first + 1..=row)));
            columns.push(Arc::new(StringArray::from(raw)));
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns);
            batches.push(batch.map_err(|error| Error::bug("the columns of a file do not fit each other").caused_by(error))?);
        }
        Ok(Records { file: file.to_owned(), schema, batches })
    }
}

/// Gives all files the columns that any of them has; where one has it not, it is null.
///
/// # Errors
/// [`ErrorKind::Decode`] when a column has another type in another file.
pub(super) fn widen(files: &mut [Records]) -> Result<SchemaRef> {
    let mut fields: Vec<FieldRef> = Vec::new();
    for file in files.iter() {
        for field in file.schema.fields() {
            match fields.iter().find(|known| known.name() == field.name()) {
                Some(known) if known.data_type() != field.data_type() => {
                    return Err(Error::new(ErrorKind::Decode, "a column has another type than in the file before")
                        .with("column", field.name())
                        .with("file", &file.file));
                }
                Some(_) => {}
                None => fields.push(Arc::clone(field)),
            }
        }
    }
    let is_common = |field: &FieldRef| COMMON.iter().any(|common| common.name == field.name());
    let (common, own): (Vec<FieldRef>, Vec<FieldRef>) = fields.into_iter().partition(is_common);
    let schema: SchemaRef = Arc::new(Schema::new([own, common].concat()));
    for file in files {
        for batch in &mut file.batches {
            let column = |field: &FieldRef| {
                let found = batch.column_by_name(field.name());
                found.map_or_else(|| new_null_array(field.data_type(), batch.num_rows()), Arc::clone)
            };
            let columns = schema.fields().iter().map(column).collect();
            *batch = RecordBatch::try_new(Arc::clone(&schema), columns)
                .map_err(|error| Error::bug("a file does not fit the columns of all").caused_by(error))?;
        }
        file.schema = Arc::clone(&schema);
    }
    Ok(schema)
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
