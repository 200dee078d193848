//! `amount_minor`: an amount in minor units, exactly or an error.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;

use super::call::{Call, Declared, Takes};
use crate::error::{Error, ErrorKind, Result};

pub(super) const DECLARED: Declared = Declared {
    name: "amount_minor",
    takes: &[("amount", Takes::Amount), ("currency", Takes::Text)],
    about: "The amount in minor units of the currency, as a whole number. An error when it has digits beyond them: nothing is \
            rounded.",
    gives: || DataType::Int64,
    call,
};

fn call(call: &Call<'_>) -> Result<ArrayRef> {
    let (amounts, currencies) = (call.amounts(0)?, call.texts(1)?);
    let minor = call.each(|row| {
        let (amount, currency) = (amounts(row), currencies.value(row));
        let (units, is_exact) = amount.floor(call.exponent(currency)?)?;
        if !is_exact {
            return Err(Error::new(ErrorKind::Query, "an amount has digits beyond the minor units of its currency")
                .with("amount", amount)
                .with("currency", currency)
                .hint("floor_minor(amount, currency) cuts them off"));
        }
        i64::try_from(units).ok().ok_or_else(|| amount.too_large())
    });
    Ok(Arc::new(Int64Array::from(minor?)))
}
