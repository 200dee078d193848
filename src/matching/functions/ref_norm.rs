//! `ref_norm`: a text as references are compared.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;

use super::call::{Call, Declared, Takes};
use super::norm::norm;
use crate::error::Result;

pub(super) const DECLARED: Declared = Declared {
    name: "ref_norm",
    takes: &[("text", Takes::Text)],
    about: "The letters and digits of a text, in capitals and without marks, so that references can be compared: `Inv. 7-é` is `INV7E`; null where it has none.",
    gives: || DataType::Utf8,
    call,
};

fn call(call: &Call<'_>) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let normed = call.each(|row| Ok(Some(norm(texts.value(row))).filter(|text| !text.is_empty())))?;
    Ok(Arc::new(normed.into_iter().map(Option::flatten).collect::<StringArray>()))
}
