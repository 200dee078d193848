//! PostgreSQL's numeric, exact whatever its length: as text, and in groups of four digits.

use arrow::datatypes::i256;
use bytes::{BufMut, Bytes, BytesMut};

use crate::error::{Error, ErrorKind, Result};
use crate::pg::failure::Failure;
use crate::pg::frontend::Reader;

/// Digits of a group.
const GROUP: usize = 4;
const NEGATIVE: u16 = 0x4000;
const POSITIVE: u16 = 0;

/// A whole number as its decimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pg) struct Digits {
    pub(in crate::pg) is_negative: bool,
    pub(in crate::pg) digits: String,
}

impl From<i128> for Digits {
    fn from(value: i128) -> Self {
        Self { is_negative: value < 0, digits: value.unsigned_abs().to_string() }
    }
}

impl From<i256> for Digits {
    fn from(value: i256) -> Self {
        let text = value.to_string();
        match text.strip_prefix('-') {
            Some(digits) => Self { is_negative: true, digits: digits.to_owned() },
            None => Self { is_negative: false, digits: text },
        }
    }
}

impl Digits {
    /// The digits before and after the point of a value that has so many after it.
    fn parts(&self, scale: i8) -> (String, String) {
        let scale = isize::from(scale);
        let Ok(after) = usize::try_from(scale) else {
            return (format!("{}{}", self.digits, "0".repeat(scale.unsigned_abs())), String::new());
        };
        let digits = format!("{:0>width$}", self.digits, width = after + 1);
        let (whole, fraction) = digits.split_at(digits.len() - after);
        (whole.to_owned(), fraction.to_owned())
    }
}

/// Writes a value as text.
pub(super) fn show(value: &Digits, scale: i8, out: &mut BytesMut) {
    let (whole, fraction) = value.parts(scale);
    if value.is_negative {
        out.put_u8(b'-');
    }
    out.put_slice(whole.as_bytes());
    if !fraction.is_empty() {
        out.put_u8(b'.');
        out.put_slice(fraction.as_bytes());
    }
}

/// Writes a value in binary: number of groups, place of the first, sign, digits after the point, groups.
///
/// # Errors
/// [`ErrorKind::Decode`] when it has more groups than can be told.
pub(super) fn write(value: &Digits, scale: i8, out: &mut BytesMut) -> Result<()> {
    let (whole, fraction) = value.parts(scale);
    let padding = (GROUP - whole.len() % GROUP) % GROUP;
    let before = (whole.len() + padding) / GROUP;
    let after = fraction.len().div_ceil(GROUP) * GROUP;
    let digits = format!("{}{whole}{fraction:0<after$}", "0".repeat(padding));
    let groups =
        digits.as_bytes().chunks(GROUP).map(|group| group.iter().fold(0_u16, |sum, digit| sum * 10 + u16::from(digit - b'0')));
    let groups: Vec<u16> = groups.collect();
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let trailing = groups.iter().skip(leading).rev().take_while(|group| **group == 0).count();
    let kept = groups.get(leading..groups.len() - trailing).unwrap_or_default();
    let counted = |count: usize| {
        i16::try_from(count).map_err(|error| Error::new(ErrorKind::Decode, "a number is too long").caused_by(error))
    };
    let weight = if kept.is_empty() { 0 } else { counted(before)? - counted(leading)? - 1 };
    out.put_i16(counted(kept.len())?);
    out.put_i16(weight);
    out.put_u16(if value.is_negative { NEGATIVE } else { POSITIVE });
    out.put_i16(counted(fraction.len())?);
    kept.iter().for_each(|group| out.put_u16(*group));
    Ok(())
}

/// Reads a binary numeric: its digits, and how many of them stand after the point.
///
/// # Errors
/// A failure when it is none, or no number.
pub(in crate::pg) fn read_numeric(bytes: Bytes) -> Result<(Digits, i8), Failure> {
    let wrong = || Failure::new("22P03", "a numeric parameter is not written as one");
    let mut reader = Reader(bytes);
    let count = usize::try_from(reader.i16()?).map_err(|_negative| wrong())?;
    let weight = isize::from(reader.i16()?);
    let sign = reader.i16()?.cast_unsigned();
    let scale = i8::try_from(reader.i16()?).map_err(|_long| Failure::new("22003", "a numeric parameter has too many digits"))?;
    if !matches!(sign, POSITIVE | NEGATIVE) {
        return Err(Failure::new("22003", "NaN and infinity are no amounts"));
    }
    if scale < 0 || weight > 32 {
        return Err(Failure::new("22003", "a numeric parameter has too many digits"));
    }
    let after = usize::from(scale.unsigned_abs());
    let mut digits = String::new();
    // Groups between the point and the first one that is told are zeros.
    let first = weight.max(0);
    let mut groups = Vec::with_capacity(count);
    for _ in 0..count {
        groups.push(reader.i16().ok().filter(|group| (0..10_000).contains(group)).ok_or_else(wrong)?);
    }
    let last = -isize::try_from(after.div_ceil(GROUP)).unwrap_or(0);
    for place in (last..=first).rev() {
        let told = usize::try_from(weight - place).ok().and_then(|index| groups.get(index));
        digits.push_str(&format!("{:04}", told.copied().unwrap_or(0)));
    }
    let shown = digits.len() - (after.div_ceil(GROUP) * GROUP - after);
    digits.truncate(shown);
    let digits = digits.trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    Ok((Digits { is_negative: sign == NEGATIVE, digits: digits.to_owned() }, scale))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(value: i128, scale: i8) -> String {
        let mut out = BytesMut::new();
        show(&value.into(), scale, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn amounts_are_exact_in_text() {
        assert_eq!(shown(1_234_500_000_000, 8), "12345.00000000");
        assert_eq!(shown(-5, 3), "-0.005");
        assert_eq!(shown(0, 2), "0.00");
        assert_eq!(shown(12, -2), "1200");
        assert_eq!(shown(i128::MIN, 0), "-170141183460469231731687303715884105728");
    }

    #[test]
    fn groups_are_postgresql_s_own() {
        let bytes = |value: i128, scale| {
            let mut out = BytesMut::new();
            write(&value.into(), scale, &mut out).unwrap();
            out.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect::<Vec<_>>()
        };
        // As `select numeric_send(12345.678)` and so on say.
        assert_eq!(bytes(12_345_678, 3), [3, 1, 0, 3, 1, 2345, 6780]);
        assert_eq!(bytes(-1, 8), [1, 65534, 0x4000, 8, 1]);
        assert_eq!(bytes(0, 2), [0, 0, 0, 2]);
        assert_eq!(bytes(1_000_000, 2), [1, 1, 0, 2, 1]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value: i128, scale in 0_i8..=38) {
            let mut out = BytesMut::new();
            write(&value.into(), scale, &mut out).unwrap();
            let (digits, read_scale) = read_numeric(out.freeze()).unwrap();
            let value = if value == 0 { Digits { is_negative: false, digits: "0".to_owned() } } else { value.into() };
            prop_assert_eq!((digits, read_scale), (value, scale));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _read = read_numeric(bytes.into());
        }
    }
}
