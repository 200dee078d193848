//! Values to small numbers: equal ones to the same number, others to others.
//!
//! Open addressing over the values themselves, so a hash only says where to look and never decides. The numbers go by first
//! appearance.

use super::keys::NO_KEY;
use super::standing::at;

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
pub(super) trait Word: Copy + Eq {
    /// What a place in the table holds of the value, cheap to compare: equal for equal values.
    fn hash(self) -> u64;
}

impl Word for u64 {
    fn hash(self) -> u64 {
        mix(self)
    }
}

impl Word for i128 {
    fn hash(self) -> u64 {
        let [low, high] = halves(self);
        mix(low ^ mix(high))
    }
}

impl Word for &[u8] {
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

const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (word ^ (word >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

/// Numbers of values of any kind.
pub(super) fn codes<W: Word>(values: &[W], takes_part: &[bool]) -> Codes {
    let (ids, distinct) = hashed(values, takes_part);
    Codes::from_ids(ids, distinct)
}

/// A table of values and their numbers; at most half of its places are taken.
struct Table<W> {
    places: Vec<(W, u32)>,
    /// What a hash is shifted by to make it a place.
    shift: u32,
    distinct: u32,
}

impl<W: Word> Table<W> {
    fn new(any: W, bits: u32) -> Self {
        Self { places: vec![(any, NO_KEY); 1 << bits], shift: u64::BITS - bits, distinct: 0 }
    }

    fn id(&mut self, word: W) -> u32 {
        let mask = self.places.len() - 1;
        let mut place = usize::try_from(word.hash() >> self.shift).unwrap_or_default();
        while let Some((known, id)) = self.places.get_mut(place & mask) {
            if *id == NO_KEY {
                (*known, *id) = (word, self.distinct);
                self.distinct += 1;
                return self.distinct - 1;
            }
            if *known == word {
                return *id;
            }
            place += 1;
        }
        NO_KEY
    }

    fn is_half_full(&self) -> bool {
        at(self.distinct) * 2 >= self.places.len()
    }

    fn grown(self, any: W) -> Self {
        let mut larger = Self::new(any, u64::BITS - self.shift + 2);
        let mask = larger.places.len() - 1;
        for (word, id) in self.places.into_iter().filter(|(_, id)| *id != NO_KEY) {
            let mut place = usize::try_from(word.hash() >> larger.shift).unwrap_or_default();
            while let Some(slot) = larger.places.get_mut(place & mask) {
                if slot.1 == NO_KEY {
                    *slot = (word, id);
                    break;
                }
                place += 1;
            }
        }
        larger.distinct = self.distinct;
        larger
    }
}

fn hashed<W: Word>(values: &[W], takes_part: &[bool]) -> (Vec<u32>, u32) {
    let Some(any) = values.first().copied() else { return (Vec::new(), 0) };
    let mut table = Table::new(any, 12);
    let mut ids = Vec::with_capacity(values.len());
    for (value, takes_part) in values.iter().zip(takes_part) {
        if !*takes_part {
            ids.push(NO_KEY);
            continue;
        }
        if table.is_half_full() {
            table = table.grown(any);
        }
        ids.push(table.id(*value));
    }
    (ids, table.distinct)
}
