//! `add_business_days`: the date so many business days later.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array};
use arrow::datatypes::DataType;

use super::call::{Call, Declared, Takes};
use crate::error::{Error, ErrorKind, Result};

pub(super) const DECLARED: Declared = Declared {
    name: "add_business_days",
    takes: &[("date", Takes::Day), ("n", Takes::Whole), ("calendar", Takes::Text)],
    about: "The `n`-th business day of the calendar after the date, or before it when `n` is negative; with 0 the date itself, \
            also on a weekend. `d between a and add_business_days(a, 2, 'UK')` is right for all days.",
    gives: || DataType::Date32,
    call,
};

fn call(call: &Call<'_>) -> Result<ArrayRef> {
    let (dates, steps, calendars) = (call.days(0)?, call.wholes(1)?, call.texts(2)?);
    let days = call.each(|row| {
        let refuse = || Error::new(ErrorKind::Query, "too many business days").with("n", steps.value(row));
        let n = i32::try_from(steps.value(row)).ok().ok_or_else(refuse)?;
        call.conventions.calendars.get(calendars.value(row))?.add(dates.value(row), n)
    });
    Ok(Arc::new(Date32Array::from(days?)))
}
