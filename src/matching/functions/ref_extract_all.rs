//! `ref_extract_all`: all references of a kind that a text holds.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use arrow::datatypes::{DataType, Field};

use super::call::{Call, Declared, Takes};
use super::extract::{Kind, extract};
use crate::error::Result;

pub(super) const DECLARED: Declared = Declared {
    name: "ref_extract_all",
    takes: &[("text", Takes::Text), ("kind", Takes::Text)],
    about: "All references of a kind that a text holds, each once and in order, as a list; the kinds are those of `ref_extract`.",
    gives: || DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
    call,
};

fn call(call: &Call<'_>) -> Result<ArrayRef> {
    let (texts, kinds) = (call.texts(0)?, call.texts(1)?);
    let all = call.each(|row| Ok(extract(texts.value(row), Kind::named(kinds.value(row))?)))?;
    let mut lists = ListBuilder::new(StringBuilder::new());
    for found in all {
        match found {
            Some(found) => lists.append_value(found.into_iter().map(Some)),
            None => lists.append_null(),
        }
    }
    Ok(Arc::new(lists.finish()))
}
