//! Chance that is the same on every machine and for ever: draws made of integers from a seed, a stream and an index.
//!
//! Everything the stand-in invents comes from here, so that any payment can be made again from its index alone. The
//! mixer is splitmix64, written out, because a library's generator may change with its version.

/// A short run of draws.
#[derive(Debug, Clone)]
pub(super) struct Dice {
    state: u64,
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Dice {
    /// The draws that belong to `index` in `stream`; streams of one seed do not depend on each other.
    pub(super) const fn new(seed: u64, stream: u64, index: u64) -> Self {
        Self { state: mix(mix(seed ^ stream.wrapping_mul(GOLDEN)) ^ index.wrapping_mul(GOLDEN)) }
    }

    /// The next 64 bits.
    pub(super) const fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// A number under `bound`; 0 where there is none.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        u64::try_from((u128::from(self.bits()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// A number from `low` to before `high`; `low` where there is none.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        low.saturating_add_unsigned(self.below(high.abs_diff(low)))
    }

    /// Whether something happens that happens `per_mille` times in a thousand.
    pub(super) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// One of the values; the type's default where there is none.
    pub(super) fn pick<T: Copy + Default>(&mut self, values: &[T]) -> T {
        let at = self.below(values.len() as u64);
        usize::try_from(at).ok().and_then(|at| values.get(at)).copied().unwrap_or_default()
    }

    /// One of the values, each as often as its weight says; the type's default where there is none.
    pub(super) fn weighted<T: Copy + Default>(&mut self, values: &[(u64, T)]) -> T {
        let mut left = self.below(values.iter().map(|(weight, _)| weight).sum());
        for (weight, value) in values {
            if left < *weight {
                return *value;
            }
            left -= weight;
        }
        T::default()
    }
}

/// Splitmix64's finaliser: a bijection of 64 bits.
pub(super) const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_the_same_for_ever() {
        let mut dice = Dice::new(1, 2, 3);
        let draws = [dice.bits(), dice.bits(), dice.below(1000), dice.below(1000)];
        assert_eq!(draws, PINNED);
    }

    const PINNED: [u64; 4] = [13_245_656_507_843_501_501, 873_684_924_074_856_952, 25, 971];

    #[test]
    fn weights_are_kept_and_nothing_falls_outside() {
        let mut dice = Dice::new(7, 0, 0);
        let heads = (0..10_000).filter(|_| dice.weighted(&[(3, true), (1, false)])).count();
        assert!((7_300..7_700).contains(&heads), "{heads}");
        assert!((0..1_000).all(|_| (-5..5).contains(&dice.between(-5, 5))));
        assert_eq!((dice.between(3, 3), dice.below(0), dice.pick::<u8>(&[])), (3, 0, 0));
    }
}
