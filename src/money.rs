//! Money: minor units, Checkout.com's exponent list, and decimals read from text digit by digit.
//!
//! Two surfaces, two units. The payments API speaks whole minor units, divided by Checkout.com's own exponent (not
//! ISO 4217's); the financial-actions API and all reports speak decimals in major units of up to eight places. Both
//! become [`i128`] mantissas of a fixed scale here, and no binary float is involved anywhere.
//!
//! Source of the list: <https://www.checkout.com/docs/resources/calculating-the-amount>.

use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};

/// Scale of the major-unit columns made from minor units: the largest exponent there is.
pub const MAJOR_SCALE: u32 = 3;
/// Precision of the major-unit columns: every `i64` that a minor amount can sensibly be.
pub const MAJOR_PRECISION: u8 = 18;
/// Scale of amounts that come as decimals (reports, financial actions).
pub const DECIMAL_SCALE: u32 = 8;
/// Precision of amounts that come as decimals.
pub const DECIMAL_PRECISION: u8 = 38;

/// Currencies without a minor unit.
pub const WHOLE: [&str; 15] =
    ["BIF", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"];
/// Currencies counted in thousandths; Checkout.com wants their last digit to be 0.
pub const THOUSANDTHS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// How many decimals a currency has at Checkout.com: the list of its documentation, and what the user overrides.
///
/// CLP and UYI have two here, other than in ISO 4217; a code nobody knows has two.
///
/// ```
/// use ckosql::money::Exponents;
///
/// let exponents = Exponents::default();
/// assert_eq!((exponents.of("JPY"), exponents.of("KWD"), exponents.of("CLP"), exponents.of("EUR")), (0, 3, 2, 2));
/// assert_eq!(exponents.to_major(1_234_500, "KWD")?, 1_234_500);
/// assert_eq!(exponents.to_major(1_000, "JPY")?, 1_000_000);
/// # Ok::<(), ckosql::error::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exponents {
    overrides: BTreeMap<String, u32>,
}

impl Exponents {
    /// The list, with some currencies counted otherwise.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when an override is over three decimals, which the columns could not hold.
    pub fn try_new(overrides: BTreeMap<String, u32>) -> Result<Self> {
        for (currency, exponent) in &overrides {
            if *exponent > MAJOR_SCALE {
                return Err(Error::new(ErrorKind::Config, format!("exponent of {currency} must be 0 to {MAJOR_SCALE}"))
                    .with("exponent", exponent));
            }
        }
        let overrides = overrides.into_iter().map(|(currency, exponent)| (currency.to_ascii_uppercase(), exponent)).collect();
        Ok(Self { overrides })
    }

