//! What a mapping gives becoming what a column is declared as, exactly: nothing is rounded, and no float is money.

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{
    Array, ArrayRef, AsArray as _, Date32Array, Decimal128Array, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};

use super::settings::Marks;
use super::shapes::{Kind, money};
use super::statement::shape;
use crate::money::{DECIMAL_PRECISION, DECIMAL_SCALE, parse_decimal};
use crate::schema::time;

/// A row whose value cannot be read, and why.
pub(super) type Unread = (usize, String);

/// How texts are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) marks: Marks,
    /// Zone of times that do not say theirs.
    pub(super) zone: Option<Tz>,
}

impl Manner {
    /// An array as what a column is declared as.
    pub(super) fn convert(self, array: &ArrayRef, kind: Kind) -> Result<ArrayRef, Unread> {
        match (kind, array.data_type()) {
            (_, DataType::Null) => Ok(new_null_array(&kind.data_type(), array.len())),
            (_, DataType::Utf8View | DataType::LargeUtf8) => self.convert(&plain_cast(array, &DataType::Utf8)?, kind),
            (Kind::Money, DataType::Utf8) => Ok(Arc::new(self.decimals(array.as_string())?)),
            (Kind::Money, DataType::Decimal128(..) | DataType::Decimal256(..)) => exact_cast(array, &money()),
            (Kind::Money, data_type) if data_type.is_integer() => exact_cast(array, &money()),
            (Kind::Date, DataType::Utf8) => {
                let date = |text: &str| time::parse_date(text).ok_or("not a date; write cast or to_date around it");
                Ok(Arc::new(each::<_, Date32Array>(array.as_string(), date)?))
            }
            (Kind::Instant, DataType::Utf8) => {
                let instants: TimestampMicrosecondArray = each(array.as_string(), |text| self.instant(text))?;
                Ok(Arc::new(instants.with_timezone("UTC")))
            }
            (Kind::Instant, DataType::Timestamp(_, None)) => self.located(array),
            (Kind::Instant, DataType::Timestamp(_, Some(_)))
            | (Kind::Date, DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, None))
            | (Kind::Text | Kind::Flag, _) => plain_cast(array, &kind.data_type()),
            (Kind::Number, data_type) if data_type.is_integer() => plain_cast(array, &kind.data_type()),
            (Kind::Money, _) => Err((0, "a binary float is not exact: give the text, or a decimal".to_owned())),
            (_, other) => Err((0, format!("{other} is not read as {}", kind.data_type()))),
        }
    }

    /// Texts as decimals.
    pub(super) fn decimals(self, texts: &StringArray) -> Result<Decimal128Array, Unread> {
        let decimals: Decimal128Array = each(texts, |text| self.decimal(text))?;
        Ok(decimals.with_data_type(money()))
    }

    fn decimal(self, text: &str) -> Result<i128, &'static str> {
        let Marks { decimal, thousands } = self.marks;
        let (whole, fraction) = match text.split_once(decimal) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (text, None),
        };
        let whole = match thousands {
            Some(mark) => without(whole, mark).ok_or("the marks between its thousands are not where they belong")?,
            None => whole.to_owned(),
        };
        let plain = match fraction {
            Some(fraction) => format!("{whole}.{fraction}"),
            None => whole,
        };
        // A second point, or one that is no mark here, would be read as the mark.
        if plain.matches('.').count() > usize::from(fraction.is_some()) {
            return Err("a mark in it is none that is configured: csv = { decimal = \",\", thousands = \".\" }");
        }
        parse_decimal(&plain, DECIMAL_PRECISION, DECIMAL_SCALE).map_err(|error| match error.message() {
            "too many digits" => "too many digits",
            "not a decimal" => "not a decimal",
            _ => "more decimals than the column has; nothing is rounded",
        })
    }

    fn instant(self, text: &str) -> Result<i64, &'static str> {
        match time::parse_local(text) {
            None => time::parse(text).ok_or("not an instant; write to_timestamp around it"),
            Some(local) => self.instant_of(local),
        }
    }

    fn instant_of(self, local: i64) -> Result<i64, &'static str> {
        let zone = self.zone.ok_or("it says no zone: say zone = \"Europe/London\" for the source")?;
        time::instant_in(local, zone).ok_or("the clocks of the zone show this twice or never")
    }

    /// Local times as instants.
    fn located(self, array: &ArrayRef) -> Result<ArrayRef, Unread> {
        let locals = plain_cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
        let locals = locals.as_primitive::<TimestampMicrosecondType>();
        let mut instants = Vec::with_capacity(locals.len());
        for (row, local) in locals.iter().enumerate() {
            let instant = local.map(|local| self.instant_of(local)).transpose();
            instants.push(instant.map_err(|why| (row, why.to_owned()))?);
        }
        Ok(Arc::new(TimestampMicrosecondArray::from(instants).with_timezone("UTC")))
    }
}

