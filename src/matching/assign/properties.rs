//! What holds of all rows: the operators answer as one would who looks at every pair, whatever the order of the rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, StringArray};
use proptest::prelude::*;

use super::*;

/// A row: two key columns, a day, an amount.
type Row = (Option<u8>, Option<u8>, i32, i8);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = prop_oneof![9 => (0..3_u8).prop_map(Some), 1 => Just(None)];
    prop::collection::vec((key.clone(), key, 0..8_i32, 1..3_i8), 0..14)
}

/// Pairs of rows that are set apart, some of them of none.
fn apart() -> impl Strategy<Value = Vec<Pair>> {
    prop::collection::vec((0..14_u32, 0..14_u32).prop_map(|(left, right)| Pair { left, right }), 0..30)
}

/// Those of rows that there are.
fn of_rows(apart: &[Pair], left: &[Row], right: &[Row]) -> Vec<Pair> {
    apart.iter().copied().filter(|pair| (pair.left as usize) < left.len() && (pair.right as usize) < right.len()).collect()
}

fn columns(rows: &[Row]) -> [ArrayRef; 2] {
    [
        Arc::new(rows.iter().map(|row| row.0.map(i32::from)).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|row| row.1.map(|key| format!("key {key}"))).collect::<StringArray>()),
    ]
}

fn keys(left: &[Row], right: &[Row]) -> Keys {
    Keys::intern(&columns(left), &columns(right)).unwrap()
}

fn days(rows: &[Row]) -> Vec<i32> {
    rows.iter().map(|row| row.2).collect()
}

fn has_key(row: &Row) -> bool {
    row.0.is_some() && row.1.is_some()
}

fn is_same(one: &Row, other: &Row) -> bool {
    has_key(one) && has_key(other) && (one.0, one.1) == (other.0, other.1)
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap()
}

/// Every pair looked at: candidates of each row, and a pair where both have one.
fn naive(left: &[Row], right: &[Row], apart: &[Pair], is_same: impl Fn(&Row, &Row) -> bool) -> (Assignment, [Vec<Vec<u32>>; 2]) {
    let is_candidate = |one: usize, other: usize| {
        is_same(&left[one], &right[other]) && !apart.contains(&Pair { left: number(one), right: number(other) })
    };
    let lefts: Vec<Vec<u32>> =
        (0..left.len()).map(|one| (0..right.len()).filter(|other| is_candidate(one, *other)).map(number).collect()).collect();
    let rights: Vec<Vec<u32>> =
        (0..right.len()).map(|other| (0..left.len()).filter(|one| is_candidate(*one, other)).map(number).collect()).collect();
    let mut pairs = Vec::new();
    for (place, candidates) in lefts.iter().enumerate() {
        if let [one] = candidates[..]
            && rights[one as usize].len() == 1
        {
            pairs.push(Pair { left: number(place), right: one });
        }
    }
    let standings = |rows: &[Row], candidates: &[Vec<u32>]| {
        rows.iter()
            .zip(candidates)
            .map(|(row, candidates)| match candidates.len() {
                _ if !has_key(row) => Standing::Unkeyed,
                0 => Standing::NoCandidate,
                some => Standing::Ambiguous { candidates: number(some) },
            })
            .collect()
    };
    (Assignment::settle(pairs, standings(left, &lefts), standings(right, &rights)), [lefts, rights])
}

fn is_used_once(assignment: &Assignment) -> bool {
    let mut lefts: Vec<_> = assignment.pairs.iter().map(|pair| pair.left).collect();
    let mut rights: Vec<_> = assignment.pairs.iter().map(|pair| pair.right).collect();
    [&mut lefts, &mut rights].into_iter().all(|rows| {
        rows.sort_unstable();
        rows.is_sorted_by(|one, other| one < other)
    })
}

/// The rows in another order: which of the old each new one is.
fn order(length: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    order.sort_by_key(|place| (place.wrapping_add(1) as u64).wrapping_mul(seed | 1).rotate_left(29).wrapping_mul(seed | 5));
    order
}