    /// Takes over what another list counts otherwise than the documentation.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when both count a currency otherwise than each other.
    pub fn also(&mut self, other: &Self) -> Result<()> {
        for (currency, exponent) in &other.overrides {
            match self.overrides.insert(currency.clone(), *exponent) {
                Some(known) if known != *exponent => {
                    return Err(Error::new(ErrorKind::Config, format!("two accounts count {currency} otherwise"))
                        .with("exponents", format!("{known} and {exponent}"))
                        .hint("give them the same exponents"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The decimals of a currency, compared without case.
    pub fn of(&self, currency: &str) -> u32 {
        if !self.overrides.is_empty()
            && let Some(exponent) = self.overrides.get(&currency.to_ascii_uppercase())
        {
            return *exponent;
        }
        match packed(currency) {
            code if const { packed_all(WHOLE) }.contains(&code) => 0,
            code if const { packed_all(THOUSANDTHS) }.contains(&code) => 3,
            _ => 2,
        }
    }

    /// Minor units as the mantissa of a decimal(18,3) in major units.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when the amount has more than 18 digits in that scale.
    pub fn to_major(&self, minor: i64, currency: &str) -> Result<i128> {
        let shift = MAJOR_SCALE.saturating_sub(self.of(currency));
        let major = i128::from(minor) * 10_i128.pow(shift);
        if major.unsigned_abs() >= 10_u128.pow(u32::from(MAJOR_PRECISION)) {
            return Err(Error::new(ErrorKind::Decode, "amount is too large for decimal(18,3)")
                .with("amount_minor", minor)
                .with("currency", currency));
        }
        Ok(major)
    }
}

/// A three-letter code as one number, without case, because this is looked up for every amount; 0 for anything else.
const fn packed(code: &str) -> u32 {
    match code.as_bytes() {
        [a, b, c] => u32::from_be_bytes([0, a.to_ascii_uppercase(), b.to_ascii_uppercase(), c.to_ascii_uppercase()]),
        _ => 0,
    }
}

#[expect(clippy::indexing_slicing, reason = "a loop of constants, checked when it is compiled")]
const fn packed_all<const N: usize>(codes: [&str; N]) -> [u32; N] {
    let mut all = [0; N];
    let mut index = 0;
    while index < N {
        all[index] = packed(codes[index]);
        index += 1;
    }
    all
}

/// How many decimals a currency has by ISO 4217, as banks count; a code nobody knows has two.
///
/// ```
/// use ckosql::money::iso_exponent;
///
/// assert_eq!((iso_exponent("CLP"), iso_exponent("EUR"), iso_exponent("KWD"), iso_exponent("CLF")), (0, 2, 3, 4));
/// ```
pub fn iso_exponent(currency: &str) -> u32 {
    match packed(currency) {
        code if const { packed_all(["CLP", "UYI"]) }.contains(&code) => 0,
        code if const { packed_all(["CLF", "UYW"]) }.contains(&code) => 4,
        _ => Exponents::default().of(currency),
    }
}

/// Reads a decimal text (`-12.5`, `1.349386E-2`) as the mantissa of a decimal of the given scale, exactly.
///
/// # Errors
/// [`ErrorKind::Decode`] when the text is no decimal, has digits beyond the scale, or does not fit the precision:
/// nothing is rounded.
pub fn parse_decimal(text: &str, precision: u8, scale: u32) -> Result<i128> {
    let bad = |why: &'static str| Error::new(ErrorKind::Decode, why).with("value", text);
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => {
            let exponent: i32 = exponent.parse().map_err(|error| bad("not a decimal").caused_by(error))?;
            (number, exponent)
        }
        None => (text, 0),
    };
    let (negative, digits) = match number.as_bytes().first() {
        Some(b'-') => (true, number.get(1..).unwrap_or_default()),
        Some(b'+') => (false, number.get(1..).unwrap_or_default()),
        _ => (false, number),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(bad("not a decimal"));
    }
    let mut mantissa: i128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return Err(bad("not a decimal"));
        }
        let digit = i128::from(byte - b'0');
        mantissa = mantissa.checked_mul(10).and_then(|value| value.checked_add(digit)).ok_or_else(|| bad("too many digits"))?;
    }
    let fraction_digits = i32::try_from(fraction.len()).map_err(|error| bad("too many digits").caused_by(error))?;
    let scale_digits = i32::try_from(scale).map_err(|error| bad("too many digits").caused_by(error))?;
    // Both are bounded by the text's length and the exponent's own range; saturation keeps hostile exponents harmless.
    let shift = exponent.saturating_sub(fraction_digits).saturating_add(scale_digits);
    let value = rescale(mantissa, shift).map_err(bad)?;
    if value.unsigned_abs() >= 10_u128.pow(u32::from(precision)) {
        return Err(bad("too many digits"));
    }
    Ok(if negative { -value } else { value })
}

/// Multiplies by a power of ten; a negative power must divide without remainder.
fn rescale(mantissa: i128, shift: i32) -> Result<i128, &'static str> {
    if mantissa == 0 {
        return Ok(0);
    }
    let factor = 10_i128.checked_pow(shift.unsigned_abs());
    if shift >= 0 {
        return factor.and_then(|factor| mantissa.checked_mul(factor)).ok_or("too many digits");
    }
    match factor {
        Some(factor) if mantissa % factor == 0 => Ok(mantissa / factor),
        _ => Err("more decimals than the column has; nothing is rounded"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_listed_currency_has_its_exponent() {
        let exponents = Exponents::default();
        for currency in WHOLE {
            assert_eq!(exponents.of(currency), 0, "{currency}");
        }
        for currency in THOUSANDTHS {
            assert_eq!(exponents.of(currency), 3, "{currency}");
        }
        for currency in ["EUR", "USD", "GBP", "CLP", "UYI", "MGA", "MRU", "UYW", "CLF", "???", "", "EURO"] {
            assert_eq!(exponents.of(currency), 2, "{currency}");
        }
        assert_eq!(exponents.of("jpy"), 0);
    }

    #[test]
    fn an_override_wins_and_has_a_bound() {
        let exponents = Exponents::try_new([("clp".to_owned(), 0)].into()).unwrap();
        assert_eq!((exponents.of("CLP"), exponents.of("EUR")), (0, 2));
        assert!(Exponents::try_new([("CLF".to_owned(), 4)].into()).is_err());
    }

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        let read = |text: &str| parse_decimal(text, 38, 8).map_err(|error| error.message().to_owned());
        assert_eq!(read("-0.01349386"), Ok(-1_349_386));
        assert_eq!(read("1.349386E-2"), Ok(1_349_386));
        assert_eq!(read("1302.36938151"), Ok(130_236_938_151));
        assert_eq!(read("12345678901234567.89"), Ok(1_234_567_890_123_456_789_000_000));
        assert_eq!(read("0.100000000"), Ok(10_000_000));
        assert_eq!(read("0e999999999"), Ok(0));
        assert_eq!(read("0.000000001"), Err("more decimals than the column has; nothing is rounded".into()));
        assert_eq!(read("1e31"), Err("too many digits".into()));
        for text in ["", "-", ".", "1,5", "0x1", "NaN", "1.2.3", "1e", "١"] {
            assert_eq!(read(text), Err("not a decimal".into()), "{text}");
        }
    }

    #[test]
    fn an_amount_beyond_the_column_is_an_error() {
        assert!(Exponents::default().to_major(i64::MAX, "JPY").is_err());
        assert_eq!(Exponents::default().to_major(-999_999_999, "JPY").unwrap(), -999_999_999_000);
    }

    proptest! {
        #[test]
        fn a_decimal_survives_its_text(mantissa in -9_999_999_999_999_999_999_999_i128..=9_999_999_999_999_999_999_999) {
            let text = rust_decimal::Decimal::from_i128_with_scale(mantissa, DECIMAL_SCALE).to_string();
            prop_assert_eq!(parse_decimal(&text, DECIMAL_PRECISION, DECIMAL_SCALE).unwrap(), mantissa);
        }

        #[test]
        fn major_is_minor_moved_by_the_exponent(minor in -999_999_999_999_i64..=999_999_999_999, code in "[A-Z]{3}") {
            let exponents = Exponents::default();
            let major = exponents.to_major(minor, &code).unwrap();
            let back = major / 10_i128.pow(MAJOR_SCALE - exponents.of(&code));
            prop_assert_eq!(back, i128::from(minor));
        }
    }
}
