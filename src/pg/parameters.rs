//! Values that clients give for parameters: text or binary of PostgreSQL's types, as scalars of Arrow's.
//!
//! Numbers with a point stay decimals of as many places as they are given with, so that comparing an amount with one is
//! exact.

use std::sync::Arc;

use arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, IntervalMonthDayNano};
use bytes::{Buf, Bytes};
use datafusion::common::ScalarValue;
use postgres_types::{Kind, Type};

use super::failure::Failure;
use super::frontend::{Format, Reader};
use super::rows::{DAYS_TO_2000, Digits, MICROS_TO_2000, read_numeric};
use super::types;
use crate::engine::meaning::{NoList, items};
use crate::engine::number::{self, NoNumber};

/// Reads a value.
///
/// # Errors
/// A failure when it is not written as one of its type.
pub(super) fn read(value: Option<Bytes>, postgres: &Type, format: Format) -> Result<ScalarValue, Failure> {
    let Some(value) = value else { return null(postgres) };
    match (postgres.kind(), format) {
        (Kind::Array(item), Format::Binary) => binary_array(value, item),
        (Kind::Array(item), Format::Text) => text_array(&text(value)?, item),
        (_, Format::Binary) => binary(value, postgres),
        (_, Format::Text) => of_text(&text(value)?, postgres),
    }
}

/// No value of a type.
pub(super) fn null(postgres: &Type) -> Result<ScalarValue, Failure> {
    let data_type = match postgres.kind() {
        Kind::Array(item) => types::of_parameter(item).map(|item| DataType::new_list(item, true)),
        _ => types::of_parameter(postgres),
    };
    Ok(data_type.map_or(Ok(ScalarValue::Utf8(None)), |data_type| ScalarValue::try_from(&data_type)).unwrap_or(ScalarValue::Null))
}

fn wrong(postgres: &Type) -> Failure {
    Failure::new("22P03", format!("a parameter is not written as one of type {postgres}"))
}

fn text(value: Bytes) -> Result<String, Failure> {
    String::from_utf8(value.into()).map_err(|_invalid| Failure::new("22021", "a parameter is not UTF-8"))
}

fn of_text(text: &str, postgres: &Type) -> Result<ScalarValue, Failure> {
    let word = text.trim();
    let invalid = || Failure::new("22P02", format!("a parameter is no value of type {postgres}"));
    match *postgres {
        Type::BOOL => match word.to_lowercase().as_str() {
            "t" | "true" | "y" | "yes" | "on" | "1" => Ok(ScalarValue::from(true)),
            "f" | "false" | "n" | "no" | "off" | "0" => Ok(ScalarValue::from(false)),
            _ => Err(invalid()),
        },
        Type::NUMERIC => decimal(word),
        Type::OID => word.parse::<u32>().map(|oid| ScalarValue::from(oid.cast_signed())).map_err(|_invalid| invalid()),
        Type::BYTEA => {
            let bytes = word.strip_prefix("\\x").and_then(|digits| hex::decode(digits).ok());
            bytes.map(|bytes| ScalarValue::Binary(Some(bytes))).ok_or_else(invalid)
        }
        Type::INTERVAL => {
            let span: IntervalMonthDayNano = parse_interval_month_day_nano(word).map_err(|_invalid| invalid())?;
            Ok(ScalarValue::IntervalMonthDayNano(Some(span)))
        }
        _ => match types::of_parameter(postgres) {
            None | Some(DataType::Utf8) => Ok(ScalarValue::from(text)),
            Some(data_type) => {
                let value = ScalarValue::from(word).cast_to(&data_type).map_err(|_invalid| invalid())?;
                if value.is_null() { Err(invalid()) } else { Ok(value) }
            }
        },
    }
}

