//! What stands in rows of the kept tables, by column and row.

use arrow::array::{Array, ArrowPrimitiveType, AsArray, BooleanArray, Int64Array, PrimitiveArray, RecordBatch, StringArray};

use crate::error::{Error, Result};

/// A column by its name, as what it is to be.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when there is none, or it is of another type.
pub(super) fn column<A>(rows: &RecordBatch, name: &str, of: impl Fn(&dyn Array) -> Option<A>) -> Result<A> {
    let column = rows.column_by_name(name).ok_or_else(|| Error::bug("a kept table has lost a column").with("column", name))?;
    of(column).ok_or_else(|| Error::bug("a column of a kept table is of another type").with("column", name))
}

pub(super) fn texts(rows: &RecordBatch, name: &str) -> Result<StringArray> {
    column(rows, name, |column| column.as_string_opt::<i32>().cloned())
}

pub(super) fn primitives<T: ArrowPrimitiveType>(rows: &RecordBatch, name: &str) -> Result<PrimitiveArray<T>> {
    column(rows, name, |column| column.as_primitive_opt::<T>().cloned())
}

pub(super) fn flags(rows: &RecordBatch, name: &str) -> Result<BooleanArray> {
    column(rows, name, |column| column.as_boolean_opt().cloned())
}

/// Whether a flag is there and set.
pub(super) fn is_set(flags: &BooleanArray, row: usize) -> bool {
    flags.is_valid(row) && flags.value(row)
}

/// A text, where there is one.
pub(super) fn text(texts: &StringArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row))
}

pub(super) fn owned(texts: &StringArray, row: usize) -> Option<String> {
    text(texts, row).map(str::to_owned)
}

/// A text that must be there.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when it is not.
pub(super) fn needed(texts: &StringArray, row: usize) -> Result<&str> {
    text(texts, row).ok_or_else(|| Error::bug("a kept row has nothing where something must be"))
}

/// A value, where there is one.
pub(super) fn value<T: ArrowPrimitiveType>(values: &PrimitiveArray<T>, row: usize) -> Option<T::Native> {
    values.is_valid(row).then(|| values.value(row))
}

/// A hop that must be there.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when it is not.
pub(super) fn hop(hops: &Int64Array, row: usize) -> Result<u32> {
    let hop = value(hops, row).and_then(|hop| u32::try_from(hop).ok());
    hop.ok_or_else(|| Error::bug("a hop that is no number of one"))
}
