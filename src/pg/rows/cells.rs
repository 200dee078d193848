//! The values of one column, ready to be written.

use std::io::Write as _;

use arrow::array::{
    Array, ArrowPrimitiveType, AsArray, BinaryViewArray, BooleanArray, ListArray, PrimitiveArray, StringViewArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use bytes::{BufMut, BytesMut};
use postgres_types::{Kind, Type};

use super::{array, interval, numeric, put_whole, time};
use crate::error::{Error, Result};
use crate::pg::frontend::Format;

/// The values of a column, and how they are written.
pub(in crate::pg) struct Cells<'a> {
    array: &'a dyn Array,
    values: Values<'a>,
    format: Format,
}

enum Values<'a> {
    Null,
    Bool(&'a BooleanArray),
    Int2(&'a PrimitiveArray<Int16Type>),
    Int4(&'a PrimitiveArray<Int32Type>),
    Int8(&'a PrimitiveArray<Int64Type>),
    /// The same bits without a sign.
    Oid(&'a PrimitiveArray<Int32Type>),
    Float4(&'a PrimitiveArray<Float32Type>),
    Float8(&'a PrimitiveArray<Float64Type>),
    Numeric(&'a PrimitiveArray<Decimal128Type>, i8),
    LongNumeric(&'a PrimitiveArray<Decimal256Type>, i8),
    Text(&'a StringViewArray),
    Bytes(&'a BinaryViewArray),
    Date(&'a PrimitiveArray<Date32Type>),
    Time(&'a PrimitiveArray<Time64MicrosecondType>),
    Timestamp(&'a PrimitiveArray<TimestampMicrosecondType>, time::Zone),
    Interval(&'a PrimitiveArray<IntervalMonthDayNanoType>),
    List {
        list: &'a ListArray,
        items: Box<Cells<'a>>,
        item: Type,
    },
}

impl<'a> Cells<'a> {
    /// The values of a column that is sent as this type.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when it is not of an Arrow type that is sent.
    pub(super) fn of(array: &'a dyn Array, postgres: &Type, format: Format) -> Result<Self> {
        fn numbers<T: ArrowPrimitiveType>(array: &dyn Array) -> &PrimitiveArray<T> {
            array.as_primitive()
        }
        let values = match array.data_type() {
            DataType::Null => Values::Null,
            DataType::Boolean => Values::Bool(array.as_boolean()),
            DataType::Int16 => Values::Int2(numbers(array)),
            DataType::Int32 if *postgres == Type::OID => Values::Oid(numbers(array)),
            DataType::Int32 => Values::Int4(numbers(array)),
            DataType::Int64 => Values::Int8(numbers(array)),
            DataType::Float32 => Values::Float4(numbers(array)),
            DataType::Float64 => Values::Float8(numbers(array)),
            DataType::Decimal128(_, scale) => Values::Numeric(numbers(array), *scale),
            DataType::Decimal256(_, scale) => Values::LongNumeric(numbers(array), *scale),
            DataType::Utf8View => Values::Text(array.as_string_view()),
            DataType::BinaryView => Values::Bytes(array.as_binary_view()),
            DataType::Date32 => Values::Date(numbers(array)),
            DataType::Time64(TimeUnit::Microsecond) => Values::Time(numbers(array)),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                Values::Timestamp(numbers(array), if zone.is_some() { time::Zone::Utc } else { time::Zone::None })
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => Values::Interval(numbers(array)),
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let item = match postgres.kind() {
                    Kind::Array(item) => item.clone(),
                    _ => return Err(Error::bug("a list is sent as what is no array").with("type", postgres)),
                };
                Values::List { list, items: Box::new(Self::of(list.values().as_ref(), &item, format)?), item }
            }
            other => return Err(Error::bug("a column is of a type that is not sent").with("type", other)),
        };
        Ok(Self { array, values, format })
    }

    pub(in crate::pg) fn is_null(&self, row: usize) -> bool {
        matches!(self.values, Values::Null) || self.array.is_null(row)
    }

    /// Writes a value that is not null.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Decode`] when it is outside of what its type can be.
    pub(in crate::pg) fn write(&self, row: usize, out: &mut BytesMut) -> Result<()> {
        match self.format {
            Format::Text => self.write_text(row, out),
            Format::Binary => self.write_binary(row, out),
        }
    }

    fn write_text(&self, row: usize, out: &mut BytesMut) -> Result<()> {
        match &self.values {
            Values::Null => {}
            Values::Bool(values) => out.put_u8(if values.value(row) { b't' } else { b'f' }),
            Values::Int2(values) => put_whole(values.value(row), 1, out),
            Values::Int4(values) => put_whole(values.value(row), 1, out),
            Values::Int8(values) => put_whole(values.value(row), 1, out),
            Values::Oid(values) => put_whole(values.value(row).cast_unsigned(), 1, out),
            Values::Float4(values) => show_float(&values.value(row), out),
            Values::Float8(values) => show_float(&values.value(row), out),
            Values::Numeric(values, scale) => numeric::show(values.value(row), *scale, out),
            Values::LongNumeric(values, scale) => numeric::show(values.value(row), *scale, out),
            Values::Text(values) => out.put_slice(values.value(row).as_bytes()),
            Values::Bytes(values) => {
                out.put_slice(b"\\x");
                out.put_slice(hex::encode(values.value(row)).as_bytes());
            }
            Values::Date(values) => return time::show_date(values.value(row), out),
            Values::Time(values) => time::show_time(values.value(row), out),
            Values::Timestamp(values, zone) => return time::show_timestamp(values.value(row), *zone, out),
            Values::Interval(values) => interval::show(values.value(row), out),
            Values::List { list, items, .. } => return array::show(list, items, row, out),
        }
        Ok(())
    }

    fn write_binary(&self, row: usize, out: &mut BytesMut) -> Result<()> {
        match &self.values {
            Values::Null => {}
            Values::Bool(values) => out.put_u8(values.value(row).into()),
            Values::Int2(values) => out.put_i16(values.value(row)),
            Values::Int4(values) | Values::Oid(values) => out.put_i32(values.value(row)),
            Values::Int8(values) => out.put_i64(values.value(row)),
            Values::Float4(values) => out.put_f32(values.value(row)),
            Values::Float8(values) => out.put_f64(values.value(row)),
            Values::Numeric(values, scale) => return numeric::write(values.value(row), *scale, out),
            Values::LongNumeric(values, scale) => return numeric::write(values.value(row), *scale, out),
            Values::Text(values) => out.put_slice(values.value(row).as_bytes()),
            Values::Bytes(values) => out.put_slice(values.value(row)),
            Values::Date(values) => out.put_i32(values.value(row).saturating_sub(time::DAYS_TO_2000)),
            Values::Time(values) => out.put_i64(values.value(row)),
            Values::Timestamp(values, _) => out.put_i64(values.value(row).saturating_sub(time::MICROS_TO_2000)),
            Values::Interval(values) => interval::write(values.value(row), out),
            Values::List { list, items, item } => return array::write(list, items, item, row, out),
        }
        Ok(())
    }
}

/// Writes what prints itself as PostgreSQL prints it.
fn show(value: impl std::fmt::Display, out: &mut BytesMut) {
    // Writing to memory cannot fail.
    let _written = write!(out.writer(), "{value}");
}

/// The shortest text that reads as the same number.
fn show_float<F: std::fmt::Display + std::fmt::LowerExp>(value: &F, out: &mut BytesMut) {
    let text = value.to_string();
    match text.as_str() {
        "inf" => out.put_slice(b"Infinity"),
        "-inf" => out.put_slice(b"-Infinity"),
        // What is very large or small is written with its exponent.
        long if long.len() > 24 => show(format_args!("{value:e}"), out),
        short => out.put_slice(short.as_bytes()),
    }
}