fn binary(value: Bytes, postgres: &Type) -> Result<ScalarValue, Failure> {
    let length = value.len();
    let mut bytes = value.clone();
    let sized = |size: usize| if length == size { Ok(()) } else { Err(wrong(postgres)) };
    Ok(match *postgres {
        Type::BOOL => {
            sized(1)?;
            ScalarValue::from(bytes.get_u8() != 0)
        }
        Type::INT2 => {
            sized(2)?;
            ScalarValue::from(bytes.get_i16())
        }
        Type::INT4 | Type::OID => {
            sized(4)?;
            ScalarValue::from(bytes.get_i32())
        }
        Type::INT8 => {
            sized(8)?;
            ScalarValue::from(bytes.get_i64())
        }
        Type::FLOAT4 => {
            sized(4)?;
            ScalarValue::from(bytes.get_f32())
        }
        Type::FLOAT8 => {
            sized(8)?;
            ScalarValue::from(bytes.get_f64())
        }
        Type::NUMERIC => {
            let (Digits { is_negative, digits }, scale) = read_numeric(value)?;
            number::scaled(is_negative, &digits, scale).map_err(no_number)?
        }
        Type::DATE => {
            sized(4)?;
            ScalarValue::Date32(Some(bytes.get_i32().checked_add(DAYS_TO_2000).ok_or_else(|| wrong(postgres))?))
        }
        Type::TIME => {
            sized(8)?;
            ScalarValue::Time64Microsecond(Some(bytes.get_i64()))
        }
        Type::TIMESTAMP | Type::TIMESTAMPTZ => {
            sized(8)?;
            let micros = bytes.get_i64().checked_add(MICROS_TO_2000).ok_or_else(|| wrong(postgres))?;
            let zone = (*postgres == Type::TIMESTAMPTZ).then(|| Arc::from("UTC"));
            ScalarValue::TimestampMicrosecond(Some(micros), zone)
        }
        Type::INTERVAL => {
            sized(16)?;
            let nanoseconds = bytes.get_i64().checked_mul(1000).ok_or_else(|| wrong(postgres))?;
            let (days, months) = (bytes.get_i32(), bytes.get_i32());
            ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano { months, days, nanoseconds }))
        }
        Type::BYTEA => ScalarValue::Binary(Some(value.into())),
        Type::UUID => {
            sized(16)?;
            let digits = hex::encode(&value);
            let (parts, _) = [8, 4, 4, 4, 12].iter().fold((Vec::new(), digits.as_str()), |(mut parts, rest), length| {
                let (part, rest) = rest.split_at(*length);
                parts.push(part);
                (parts, rest)
            });
            ScalarValue::from(parts.join("-"))
        }
        // Its version comes first.
        Type::JSONB => ScalarValue::from(text(value.slice(length.min(1)..))?),
        _ => ScalarValue::from(text(value)?),
    })
}

fn binary_array(value: Bytes, item: &Type) -> Result<ScalarValue, Failure> {
    let mut reader = Reader(value);
    let (dimensions, _has_nulls, _item) = (reader.i32()?, reader.i32()?, reader.u32()?);
    let count = match dimensions {
        0 => 0,
        1 => reader.i32()?,
        _ => return Err(Failure::new("0A000", "arrays of more than one dimension are not taken as parameters")),
    };
    if dimensions == 1 {
        reader.i32()?;
    }
    let items = (0..count).map(|_| read(reader.value()?, item, Format::Binary));
    list(items.collect::<Result<_, _>>()?, item)
}

/// Reads `{1,NULL,"a \"b\""}`.
fn text_array(text: &str, item: &Type) -> Result<ScalarValue, Failure> {
    let items = items(text).map_err(|why| match why {
        NoList::Unbraced => Failure::new("22P02", "a parameter is no array"),
        NoList::Nested => Failure::new("0A000", "arrays of more than one dimension are not taken as parameters"),
    })?;
    let items = items.into_iter().map(|word| read(word.map(Bytes::from), item, Format::Text)).collect::<Result<Vec<_>, _>>()?;
    list(items, item)
}

