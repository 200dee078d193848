//! The columns of keys: values of the rows of both sides, which can be hashed and compared.
//!
//! Whole numbers, dates, times and decimals are words above the smallest of them where they fit, short texts are words as
//! well, and columns of words are packed into one.

mod numbers;
mod texts;
mod words;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};

use super::keys::failed;
use super::standing::{Side, at};
use crate::error::{Error, ErrorKind, Result};
use numbers::Numbers;
use texts::Text;
pub(super) use words::Words;

/// The values of a column, of the rows of both sides.
pub(super) trait Column: Sync {
    /// Adds the values of a side to the hashes of its rows.
    fn hash(&self, side: Side, hashes: &mut [u64]);

    /// The value of a row.
    fn value(&self, side: Side, row: u32) -> Value<'_>;

    /// Whether rows of one hash are equal, where there is no other column.
    fn is_hash_exact(&self) -> bool {
        false
    }
}

/// A value that is compared with others of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value<'a> {
    Word(u64),
    Number(i128),
    Bytes(&'a [u8]),
}

/// What there is of a side.
pub(super) fn of<T>(sides: &[T; 2], side: Side) -> &T {
    let [left, right] = sides;
    if side == Side::Left { left } else { right }
}

/// Another word for every word, and no two alike.
pub(super) const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (word ^ (word >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

/// Columns that are words, packed as far as they fit, and the others.
#[derive(Default)]
pub(super) struct Columns {
    words: Option<Words>,
    others: Vec<Box<dyn Column>>,
}

impl Columns {
    /// Adds a column of both sides.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when values of its type are no keys.
    pub(super) fn add(&mut self, sides: [&ArrayRef; 2], takes_part: [&[bool]; 2]) -> Result<()> {
        match sides[0].data_type() {
            DataType::Null => {}
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                let texts = sides.map(Text::of);
                match Words::of_texts(&texts) {
                    Some(words) => self.add_words(words),
                    None => self.others.push(Box::new(texts)),
                }
            }
            data_type if is_number(data_type) => {
                let [left, right] = sides.map(Numbers::of);
                let numbers = [left?, right?];
                match Words::of_numbers(&numbers, takes_part) {
                    Some(words) => self.add_words(words),
                    None => self.others.push(Box::new(numbers)),
                }
            }
            other => self.others.push(Box::new(compared(sides, other)?)),
        }
        Ok(())
    }

    fn add_words(&mut self, mut words: Words) {
        let Some(known) = &mut self.words else {
            self.words = Some(words);
            return;
        };
        if known.bits + words.bits > u64::BITS {
            words.narrow();
        }
        if known.bits + words.bits > u64::BITS {
            known.narrow();
        }
        match known.bits + words.bits > u64::BITS {
            true => self.others.push(Box::new(words)),
            false => known.pack(&words),
        }
    }

    /// All of them as one column of words; else all of them.
    pub(super) fn packed(self) -> std::result::Result<Words, Vec<Box<dyn Column>>> {
        let Self { words, mut others } = self;
        match words {
            Some(words) if others.is_empty() => Ok(words),
            words => {
                others.extend(words.map(|words| Box::new(words) as Box<dyn Column>));
                Err(others)
            }
        }
    }
}

fn is_number(data_type: &DataType) -> bool {
    let is_time = matches!(
        data_type,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_)
    );
    is_time || data_type.is_integer() || matches!(data_type, DataType::Boolean | DataType::Decimal128(..))
}

/// Values of any other type, as arrow compares rows.
fn compared(sides: [&ArrayRef; 2], data_type: &DataType) -> Result<[Rows; 2]> {
    let converter = RowConverter::new(vec![SortField::new(data_type.clone())]).map_err(|error| {
        Error::new(ErrorKind::Query, "a column of this type is no key").with("type", data_type).caused_by(error)
    })?;
    let [left, right] = sides.map(|array| converter.convert_columns(&[Arc::clone(array)]).map_err(failed));
    Ok([left?, right?])
}

impl Column for [Rows; 2] {
    fn hash(&self, side: Side, hashes: &mut [u64]) {
        hashes.iter_mut().zip(of(self, side)).for_each(|(hash, row)| *hash = hash_of(*hash, row.data()));
    }

    fn value(&self, side: Side, row: u32) -> Value<'_> {
        let rows = of(self, side);
        Value::Bytes(if at(row) < rows.num_rows() { rows.row(at(row)).data() } else { &[] })
    }
}

/// A hash that goes on with bytes, and how many they are.
fn hash_of(hash: u64, bytes: &[u8]) -> u64 {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut hash = hash ^ u64::try_from(bytes.len()).unwrap_or_default();
    for chunk in chunks {
        hash = mix(hash ^ u64::from_le_bytes(*chunk));
    }
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    mix(hash ^ u64::from_le_bytes(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_hashes_of_their_own() {
        // Each step can be turned back: shifting what is high into what is low, and multiplying by an odd number.
        for word in [0, 1, u64::MAX, 0x1234_5678_9ABC_DEF0] {
            let mut back = mix(word).wrapping_mul(inverse(0xBF58_476D_1CE4_E5B9));
            back ^= (back >> 29) ^ (back >> 58);
            back = back.wrapping_mul(inverse(0x9E37_79B9_7F4A_7C15));
            assert_eq!(back ^ (back >> 32), word);
        }
    }

    /// What an odd number is to be multiplied by to give 1, by Newton.
    fn inverse(odd: u64) -> u64 {
        (0..6).fold(odd, |guess, _| guess.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(guess))))
    }
}
