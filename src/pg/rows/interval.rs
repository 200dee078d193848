//! Spans of time: as text in PostgreSQL's `IntervalStyle` of that name, in binary as microseconds, days and months.

use std::io::Write as _;

use arrow::datatypes::IntervalMonthDayNano;
use bytes::{BufMut, BytesMut};

use super::time::put_clock;

pub(super) fn write(value: IntervalMonthDayNano, out: &mut BytesMut) {
    out.put_i64(value.nanoseconds / 1000);
    out.put_i32(value.days);
    out.put_i32(value.months);
}

pub(super) fn show(value: IntervalMonthDayNano, out: &mut BytesMut) {
    let start = out.len();
    let parts = [(value.months / 12, "year"), (value.months % 12, "mon"), (value.days, "day")];
    for (count, name) in parts.into_iter().filter(|(count, _)| *count != 0) {
        let space = if out.len() > start { " " } else { "" };
        let plural = if count == 1 { "" } else { "s" };
        // Writing to memory cannot fail.
        let _written = write!(out.writer(), "{space}{count} {name}{plural}");
    }
    let micros = value.nanoseconds / 1000;
    if micros != 0 || out.len() == start {
        let space = if out.len() > start { " " } else { "" };
        out.put_slice(space.as_bytes());
        if micros < 0 {
            out.put_u8(b'-');
        }
        let micros = i64::try_from(micros.unsigned_abs()).unwrap_or(i64::MAX);
        let seconds = micros / 1_000_000;
        put_clock(seconds / 3600, seconds / 60 % 60, seconds % 60, micros % 1_000_000, out);
    }
}
