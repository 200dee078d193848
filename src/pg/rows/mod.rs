//! Rows as bytes: each column of a batch is brought to one of a few Arrow types and its values are written one by one,
//! as text or binary, straight into what is sent.

mod array;
mod cells;
mod interval;
mod numeric;
mod record;
mod time;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::{BufMut, BytesMut};

pub(super) use cells::Cells;
pub(super) use numeric::{Digits, read_numeric};
pub(super) use time::{DAYS_TO_2000, MICROS_TO_2000};

use super::frontend::Format;
use super::types::Column;
use crate::error::{Error, ErrorKind, Result};

/// A batch brought to the types that are sent.
pub(super) struct Rows {
    arrays: Vec<ArrayRef>,
    count: usize,
}

impl Rows {
    /// Takes a batch over.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when a value cannot be sent as the type of its column.
    pub(super) fn of(batch: &RecordBatch, columns: &[Column]) -> Result<Self> {
        let arrays = batch.columns().iter().zip(columns).map(|(array, column)| brought_to(array, column));
        Ok(Self { arrays: arrays.collect::<Result<_>>()?, count: batch.num_rows() })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The cells of each column, to be written in its format.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when a column is not of a type that is sent.
    pub(super) fn cells(&self, columns: &[Column], formats: &[Format]) -> Result<Vec<Cells<'_>>> {
        let columns = self.arrays.iter().zip(columns).zip(formats);
        columns.map(|((array, column), format)| Cells::of(array.as_ref(), &column.postgres, *format)).collect()
    }
}

fn brought_to(array: &ArrayRef, column: &Column) -> Result<ArrayRef> {
    if array.data_type() == &column.sent_from && !is_written_out(array.data_type()) {
        return Ok(std::sync::Arc::clone(array));
    }
    let cannot = |error| {
        Error::new(ErrorKind::Decode, "a value cannot be sent as the type of its column")
            .with("column", &column.name)
            .caused_by(error)
    };
    if let Some(rows) = array.as_struct_opt() {
        return Ok(std::sync::Arc::new(record::texts(rows)?));
    }
    if is_written_out(array.data_type()) || (column.sent_from == DataType::Utf8View && array.data_type().is_nested()) {
        let formatter = ArrayFormatter::try_new(array.as_ref(), &FormatOptions::default()).map_err(cannot)?;
        let shown = (0..array.len()).map(|row| array.is_valid(row).then(|| formatter.value(row).to_string()));
        return Ok(std::sync::Arc::new(shown.collect::<StringViewArray>()));
    }
    let or_fail = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, &column.sent_from, &or_fail).map_err(cannot)
}

fn is_written_out(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Struct(_) | DataType::Map(..) | DataType::Union(..))
}

/// Writes a `DataRow` message.
///
/// # Errors
/// [`ErrorKind::Decode`] when it is longer than a message may be.
pub(super) fn write_row(cells: &[Cells<'_>], row: usize, out: &mut BytesMut) -> Result<()> {
    out.put_u8(b'D');
    let length_at = out.len();
    out.put_i32(0);
    out.put_u16(u16::try_from(cells.len()).map_err(|error| too_long().caused_by(error))?);
    for column in cells {
        write_value(column, row, out)?;
    }
    put_length(out, length_at, 0)
}

/// Writes a value with its length before it, which is -1 where there is none.
///
/// # Errors
/// [`ErrorKind::Decode`] when it is longer than a message may be.
pub(super) fn write_value(cells: &Cells<'_>, row: usize, out: &mut BytesMut) -> Result<()> {
    if cells.is_null(row) {
        out.put_i32(-1);
        return Ok(());
    }
    let length_at = out.len();
    out.put_i32(0);
    cells.write(row, out)?;
    put_length(out, length_at, 4)
}

/// Fills in the length of what was written since, less what is not counted.
pub(super) fn put_length(out: &mut BytesMut, at: usize, uncounted: usize) -> Result<()> {
    let length = i32::try_from(out.len() - at - uncounted).map_err(|error| too_long().caused_by(error))?;
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

/// A number of at least so many digits.
fn put_whole(value: impl itoa::Integer, digits: usize, out: &mut BytesMut) {
    let mut shown = itoa::Buffer::new();
    let shown = shown.format(value).as_bytes();
    out.put_bytes(b'0', digits.saturating_sub(shown.len()));
    out.put_slice(shown);
}

fn too_long() -> Error {
    Error::new(ErrorKind::Decode, "a row is longer than the protocol can carry")
}

#[cfg(test)]
mod tests;
