//! Values for parameters as JSON has them. A number is taken as it is written, digit by digit, and never as a float.

use datafusion::common::ScalarValue;
use serde_json::value::RawValue;

use crate::engine::number;
use crate::error::{Error, ErrorKind, Result};

/// Reads the values of a statement's parameters.
///
/// # Errors
/// [`ErrorKind::Query`], naming the one that is none.
pub(super) fn read(values: &[&RawValue]) -> Result<Vec<ScalarValue>> {
    (1..).zip(values).map(|(number, value)| read_one(value.get()).map_err(|error| error.with("parameter", number))).collect()
}

fn read_one(text: &str) -> Result<ScalarValue> {
    match text {
        "null" => return Ok(ScalarValue::Null),
        "true" => return Ok(ScalarValue::from(true)),
        "false" => return Ok(ScalarValue::from(false)),
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'"') => {
            let text: String = serde_json::from_str(text).map_err(|error| none("this text is none").caused_by(error))?;
            Ok(ScalarValue::from(text))
        }
        Some(b'[' | b'{') => Err(none("a parameter is a number, a text, true, false or null")),
        // What is written whole and is small enough is an integer, as it is in SQL.
        _ => text.parse::<i64>().map(ScalarValue::from).or_else(|_| number::decimal(text).map_err(Error::from)),
    }
}

/// The value of a setting as text; nothing where it is none that a setting could have.
pub(super) fn text(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(value.get()).ok(),
        Some(b'[' | b'{' | b'n') => None,
        _ => Some(value.get().to_owned()),
    }
}

fn none(message: &'static str) -> Error {
    Error::new(ErrorKind::Query, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Vec<ScalarValue> {
        read(&serde_json::from_str::<Vec<&RawValue>>(json).unwrap()).unwrap()
    }

    #[test]
    fn values_are_taken_exactly_as_they_are_written() {
        assert_eq!(
            of(r#"[null, true, "a\u010d", 7, -0]"#),
            [
                ScalarValue::Null,
                ScalarValue::from(true),
                ScalarValue::from("ač"),
                ScalarValue::from(7_i64),
                ScalarValue::from(0_i64),
            ]
        );
        assert_eq!(
            of("[0.10, 1e2, 9007199254740993.001, 9223372036854775808]"),
            [
                ScalarValue::Decimal128(Some(10), 2, 2),
                ScalarValue::Decimal128(Some(100), 3, 0),
                ScalarValue::Decimal128(Some(9_007_199_254_740_993_001), 19, 3),
                ScalarValue::Decimal128(Some(9_223_372_036_854_775_808), 19, 0),
            ]
        );
    }

    #[test]
    fn what_is_no_value_is_named_by_its_number() {
        for json in ["[1, [2]]", r#"[1, {"a": 2}]"#, "[1, 1e999]"] {
            let error = read(&serde_json::from_str::<Vec<&RawValue>>(json).unwrap()).unwrap_err();
            assert_eq!((error.kind(), error.context("parameter")), (ErrorKind::Query, Some("2")), "{json}");
        }
    }
}
