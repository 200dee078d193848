//! `local_date`: which date it is at a place.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array};
use arrow::datatypes::{DataType, Date32Type};
use chrono::DateTime;

use super::call::{Call, Declared, Takes};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::time;

pub(super) const DECLARED: Declared = Declared {
    name: "local_date",
    takes: &[("instant", Takes::Instant), ("zone", Takes::Text)],
    about: "The date that clocks in the zone (`Europe/London`, `+02:00`) show at an instant.",
    gives: || DataType::Date32,
    call,
};

fn call(call: &Call<'_>) -> Result<ArrayRef> {
    let (instants, zones) = (call.instants(0)?, call.texts(1)?);
    // Rows mostly have the zone of the row before.
    let mut last = None;
    let dates = call.each(|row| {
        let name = zones.value(row);
        let zone = match last {
            Some((known, zone)) if known == name => zone,
            _ => time::zone(name).ok_or_else(|| {
                Error::new(ErrorKind::Query, "there is no such zone")
                    .with("zone", name)
                    .hint("write Europe/London, UTC or an offset like +02:00")
            })?,
        };
        last = Some((name, zone));
        let instant = DateTime::from_timestamp_micros(instants.value(row));
        let instant = instant.ok_or_else(|| Error::new(ErrorKind::Query, "an instant is out of the calendar"))?;
        Ok(Date32Type::from_naive_date(instant.with_timezone(&zone).date_naive()))
    });
    Ok(Arc::new(Date32Array::from(dates?)))
}
