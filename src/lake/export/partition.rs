//! Which folder a row goes to: `column=value/`, as Hive names them and every warehouse reads them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Schema, SchemaRef};

use crate::error::{Error, ErrorKind, Result};

/// The name of the folder of no value.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";
/// What is spelled in a folder's name, beside control characters: as Hive and Spark do.
const SPELLED: &str = "\"#%'*/:=?\\{}[]^<>|~`";

/// The values of a folder's columns, as text.
pub(super) type Key = Vec<Option<String>>;

/// Takes rows apart by the values of some of their columns.
#[derive(Debug)]
pub(super) struct Partitioner {
    columns: Vec<usize>,
    names: Vec<String>,
    rest: Vec<usize>,
    schema: SchemaRef,
}

impl Partitioner {
    /// By these columns, in their order.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when there is no such column, it is no name of a folder, or none is left for the files.
    pub(super) fn try_new(schema: &SchemaRef, names: &[String]) -> Result<Self> {
        let columns: Vec<usize> = names.iter().map(|name| column(schema, name)).collect::<Result<_>>()?;
        let rest: Vec<usize> = (0..schema.fields().len()).filter(|index| !columns.contains(index)).collect();
        if rest.is_empty() || columns.len() + rest.len() != schema.fields().len() {
            return Err(Error::new(ErrorKind::Usage, "cannot partition by a column twice, or by all columns")
                .with("partition_by", names.join(",")));
        }
        let files = schema.project(&rest).map_err(|error| Error::bug("columns are not there").caused_by(error))?;
        Ok(Self { columns, names: names.to_vec(), rest, schema: Arc::new(files) })
    }

    /// The columns that are folders.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The columns of the files.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows of each folder, without its columns.
    pub(super) fn split(&self, rows: &RecordBatch) -> Result<Vec<(Key, RecordBatch)>> {
        let wrong = |error| Error::bug("rows cannot be taken apart").caused_by(error);
        if self.columns.is_empty() {
            return Ok(vec![(Key::new(), rows.clone())]);
        }
        let texts: Vec<StringArray> = self.columns.iter().map(|index| text(rows, *index)).collect::<Result<_>>()?;
        let mut folders: BTreeMap<Vec<Option<&str>>, Vec<u32>> = BTreeMap::new();
        for (row, index) in (0..rows.num_rows()).zip(0_u32..) {
            let key = texts.iter().map(|text| (!text.is_null(row)).then(|| text.value(row))).collect();
            folders.entry(key).or_default().push(index);
        }
        let files = rows.project(&self.rest).map_err(wrong)?;
        let mut split = Vec::with_capacity(folders.len());
        for (key, indices) in &folders {
            let key = key.iter().map(|value| value.map(str::to_owned)).collect();
            split.push((key, take_record_batch(&files, &UInt32Array::from(indices.clone())).map_err(wrong)?));
        }
        Ok(split)
    }

    /// The folder of these values, ended by `/`; nothing where there are no folders.
    pub(super) fn folder(&self, key: &Key) -> String {
        folder(&self.names, key)
    }
}

/// The folder of these values of these columns.
pub(super) fn folder(names: &[String], key: &Key) -> String {
    let mut folder = String::new();
    for (name, value) in names.iter().zip(key) {
        folder.push_str(&spelled(name));
        folder.push('=');
        match value.as_deref() {
            None => folder.push_str(NULL),
            // A text that is spelled as nothing is, is not nothing.
            Some(NULL) => folder.push_str(&NULL.replacen('_', "%5F", 1)),
            Some(text) => folder.push_str(&spelled(text)),
        }
        folder.push('/');
    }
    folder
}

fn column(schema: &Schema, name: &str) -> Result<usize> {
    let wrong = |message: &'static str| Error::new(ErrorKind::Usage, message).with("column", name);
    let index = schema.index_of(name).map_err(|_unknown| {
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        wrong("there is no such column to partition by").hint(format!("the columns are {}", names.join(", ")))
    })?;
    match schema.field(index).data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Boolean | DataType::Date32 => Ok(index),
        DataType::Timestamp(..) => Ok(index),
        other if other.is_integer() => Ok(index),
        _ => Err(wrong("the values of this column are no names of folders")
            .hint("partition by text, a whole number, a date or a time")),
    }
}

fn text(rows: &RecordBatch, index: usize) -> Result<StringArray> {
    let text = cast(rows.column(index), &DataType::Utf8);
    text.map(|text| text.as_string::<i32>().clone())
        .map_err(|error| Error::bug("a value cannot be written as text").caused_by(error))
}

fn spelled(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_control() || SPELLED.contains(c) {
            // Writing to a string does not fail.
            let _written = write!(name, "%{:02X}", u32::from(c));
        } else {
            name.push(c);
        }
    }
    name
}
