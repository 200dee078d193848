//! Rows in a column, as PostgreSQL writes them: `(1,,"a, b")`.

use arrow::array::{Array, StringViewArray, StructArray};
use arrow::datatypes::Schema;
use bytes::{BufMut, BytesMut};

use super::{Cells, brought_to};
use crate::error::{Error, Result};
use crate::pg::frontend::Format;
use crate::pg::types;

/// The texts of rows.
///
/// # Errors
/// [`crate::error::ErrorKind::Decode`] when a value cannot be sent as its type.
pub(super) fn texts(rows: &StructArray) -> Result<StringViewArray> {
    let columns = types::columns(&Schema::new(rows.fields().clone()));
    let arrays = rows.columns().iter().zip(columns.iter()).map(|(array, column)| brought_to(array, column));
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    let cells =
        arrays.iter().zip(columns.iter()).map(|(array, column)| Cells::of(array.as_ref(), &column.postgres, Format::Text));
    let cells = cells.collect::<Result<Vec<_>>>()?;
    let text = |row: usize| {
        if rows.is_null(row) {
            return Ok(None);
        }
        let (mut text, mut value) = (BytesMut::new(), BytesMut::new());
        for (index, cells) in cells.iter().enumerate() {
            text.put_u8(if index == 0 { b'(' } else { b',' });
            if !cells.is_null(row) {
                value.clear();
                cells.write(row, &mut value)?;
                put_value(&value, &mut text);
            }
        }
        text.put_slice(if cells.is_empty() { b"()" } else { b")" });
        let text = String::from_utf8(text.to_vec()).map_err(|error| Error::bug("a row is no text").caused_by(error))?;
        Ok(Some(text))
    };
    (0..rows.len()).map(text).collect()
}

/// Writes a value, in quotes where it would be read as something else without; marks in it are doubled.
fn put_value(value: &[u8], out: &mut BytesMut) {
    let is_special = |byte: &u8| matches!(byte, b'(' | b')' | b',' | b'"' | b'\\') || byte.is_ascii_whitespace();
    if !value.is_empty() && !value.iter().any(is_special) {
        out.put_slice(value);
        return;
    }
    out.put_u8(b'"');
    for byte in value {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(*byte);
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}