fn reordered<T: Clone>(list: &[T], order: &[usize]) -> Vec<T> {
    order.iter().map(|place| list[*place].clone()).collect()
}

fn renamed(pairs: &[Pair], left: &[usize], right: &[usize]) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = pairs
        .iter()
        .map(|pair| Pair { left: number(left[pair.left as usize]), right: number(right[pair.right as usize]) })
        .collect();
    pairs.sort_unstable();
    pairs
}

fn without_index(standings: &[Standing]) -> Vec<Standing> {
    standings
        .iter()
        .map(|standing| match standing {
            Standing::Matched { .. } => Standing::Matched { index: 0 },
            other => *other,
        })
        .collect()
}

fn swapped(pairs: &[Pair]) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = pairs.iter().map(|pair| Pair { left: pair.right, right: pair.left }).collect();
    pairs.sort_unstable();
    pairs
}

/// Rounds as they are told: all that can be made, then again with what is left.
fn naive_mutual(scored: &BTreeMap<(u32, u32), i64>, margin: i64) -> Vec<Pair> {
    let mut left = scored.clone();
    let mut made = Vec::new();
    loop {
        let is_best = |pair: &(u32, u32), score: i64| {
            left.iter().all(|(other, others)| {
                other == pair || (other.0 != pair.0 && other.1 != pair.1) || score.saturating_sub(*others) >= margin
            })
        };
        let new: Vec<_> = left.iter().filter(|(pair, score)| is_best(pair, **score)).map(|(pair, _)| *pair).collect();
        if new.is_empty() {
            made.sort_unstable();
            return made;
        }
        left.retain(|pair, _| new.iter().all(|new| new.0 != pair.0 && new.1 != pair.1));
        made.extend(new.into_iter().map(|(left, right)| Pair { left, right }));
    }
}

