//! The text of a cell to the type its column is declared with.
//!
//! Digits are read as digits; no float is involved. What cannot be read is refused with the reason: no thousands
//! separators, no exponents, nothing rounded.

use crate::money::{DECIMAL_PRECISION, DECIMAL_SCALE, parse_decimal};
use crate::schema::builders::Values;
use crate::schema::grammar::Form;
use crate::schema::scan::Raw;
use crate::schema::time;
use crate::schema::value::{self, NOT_DATE, NOT_DECIMAL, NOT_INSTANT, NOT_LOCAL, Why};

/// What a mantissa with so few decimals is multiplied with, by their number.
const FACTORS: [i128; 9] = [100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
/// Digits that fit an `i64` whatever they are.
const SMALL: usize = 18;

/// Appends the value of a text that is not empty.
#[inline]
pub(super) fn append(values: &mut Values, text: &str) -> Result<(), Why> {
    match values {
        Values::Text(values) | Values::Json(values) => values.append_value(text),
        Values::Word(values, words) => values.append_value(value::word(text, words)),
        Values::Flag(values) => values.append_value(flag(text)?),
        Values::Int(values) => values.append_value(value::whole(Raw { text, form: Form::Number })?),
        Values::Decimal(values) => values.append_value(decimal(text)?),
        Values::Time(values) => values.append_value(time::parse(text).ok_or(NOT_INSTANT)?),
        Values::LocalTime(values) => values.append_value(time::parse_local(text).ok_or(NOT_LOCAL)?),
        Values::Date(values) => values.append_value(time::parse_date(text).ok_or(NOT_DATE)?),
        // The last two are filled at the end, and a decoder with one of the first two is never made.
        Values::Minor(..) | Values::Major(..) | Values::Account | Values::FetchedAt => {}
    }
    Ok(())
}

/// A truth: how reports print it is not documented.
fn flag(text: &str) -> Result<bool, Why> {
    match text {
        _ if text.eq_ignore_ascii_case("yes") || text == "1" => Ok(true),
        _ if text.eq_ignore_ascii_case("no") || text == "0" => Ok(false),
        _ => value::flag(Raw { text, form: Form::Bool }),
    }
}

/// A decimal of up to eight places, as its mantissa.
#[inline]
pub(super) fn decimal(text: &str) -> Result<i128, Why> {
    if let Some(mantissa) = small(text.as_bytes()) {
        return Ok(mantissa);
    }
    if text.contains(['e', 'E']) {
        return Err(NOT_DECIMAL);
    }
    parse_decimal(text, DECIMAL_PRECISION, DECIMAL_SCALE).map_err(|error| error.message().to_owned().into())
}

/// The mantissa, if it is as short as nearly all are and nothing is wrong with it.
#[inline]
fn small(text: &[u8]) -> Option<i128> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if !(1..=SMALL).contains(&digits.len()) || digits == b"." {
        return None;
    }
    let mut mantissa = 0_i64;
    let mut point = None;
    for (index, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => mantissa = mantissa * 10 + i64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(index),
            _ => return None,
        }
    }
    let decimals = point.map_or(0, |point| digits.len() - point - 1);
    let mantissa = i128::from(mantissa) * FACTORS.get(decimals)?;
    Some(if negative { -mantissa } else { mantissa })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_to_the_last_digit() {
        for (text, mantissa) in [
            ("-0.01349386", -1_349_386),
            ("1234.5", 123_450_000_000),
            ("+1", 100_000_000),
            (".5", 50_000_000),
            ("5.", 500_000_000),
            ("-0", 0),
            ("999999999999999999", 99_999_999_999_999_999_900_000_000),
            ("123456789012345678901234567890.12345678", 12_345_678_901_234_567_890_123_456_789_012_345_678),
        ] {
            assert_eq!(decimal(text), Ok(mantissa), "{text}");
        }
    }

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for (text, why) in [
            ("1,234.5", "not a decimal"),
            ("1e2", "not a decimal"),
            ("1E-2", "not a decimal"),
            ("1.2.3", "not a decimal"),
            (".", "not a decimal"),
            ("-", "not a decimal"),
            ("--1", "not a decimal"),
            ("1 000", "not a decimal"),
            ("£1", "not a decimal"),
            ("NaN", "not a decimal"),
            ("0.123456789", "more decimals than the column has; nothing is rounded"),
            ("1234567890123456789012345678901", "too many digits"),
        ] {
            assert_eq!(decimal(text), Err(why.into()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_decimal_comes_back_as_it_was_written(mantissa in -(10_i128.pow(28) - 1)..10_i128.pow(28)) {
            let text = rust_decimal::Decimal::from_i128_with_scale(mantissa, DECIMAL_SCALE).to_string();
            prop_assert_eq!(decimal(&text), Ok(mantissa));
        }

        #[test]
        fn the_short_way_says_what_the_long_way_says(text in "[-+]?[0-9.,e]{0,20}") {
            if let Some(mantissa) = small(text.as_bytes()) {
                prop_assert_eq!(parse_decimal(&text, DECIMAL_PRECISION, DECIMAL_SCALE).ok(), Some(mantissa));
            }
        }
    }
}
