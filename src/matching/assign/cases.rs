//! The acceptance cases that are about assignment, by their numbers.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};

use super::*;
use crate::matching::calendar::Calendars;

/// Keys of rows that have one number each.
fn keys(left: &[i64], right: &[i64]) -> Keys {
    let of = |values: &[i64]| -> [ArrayRef; 1] { [Arc::new(Int64Array::from(values.to_vec()))] };
    Keys::intern(&of(left), &of(right)).unwrap()
}

fn pairs(assignment: &Assignment) -> Vec<(u32, u32)> {
    assignment.pairs.iter().map(|pair| (pair.left, pair.right)).collect()
}

const fn ambiguous(candidates: u32) -> Standing {
    Standing::Ambiguous { candidates }
}

const MATCHED: Standing = Standing::Matched { index: 0 };

#[test]
fn case_01_two_and_two_alike_are_a_bucket_and_no_pair() {
    let keys = keys(&[999, 999], &[999, 999]);
    let refused = unique(&keys);
    assert_eq!(refused, Assignment { pairs: vec![], left: vec![ambiguous(2); 2], right: vec![ambiguous(2); 2] });
    let grouped = bucket(&keys, &[Some(999); 2], &[Some(999); 2]).unwrap();
    assert_eq!(grouped.groups, [Bucket { left: vec![0, 1], right: vec![0, 1] }]);
    assert_eq!((grouped.left, grouped.right), (vec![MATCHED; 2], vec![MATCHED; 2]));
}

#[test]
fn case_02_two_payments_and_one_bank_line_are_ambiguous_on_all_three() {
    let keys = keys(&[999, 999], &[999]);
    let refused = unique(&keys);
    assert_eq!(refused, Assignment { pairs: vec![], left: vec![ambiguous(1); 2], right: vec![ambiguous(2)] });
    assert_eq!(keys.candidates(Side::Left, 1, 9), [0]);
    assert_eq!(keys.candidates(Side::Right, 0, 9), [0, 1]);
    assert_eq!(keys.candidates(Side::Right, 0, 1), [0]);
    assert_eq!(bucket(&keys, &[Some(999); 2], &[Some(999)]).unwrap().groups, []);
}

#[test]
fn case_03_what_an_earlier_rule_has_matched_takes_no_part() {
    let rest = keys(&[999, 999], &[999]).only(&[false, true], &[false]);
    assert_eq!(unique(&rest).left, [Standing::Unkeyed, Standing::NoCandidate]);
}

#[test]
fn case_10_what_the_sum_has_beyond_minor_units_is_dust() {
    let keys = keys(&[1, 1, 1], &[1]);
    let members = [130_000_000_000, 236_938_151, 0];
    let unit = minor_unit(2).unwrap();
    let summed = group_sum(&keys, &members, &[130_236_000_000], &[unit], Agreement::Floor).unwrap();
    let group = Group { right: 0, members: vec![0, 1, 2], sum: 130_236_938_151, residual: 938_151, agrees: true };
    assert_eq!(summed, GroupSums { groups: vec![group], left: vec![MATCHED; 3], right: vec![MATCHED] });
}

#[test]
fn case_11_a_payout_above_the_floor_agrees_only_when_halves_are_rounded() {
    let keys = keys(&[1], &[1]);
    let summed =
        |agreement| group_sum(&keys, &[130_236_938_151], &[130_237_000_000], &[minor_unit(2).unwrap()], agreement).unwrap();
    let floor = summed(Agreement::Floor);
    assert_eq!((floor.groups[0].residual, floor.right[0]), (-61_849, Standing::Unequal { index: 0 }));
    assert_eq!(summed(Agreement::HalfEven).right, [MATCHED]);
    assert_eq!(summed(Agreement::Within { minor: 0 }).right, [Standing::Unequal { index: 0 }]);
    assert_eq!(summed(Agreement::Within { minor: 1 }).right, [MATCHED]);
}

#[test]
fn case_12_rows_without_a_payout_id_are_in_no_sum() {
    let ids: [ArrayRef; 1] = [Arc::new(StringArray::from(vec![Some("P1"), None, Some("P1"), None]))];
    let payouts: [ArrayRef; 1] = [Arc::new(StringArray::from(vec!["P1"]))];
    let keys = Keys::intern(&ids, &payouts).unwrap();
    let summed = group_sum(&keys, &[7, -111, 8, -85], &[15], &[1], Agreement::Within { minor: 0 }).unwrap();
    assert_eq!(summed.left, [MATCHED, Standing::Unkeyed, MATCHED, Standing::Unkeyed]);
}

