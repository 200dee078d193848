//! Values to small numbers: equal ones to the same number, others to others.
//!
//! A hash says where to look and never decides: values are compared.

use std::collections::BTreeMap;

use super::keys::NO_KEY;
use super::standing::{at, count};

/// Rows are dealt into two to the power of this many parts.
const PART_BITS: u32 = 8;
/// The bits of a hash that do not say the part.
const HASH_PLACES: u64 = u64::MAX >> PART_BITS;

/// Values of rows as numbers of so many bits; those of rows that take no part mean nothing.
#[derive(Debug)]
pub(super) struct Codes {
    pub(super) values: Vec<u64>,
    pub(super) bits: u32,
}

impl Codes {
    /// From numbers below `distinct`.
    fn from_ids(ids: Vec<u32>, distinct: u32) -> Self {
        let bits = u32::BITS - distinct.saturating_sub(1).leading_zeros();
        let values = ids.into_iter().map(|id| if id == NO_KEY { 0 } else { u64::from(id) }).collect();
        Self { values, bits }
    }

    /// The same equalities in fewer bits.
    fn narrow(self, takes_part: &[bool]) -> Self {
        let (ids, distinct) = ids(&self, takes_part);
        Self::from_ids(ids, distinct)
    }

    /// Two columns as one.
    pub(super) fn with(self, other: Self, takes_part: &[bool]) -> Self {
        let (mut one, mut other) = (self, other);
        while one.bits + other.bits > u64::BITS {
            // What was narrowed has 32 bits at most, so that both fit in the end.
            if one.bits >= other.bits {
                one = one.narrow(takes_part);
            } else {
                other = other.narrow(takes_part);
            }
        }
        let bits = one.bits + other.bits;
        // A shift by all bits happens with no bits in `one`, whose values are all 0 then.
        for (value, low) in one.values.iter_mut().zip(&other.values) {
            *value = value.checked_shl(other.bits).unwrap_or_default() | low;
        }
        Self { values: one.values, bits }
    }
}

/// The number of each row's value, [`NO_KEY`] where it takes no part, and how many there are.
pub(super) fn ids(codes: &Codes, takes_part: &[bool]) -> (Vec<u32>, u32) {
    let rows = codes.values.len();
    let space = 1_usize.checked_shl(codes.bits).filter(|_| codes.bits < usize::BITS);
    match space {
        Some(space) if space <= 4096.max(rows.saturating_mul(4)) => direct(codes, takes_part, space),
        _ => hashed(&codes.values, takes_part),
    }
}

/// Values that are few enough to be places of a list.
fn direct(codes: &Codes, takes_part: &[bool], space: usize) -> (Vec<u32>, u32) {
    let mut known = vec![NO_KEY; space];
    let mut distinct = 0;
    let ids = codes.values.iter().zip(takes_part).map(|(value, takes_part)| {
        let place = usize::try_from(*value).ok().filter(|_| *takes_part);
        let Some(id) = place.and_then(|place| known.get_mut(place)) else { return NO_KEY };
        if *id == NO_KEY {
            *id = distinct;
            distinct += 1;
        }
        *id
    });
    (ids.collect(), distinct)
}

/// A value that can be looked for by a hash.
pub(super) trait Word: Copy + Ord {
    /// Whether values of one hash are equal.
    const IS_HASH_EXACT: bool;

    /// Equal for equal values, and mostly other for others.
    fn hash(self) -> u64;
}

impl Word for u64 {
    const IS_HASH_EXACT: bool = true;

    fn hash(self) -> u64 {
        mix(self)
    }
}

impl Word for i128 {
    const IS_HASH_EXACT: bool = false;

    fn hash(self) -> u64 {
        let [low, high] = halves(self);
        mix(low ^ mix(high))
    }
}

impl Word for &[u8] {
    const IS_HASH_EXACT: bool = false;

    fn hash(self) -> u64 {
        let (chunks, rest) = self.as_chunks::<8>();
        let mut hash = u64::try_from(self.len()).unwrap_or_default();
        for chunk in chunks {
            hash = mix(hash ^ u64::from_le_bytes(*chunk));
        }
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
        mix(hash ^ u64::from_le_bytes(last))
    }
}

fn halves(value: i128) -> [u64; 2] {
    let mask = u128::from(u64::MAX);
    let bits = u128::from_le_bytes(value.to_le_bytes());
    [bits & mask, bits >> 64].map(|half| u64::try_from(half).unwrap_or_default())
}

