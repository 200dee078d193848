//! Dates and times: as text in ISO 8601, as PostgreSQL's `DateStyle` of that name; in binary counted from 2000.

use bytes::{BufMut, BytesMut};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike};

use super::put_whole;
use crate::error::{Error, ErrorKind, Result};

/// Days from 1970 to 2000.
pub(in crate::pg) const DAYS_TO_2000: i32 = 10_957;
/// Microseconds from 1970 to 2000.
pub(in crate::pg) const MICROS_TO_2000: i64 = 946_684_800_000_000;

/// Whether a time says where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    None,
    Utc,
}

pub(super) fn show_date(days: i32, out: &mut BytesMut) -> Result<()> {
    let date = NaiveDate::default().checked_add_signed(TimeDelta::days(days.into())).ok_or_else(outside)?;
    put_date(date, out);
    put_era(date, out);
    Ok(())
}

pub(super) fn show_time(micros: i64, out: &mut BytesMut) {
    let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    put_clock(seconds / 3600, seconds / 60 % 60, seconds % 60, micros, out);
}

pub(super) fn show_timestamp(micros: i64, zone: Zone, out: &mut BytesMut) -> Result<()> {
    let time: NaiveDateTime = DateTime::from_timestamp_micros(micros).ok_or_else(outside)?.naive_utc();
    put_date(time.date(), out);
    out.put_u8(b' ');
    let micros = i64::from(time.nanosecond() / 1000);
    put_clock(time.hour().into(), time.minute().into(), time.second().into(), micros, out);
    if zone == Zone::Utc {
        out.put_slice(b"+00");
    }
    put_era(time.date(), out);
    Ok(())
}

/// Hours, minutes, seconds, and of microseconds what is not zero at their end.
pub(super) fn put_clock(hours: i64, minutes: i64, seconds: i64, micros: i64, out: &mut BytesMut) {
    put_whole(hours, 2, out);
    out.put_u8(b':');
    put_whole(minutes, 2, out);
    out.put_u8(b':');
    put_whole(seconds, 2, out);
    if micros != 0 {
        out.put_u8(b'.');
        let (mut shown, mut digits) = (micros, 6);
        while shown % 10 == 0 {
            (shown, digits) = (shown / 10, digits - 1);
        }
        put_whole(shown, digits, out);
    }
}

fn put_date(date: NaiveDate, out: &mut BytesMut) {
    let (_, year) = date.year_ce();
    put_whole(year, 4, out);
    out.put_u8(b'-');
    put_whole(date.month(), 2, out);
    out.put_u8(b'-');
    put_whole(date.day(), 2, out);
}

fn put_era(date: NaiveDate, out: &mut BytesMut) {
    if !date.year_ce().0 {
        out.put_slice(b" BC");
    }
}

fn outside() -> Error {
    Error::new(ErrorKind::Decode, "a time is outside of what a calendar has")
}
