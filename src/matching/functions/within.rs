//! `within`: whether two amounts are near enough, in minor units or in basis points.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::DataType;

use super::amount::Amount;
use super::call::{Call, Declared, Takes};
use crate::error::{Error, ErrorKind, Result};
use crate::money::DECIMAL_SCALE;

pub(super) const DECLARED: Declared = Declared {
    name: "within",
    takes: &[
        ("a", Takes::Amount),
        ("b", Takes::Amount),
        ("abs_minor", Takes::Whole),
        ("bps", Takes::Whole),
        ("currency", Takes::Text),
    ],
    about: "Whether two amounts of the currency differ by at most `abs_minor` of its minor units, or by at most `bps` basis \
            points (hundredths of a percent) of the larger of them, by size. With 0 and 0, whether they are equal.",
    gives: || DataType::Boolean,
    call,
};

fn call(call: &Call<'_>) -> Result<ArrayRef> {
    let (a, b, minor, bps, currencies) = (call.amounts(0)?, call.amounts(1)?, call.wholes(2)?, call.wholes(3)?, call.texts(4)?);
    let near = call.each(|row| {
        let tolerance = |value: i64| {
            let refuse = || Error::new(ErrorKind::Query, "a tolerance of within is negative").with("given", value);
            u128::try_from(value).ok().ok_or_else(refuse)
        };
        let decimals = call.exponent(currencies.value(row))?;
        is_within(a(row), b(row), tolerance(minor.value(row))?, tolerance(bps.value(row))?, decimals)
    });
    Ok(Arc::new(BooleanArray::from(near?)))
}

/// Whether two amounts of a currency of so many decimals are near.
fn is_within(a: Amount, b: Amount, minor: u128, bps: u128, exponent: u32) -> Result<bool> {
    let decimals = u32::try_from(a.scale.max(b.scale)).unwrap_or_default().max(DECIMAL_SCALE);
    let ((one, _), (other, _)) = (a.floor(decimals)?, b.floor(decimals)?);
    let apart = one.abs_diff(other);
    let unit = 10_u128.checked_pow(decimals.saturating_sub(exponent));
    // A tolerance that no number holds is larger than any difference.
    let allowed = unit.and_then(|unit| unit.checked_mul(minor));
    if allowed.is_none_or(|allowed| apart <= allowed) {
        return Ok(true);
    }
    let larger = one.unsigned_abs().max(other.unsigned_abs());
    let parts = apart.checked_mul(10_000).ok_or_else(|| a.too_large())?;
    Ok(larger.checked_mul(bps).is_none_or(|allowed| parts <= allowed))
}