/// Another word for every word, and no two alike.
const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (word ^ (word >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

/// Numbers of values of any kind.
pub(super) fn codes<W: Word>(values: &[W], takes_part: &[bool]) -> Codes {
    let (ids, distinct) = hashed(values, takes_part);
    Codes::from_ids(ids, distinct)
}

/// Numbers of values, found by their hashes and then compared.
///
/// Rows are first dealt into parts by the first bits of their hashes, so that the table of each part stays in the cache.
fn hashed<W: Word>(values: &[W], takes_part: &[bool]) -> (Vec<u32>, u32) {
    let (dealt, ends) = deal(values, takes_part);
    let mut ids = vec![NO_KEY; values.len()];
    // The first row of each number.
    let mut firsts: Vec<u32> = Vec::new();
    let mut table: Vec<(u64, u32)> = Vec::new();
    let mut start = 0;
    for end in ends {
        let part = dealt.get(start..end).unwrap_or_default();
        start = end;
        let size = (part.len() * 2).next_power_of_two();
        table.clear();
        table.resize(size, (0, NO_KEY));
        for (hash, row) in part {
            let mut place = usize::try_from(hash & HASH_PLACES).unwrap_or_default();
            while let Some((known, id)) = table.get_mut(place & (size - 1)) {
                if *id == NO_KEY {
                    (*known, *id) = (*hash, count(firsts.len()));
                    firsts.push(*row);
                }
                if *known == *hash {
                    set(&mut ids, *row, *id);
                    break;
                }
                place += 1;
            }
        }
    }
    if !W::IS_HASH_EXACT {
        let first = |id: u32| firsts.get(at(id)).and_then(|row| values.get(at(*row)));
        if ids.iter().zip(values).any(|(id, value)| *id != NO_KEY && first(*id) != Some(value)) {
            return compared(values, takes_part);
        }
    }
    (ids, count(firsts.len()))
}

/// Hash and row of those that take part, by the first bits of the hash, and where each part ends.
fn deal<W: Word>(values: &[W], takes_part: &[bool]) -> (Vec<(u64, u32)>, Vec<usize>) {
    let part_of = |hash: u64| usize::try_from(hash >> (u64::BITS - PART_BITS)).unwrap_or_default();
    let hashes: Vec<u64> = values.iter().map(|value| value.hash()).collect();
    let mut places = vec![0_usize; 1 << PART_BITS];
    let rows = || hashes.iter().zip(takes_part).zip(0_u32..).filter(|((_, takes_part), _)| **takes_part);
    for ((hash, _), _) in rows() {
        if let Some(place) = places.get_mut(part_of(*hash)) {
            *place += 1;
        }
    }
    let mut sum = 0;
    for place in &mut places {
        (sum, *place) = (sum + *place, sum);
    }
    let mut dealt = vec![(0, NO_KEY); sum];
    for ((hash, _), row) in rows() {
        if let Some(place) = places.get_mut(part_of(*hash))
            && let Some(slot) = dealt.get_mut(*place)
        {
            *slot = (*hash, row);
            *place += 1;
        }
    }
    // Each has been moved to where its part ends.
    (dealt, places)
}

fn set(ids: &mut [u32], row: u32, id: u32) {
    if let Some(place) = ids.get_mut(at(row)) {
        *place = id;
    }
}

/// Numbers of values where two that differ have one hash: by their order.
fn compared<W: Word>(values: &[W], takes_part: &[bool]) -> (Vec<u32>, u32) {
    let mut known = BTreeMap::new();
    let ids = values.iter().zip(takes_part).map(|(value, takes_part)| {
        let next = count(known.len());
        if *takes_part { *known.entry(*value).or_insert(next) } else { NO_KEY }
    });
    let ids = ids.collect();
    (ids, count(known.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value whose hash says little.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    struct Dull(u64);

    impl Word for Dull {
        const IS_HASH_EXACT: bool = false;

        fn hash(self) -> u64 {
            self.0 % 3
        }
    }

    #[test]
    fn values_of_one_hash_keep_their_own_numbers() {
        let values = [5, 8, 5, 1, 2, 8, 7].map(Dull);
        let (ids, distinct) = hashed(&values, &[true, true, true, true, true, true, false]);
        assert_eq!((ids, distinct), (vec![0, 1, 0, 2, 3, 1, NO_KEY], 4));
    }

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