proptest! {
    #[test]
    fn unique_is_what_looking_at_every_pair_finds(left in rows(), right in rows(), apart in apart()) {
        let keys = keys(&left, &right).without(apart.clone());
        let (expected, candidates) = naive(&left, &right, &apart, is_same);
        let found = unique(&keys);
        prop_assert!(is_used_once(&found));
        prop_assert_eq!(found, expected);
        for (side, candidates) in [Side::Left, Side::Right].into_iter().zip(candidates) {
            for (row, candidates) in (0..).zip(candidates) {
                prop_assert_eq!(keys.count(side, row), number(candidates.len()));
                prop_assert_eq!(&keys.candidates(side, row, usize::MAX), &candidates);
                prop_assert_eq!(&keys.candidates(side, row, 2)[..], &candidates[..candidates.len().min(2)]);
            }
        }
    }

    #[test]
    fn a_window_is_what_looking_at_every_pair_finds(
        left in rows(),
        right in rows(),
        apart in apart(),
        low in -3..4_i32,
        span in -1..5_i32,
    ) {
        let offsets = low..=low + span;
        let keys = keys(&left, &right).without(apart.clone());
        let is_candidate = |one: &Row, other: &Row| is_same(one, other) && offsets.contains(&(other.2 - one.2));
        let (expected, candidates) = naive(&left, &right, &apart, is_candidate);
        let window = Window::with_offsets(&keys, &days(&left), &days(&right), offsets).unwrap();
        let found = window.assign();
        prop_assert!(is_used_once(&found));
        prop_assert_eq!(found, expected);
        for (side, candidates) in [Side::Left, Side::Right].into_iter().zip(candidates) {
            for (row, candidates) in (0..).zip(candidates) {
                prop_assert_eq!(window.count(side, row), number(candidates.len()));
                prop_assert_eq!(&window.candidates(side, row, usize::MAX), &candidates);
                prop_assert_eq!(&window.candidates(side, row, 2)[..], &candidates[..candidates.len().min(2)]);
            }
        }
    }

    #[test]
    fn rows_in_another_order_have_the_same_answer(left in rows(), right in rows(), apart in apart(), seed in any::<u64>()) {
        let orders = [order(left.len(), seed), order(right.len(), !seed)];
        let (other_left, other_right) = (reordered(&left, &orders[0]), reordered(&right, &orders[1]));
        let apart = of_rows(&apart, &left, &right);
        let place = |order: &[usize], row: u32| number(order.iter().position(|old| *old == row as usize).unwrap());
        let other_apart =
            apart.iter().map(|pair| Pair { left: place(&orders[0], pair.left), right: place(&orders[1], pair.right) });
        let one = keys(&left, &right).without(apart.clone());
        let other = keys(&other_left, &other_right).without(other_apart);
        let windows = [
            unique_in_window(&one, &days(&left), &days(&right), -1..=2).unwrap(),
            unique_in_window(&other, &days(&other_left), &days(&other_right), -1..=2).unwrap(),
        ];
        for [one, other] in [[unique(&one), unique(&other)], windows] {
            prop_assert_eq!(renamed(&other.pairs, &orders[0], &orders[1]), one.pairs);
            prop_assert_eq!(without_index(&other.left), reordered(&without_index(&one.left), &orders[0]));
            prop_assert_eq!(without_index(&other.right), reordered(&without_index(&one.right), &orders[1]));
        }
        let amounts = |rows: &[Row]| -> Vec<_> { rows.iter().map(|row| Some(i128::from(row.3))).collect() };
        let buckets = [
            bucket(&one, &amounts(&left), &amounts(&right)).unwrap(),
            bucket(&other, &amounts(&other_left), &amounts(&other_right)).unwrap(),
        ];
        let [one, other] = buckets;
        prop_assert_eq!(without_index(&other.left), reordered(&without_index(&one.left), &orders[0]));
        prop_assert_eq!(without_index(&other.right), reordered(&without_index(&one.right), &orders[1]));
    }

    #[test]
    fn sides_that_are_swapped_have_the_swapped_answer(left in rows(), right in rows()) {
        let (one, other) = (keys(&left, &right), keys(&right, &left));
        let windows = [
            unique_in_window(&one, &days(&left), &days(&right), -1..=3).unwrap(),
            unique_in_window(&other, &days(&right), &days(&left), -3..=1).unwrap(),
        ];
        for [one, other] in [[unique(&one), unique(&other)], windows] {
            prop_assert_eq!(swapped(&other.pairs), one.pairs);
            prop_assert_eq!(without_index(&other.left), without_index(&one.right));
            prop_assert_eq!(without_index(&other.right), without_index(&one.left));
        }
    }

    #[test]
    fn rows_that_are_alike_are_never_paired(alike in 2..40_usize, days in 0..4_i32) {
        let rows = vec![(Some(1), Some(1), days, 5); alike];
        let keys = keys(&rows, &rows);
        let expected = vec![Standing::Ambiguous { candidates: number(alike) }; alike];
        let days = self::days(&rows);
        for found in [unique(&keys), unique_in_window(&keys, &days, &days, 0..=2).unwrap()] {
            prop_assert_eq!(&found, &Assignment { pairs: vec![], left: expected.clone(), right: expected.clone() });
        }
        let scored: Vec<_> = (0..alike).flat_map(|left| (0..alike).map(move |right| {
            Scored { left: number(left), right: number(right), score: 3 }
        })).collect();
        prop_assert_eq!(mutual_best(&scored, alike, alike, 1).unwrap().assignment.pairs, []);
        let amounts = vec![Some(5); alike];
        let grouped = bucket(&keys, &amounts, &amounts).unwrap();
        prop_assert_eq!(grouped.groups.len(), 1);
        prop_assert_eq!(&grouped.groups[0].left, &grouped.groups[0].right);
    }

    #[test]
    fn mutual_best_is_what_rounds_over_all_pairs_find(
        scored in prop::collection::btree_map((0..8_u32, 0..8_u32), -6..7_i64, 0..40),
        margin in 1..4_i64,
        seed in any::<u64>(),
    ) {
        let mut list: Vec<_> = scored.iter().map(|((left, right), score)| Scored { left: *left, right: *right, score: *score }).collect();
        // The same once more with a lower score changes nothing.
        list.extend(list.clone().into_iter().map(|scored| Scored { score: scored.score - 1, ..scored }));
        let found = mutual_best(&list, 8, 8, margin).unwrap();
        prop_assert!(is_used_once(&found.assignment));
        prop_assert_eq!(&found.assignment.pairs, &naive_mutual(&scored, margin));
        prop_assert!(found.margins.iter().flatten().all(|over| *over >= margin.unsigned_abs()));
        let order = order(list.len(), seed);
        prop_assert_eq!(&mutual_best(&reordered(&list, &order), 8, 8, margin).unwrap(), &found);
        let back: Vec<_> = list.iter().map(|scored| Scored { left: scored.right, right: scored.left, ..*scored }).collect();
        prop_assert_eq!(swapped(&mutual_best(&back, 8, 8, margin).unwrap().assignment.pairs), found.assignment.pairs.clone());
        for side in [Side::Left, Side::Right] {
            for (row, standing) in (0..).zip(found.assignment.standings(side)) {
                let free = found.candidates(side, row, usize::MAX).len();
                match standing {
                    Standing::Ambiguous { candidates } => prop_assert_eq!(number(free), *candidates),
                    Standing::NoCandidate => prop_assert_eq!(free, 0),
                    other => prop_assert!(matches!(other, Standing::Matched { .. }), "{:?}", other),
                }
            }
        }
    }

    #[test]
    fn buckets_are_rows_alike_and_as_many(left in rows(), right in rows(), apart in apart()) {
        let keys = keys(&left, &right).without(apart.clone());
        let amounts = |rows: &[Row]| -> Vec<_> { rows.iter().map(|row| Some(i128::from(row.3))).collect() };
        let found = bucket(&keys, &amounts(&left), &amounts(&right)).unwrap();
        for (place, row) in left.iter().enumerate() {
            // The row's candidates, and those of the first of them: all of these are to be candidates of each other, and of no others.
            let theirs = keys.candidates(Side::Left, number(place), usize::MAX);
            let ours = theirs.first().map(|first| keys.candidates(Side::Right, *first, usize::MAX)).unwrap_or_default();
            let are_candidates = ours.iter().all(|one| keys.candidates(Side::Left, *one, usize::MAX) == theirs)
                && theirs.iter().all(|one| keys.candidates(Side::Right, *one, usize::MAX) == ours);
            let is_alike = ours.iter().all(|one| left[*one as usize].3 == row.3) && theirs.iter().all(|one| right[*one as usize].3 == row.3);
            let expected = has_key(row) && !ours.is_empty() && ours.len() == theirs.len() && are_candidates && is_alike;
            prop_assert_eq!(matches!(found.left[place], Standing::Matched { .. }), expected);
        }
        let mut used: Vec<_> = found.groups.iter().flat_map(|group| group.left.clone()).collect();
        used.sort_unstable();
        prop_assert!(used.is_sorted_by(|one, other| one < other));
    }

    #[test]
    fn groups_are_sums_of_the_rows_of_a_key(left in rows(), right in rows(), apart in apart()) {
        let keys = keys(&left, &right).without(apart.clone());
        let (_, [_, candidates]) = naive(&left, &right, &apart, is_same);
        let amounts = |rows: &[Row]| -> Vec<i128> { rows.iter().map(|row| i128::from(row.3)).collect() };
        let units = vec![1; right.len()];
        let found = group_sum(&keys, &amounts(&left), &amounts(&right), &units, Agreement::Within { minor: 1 }).unwrap();
        let mut expected = Vec::new();
        for (place, row) in right.iter().enumerate() {
            let members = candidates[place].clone();
            let has_other = |member: &u32| candidates.iter().filter(|others| others.contains(member)).count() > 1;
            if members.is_empty() || members.iter().any(has_other) {
                continue;
            }
            let sum = members.iter().map(|member| i128::from(left[*member as usize].3)).sum::<i128>();
            let residual = sum - i128::from(row.3);
            expected.push(Group { right: number(place), members, sum, residual, agrees: residual.abs() <= 1 });
        }
        prop_assert_eq!(found.groups, expected);
    }
}
