//! `floor_minor`: an amount in whole minor units, cut off.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;

use super::call::{Call, Declared, Takes};
use crate::error::Result;

pub(super) const DECLARED: Declared = Declared {
    name: "floor_minor",
    takes: &[("amount", Takes::Amount), ("currency", Takes::Text)],
    about: "The amount in whole minor units of the currency, cut off towards minus infinity, as payouts are: 1302.36938151 EUR \
            is 130236, -0.001 EUR is -1.",
    gives: || DataType::Int64,
    call,
};

fn call(call: &Call<'_>) -> Result<ArrayRef> {
    let (amounts, currencies) = (call.amounts(0)?, call.texts(1)?);
    let minor = call.each(|row| {
        let amount = amounts(row);
        let (units, _) = amount.floor(call.exponent(currencies.value(row))?)?;
        i64::try_from(units).ok().ok_or_else(|| amount.too_large())
    });
    Ok(Arc::new(Int64Array::from(minor?)))
}