#[test]
fn case_19_a_tolerance_is_minor_units_of_each_currency() {
    let keys = keys(&[392, 414], &[392, 414]);
    let units = [minor_unit(0).unwrap(), minor_unit(3).unwrap()];
    let summed = |members: [i128; 2]| {
        let payouts = [500_000_000_000, 131_000_000];
        group_sum(&keys, &members, &payouts, &units, Agreement::Within { minor: 1 }).unwrap().right
    };
    let matched = |index| Standing::Matched { index };
    assert_eq!(summed([500_100_000_000, 131_100_000]), [matched(0), matched(1)]);
    assert_eq!(summed([499_900_000_000, 132_000_000]), [matched(0), Standing::Unequal { index: 1 }]);
}

#[test]
fn case_33_a_split_payout_is_one_to_many_and_short_when_one_part_is_missing() {
    let agreement = Agreement::Within { minor: 0 };
    let whole = group_sum(&keys(&[1, 1], &[1]), &[300, 200], &[500], &[1], agreement).unwrap();
    assert_eq!((whole.groups[0].members.as_slice(), whole.groups[0].residual), ([0, 1].as_slice(), 0));
    let short = group_sum(&keys(&[1], &[1]), &[300], &[500], &[1], agreement).unwrap();
    assert_eq!((short.groups[0].agrees, short.groups[0].residual), (false, -200));
}

#[test]
fn case_41_nearest_dates_only_suggest() {
    let keys = keys(&[50, 50], &[50, 50]);
    let (payments, bank) = ([1, 2], [3, 2]);
    let window = Window::with_offsets(&keys, &payments, &bank, 0..=3).unwrap();
    assert_eq!(window.assign(), Assignment { pairs: vec![], left: vec![ambiguous(2); 2], right: vec![ambiguous(2); 2] });
    let mut scored = Vec::new();
    for left in 0..2 {
        for right in window.candidates(Side::Left, left, 9) {
            let score = -i64::from((bank[right as usize] - payments[left as usize]).abs());
            scored.push(Scored { left, right, score });
        }
    }
    assert_eq!(pairs(&mutual_best(&scored, 2, 2, 1).unwrap().assignment), [(0, 0), (1, 1)]);
}

#[test]
fn case_42_a_holiday_is_in_the_window_with_the_right_calendar_only() {
    let day = |text: &str| crate::schema::time::parse_date(&format!("{text} 00:00:00")).unwrap();
    // Friday before the holiday at the end of May 2026, and the Tuesday after.
    let (payout, credit) = (day("2026-05-22"), day("2026-05-26"));
    let calendars = Calendars::default();
    let matched = |name: &str| {
        let (from, to) = calendars.get(name).unwrap().window(payout, 0, 1).unwrap();
        Window::new(&keys(&[500], &[500]), &[from], &[to], &[credit]).unwrap().assign()
    };
    assert_eq!(pairs(&matched("UK")), [(0, 0)]);
    assert_eq!(matched("TARGET2").left, [Standing::NoCandidate]);
}

#[test]
fn case_44_amounts_of_other_currencies_are_other_keys() {
    let side =
        |currency| -> [ArrayRef; 2] { [Arc::new(Int64Array::from(vec![5000])), Arc::new(StringArray::from(vec![currency]))] };
    let keys = Keys::intern(&side("EUR"), &side("USD")).unwrap();
    assert_eq!(unique(&keys).left, [Standing::NoCandidate]);
}

#[test]
fn case_46_what_is_set_apart_is_no_candidate_and_what_is_left_is_the_only_one() {
    let pair = |left, right| Pair { left, right };
    let keys = keys(&[999, 999], &[999]).without([pair(0, 0)]);
    let found = unique(&keys);
    assert_eq!((pairs(&found), found.left), (vec![(1, 0)], vec![Standing::NoCandidate, MATCHED]));
    // Rows that an earlier rule has taken are out, and what they were set apart from is not less for it.
    let rest = keys.only(&[false, true], &[true]);
    assert_eq!((pairs(&unique(&rest)), rest.count(Side::Right, 0)), (vec![(1, 0)], 1));
}

#[test]
fn of_many_that_are_alike_a_few_that_are_set_apart_cost_nothing() {
    let many = 200_000;
    let keys = keys(&vec![999; many], &vec![999; many]);
    let apart = (0..40).map(|row| Pair { left: row, right: row });
    let keys = keys.without(apart);
    let found = unique(&keys);
    assert_eq!((found.pairs.len(), found.left[0], found.left[40]), (0, ambiguous(199_999), ambiguous(200_000)));
    let days = vec![1; many];
    assert_eq!(unique_in_window(&keys, &days, &days, 0..=3).unwrap().left, found.left);
    assert_eq!(keys.candidates(Side::Left, 1, 3), [0, 2, 3]);
    assert_eq!(bucket(&keys, &vec![Some(1); many], &vec![Some(1); many]).unwrap().groups, []);
    assert_eq!(keys.gathered(Side::Right, 5), None);
}

