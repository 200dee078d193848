//! When payments are asked for: strictly later with every index, busy by day and quiet by night.
//!
//! Time is measured in weighted microseconds, where an hour counts as many times as its weight says. Every payment has
//! an equal slot of that time and stands somewhere inside it, so the instant of an index is arithmetic, and the indices
//! of a span of time are found by binary search.

use std::ops::Range;

use super::dice::Dice;

/// An instant in microseconds since 1970, UTC: the unit of everything inside the stand-in.
pub(super) type Micros = i64;

pub(super) const SECOND: Micros = 1_000_000;
pub(super) const MINUTE: Micros = 60 * SECOND;
pub(super) const HOUR: Micros = 60 * MINUTE;
pub(super) const DAY: Micros = 24 * HOUR;

/// How busy each hour of the day is, UTC.
const BUSY: [u64; 24] = [2, 1, 1, 1, 1, 2, 3, 5, 7, 8, 9, 9, 10, 9, 8, 8, 8, 9, 10, 10, 9, 7, 5, 3];
const BUSIEST: u64 = 10;
const HOUR_US: u64 = 3_600_000_000;
const DAY_WEIGHED: u64 = 145 * HOUR_US;
const STREAM: u64 = 1;

/// When the payments of one merchant are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    /// Seed of the merchant.
    pub seed: u64,
    /// First instant.
    pub start: Micros,
    /// Days from there on.
    pub days: u32,
    /// Payments on all these days.
    pub payments: u64,
}

impl Schedule {
    /// When the payment of this index is asked for.
    pub(super) fn requested_at(&self, index: u64) -> Micros {
        let slot = self.slot_start(index);
        let length = self.slot_start(index + 1) - slot;
        // Two weighted instants further apart than the busiest hour's weight are different microseconds.
        let within = Dice::new(self.seed, STREAM, index).below(length.saturating_sub(BUSIEST));
        self.start.saturating_add_unsigned(unweigh(slot + within))
    }

    /// The indices of the payments asked for from `from` to `to`, both included.
    pub(super) fn between(&self, from: Micros, to: Micros) -> Range<u64> {
        let first = self.first_at_or_after(from);
        first..self.first_at_or_after(to.saturating_add(1)).max(first)
    }

    fn first_at_or_after(&self, instant: Micros) -> u64 {
        let (mut low, mut high) = (0, self.payments);
        while low < high {
            let middle = low.midpoint(high);
            if self.requested_at(middle) < instant {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn slot_start(&self, index: u64) -> u64 {
        let all = u128::from(self.days) * u128::from(DAY_WEIGHED);
        u64::try_from(u128::from(index) * all / u128::from(self.payments.max(1))).unwrap_or(u64::MAX)
    }
}

/// Weighted microseconds since the start as real ones.
fn unweigh(weighed: u64) -> u64 {
    let mut left = weighed % DAY_WEIGHED;
    let mut passed = weighed / DAY_WEIGHED * 24 * HOUR_US;
    for weight in BUSY {
        if left < weight * HOUR_US {
            return passed + left / weight;
        }
        left -= weight * HOUR_US;
        passed += HOUR_US;
    }
    passed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(seed: u64, days: u32, payments: u64) -> Schedule {
        Schedule { seed, start: 0, days, payments }
    }

    #[test]
    fn the_weights_make_a_day() {
        assert_eq!(BUSY.iter().sum::<u64>() * HOUR_US, DAY_WEIGHED);
        assert_eq!(BUSY.iter().max(), Some(&BUSIEST));
    }

    #[test]
    fn ten_million_payments_in_a_day_are_still_apart() {
        let schedule = schedule(1, 1, 10_000_000);
        for index in (0..10_000_000 - 1).step_by(99_991) {
            assert!(schedule.requested_at(index) < schedule.requested_at(index + 1));
        }
        assert!(schedule.requested_at(9_999_999) < DAY);
    }

    proptest! {
        #[test]
        fn instants_rise_with_the_index(seed: u64, days in 1_u32..400, payments in 1_u64..3_000) {
            let schedule = schedule(seed, days, payments);
            let instants: Vec<_> = (0..payments).map(|index| schedule.requested_at(index)).collect();
            prop_assert!(instants.is_sorted_by(|a, b| a < b));
            prop_assert!(instants.iter().all(|instant| (0..Micros::from(days) * DAY).contains(instant)));
        }

        #[test]
        fn a_window_is_a_filter_of_the_whole(seed: u64, from in -1_i64..12, length in 0_i64..12, minutes in 0_i64..1440) {
            let schedule = schedule(seed, 10, 500);
            let (from, to) = (from * DAY + minutes * MINUTE, (from + length) * DAY);
            let wanted: Vec<u64> = (0..500).filter(|index| (from..=to).contains(&schedule.requested_at(*index))).collect();
            prop_assert_eq!(schedule.between(from, to).collect::<Vec<_>>(), wanted);
        }
    }
}
