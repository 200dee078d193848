//! `jaro_winkler`: how alike two texts are.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array};
use arrow::datatypes::DataType;

use super::call::{Call, Declared, Takes};
use crate::error::{Error, Result};
use crate::matching::assign::suggest;

const PRECISION: u8 = 9;
const SCALE: i8 = 6;

pub(super) const DECLARED: Declared = Declared {
    name: "jaro_winkler",
    takes: &[("a", Takes::Text), ("b", Takes::Text)],
    about: "How alike two texts are, by Jaro and Winkler: a decimal from 0 to 1 with six places, exact and cut off, so that \
            scores made of it are the same everywhere. Letters count by case; compare `ref_norm` of texts.",
    gives: || DataType::Decimal128(PRECISION, SCALE),
    call,
};

fn call(call: &Call<'_>) -> Result<ArrayRef> {
    let (a, b) = (call.texts(0)?, call.texts(1)?);
    let alike = call.each(|row| Ok(i128::from(suggest::jaro_winkler(a.value(row), b.value(row)))));
    let alike = Decimal128Array::from(alike?).with_precision_and_scale(PRECISION, SCALE);
    Ok(Arc::new(alike.map_err(|error| Error::bug("a likeness is no decimal").caused_by(error))?))
}
