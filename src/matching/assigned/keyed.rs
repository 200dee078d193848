//! Rows whose keys are equal.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::lists::Lists;
use super::undated::Undated;
use super::{Assigned, Rows, Spans, TOLD, UNDATED, Waiting, length, numbers, of, rows, together};
use crate::error::Result;
use crate::matching::assign::{Assignment, Candidates, Keys, Pair, Side, Standing, Window, both, bucket, unique};
use crate::matching::outcome::Group;
use crate::matching::proposal::Keyed;
use crate::matching::reasons::DATE_OUT_OF_WINDOW;
use crate::matching::rule::{Shape, Tie};
use crate::matching::sides::Lines;

impl Rows<'_> {
    /// Assigns rows whose keys are equal.
    pub(super) fn by_key(self, sides: &[Keyed; 2], why: Option<&Arc<str>>) -> Result<Assigned> {
        let [left, right] = sides;
        if left.rows.is_empty() || right.rows.is_empty() {
            return Ok(Assigned::default());
        }
        let place = |side: &Keyed, row: u32| side.rows.binary_search(&row).ok().map(length);
        let apart =
            self.apart.pairs().filter_map(|pair| Some(Pair { left: place(left, pair.left)?, right: place(right, pair.right)? }));
        let keys = Keys::intern(&left.keys, &right.keys)?.without(apart);
        let mut assigned = match (self.spans, self.rule.shape) {
            (None, Shape::OneToOne) => self.one_to_one(&keys, sides, &unique(&keys), "AMBIGUOUS_KEY", &keys)?,
            (Some(spans), Shape::OneToOne) => self.in_window(&keys, sides, spans)?,
            (_, _) => self.several_by_key(&keys, sides),
        };
        for together in assigned.together.iter_mut().chain(&mut assigned.suggested) {
            together.why = why.cloned();
        }
        assigned.why = why.cloned();
        Ok(assigned)
    }

    fn in_window(self, keys: &Keys, sides: &[Keyed; 2], spans: &Spans) -> Result<Assigned> {
        let ([left, right], [_, right_lines]) = (sides, self.lines);
        // A row without a day is in no window: one that ends before it begins.
        let spans: Vec<(i32, i32)> =
            left.rows.iter().map(|row| of(spans, *row).flatten().unwrap_or((i32::MAX, i32::MAX))).collect();
        let (from, to): (Vec<i32>, Vec<i32>) = spans.into_iter().unzip();
        let days: Vec<i32> = right.rows.iter().map(|row| right_lines.day(*row).unwrap_or(i32::MIN)).collect();
        let window = Window::new(keys, &from, &to, &days)?;
        let answer = window.assign();
        let mut assigned = self.one_to_one(keys, sides, &answer, "AMBIGUOUS_WINDOW", &window)?;
        self.hold_undated(keys, sides, &window, &mut assigned);
        if self.rule.tie == Tie::Suggest {
            let is_open = |place: u32| (2..=length(TOLD)).contains(&window.count(Side::Left, place));
            let open = (0_u32..).zip(&left.rows).filter(|(place, _)| is_open(*place));
            let candidates = |place: u32| numbers(&right.rows, &window.candidates(Side::Left, place, TOLD));
            assigned.suggested = self.nearest(open.map(|(place, row)| (*row, candidates(place))))?;
        }
        // Rows whose only counterparts lie outside the window are told of.
        for side in [Side::Left, Side::Right] {
            for (place, row) in (0_u32..).zip(rows(sides, side)) {
                let count = keys.count(side, place);
                if count > 0 && window.count(side, place) == 0 {
                    let candidates = numbers(rows(sides, side.other()), &keys.candidates(side, place, TOLD));
                    assigned.waiting.push(Waiting {
                        side,
                        row: *row,
                        reason: DATE_OUT_OF_WINDOW,
                        count,
                        candidates: candidates.into(),
                        why: None,
                    });
                }
            }
        }
        Ok(assigned)
    }

    /// Holds rows that could belong to one without a day, or whose candidates could: it may be the right one.
    fn hold_undated(self, keys: &Keys, sides: &[Keyed; 2], window: &Window, assigned: &mut Assigned) {
        let undated = Undated::of(self, keys, sides);
        if undated.keys().is_empty() {
            return;
        }
        let mut held = [BTreeSet::new(), BTreeSet::new()];
        for (side, own) in [Side::Left, Side::Right].into_iter().zip(&mut held) {
            for key in undated.keys() {
                for place in keys.group(side, key).iter().copied().filter(|place| undated.concerns(keys, window, side, *place)) {
                    let Some(row) = of(rows(sides, side), place) else { continue };
                    own.insert(row);
                    let candidates = numbers(rows(sides, side.other()), &keys.candidates(side, place, TOLD));
                    let (count, why) = (keys.count(side, place), Some(UNDATED.into()));
                    assigned.waiting.push(Waiting {
                        side,
                        row,
                        reason: "AMBIGUOUS_WINDOW",
                        count,
                        candidates: candidates.into(),
                        why,
                    });
                }
            }
        }
        let [lefts, rights] = &held;
        let is_held = |group: &Group| {
            group.left().iter().any(|row| lefts.contains(row)) || group.right().iter().any(|row| rights.contains(row))
        };
        assigned.together.retain(|together| !is_held(&together.group));
        assigned.pairs.retain(|pair| !lefts.contains(&pair.left) && !rights.contains(&pair.right));
    }

    fn one_to_one(
        self,
        keys: &Keys,
        sides: &[Keyed; 2],
        answer: &Assignment,
        reason: &'static str,
        candidates: &(impl Candidates + Sync),
    ) -> Result<Assigned> {
        let [left, right] = sides;
        let pair = |pair: &Pair| Some(Pair { left: of(&left.rows, pair.left)?, right: of(&right.rows, pair.right)? });
        let mut assigned = Assigned { pairs: answer.pairs.iter().filter_map(pair).collect(), ..Assigned::default() };
        let buckets = match self.rule.tie {
            Tie::Bucket => self.buckets(keys, sides, &mut assigned)?,
            Tie::Reject | Tie::Suggest => [Vec::new(), Vec::new()],
        };
        let [in_left, in_right] = &buckets;
        let waiting = |side: Side, in_bucket: &[u32]| {
            let (mut waiting, mut lists) = (Vec::new(), Lists::default());
            for ((place, standing), row) in (0_u32..).zip(answer.standings(side)).zip(rows(sides, side)) {
                let Standing::Ambiguous { candidates: count } = standing else { continue };
                if in_bucket.binary_search(row).is_ok() {
                    continue;
                }
                let list = || numbers(rows(sides, side.other()), &candidates.few(side, place, TOLD)).into();
                let candidates = lists.list(candidates.alike(side, place), list);
                waiting.push(Waiting { side, row: *row, reason, count: *count, candidates, why: None });
            }
            waiting
        };
        let (lefts, rights) = both(|| waiting(Side::Left, in_left), || waiting(Side::Right, in_right));
        assigned.waiting.extend(lefts);
        assigned.waiting.extend(rights);
        Ok(assigned)
    }

    /// Groups of as many rows as there are on the other side, all alike; gives the rows that are in one.
    fn buckets(self, keys: &Keys, sides: &[Keyed; 2], assigned: &mut Assigned) -> Result<[Vec<u32>; 2]> {
        let ([left, right], [left_lines, right_lines]) = (sides, self.lines);
        let amounts = |lines: Lines<'_>, side: &Keyed| side.rows.iter().map(|row| lines.amount(*row)).collect::<Vec<_>>();
        let found = bucket(keys, &amounts(left_lines, left), &amounts(right_lines, right))?;
        let mut grouped = [Vec::new(), Vec::new()];
        for group in found.groups.into_iter().filter(|group| group.left.len() > 1) {
            let together = together(numbers(&left.rows, &group.left), numbers(&right.rows, &group.right));
            if self.apart.forbids(&together.group) {
                continue;
            }
            let [lefts, rights] = &mut grouped;
            lefts.extend(together.group.left());
            rights.extend(together.group.right());
            assigned.together.push(together);
        }
        grouped.iter_mut().for_each(|rows| rows.sort_unstable());
        Ok(grouped)
    }

    fn several_by_key(self, keys: &Keys, sides: &[Keyed; 2]) -> Assigned {
        let one = self.one();
        let mut assigned = Assigned::default();
        for key in 0..keys.distinct() {
            let (ones, many) = (keys.group(one, key), keys.group(one.other(), key));
            if ones.is_empty() || many.is_empty() {
                continue;
            }
            let mut gathered = Vec::new();
            for single in ones {
                let Some(members) = keys.gathered(one, *single) else {
                    assigned.waiting.extend(ambiguous(keys, sides, one, *single));
                    continue;
                };
                if let Some(single) = of(rows(sides, one), *single) {
                    self.several(single, numbers(rows(sides, one.other()), &members), None, &mut assigned);
                }
                gathered.extend(members);
            }
            gathered.sort_unstable();
            let open = many.iter().filter(|member| gathered.binary_search(member).is_err());
            assigned.waiting.extend(open.filter_map(|member| ambiguous(keys, sides, one.other(), *member)));
        }
        assigned
    }
}

/// That a row of a key has candidates and is not assigned, where it has some.
fn ambiguous(keys: &Keys, sides: &[Keyed; 2], side: Side, place: u32) -> Option<Waiting> {
    let count = Some(keys.count(side, place)).filter(|count| *count > 0)?;
    let candidates = numbers(rows(sides, side.other()), &keys.candidates(side, place, TOLD));
    Some(Waiting {
        side,
        row: of(rows(sides, side), place)?,
        reason: "AMBIGUOUS_KEY",
        count,
        candidates: candidates.into(),
        why: None,
    })
}
