//! Arrays of one dimension.

use arrow::array::ListArray;
use arrow::datatypes::ArrowNativeType;
use bytes::{BufMut, BytesMut};
use postgres_types::Type;

use super::{Cells, write_value};
use crate::error::{Error, Result};

/// The items of a row's list, by their places in the values of all.
fn items(list: &ListArray, row: usize) -> std::ops::Range<usize> {
    let offsets = list.value_offsets();
    let at = |index: usize| offsets.get(index).map_or(0, |offset| offset.as_usize());
    at(row)..at(row + 1)
}

/// Writes `{1,NULL,"a \"b\""}`.
pub(super) fn show(list: &ListArray, cells: &Cells<'_>, row: usize, out: &mut BytesMut) -> Result<()> {
    out.put_u8(b'{');
    let mut text = BytesMut::new();
    for (index, item) in items(list, row).enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        if cells.is_null(item) {
            out.put_slice(b"NULL");
            continue;
        }
        text.clear();
        cells.write(item, &mut text)?;
        put_item(&text, out);
    }
    out.put_u8(b'}');
    Ok(())
}

/// Writes an item, in quotes where it would be read as something else without.
fn put_item(text: &[u8], out: &mut BytesMut) {
    let is_special = |byte: &u8| matches!(byte, b'{' | b'}' | b',' | b'"' | b'\\') || byte.is_ascii_whitespace();
    if !text.is_empty() && !text.iter().any(is_special) && !text.eq_ignore_ascii_case(b"null") {
        out.put_slice(text);
        return;
    }
    out.put_u8(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

/// Writes dimensions, whether there are nulls, the items' type, and the items.
pub(super) fn write(list: &ListArray, cells: &Cells<'_>, item: &Type, row: usize, out: &mut BytesMut) -> Result<()> {
    let items = items(list, row);
    let count = i32::try_from(items.len()).map_err(|error| Error::bug("a list is longer than its offsets").caused_by(error))?;
    out.put_i32((count > 0).into());
    out.put_i32(items.clone().any(|item| cells.is_null(item)).into());
    out.put_u32(item.oid());
    if count > 0 {
        out.put_i32(count);
        // Indexes begin at one.
        out.put_i32(1);
    }
    items.into_iter().try_for_each(|item| write_value(cells, item, out))
}
