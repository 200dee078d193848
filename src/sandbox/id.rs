//! Ids as Checkout.com makes them, `pay_` and 26 letters, that can be read back to what they stand for.
//!
//! Vendor ids are 128 random bits in base 32. Here the 128 bits are an index and a number under it, put through a keyed
//! bijection (a Feistel network), so ids look random, never collide, and need no table to be found again. An id that
//! nobody made reads back to garbage, which the unused bits betray.

use super::dice::mix;

const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Letters of an id after its prefix: 128 bits in base 32, the last letter padded with two zero bits.
const LENGTH: usize = 26;
const ROUNDS: u64 = 6;
/// Numbers under an index stay below this; all bits above are the proof that the id is ours.
const NUMBERS: u64 = 1 << 16;

/// The maker and reader of all ids of one merchant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids {
    key: u64,
}

impl Ids {
    /// Ids of the merchant of this seed.
    pub(super) const fn new(seed: u64) -> Self {
        Self { key: mix(seed) }
    }

    /// The id with this prefix (`pay_`) of an index and a number under it.
    pub(super) fn make(self, prefix: &str, index: u64, number: u64) -> String {
        let key = self.key_of(prefix);
        let (mut left, mut right) = (index, number);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ scramble(key, round, right));
        }
        let block = (u128::from(left) << 64) | u128::from(right);
        let mut id = String::with_capacity(prefix.len() + LENGTH);
        id.push_str(prefix);
        for place in 0..LENGTH {
            let shifted = if place + 1 < LENGTH { block >> (123 - 5 * place) } else { block << 2 };
            let letter = usize::try_from(shifted & 31).ok().and_then(|at| LETTERS.get(at)).copied().unwrap_or(b'a');
            id.push(char::from(letter));
        }
        id
    }

    /// The index and number an id stands for; nothing when it is not one of ours.
    pub(super) fn read(self, prefix: &str, id: &str) -> Option<(u64, u64)> {
        let letters = id.strip_prefix(prefix)?.as_bytes();
        if letters.len() != LENGTH {
            return None;
        }
        let mut block: u128 = 0;
        for (place, letter) in letters.iter().enumerate() {
            let value = LETTERS.iter().position(|known| known == letter)?;
            let value = u128::try_from(value).ok()?;
            block = if place + 1 < LENGTH { (block << 5) | value } else { (block << 3) | (value >> 2) };
        }
        let key = self.key_of(prefix);
        let (mut left, mut right) = (u64::try_from(block >> 64).ok()?, u64::try_from(block & u128::from(u64::MAX)).ok()?);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ scramble(key, round, left), left);
        }
        (right < NUMBERS && self.make(prefix, left, right) == id).then_some((left, right))
    }

    fn key_of(self, prefix: &str) -> u64 {
        prefix.bytes().fold(self.key, |key, byte| mix(key ^ u64::from(byte)))
    }
}

const fn scramble(key: u64, round: u64, half: u64) -> u64 {
    mix(mix(half ^ key).wrapping_add(round))
}

/// Puts the numbers below a bound into a random-looking order, without a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shuffle {
    key: u64,
    bound: u64,
    half_bits: u32,
}

impl Shuffle {
    /// The order of the numbers below `bound` that belongs to `key`.
    pub(super) const fn new(key: u64, bound: u64) -> Self {
        let bits = u64::BITS - bound.saturating_sub(1).leading_zeros();
        Self { key, bound, half_bits: bits.div_ceil(2) }
    }

    /// What stands at a place; a place beyond the bound is left as it is.
    pub(super) fn at(self, place: u64) -> u64 {
        if place >= self.bound || self.bound < 3 {
            return place;
        }
        // Cycle walking: the network permutes a power of four, at most four times too large; walk until inside.
        let mut walked = self.permute(place);
        while walked >= self.bound {
            walked = self.permute(walked);
        }
        walked
    }

    fn permute(self, place: u64) -> u64 {
        let mask = (1_u64 << self.half_bits) - 1;
        let (mut left, mut right) = (place >> self.half_bits, place & mask);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ (scramble(self.key, round, right) & mask));
        }
        (left << self.half_bits) | right
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_are_the_same_for_ever() {
        assert_eq!(Ids::new(1).make("pay_", 0, 0), "pay_cwnxydqub6clifr24jzjgcq5ca");
        assert_eq!(Ids::new(1).make("act_", 9_999, 2), "act_vepqvskg4tnhqdvx4bqly6jyiu");
    }

    #[test]
    fn an_id_of_nobody_is_not_read() {
        let ids = Ids::new(1);
        let id = ids.make("pay_", 5, 0);
        assert_eq!(ids.read("act_", &id.replace("pay_", "act_")), None);
        assert_eq!(Ids::new(2).read("pay_", &id), None);
        for text in ["", "pay_", "pay_short", "pay_mbabizu24mvu3mela5njyhpit4", "pay_MBABIZU24MVU3MELA5NJYHPIT4", "dsp_é"] {
            assert_eq!(ids.read("pay_", text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_id_reads_back_to_its_index(seed: u64, index: u64, number in 0..NUMBERS) {
            let ids = Ids::new(seed);
            let id = ids.make("pay_", index, number);
            prop_assert_eq!(id.len(), 30);
            prop_assert_eq!(ids.read("pay_", &id), Some((index, number)));
        }

        #[test]
        fn a_shuffle_loses_nothing(key: u64, bound in 0_u64..400) {
            let shuffle = Shuffle::new(key, bound);
            let mut seen: Vec<u64> = (0..bound).map(|place| shuffle.at(place)).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..bound).collect::<Vec<_>>());
        }
    }
}
