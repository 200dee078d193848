//! `ref_fold`: a text as references look.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;

use super::call::{Call, Declared, Takes};
use super::norm::alike;
use crate::error::Result;

pub(super) const DECLARED: Declared = Declared {
    name: "ref_fold",
    takes: &[("text", Takes::Text)],
    about: "`ref_norm`, where letters that are mistaken for digits are those: O is 0, I and L are 1. Equal only means alike: it may suggest, and is no reason to match.",
    gives: || DataType::Utf8,
    call,
};

fn call(call: &Call<'_>) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let folded = call.each(|row| Ok(Some(alike(texts.value(row))).filter(|text| !text.is_empty())))?;
    Ok(Arc::new(folded.into_iter().map(Option::flatten).collect::<StringArray>()))
}
