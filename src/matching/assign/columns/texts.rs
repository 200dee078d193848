//! Texts.

use arrow::array::{Array, ArrayRef, AsArray, LargeStringArray, StringArray, StringViewArray};
use arrow::datatypes::DataType;

use super::{Column, Value, hash_of, of};
use crate::matching::assign::standing::{Side, at};

/// Texts of a side.
pub(super) enum Text {
    Plain(StringArray),
    Large(LargeStringArray),
    View(StringViewArray),
}

impl Text {
    pub(super) fn of(array: &ArrayRef) -> Self {
        match array.data_type() {
            DataType::Utf8 => Self::Plain(array.as_string().clone()),
            DataType::LargeUtf8 => Self::Large(array.as_string().clone()),
            _ => Self::View(array.as_string_view().clone()),
        }
    }

    /// The bytes of a text; of none, those of an empty one.
    fn get(&self, row: usize) -> &[u8] {
        match self {
            Self::Plain(texts) if row < texts.len() && texts.is_valid(row) => texts.value(row).as_bytes(),
            Self::Large(texts) if row < texts.len() && texts.is_valid(row) => texts.value(row).as_bytes(),
            Self::View(texts) if row < texts.len() && texts.is_valid(row) => texts.value(row).as_bytes(),
            _ => &[],
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Plain(texts) => texts.len(),
            Self::Large(texts) => texts.len(),
            Self::View(texts) => texts.len(),
        }
    }

    /// The length of the first text that is longer than a word, else of the longest.
    pub(super) fn longest(&self) -> usize {
        let mut longest = 0;
        for row in 0..self.len() {
            longest = longest.max(self.get(row).len());
            if longest >= 8 {
                break;
            }
        }
        longest
    }

    /// Texts of at most so many bytes, less than eight, as words.
    pub(super) fn words(&self, most: usize) -> Vec<u64> {
        let word = |text: &[u8]| {
            let length = u64::try_from(text.len()).unwrap_or_default();
            let word = text.iter().fold(length, |word, byte| (word << 8) | u64::from(*byte));
            word << (8 * (most - text.len()))
        };
        (0..self.len()).map(|row| word(self.get(row))).collect()
    }
}

impl Column for [Text; 2] {
    fn hash(&self, side: Side, hashes: &mut [u64]) {
        for (row, hash) in hashes.iter_mut().enumerate() {
            *hash = hash_of(*hash, of(self, side).get(row));
        }
    }

    fn value(&self, side: Side, row: u32) -> Value<'_> {
        Value::Bytes(of(self, side).get(at(row)))
    }
}
