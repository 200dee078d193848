//! Columns of words, which are packed into one as far as they fit.

use super::numbers::Numbers;
use super::texts::Text;
use super::{Column, Value, mix, of};
use crate::matching::assign::both::both;
use crate::matching::assign::standing::{Side, at};

/// So many values are few.
const FEW: usize = 256;

/// Values as numbers of so many bits; those of rows that take no part mean nothing.
#[derive(Debug)]
pub(in super::super) struct Words {
    pub(in super::super) values: [Vec<u64>; 2],
    pub(in super::super) bits: u32,
}

impl Words {
    /// Numbers as what they are above the smallest of them, where that fits into a word.
    pub(super) fn of_numbers([left, right]: &[Numbers; 2], takes_part: [&[bool]; 2]) -> Option<Self> {
        let (one, other) = both(|| left.bounds(takes_part[0]), || right.bounds(takes_part[1]));
        let (least, most) = (one.0.min(other.0), one.1.max(other.1));
        // Where none takes part there is nothing to be told apart.
        let span = if least > most { 0 } else { most.checked_sub(least).and_then(|span| u64::try_from(span).ok())? };
        let (left, right) = both(|| left.above(least), || right.above(least));
        Some(Self { values: [left, right], bits: u64::BITS - span.leading_zeros() })
    }

    /// Texts of less than eight bytes as their bytes, and their length before.
    pub(super) fn of_texts([left, right]: &[Text; 2]) -> Option<Self> {
        let most = left.longest().max(right.longest());
        if most >= 8 {
            return None;
        }
        let (left, right) = both(|| left.words(most), || right.words(most));
        Some(Self { values: [left, right], bits: u32::try_from(most).unwrap_or_default() * 8 + 3 })
    }

    /// The same equalities in fewer bits, where there are but few values.
    pub(super) fn narrow(&mut self) {
        let mut few = Few::default();
        if self.values.iter().flatten().all(|value| few.id(*value).is_some()) {
            self.values.iter_mut().flatten().for_each(|value| *value = few.id(*value).unwrap_or_default());
            self.bits = usize::BITS - few.known.saturating_sub(1).leading_zeros();
        }
    }

    /// Goes on with the bits of another column, which there is room for.
    pub(super) fn pack(&mut self, other: &Self) {
        for (own, others) in self.values.iter_mut().zip(&other.values) {
            // A shift by all bits happens where there are none, and all values are 0.
            own.iter_mut().zip(others).for_each(|(own, low)| *own = own.checked_shl(other.bits).unwrap_or_default() | low);
        }
        self.bits += other.bits;
    }
}

impl Column for Words {
    fn hash(&self, side: Side, hashes: &mut [u64]) {
        hashes.iter_mut().zip(of(&self.values, side)).for_each(|(hash, value)| *hash = mix(*hash ^ value));
    }

    fn value(&self, side: Side, row: u32) -> Value<'_> {
        Value::Word(of(&self.values, side).get(at(row)).copied().unwrap_or_default())
    }

    fn is_hash_exact(&self) -> bool {
        true
    }
}

/// A list of few values, in which each is found at once.
struct Few {
    slots: Vec<Option<(u64, u64)>>,
    known: usize,
}

impl Default for Few {
    fn default() -> Self {
        Self { slots: vec![None; FEW * 4], known: 0 }
    }
}

impl Few {
    /// The number of a value; `None` where there are many.
    fn id(&mut self, value: u64) -> Option<u64> {
        let mut place = usize::try_from(mix(value) >> 32).unwrap_or_default();
        loop {
            let size = self.slots.len();
            let slot = self.slots.get_mut(place % size)?;
            match slot {
                Some((known, id)) if *known == value => return Some(*id),
                Some(_) => place += 1,
                None if self.known < FEW => {
                    let id = u64::try_from(self.known).ok()?;
                    self.known += 1;
                    *slot = Some((value, id));
                    return Some(id);
                }
                None => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringArray};

    use super::*;

    #[test]
    fn few_values_are_narrowed_and_many_are_not() {
        let of = |values: Vec<u64>| Words { values: [values, vec![u64::MAX]], bits: u64::BITS };
        let mut few = of(vec![7, u64::MAX, 9, 7]);
        few.narrow();
        assert_eq!((few.values, few.bits), ([vec![0, 1, 2, 0], vec![1]], 2));
        let mut many = of((0..1_000).collect());
        many.narrow();
        assert_eq!((many.values, many.bits), ([(0..1_000).collect(), vec![u64::MAX]], u64::BITS));
    }

    #[test]
    fn texts_of_all_lengths_are_words_of_their_own() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["", "\0", "a", "a\0", "aa", "1234567"]));
        let words = Words::of_texts(&[Text::of(&texts), Text::of(&texts)]).unwrap();
        let [left, right] = words.values;
        let distinct: BTreeSet<u64> = left.iter().copied().collect();
        assert_eq!((distinct.len(), &left, words.bits), (6, &right, 59));
    }
}