#[test]
fn case_49_a_hot_key_is_counted_and_not_paired() {
    const HOT: usize = 200_000;
    let alike = keys(&vec![999; HOT], &vec![999; HOT]);
    let all = vec![ambiguous(200_000); HOT];
    let refused = Assignment { pairs: vec![], left: all.clone(), right: all };
    assert!(unique(&alike) == refused);
    let days = vec![20_000; HOT];
    assert!(unique_in_window(&alike, &days, &days, 0..=3).unwrap() == refused);
    let amounts = vec![Some(999); HOT];
    let grouped = bucket(&alike, &amounts, &amounts).unwrap();
    assert_eq!(grouped.groups.iter().map(|group| (group.left.len(), group.right.len())).collect::<Vec<_>>(), [(HOT, HOT)]);
    assert!(grouped.left == vec![MATCHED; HOT] && grouped.right == grouped.left);
}

#[test]
fn case_55_members_have_signs() {
    let summed = group_sum(&keys(&[1, 1], &[1]), &[100, -30], &[70], &[1], Agreement::Within { minor: 0 }).unwrap();
    assert_eq!((summed.groups[0].sum, summed.right[0]), (70, MATCHED));
}

#[test]
fn several_amounts_of_one_key_do_not_share_its_members() {
    let summed = group_sum(&keys(&[1, 1], &[1, 1, 2]), &[1, 2], &[3, 3, 3], &[1; 3], Agreement::Floor).unwrap();
    assert_eq!((summed.groups, summed.left), (vec![], vec![ambiguous(2); 2]));
    assert_eq!(summed.right, [ambiguous(2), ambiguous(2), Standing::NoCandidate]);
}

#[test]
fn sums_that_no_column_holds_are_errors() {
    let summed = |members: &[i128]| {
        let keys = keys(&vec![1; members.len()], &[1]);
        group_sum(&keys, members, &[0], &[1], Agreement::Floor).map(|_| ()).map_err(|error| error.message().to_owned())
    };
    let error = Err("a sum of amounts is too large for decimal(38,8)".to_owned());
    assert_eq!(summed(&[i128::MAX, 1]), error);
    assert_eq!(summed(&[10_i128.pow(38) - 1, 1]), error);
    assert_eq!(summed(&[10_i128.pow(38) - 2, 1]), Ok(()));
    assert!(minor_unit(9).is_err());
}

#[test]
fn sums_are_given_for_every_key() {
    let keys = keys(&[5, 6, 5], &[7]);
    let summed = sums(&keys, Side::Left, &[1, 10, -3]).unwrap();
    let of = |side, row| summed[keys.id(side, row).unwrap() as usize];
    assert_eq!((of(Side::Left, 0), of(Side::Left, 1), of(Side::Right, 0)), (-2, 10, 0));
}

#[test]
fn a_bucket_needs_one_amount() {
    let keys = keys(&[1, 1, 2], &[1, 1, 2]);
    let grouped = bucket(&keys, &[5, 6, 7].map(Some), &[5, 6, 7].map(Some)).unwrap();
    assert_eq!(grouped.groups, [Bucket { left: vec![2], right: vec![2] }]);
    assert_eq!(grouped.left, [ambiguous(2), ambiguous(2), MATCHED]);
}

#[test]
fn a_better_score_than_all_others_is_needed_on_both_sides() {
    let scored = |list: &[(u32, u32, i64)]| -> Vec<Scored> {
        list.iter().map(|(left, right, score)| Scored { left: *left, right: *right, score: *score }).collect()
    };
    let tie = mutual_best(&scored(&[(0, 0, 5), (0, 1, 5)]), 1, 2, 1).unwrap();
    assert_eq!((pairs(&tie.assignment), tie.candidates(Side::Left, 0, 9)), (vec![], vec![0, 1]));
    // The second pair becomes clear when the first has left.
    let rounds = scored(&[(0, 0, 9), (1, 0, 7), (1, 1, 6), (2, 1, 3)]);
    let matched = mutual_best(&rounds, 3, 2, 2).unwrap();
    assert_eq!((pairs(&matched.assignment), matched.margins), (vec![(0, 0), (1, 1)], vec![Some(2), Some(3)]));
    assert_eq!(matched.assignment.left[2], Standing::NoCandidate);
    assert_eq!(pairs(&mutual_best(&rounds, 3, 2, 3).unwrap().assignment), []);
    assert!(mutual_best(&rounds, 3, 2, 0).is_err());
    assert!(mutual_best(&rounds, 3, 1, 1).is_err());
}

#[test]
fn windows_within_windows_are_refused() {
    let keys = keys(&[1, 1], &[1]);
    assert!(Window::new(&keys, &[1, 2], &[9, 3], &[2]).is_err());
    assert!(unique_in_window(&keys, &[1, i32::MAX], &[2], 0..=1).is_err());
    assert!(unique_in_window(&keys.only(&[true, false], &[true]), &[1, i32::MAX], &[2], 0..=1).is_ok());
}
