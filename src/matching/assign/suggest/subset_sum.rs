//! Which of some amounts add up to another: found by meeting in the middle, and told only where one set of them does.

use std::collections::BTreeSet;

use crate::error::{Error, ErrorKind, Result};

/// The most amounts that are tried: 4,096 sums for each half.
pub const MOST_MEMBERS: usize = 24;

/// Which amounts add up to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubsetSum {
    /// No set of them does.
    None,
    /// Only this one does: places in the list, smallest first.
    Unique(Vec<u32>),
    /// So many do.
    Ambiguous {
        /// Number of sets.
        solutions: u64,
    },
}

/// The set of one or more amounts that adds up to the target exactly, when there is only one.
///
/// Equal amounts are different members, so one of two that are equal is never chosen. `refused` are sets that are none,
/// as places in the list, smallest first.
///
/// # Errors
/// [`ErrorKind::Query`] when there are more than [`MOST_MEMBERS`] amounts, or a sum is too large.
pub fn subset_sum(amounts: &[i128], target: i128, refused: &BTreeSet<Vec<u32>>) -> Result<SubsetSum> {
    if amounts.len() > MOST_MEMBERS {
        return Err(Error::new(ErrorKind::Query, "too many amounts to be tried against a sum")
            .with("amounts", amounts.len())
            .with("most", MOST_MEMBERS));
    }
    // So that no sum below overflows, in whatever order the amounts come.
    let whole = amounts.iter().try_fold(target.unsigned_abs(), |sum, amount| sum.checked_add(amount.unsigned_abs()));
    if whole.is_none_or(|whole| whole >= 10_u128.pow(38)) {
        return Err(overflow());
    }
    let (low, high) = amounts.split_at(amounts.len() / 2);
    let (mut lows, highs) = (sums(low)?, sums(high)?);
    lows.sort_unstable();
    let bits = |places: &Vec<u32>| places.iter().filter_map(|place| 1_u32.checked_shl(*place)).sum();
    let refused: BTreeSet<u32> = refused.iter().map(bits).collect();
    let mut solutions: u64 = 0;
    let mut found = 0;
    for (sum, members) in highs {
        let rest = target.checked_sub(sum).ok_or_else(overflow)?;
        let from = lows.partition_point(|(sum, _)| *sum < rest);
        for (_, others) in lows.get(from..).unwrap_or_default().iter().take_while(|(sum, _)| *sum == rest) {
            let all = others | (members << low.len());
            // No amounts at all add up to 0, which says nothing.
            if all != 0 && !refused.contains(&all) {
                (solutions, found) = (solutions + 1, all);
            }
        }
    }
    Ok(match solutions {
        0 => SubsetSum::None,
        1 => SubsetSum::Unique((0..u32::BITS).filter(|place| found & (1 << place) != 0).collect()),
        solutions => SubsetSum::Ambiguous { solutions },
    })
}

/// The sum of every set of these amounts, each with the set as bits.
fn sums(amounts: &[i128]) -> Result<Vec<(i128, u32)>> {
    let mut sums = vec![(0_i128, 0_u32)];
    for (place, amount) in amounts.iter().enumerate() {
        for index in 0..sums.len() {
            let (sum, members) = sums.get(index).copied().unwrap_or_default();
            sums.push((sum.checked_add(*amount).ok_or_else(overflow)?, members | (1 << place)));
        }
    }
    Ok(sums)
}

fn overflow() -> Error {
    Error::new(ErrorKind::Query, "a sum of amounts is too large for decimal(38,8)")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(amounts: &[i128], target: i128) -> Result<SubsetSum> {
        subset_sum(amounts, target, &BTreeSet::new())
    }

    #[test]
    fn a_set_that_is_refused_is_none_and_leaves_the_others() {
        let amounts = [100, 150, 120, 130];
        let refused = |sets: &[&[u32]]| sets.iter().map(|set| set.to_vec()).collect::<BTreeSet<_>>();
        assert_eq!(subset_sum(&amounts, 250, &refused(&[&[0, 1]])).unwrap(), SubsetSum::Unique(vec![2, 3]));
        assert_eq!(subset_sum(&amounts, 250, &refused(&[&[0, 1], &[2, 3]])).unwrap(), SubsetSum::None);
        assert_eq!(subset_sum(&amounts, 250, &refused(&[&[0], &[1, 2]])).unwrap(), SubsetSum::Ambiguous { solutions: 2 });
    }

    #[test]
    fn case_35_two_subsets_of_the_payouts_make_the_bank_line() {
        assert_eq!(of(&[100, 150, 120, 130], 250).unwrap(), SubsetSum::Ambiguous { solutions: 2 });
        assert_eq!(of(&[100, 150, 120, 131], 250).unwrap(), SubsetSum::Unique(vec![0, 1]));
        assert_eq!(of(&[100, 150, 120, 131], 249).unwrap(), SubsetSum::None);
    }

    #[test]
    fn one_of_two_equal_amounts_is_not_chosen_and_nothing_is_no_set() {
        assert_eq!(of(&[50, 50], 50).unwrap(), SubsetSum::Ambiguous { solutions: 2 });
        assert_eq!(of(&[50, 50], 0).unwrap(), SubsetSum::None);
        assert_eq!(of(&[0; MOST_MEMBERS], 0).unwrap(), SubsetSum::Ambiguous { solutions: (1 << MOST_MEMBERS) - 1 });
        assert!(of(&[0; MOST_MEMBERS + 1], 0).is_err());
        assert!(of(&[i128::MAX, 1], 5).is_err());
    }

    proptest! {
        #[test]
        fn all_sets_are_tried(amounts in prop::collection::vec(-6..12_i128, 0..10), target in -10..40_i128) {
            let sets = (1..1_u32 << amounts.len()).filter(|set| {
                amounts.iter().enumerate().filter(|(place, _)| set & (1 << place) != 0).map(|(_, amount)| amount).sum::<i128>() == target
            });
            let sets: Vec<u32> = sets.collect();
            let expected = match sets[..] {
                [] => SubsetSum::None,
                [set] => SubsetSum::Unique((0..32).filter(|place| set & (1 << place) != 0).collect()),
                _ => SubsetSum::Ambiguous { solutions: u64::try_from(sets.len()).unwrap() },
            };
            prop_assert_eq!(of(&amounts, target).unwrap(), expected);
        }
    }
}
