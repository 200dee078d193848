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

/// A whole number of which the decimal digits are wanted.
pub(super) trait Whole {
    /// Whether it is less than nothing, and its digits.
    fn with_digits<T>(self, with: impl FnOnce(bool, &[u8]) -> T) -> T;
}

impl Whole for i128 {
    fn with_digits<T>(self, with: impl FnOnce(bool, &[u8]) -> T) -> T {
        with(self < 0, itoa::Buffer::new().format(self.unsigned_abs()).as_bytes())
    }
}

impl Whole for i256 {
    fn with_digits<T>(self, with: impl FnOnce(bool, &[u8]) -> T) -> T {
        let text = self.to_string();
        let digits = text.strip_prefix('-');
        with(digits.is_some(), digits.unwrap_or(&text).as_bytes())
    }
}

/// Writes a value that has so many digits after the point, as text.
pub(super) fn show(value: impl Whole, scale: i8, out: &mut BytesMut) {
    value.with_digits(|is_negative, digits| {
        if is_negative {
            out.put_u8(b'-');
        }
        let after = usize::try_from(scale).unwrap_or_default();
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(after));
        out.put_slice(if whole.is_empty() { b"0" } else { whole });
        if scale < 0 {
            out.put_bytes(b'0', scale.unsigned_abs().into());
        }
        if after > 0 {
            out.put_u8(b'.');
            out.put_bytes(b'0', after - fraction.len());
            out.put_slice(fraction);
        }
    });
}

/// Writes a value in binary: number of groups, place of the first, sign, digits after the point, groups.
///
/// # Errors
/// [`ErrorKind::Decode`] when it has more groups than can be told.
pub(super) fn write(value: impl Whole, scale: i8, out: &mut BytesMut) -> Result<()> {
    let long = |error| Error::new(ErrorKind::Decode, "a number is too long").caused_by(error);
    value.with_digits(|is_negative, digits| {
        let after = usize::try_from(scale).unwrap_or_default();
        // Of a group of four after the point some are zeros that the value has not.
        let (padding, zeros) = (after.next_multiple_of(GROUP) - after, usize::from(scale.min(0).unsigned_abs()));
        let shown = digits.len() + padding + zeros;
        let digit = |from_end: usize| {
            let place = from_end.checked_sub(padding + zeros).and_then(|place| digits.len().checked_sub(place + 1));
            place.and_then(|place| digits.get(place)).map_or(0, |digit| u16::from(digit - b'0'))
        };
        let group = |from_end: usize| (0..GROUP).rev().fold(0_u16, |sum, place| sum * 10 + digit(from_end * GROUP + place));
        let groups = (0..shown.div_ceil(GROUP)).rev();
        let is_told = |place: &usize| group(*place) > 0;
        let (first, last) = (groups.clone().find(is_told), groups.rev().find(is_told));
        let Some((first, last)) = first.zip(last) else {
            [0, 0, POSITIVE, u16::try_from(after).map_err(long)?].into_iter().for_each(|word| out.put_u16(word));
            return Ok(());
        };
        let first_place = i16::try_from(first).map_err(long)? - i16::try_from(after.div_ceil(GROUP)).map_err(long)?;
        out.put_u16(u16::try_from(first - last + 1).map_err(long)?);
        out.put_i16(first_place);
        out.put_u16(if is_negative { NEGATIVE } else { POSITIVE });
        out.put_u16(u16::try_from(after).map_err(long)?);
        (last..=first).rev().for_each(|place| out.put_u16(group(place)));
        Ok(())
    })
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
        show(value, scale, &mut out);
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
            write(value, scale, &mut out).unwrap();
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
        fn a_long_number_is_written_as_a_short_one_is(value: i128, scale: i8) {
            let (mut short, mut long) = ([BytesMut::new(), BytesMut::new()], [BytesMut::new(), BytesMut::new()]);
            show(value, scale, &mut short[0]);
            show(i256::from_i128(value), scale, &mut long[0]);
            write(value, scale, &mut short[1]).unwrap();
            write(i256::from_i128(value), scale, &mut long[1]).unwrap();
            prop_assert_eq!(short, long);
        }

        #[test]
        fn what_is_written_is_read_again(value: i128, scale in 0_i8..=38) {
            let mut out = BytesMut::new();
            write(value, scale, &mut out).unwrap();
            let (digits, read_scale) = read_numeric(out.freeze()).unwrap();
            let value = Digits { is_negative: value < 0, digits: value.unsigned_abs().to_string() };
            prop_assert_eq!((digits, read_scale), (value, scale));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _read = read_numeric(bytes.into());
        }
    }
}