fn list(items: Vec<ScalarValue>, item: &Type) -> Result<ScalarValue, Failure> {
    // Decimals have the places of the one that has most.
    let wanted = items
        .iter()
        .map(ScalarValue::data_type)
        .reduce(|one, other| wider(one, &other))
        .or_else(|| types::of_parameter(item))
        .unwrap_or(DataType::Utf8);
    let cannot = |_error| wrong(item);
    let items = items.into_iter().map(|value| value.cast_to(&wanted).map_err(cannot)).collect::<Result<Vec<_>, _>>()?;
    Ok(ScalarValue::List(ScalarValue::new_list_nullable(&items, &wanted)))
}

fn wider(one: DataType, other: &DataType) -> DataType {
    match (&one, other) {
        (DataType::Decimal128(_, a), DataType::Decimal128(_, b)) => DataType::Decimal128(DECIMAL128_MAX_PRECISION, (*a).max(*b)),
        (DataType::Decimal128(_, a) | DataType::Decimal256(_, a), DataType::Decimal128(_, b) | DataType::Decimal256(_, b)) => {
            DataType::Decimal256(DECIMAL256_MAX_PRECISION, (*a).max(*b))
        }
        _ => one,
    }
}

/// A number as it is written, exact.
fn decimal(text: &str) -> Result<ScalarValue, Failure> {
    number::decimal(text).map_err(no_number)
}

fn no_number(why: NoNumber) -> Failure {
    match why {
        NoNumber::Unreadable => Failure::new("22P02", "a parameter is no value of type numeric"),
        NoNumber::TooLong => Failure::new("22003", "a numeric parameter has too many digits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, postgres: &Type) -> ScalarValue {
        read(Some(Bytes::copy_from_slice(text.as_bytes())), postgres, Format::Text).unwrap()
    }

    #[test]
    fn numbers_are_taken_exactly_as_they_are_written() {
        assert_eq!(of(" 12.3456 ", &Type::NUMERIC), ScalarValue::Decimal128(Some(123_456), 6, 4));
        for (none, state) in [("1.2.3", "22P02"), ("NaN", "22P02"), ("1e90", "22003")] {
            let failure = read(Some(Bytes::from(none)), &Type::NUMERIC, Format::Text).unwrap_err();
            assert_eq!(failure.sqlstate(), state, "{none}");
        }
    }

    #[test]
    fn times_are_taken_with_and_without_a_zone() {
        let micros = 1_767_323_045_500_000;
        assert_eq!(
            of("2026-01-02 03:04:05.5+00", &Type::TIMESTAMPTZ),
            ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()))
        );
        let binary = Bytes::copy_from_slice(&(micros - MICROS_TO_2000).to_be_bytes());
        assert_eq!(
            read(Some(binary), &Type::TIMESTAMP, Format::Binary).unwrap(),
            ScalarValue::TimestampMicrosecond(Some(micros), None)
        );
    }

    #[test]
    fn arrays_are_taken_in_both_ways() {
        let expected = ScalarValue::List(ScalarValue::new_list_nullable(
            &[ScalarValue::from("a"), ScalarValue::Utf8(None), ScalarValue::from("b \"c\", d")],
            &DataType::Utf8,
        ));
        assert_eq!(of(r#"{a,NULL,"b \"c\", d"}"#, &Type::TEXT_ARRAY), expected);
        let mut bytes: Vec<u8> = [1, 0, 23, 2, 1, 4, 7, -1].into_iter().flat_map(i32::to_be_bytes).collect();
        let numbers = read(Some(bytes.clone().into()), &Type::INT4_ARRAY, Format::Binary).unwrap();
        let expected = [ScalarValue::Int32(Some(7)), ScalarValue::Int32(None)];
        assert_eq!(numbers, ScalarValue::List(ScalarValue::new_list_nullable(&expected, &DataType::Int32)));
        bytes.truncate(20);
        assert!(read(Some(bytes.into()), &Type::INT4_ARRAY, Format::Binary).is_err());
    }

    #[test]
    fn a_value_of_another_length_is_refused() {
        for postgres in [Type::BOOL, Type::INT4, Type::TIMESTAMPTZ, Type::UUID, Type::NUMERIC, Type::INTERVAL] {
            assert!(read(Some(Bytes::from_static(b"abc")), &postgres, Format::Binary).is_err(), "{postgres}");
        }
    }
}
