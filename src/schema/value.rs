//! One JSON value, as it is written, to the type its column is declared with.
//!
//! The vendor's types drift: numbers come as strings and strings as numbers, and both are taken. Digits are read as
//! digits; no float is involved. What cannot be read is refused with the reason, never guessed at.

use std::borrow::Cow;

use super::decode::AssumedUnit;
use super::fields;
use super::grammar::Form;
use super::scan::Raw;
use super::time;
use crate::money::{DECIMAL_PRECISION, DECIMAL_SCALE, Exponents, parse_decimal};

/// Why a value cannot be read.
pub(super) type Why = Cow<'static, str>;

const NOT_TEXT: Why = Cow::Borrowed("not a text: an escape in it stands for no character");
pub(super) const NOT_WHOLE: Why = Cow::Borrowed("not a whole number");
pub(super) const NOT_FLAG: Why = Cow::Borrowed("not true or false");
pub(super) const NOT_INSTANT: Why = Cow::Borrowed("not an instant");
pub(super) const NOT_LOCAL: Why = Cow::Borrowed("not a date and time without a zone");
pub(super) const NOT_DATE: Why = Cow::Borrowed("not a date");
pub(super) const NOT_DECIMAL: Why = Cow::Borrowed("not a decimal");
const NOT_MINOR: Why = Cow::Borrowed("not whole in minor units");
const NO_CURRENCY: Why = Cow::Borrowed("its currency is missing");

/// The text of a string, or anything else as it is written.
#[inline]
pub(super) fn text(raw: Raw<'_>) -> Result<Cow<'_, str>, Why> {
    match raw.form {
        Form::Plain => Ok(Cow::Borrowed(raw.text.get(1..raw.text.len().saturating_sub(1)).unwrap_or_default())),
        Form::Escaped => match serde_json::from_str(raw.text) {
            Ok(text) => Ok(Cow::Owned(text)),
            // serde_json's reason is dropped: it is always a surrogate without its other half.
            Err(_) => Err(NOT_TEXT),
        },
        _ => Ok(Cow::Borrowed(raw.text)),
    }
}

/// The word of the list that this is, whatever its case and whether its parts are joined by `_` or a space.
pub(super) fn word<'a>(text: &'a str, words: &'static [&'static str]) -> &'a str {
    words.iter().copied().find(|word| fields::is_word(text, word)).unwrap_or(text)
}

/// A boolean.
pub(super) fn flag(raw: Raw<'_>) -> Result<bool, Why> {
    let text = text(raw)?;
    match text.as_ref() {
        _ if matches!(raw.form, Form::Number | Form::Array | Form::Object) => Err(NOT_FLAG),
        text if text.eq_ignore_ascii_case("true") => Ok(true),
        text if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(NOT_FLAG),
    }
}

/// A whole number; `12.0` is one.
#[inline]
pub(super) fn whole(raw: Raw<'_>) -> Result<i64, Why> {
    let digits = digits(raw).ok_or(NOT_WHOLE)?;
    if let Ok(number) = digits.parse() {
        return Ok(number);
    }
    parse_decimal(digits, DECIMAL_PRECISION, 0).ok().and_then(|number| i64::try_from(number).ok()).ok_or(NOT_WHOLE)
}

/// A decimal of up to eight places, as its mantissa.
pub(super) fn decimal(raw: Raw<'_>) -> Result<i128, Why> {
    let digits = digits(raw).ok_or(NOT_DECIMAL)?;
    parse_decimal(digits, DECIMAL_PRECISION, DECIMAL_SCALE).map_err(|error| error.message().to_owned().into())
}

/// An instant, in microseconds since 1970.
#[inline]
pub(super) fn instant(raw: Raw<'_>) -> Result<i64, Why> {
    moment(raw, time::parse, NOT_INSTANT)
}

/// A local time, in microseconds since 1970 by the same clock.
pub(super) fn local_time(raw: Raw<'_>) -> Result<i64, Why> {
    moment(raw, time::parse_local, NOT_LOCAL)
}

/// A date, in days since 1970.
pub(super) fn date(raw: Raw<'_>) -> Result<i32, Why> {
    moment(raw, time::parse_date, NOT_DATE)
}

#[inline]
fn moment<T>(raw: Raw<'_>, parse: fn(&str) -> Option<T>, why: Why) -> Result<T, Why> {
    match raw.form {
        Form::Plain | Form::Escaped => parse(&text(raw)?).ok_or(why),
        _ => Err(why),
    }
}

/// Minor units of an amount that is written in the given unit of its currency.
#[inline]
pub(super) fn minor(raw: Raw<'_>, unit: AssumedUnit, currency: Option<Raw<'_>>, exponents: &Exponents) -> Result<i64, Why> {
    if unit == AssumedUnit::Minor {
        return whole(raw);
    }
    let digits = digits(raw).ok_or(NOT_DECIMAL)?;
    let currency = text(currency.ok_or(NO_CURRENCY)?)?;
    let minor = parse_decimal(digits, DECIMAL_PRECISION, exponents.of(&currency)).ok();
    minor.and_then(|minor| i64::try_from(minor).ok()).ok_or(NOT_MINOR)
}

/// The mantissa in major units of an amount in minor units of its currency.
#[inline]
pub(super) fn major(minor: i64, currency: Option<Raw<'_>>, exponents: &Exponents) -> Result<i128, Why> {
    let currency = text(currency.ok_or(NO_CURRENCY)?)?;
    exponents.to_major(minor, &currency).map_err(|error| error.message().to_owned().into())
}

/// The text of a number, or of a string that may be one.
#[inline]
fn digits(raw: Raw<'_>) -> Option<&str> {
    match raw.form {
        Form::Number => Some(raw.text),
        Form::Plain => raw.text.get(1..raw.text.len().saturating_sub(1)),
        _ => None,
    }
}
