//! Numbers as they are written, exact: what callers give as values for parameters.
//!
//! A number keeps as many places as it is written with, so that comparing an amount with one is exact.

use std::fmt;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, i256};
use datafusion::common::ScalarValue;

use crate::error::{Error, ErrorKind};

/// Why a text is no number that can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoNumber {
    /// It is written as none.
    Unreadable,
    /// It has more digits than there is room for.
    TooLong,
}

impl fmt::Display for NoNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "this is no number",
            Self::TooLong => "a number has too many digits",
        })
    }
}

impl From<NoNumber> for Error {
    fn from(why: NoNumber) -> Self {
        Self::new(ErrorKind::Query, why.to_string())
    }
}

/// A number as it is written: digits, at most one point, perhaps an exponent.
///
/// # Errors
/// [`NoNumber`], when it is none or too long.
pub fn decimal(text: &str) -> Result<ScalarValue, NoNumber> {
    let (unsigned, is_negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_wrong| NoNumber::Unreadable)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NoNumber::Unreadable);
    }
    let places = i32::try_from(fraction.len()).ok().and_then(|places| places.checked_sub(exponent));
    let mut scale = places.ok_or(NoNumber::TooLong)?;
    if scale < 0 {
        let zeros = usize::try_from(scale.unsigned_abs()).ok().filter(|zeros| *zeros < 80).ok_or(NoNumber::TooLong)?;
        digits.push_str(&"0".repeat(zeros));
        scale = 0;
    }
    let digits = digits.trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    scaled(is_negative, digits, i8::try_from(scale).map_err(|_long| NoNumber::TooLong)?)
}

/// The decimal of these digits, of which so many stand after the point.
///
/// # Errors
/// [`NoNumber`], when it is none or too long.
pub fn scaled(is_negative: bool, digits: &str, scale: i8) -> Result<ScalarValue, NoNumber> {
    let text = if is_negative { format!("-{digits}") } else { digits.to_owned() };
    let precision = digits.len().max(scale.unsigned_abs().into()).max(1);
    let precision = u8::try_from(precision).map_err(|_long| NoNumber::TooLong)?;
    if precision <= DECIMAL128_MAX_PRECISION {
        let value = text.parse().map_err(|_wrong| NoNumber::TooLong)?;
        return Ok(ScalarValue::Decimal128(Some(value), precision, scale));
    }
    let value = i256::from_string(&text).filter(|_| precision <= DECIMAL256_MAX_PRECISION).ok_or(NoNumber::TooLong)?;
    Ok(ScalarValue::Decimal256(Some(value), precision, scale))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;

    use super::*;

    #[test]
    fn numbers_are_taken_exactly_as_they_are_written() {
        assert_eq!(decimal("12.3456"), Ok(ScalarValue::Decimal128(Some(123_456), 6, 4)));
        assert_eq!(decimal("-0.50"), Ok(ScalarValue::Decimal128(Some(-50), 2, 2)));
        assert_eq!(decimal("1e3"), Ok(ScalarValue::Decimal128(Some(1000), 4, 0)));
        assert_eq!(decimal("2.5E-3"), Ok(ScalarValue::Decimal128(Some(25), 4, 4)));
        let long = "123456789012345678901234567890123456789.5";
        assert_eq!(decimal(long).unwrap().data_type(), DataType::Decimal256(40, 1));
    }

    #[test]
    fn what_is_no_number_or_too_long_is_refused() {
        for none in ["", "-", ".", "1.2.3", "0x1", "1e", "NaN"] {
            assert_eq!(decimal(none), Err(NoNumber::Unreadable), "{none}");
        }
        for long in ["1e90", "1e-200", &"1".repeat(77)] {
            assert_eq!(decimal(long), Err(NoNumber::TooLong), "{long}");
        }
    }
}
