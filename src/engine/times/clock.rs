//! `timezone(zone, time)`, which is `time at time zone zone`: what clocks at a place show at an instant, or the instant at which
//! they show a time.
//!
//! A time that clocks never show, because they are put forward, is read as if they were not yet; one that they show twice,
//! because they are put back, is the later. PostgreSQL does the same.

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::TIMEZONE;
use crate::error::{Error, ErrorKind};
use crate::schema::time;

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Timezone {
    signature: Signature,
}

impl Default for Timezone {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

fn wall() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl ScalarUDFImpl for Timezone {
    fn name(&self) -> &'static str {
        TIMEZONE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [zone, time] if zone.is_string() || zone.is_null() => {
                let time = match time {
                    DataType::Timestamp(_, None) => wall(),
                    // A date is its midnight, a text is a time with its zone or, without one, in UTC.
                    DataType::Timestamp(_, Some(_)) | DataType::Date32 | DataType::Date64 | DataType::Null => instant(),
                    text if text.is_string() => instant(),
                    _ => return Err(misused().into()),
                };
                Ok(vec![DataType::Utf8, time])
            }
            _ => Err(misused().into()),
        }
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        match given {
            [_, DataType::Timestamp(_, None)] => Ok(instant()),
            [_, _] => Ok(wall()),
            _ => Err(misused().into()),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [zones, times] = columns.as_slice() else { return Err(misused().into()) };
        let answer = moved(zones, times)?;
        Ok(ColumnarValue::Array(answer))
    }
}

fn misused() -> Error {
    Error::new(ErrorKind::Query, "at time zone stands between a timestamp or date and the name of a zone")
        .hint("write requested_on at time zone 'Europe/Berlin'")
}

fn moved(zones: &ArrayRef, times: &ArrayRef) -> Result<ArrayRef> {
    let is_instant = matches!(times.data_type(), DataType::Timestamp(_, Some(_)));
    let (zones, times) = (cast(zones, &DataType::Utf8)?, cast(times, &if is_instant { instant() } else { wall() })?);
    // Rows mostly have the zone of the row before.
    let mut last: Option<(&str, Tz)> = None;
    let mut moved = Vec::with_capacity(times.len());
    for (name, micros) in zones.as_string::<i32>().iter().zip(times.as_primitive::<TimestampMicrosecondType>()) {
        let (Some(name), Some(micros)) = (name, micros) else {
            moved.push(None);
            continue;
        };
        let zone = match last {
            Some((known, zone)) if known == name => zone,
            _ => zone(name)?,
        };
        last = Some((name, zone));
        let time = DateTime::from_timestamp_micros(micros).ok_or_else(beyond)?;
        let micros = if is_instant {
            time.with_timezone(&zone).naive_local().and_utc().timestamp_micros()
        } else {
            instant_of(zone, &time.naive_utc()).ok_or_else(beyond)?
        };
        moved.push(Some(micros));
    }
    let micros = TimestampMicrosecondArray::from(moved);
    Ok(Arc::new(if is_instant { micros } else { micros.with_timezone("UTC") }))
}

fn beyond() -> Error {
    Error::new(ErrorKind::Query, "an instant is out of the calendar")
}

/// The zone of a name. One of an offset is refused: `+02:00` is east for some, and west for PostgreSQL.
fn zone(name: &str) -> Result<Tz, Error> {
    let is_offset =
        name.contains(|letter: char| letter.is_ascii_digit()) && !name.starts_with(|first: char| first.is_ascii_alphabetic());
    match time::zone(name) {
        Some(_) if is_offset && !matches!(name.trim(), "+00:00" | "+00" | "-00:00") => {
            Err(Error::new(ErrorKind::Query, "a zone that is an offset is east in ISO 8601 and west in PostgreSQL")
                .with("zone", name)
                .hint("write a zone's name, such as Europe/Berlin or Etc/GMT-2, or add an interval"))
        }
        Some(zone) => Ok(zone),
        None => Err(Error::new(ErrorKind::Query, "there is no such zone")
            .with("zone", name)
            .hint("write a name such as Europe/London or UTC")),
    }
}

/// The instant at which clocks in a zone show a time.
fn instant_of(zone: Tz, shown: &NaiveDateTime) -> Option<i64> {
    match zone.from_local_datetime(shown) {
        LocalResult::Single(instant) | LocalResult::Ambiguous(_, instant) => Some(instant.timestamp_micros()),
        LocalResult::None => {
            // The zone's distance from UTC before its clocks are put forward: the longest such jump was of a day.
            let before = [1, 3, 12, 25, 49].into_iter().find_map(|hours| {
                let earlier = shown.checked_sub_signed(TimeDelta::hours(hours))?;
                zone.from_local_datetime(&earlier).latest()
            })?;
            let east = i64::from(before.offset().fix().local_minus_utc());
            shown.and_utc().timestamp_micros().checked_sub(east * 1_000_000)
        }
    }
}
