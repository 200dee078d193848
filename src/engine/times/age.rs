//! `age(later, earlier)`: the years, months and days between two times, as people count them.

use std::sync::Arc;

use arrow::array::{AsArray, IntervalMonthDayNanoArray};
use arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalUnit, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, Datelike, NaiveDateTime, Timelike};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use crate::error::{Error, ErrorKind};

const DAY_MICROS: i64 = 86_400_000_000;

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Age {
    signature: Signature,
}

impl Default for Age {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Age {
    fn name(&self) -> &'static str {
        "age"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let is_time = |given: &DataType| {
            matches!(given, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null) || given.is_string()
        };
        if given.len() != 2 || !given.iter().all(is_time) {
            let error = Error::new(ErrorKind::Query, "age is between two timestamps or dates, or of one");
            return Err(error.hint("write age(later, earlier)").into());
        }
        // What has a zone is in UTC.
        Ok(vec![DataType::Timestamp(TimeUnit::Microsecond, None); 2])
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(DataType::Interval(IntervalUnit::MonthDayNano))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [laters, earliers] = columns.as_slice() else { return Err(Error::bug("age lacks a time").into()) };
        let times =
            laters.as_primitive::<TimestampMicrosecondType>().iter().zip(earliers.as_primitive::<TimestampMicrosecondType>());
        let ages = times.map(|times| match times {
            (Some(later), Some(earlier)) => between(later, earlier).map(Some),
            _ => Ok(None),
        });
        let ages = ages.collect::<Result<IntervalMonthDayNanoArray, Error>>()?;
        Ok(ColumnarValue::Array(Arc::new(ages)))
    }
}

fn between(one: i64, other: i64) -> Result<IntervalMonthDayNano, Error> {
    let beyond = || Error::new(ErrorKind::Query, "an instant is out of the calendar");
    let time = |micros: i64| DateTime::from_timestamp_micros(micros).map(|time| time.naive_utc());
    let (earlier, later) = (time(one.min(other)).ok_or_else(beyond)?, time(one.max(other)).ok_or_else(beyond)?);
    let of_day =
        |time: &NaiveDateTime| i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(time.nanosecond() / 1000);
    let mut micros = of_day(&later) - of_day(&earlier);
    let mut days = i64::from(later.day()) - i64::from(earlier.day());
    let months_of = |time: &NaiveDateTime| i64::from(time.year()) * 12 + i64::from(time.month0());
    let mut months = months_of(&later) - months_of(&earlier);
    if micros < 0 {
        (micros, days) = (micros + DAY_MICROS, days - 1);
    }
    while days < 0 {
        // Days that a month lacks are those of the month of the earlier.
        (days, months) = (days + i64::from(earlier.num_days_in_month()), months - 1);
    }
    let sign = if one < other { -1 } else { 1 };
    let small = |number: i64| i32::try_from(sign * number).map_err(|_huge| beyond());
    Ok(IntervalMonthDayNano { months: small(months)?, days: small(days)?, nanoseconds: sign * micros * 1000 })
}