/// A whole number without the marks between its thousands, which must be every three digits.
fn without(whole: &str, mark: char) -> Option<String> {
    let mut parts = whole.split(mark);
    let first = parts.next()?;
    let rest: Vec<&str> = parts.collect();
    let digits = first.trim_start_matches(['+', '-']).len();
    let is_right = rest.is_empty() || ((1..=3).contains(&digits) && rest.iter().all(|part| part.len() == 3));
    is_right.then(|| format!("{first}{}", rest.concat()))
}

/// Reads each text that is not empty.
fn each<T, A: FromIterator<Option<T>>>(texts: &StringArray, read: impl Fn(&str) -> Result<T, &'static str>) -> Result<A, Unread> {
    let one = |(row, text): (usize, Option<&str>)| match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => read(text).map(Some).map_err(|why| (row, format!("{why} (shape {})", shape(text)))),
        None => Ok(None),
    };
    texts.iter().enumerate().map(one).collect()
}

fn plain_cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Unread> {
    let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
    arrow::compute::cast_with_options(array, to, &options).map_err(|error| (0, error.to_string()))
}

/// A cast that must come back as it went.
fn exact_cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Unread> {
    let there = plain_cast(array, to)?;
    let back = cast(&there, array.data_type()).map_err(|error| (0, error.to_string()))?;
    let differs = |row: &usize| array.slice(*row, 1).to_data() != back.slice(*row, 1).to_data();
    match (0..array.len()).find(differs) {
        Some(row) => Err((row, "it has more digits than a decimal(38,8); nothing is rounded".to_owned())),
        None => Ok(there),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn manner(decimal: char, thousands: Option<char>) -> Manner {
        Manner { marks: Marks { decimal, thousands }, zone: None }
    }

    #[test]
    fn amounts_are_read_with_the_marks_that_are_configured() {
        let german = manner(',', Some('.'));
        for (text, mantissa) in [("1.234,5", 123_450_000_000), ("-1.234.567", -123_456_700_000_000), ("12", 1_200_000_000)] {
            assert_eq!(german.decimal(text), Ok(mantissa), "{text}");
        }
        for text in ["1234.5", "1.23,4", "1,2,3", "12.3456", "1,234.5"] {
            assert!(german.decimal(text).is_err(), "{text}");
        }
        let plain = manner('.', None);
        assert_eq!(plain.decimal("1.5"), Ok(150_000_000));
        for text in ["1,5", "1.2.3", "0.123456789", "£1", "1 000"] {
            assert!(plain.decimal(text).is_err(), "{text}");
        }
        assert!(manner(',', None).decimal("1.5").is_err());
    }

    #[test]
    fn a_time_without_a_zone_needs_one() {
        let winter = Manner { zone: time::zone("Europe/Berlin"), ..manner('.', None) };
        assert_eq!(winter.instant("2026-01-31T01:00:00"), winter.instant("2026-01-31T00:00:00Z"));
        assert!(manner('.', None).instant("2026-01-31T01:00:00").is_err());
        assert!(winter.instant("2026-03-29T02:30:00").is_err());
    }

    proptest! {
        #[test]
        fn an_amount_is_read_to_the_last_digit(mantissa in -(10_i128.pow(28) - 1)..10_i128.pow(28)) {
            let text = rust_decimal::Decimal::from_i128_with_scale(mantissa, DECIMAL_SCALE).to_string();
            prop_assert_eq!(manner('.', None).decimal(&text), Ok(mantissa));
            prop_assert_eq!(manner(',', Some('.')).decimal(&text.replace('.', ",")), Ok(mantissa));
        }
    }
}
