//! `business_days`: how many business days lie between two dates.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;

use super::call::{Call, Declared, Takes};
use crate::error::Result;

pub(super) const DECLARED: Declared = Declared {
    name: "business_days",
    takes: &[("from", Takes::Day), ("to", Takes::Day), ("calendar", Takes::Text)],
    about: "How many business days of the calendar (`TARGET2`, `UK`, `US_FED`, `WEEKENDS`) there are after `from`, up to and \
            with `to`; backwards as many, negative.",
    gives: || DataType::Int64,
    call,
};

fn call(call: &Call<'_>) -> Result<ArrayRef> {
    let (from, to, calendars) = (call.days(0)?, call.days(1)?, call.texts(2)?);
    let days = call.each(|row| {
        let calendar = call.conventions.calendars.get(calendars.value(row))?;
        calendar.business_days(from.value(row), to.value(row)).map(i64::from)
    });
    Ok(Arc::new(Int64Array::from(days?)))
}
