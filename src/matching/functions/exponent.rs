//! `exponent`: how many decimals a currency has.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;

use super::call::{Call, Declared, Takes};
use crate::error::Result;

pub(super) const DECLARED: Declared = Declared {
    name: "exponent",
    takes: &[("currency", Takes::Text)],
    about: "How many decimals the currency has at Checkout.com, which is not always what ISO 4217 says: 0, 2 or 3.",
    gives: || DataType::Int64,
    call,
};

fn call(call: &Call<'_>) -> Result<ArrayRef> {
    let currencies = call.texts(0)?;
    let exponents = call.each(|row| call.exponent(currencies.value(row)).map(i64::from));
    Ok(Arc::new(Int64Array::from(exponents?)))
}
