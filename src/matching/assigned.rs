//! Which rows a rule assigns to each other, before their amounts are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::apart::Apart;
use super::assign::suggest::{MOST_MEMBERS, SubsetSum, subset_sum};
use super::assign::{
    Assignment, Candidates, Keys, Mutual, Pair, Scored, Side, Standing, Window, both, bucket, mutual_best, unique,
};
use super::conventions::Conventions;
use super::outcome::Group;
use super::proposal::{Candidate, Keyed, Proposal};
use super::reasons::{AMBIGUOUS_SUBSET, DATE_OUT_OF_WINDOW, TOO_MANY_CANDIDATES};
use super::rule::{self, Assign, Rule, Shape, Tie};
use super::sides::Lines;
use crate::error::{Error, Result};

/// Candidates that are told of a row that is left.
const TOLD: usize = 10;

/// Why rows are left that a window says nothing of.
const UNDATED: &str = "it has no day, or a candidate has none";

/// Rows that belong together, as far as the rule can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Together {
    pub(super) group: Group,
    pub(super) score: Option<i64>,
    /// By how much that was better than the next of either row, where there was one.
    pub(super) margin: Option<i64>,
    pub(super) why: Option<Arc<str>>,
}

/// A row that has candidates and is not assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) side: Side,
    pub(super) row: u32,
    pub(super) reason: &'static str,
    /// How many candidates it has.
    pub(super) count: u32,
    /// Some of them, in order.
    pub(super) candidates: Arc<[u32]>,
    /// What the rule says of it.
    pub(super) why: Option<Arc<str>>,
}

/// What a rule assigns.
#[derive(Debug, Default)]
pub(super) struct Assigned {
    /// Rows that belong together one by one, of which nothing is to be said but [`why`](Self::why).
    pub(super) pairs: Vec<Pair>,
    /// What the rule says of each of these pairs.
    pub(super) why: Option<Arc<str>>,
    pub(super) together: Vec<Together>,
    /// For people to decide; their rows are waiting all the same.
    pub(super) suggested: Vec<Together>,
    pub(super) waiting: Vec<Waiting>,
}

impl Assigned {
    /// Assigns what is proposed.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Query`] when a window leaves its calendar.
    pub(super) fn of(
        rule: &Rule,
        proposal: Proposal,
        lines: [Lines<'_>; 2],
        spans: Option<&Spans>,
        apart: &Apart,
    ) -> Result<Self> {
        let rows = Rows { rule, lines, spans, apart };
        match proposal {
            Proposal::Keyed(sides, why) => rows.by_key(&sides, why.as_ref()),
            Proposal::Pairs(pairs) => rows.by_pair(pairs),
        }
    }
}

/// The span of days of each row of the left side; nothing where it has no day.
pub(super) type Spans = Vec<Option<(i32, i32)>>;

/// The spans of a rule's window.
///
/// # Errors
/// [`crate::error::ErrorKind::Query`] when one leaves its calendar.
pub(super) fn spans(window: &rule::Window, left: Lines<'_>, conventions: &Conventions) -> Result<Spans> {
    let calendar = window.calendar.as_ref().map(|name| conventions.calendars.get(name)).transpose()?;
    let span = |day: Option<i32>| match (day, calendar) {
        (None, _) => Ok(None),
        (Some(day), Some(calendar)) => calendar.window(day, window.from, window.to).map(Some),
        (Some(day), None) => Ok(day.checked_add(window.from).zip(day.checked_add(window.to))),
    };
    (0..length(left.table().len())).map(|row| span(left.day(row))).collect()
}

/// The rows of both sides, as a rule looks at them.
#[derive(Debug, Clone, Copy)]
struct Rows<'a> {
    rule: &'a Rule,
    lines: [Lines<'a>; 2],
    spans: Option<&'a Spans>,
    /// What people have set apart of them.
    apart: &'a Apart,
}

impl Rows<'_> {
    /// Assigns rows whose keys are equal.
    fn by_key(self, sides: &[Keyed; 2], why: Option<&Arc<str>>) -> Result<Assigned> {
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

    /// Whether the rule asks for a day that a row has not.
    fn is_undated(self, side: Side, row: u32) -> bool {
        let (Some(spans), [_, rights]) = (self.spans, self.lines) else { return false };
        match side {
            Side::Left => of(spans, row).flatten().is_none(),
            Side::Right => rights.day(row).is_none(),
        }
    }

    /// Whether nobody knows if two rows are within days.
    fn is_unknown(self, left: u32, right: u32) -> bool {
        self.is_undated(Side::Left, left) || self.is_undated(Side::Right, right)
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

    /// The side of which there is one, where there are several of the other.
    fn one(self) -> Side {
        if self.rule.shape == Shape::ManyToOne { Side::Right } else { Side::Left }
    }

    /// A row and those of the other side that are its alone: together, if all are within days.
    fn several(self, single: u32, many: Vec<u32>, why: Option<Arc<str>>, assigned: &mut Assigned) {
        let (lefts, rights) = if self.one() == Side::Left { (vec![single], many) } else { (many, vec![single]) };
        if !lefts.iter().all(|left| rights.iter().all(|right| self.is_within(*left, *right))) {
            let is_unknown = lefts.iter().any(|left| rights.iter().any(|right| self.is_unknown(*left, *right)));
            let reason = if is_unknown { "AMBIGUOUS_WINDOW" } else { DATE_OUT_OF_WINDOW };
            assigned.waiting.extend(lefts.iter().map(|row| waiting(Side::Left, *row, reason, &rights)));
            assigned.waiting.extend(rights.iter().map(|row| waiting(Side::Right, *row, reason, &lefts)));
            return;
        }
        let together = together(lefts, rights);
        if self.apart.forbids(&together.group) {
            // Which of them are wrong is not said.
            for (side, own, others) in together.group.sides() {
                assigned.waiting.extend(own.iter().map(|row| waiting(side, *row, "AMBIGUOUS_KEY", others)));
            }
            return;
        }
        assigned.together.push(Together { why, ..together });
    }

    fn is_within(self, left: u32, right: u32) -> bool {
        let (Some(spans), [_, rights]) = (self.spans, self.lines) else { return true };
        let span = of(spans, left).flatten();
        span.zip(rights.day(right)).is_some_and(|((from, to), day)| (from..=to).contains(&day))
    }

    /// Assigns what was proposed pair by pair.
    fn by_pair(self, pairs: Vec<Candidate>) -> Result<Assigned> {
        if self.rule.assign == Assign::Unique && self.rule.shape != Shape::OneToOne {
            return Ok(self.several_by_pair(&pairs));
        }
        let (inside, outside): (Vec<Candidate>, Vec<Candidate>) =
            pairs.into_iter().partition(|pair| self.is_within(pair.left, pair.right) || self.is_unknown(pair.left, pair.right));
        let of_sides = [(Side::Left, by(&inside, Side::Left)), (Side::Right, by(&inside, Side::Right))];
        let mut assigned = match self.rule.assign {
            Assign::MutualBest { margin } => self.best(&inside, margin)?,
            Assign::Unique => self.only(&inside, &of_sides)?,
            Assign::Suggest => self.suggested(&inside, &of_sides)?,
            Assign::Refuse => {
                let mut assigned = Assigned::default();
                let reason = self.rule.reason.ok_or_else(|| Error::bug("a rule refuses rows for no reason"))?;
                left_over(&of_sides, reason, &mut assigned);
                let sides =
                    |pair: &Candidate| [(Side::Left, pair.left), (Side::Right, pair.right)].map(|row| (row, pair.why.clone()));
                // Of several the first by candidate.
                let whys: BTreeMap<(Side, u32), Option<Arc<str>>> = inside.iter().rev().flat_map(sides).collect();
                for waiting in &mut assigned.waiting {
                    waiting.why = whys.get(&(waiting.side, waiting.row)).cloned().flatten();
                }
                assigned
            }
        };
        self.let_go_undated(&mut assigned);
        for (side, of) in &of_sides {
            let never = by(&outside, *side).into_iter().filter(|(row, _)| !of.contains_key(row));
            assigned.waiting.extend(never.map(|(row, others)| waiting(*side, row, DATE_OUT_OF_WINDOW, &others)));
        }
        Ok(assigned)
    }

    /// Lets go of pairs of which nobody knows whether they are within days.
    fn let_go_undated(self, assigned: &mut Assigned) {
        let is_known =
            |group: &Group| group.left().iter().all(|left| group.right().iter().all(|right| !self.is_unknown(*left, *right)));
        let (known, unknown): (Vec<_>, Vec<_>) =
            std::mem::take(&mut assigned.together).into_iter().partition(|together| is_known(&together.group));
        assigned.together = known;
        for Together { group, .. } in unknown {
            for (side, own, others) in group.sides() {
                let left = own.iter().map(|row| waiting(side, *row, "AMBIGUOUS_WINDOW", others));
                assigned.waiting.extend(left.map(|left| Waiting { why: Some(UNDATED.into()), ..left }));
            }
        }
    }

    fn several_by_pair(self, pairs: &[Candidate]) -> Assigned {
        let one = self.one();
        let (ones, many) = (by(pairs, one), by(pairs, one.other()));
        let mut assigned = Assigned::default();
        let mut done = BTreeSet::new();
        for (single, members) in &ones {
            if members.iter().all(|member| is_only(&many, *member)) {
                let is_of = |pair: &&Candidate| *single == if one == Side::Left { pair.left } else { pair.right };
                let why = pairs.iter().filter(is_of).find_map(|pair| pair.why.clone());
                self.several(*single, members.clone(), why, &mut assigned);
                done.insert(*single);
            }
        }
        let open = |others: &Vec<u32>| !others.iter().any(|single| done.contains(single));
        let left_ones = ones.iter().filter(|(single, _)| !done.contains(single));
        assigned.waiting.extend(left_ones.map(|(row, others)| waiting(one, *row, "AMBIGUOUS_KEY", others)));
        let left_many = many.iter().filter(|(_, singles)| open(singles));
        assigned.waiting.extend(left_many.map(|(row, others)| waiting(one.other(), *row, "AMBIGUOUS_KEY", others)));
        assigned
    }

    /// Pairs of which each is the other's only candidate.
    fn only(self, inside: &[Candidate], of_sides: &OfSides) -> Result<Assigned> {
        let [(_, of_left), (_, of_right)] = of_sides;
        let only = inside.iter().filter(|pair| is_only(of_left, pair.left) && is_only(of_right, pair.right));
        let mut assigned = Assigned { together: only.map(Together::from).collect(), ..Assigned::default() };
        let reason = if self.spans.is_some() { "AMBIGUOUS_WINDOW" } else { "AMBIGUOUS_KEY" };
        left_over(of_sides, reason, &mut assigned);
        if self.rule.tie == Tie::Suggest {
            let open = of_left.iter().filter(|(_, others)| (2..=TOLD).contains(&others.len()));
            assigned.suggested = self.nearest(open.map(|(left, others)| (*left, others.clone())))?;
        }
        Ok(assigned)
    }

    /// The nearest of each other by date, as far as there is one: hints, of a few candidates.
    fn nearest(self, candidates: impl Iterator<Item = (u32, Vec<u32>)>) -> Result<Vec<Together>> {
        let [lefts, rights] = self.lines;
        let mut scored = Vec::new();
        for (left, others) in candidates {
            for right in others {
                if let (Some(day), Some(other)) = (lefts.day(left), rights.day(right)) {
                    scored.push(Scored { left, right, score: -i64::from(day.abs_diff(other)) });
                }
            }
        }
        let found = mutual_best(&scored, lefts.table().len(), rights.table().len(), 1)?;
        Ok(found.assignment.pairs.iter().map(|pair| together(vec![pair.left], vec![pair.right])).collect())
    }

    fn best(self, pairs: &[Candidate], margin: i64) -> Result<Assigned> {
        let [left, right] = self.lines;
        let scored = |pair: &Candidate| Some(Scored { left: pair.left, right: pair.right, score: pair.score? });
        let scored: Vec<Scored> = pairs.iter().filter_map(scored).collect();
        let found: Mutual = mutual_best(&scored, left.table().len(), right.table().len(), margin)?;
        // They come in this order.
        let place = |pair: &Pair| pairs.binary_search_by_key(&(pair.left, pair.right), |known| (known.left, known.right)).ok();
        let pair = |(pair, margin): (&Pair, &Option<u64>)| {
            let margin = margin.map(|margin| i64::try_from(margin).unwrap_or(i64::MAX));
            pairs.get(place(pair)?).map(|pair| Together { margin, ..Together::from(pair) })
        };
        let made = found.assignment.pairs.iter().zip(&found.margins);
        let mut assigned = Assigned { together: made.filter_map(pair).collect(), ..Assigned::default() };
        let reason = if self.spans.is_some() { "AMBIGUOUS_WINDOW" } else { "AMBIGUOUS_KEY" };
        for side in [Side::Left, Side::Right] {
            // Candidates that went to others are no candidates any more.
            for (row, standing) in (0_u32..).zip(found.assignment.standings(side)) {
                if let Standing::Ambiguous { candidates: count } = standing {
                    let candidates = found.candidates(side, row, TOLD);
                    assigned.waiting.push(Waiting { side, row, reason, count: *count, candidates: candidates.into(), why: None });
                }
            }
        }
        Ok(assigned)
    }

    /// The sets of a row's candidates that people have said to make no match with it, as places among them.
    fn forbidden(self, one: Side, single: u32, members: &[u32]) -> BTreeSet<Vec<u32>> {
        let of_single = self.apart.groups().filter(|group| group.of(one) == [single]);
        let places = |group: &Group| {
            let place = |row: &u32| members.binary_search(row).ok().map(length);
            group.of(one.other()).iter().map(place).collect::<Option<Vec<u32>>>()
        };
        of_single.filter_map(places).collect()
    }

    /// What people may decide on: the only candidates of each other, or the rows that add up to an amount.
    fn suggested(self, inside: &[Candidate], of_sides: &OfSides) -> Result<Assigned> {
        let [(_, of_left), (_, of_right)] = of_sides;
        let mut assigned = Assigned::default();
        if self.rule.shape == Shape::OneToOne {
            let only = inside.iter().filter(|pair| is_only(of_left, pair.left) && is_only(of_right, pair.right));
            assigned.suggested = only.map(Together::from).collect();
            left_over(of_sides, "SUGGESTED", &mut assigned);
            return Ok(assigned);
        }
        let one = self.one();
        let ones = if one == Side::Left { of_left } else { of_right };
        let [lefts, rights] = self.lines;
        let (one_lines, many_lines) = if one == Side::Left { (lefts, rights) } else { (rights, lefts) };
        for (single, members) in ones {
            let amounts: Option<Vec<i128>> = members.iter().map(|member| many_lines.amount(*member)).collect();
            let (Some(amounts), Some(target)) = (amounts, one_lines.amount(*single)) else { continue };
            let told = |reason, members: &[u32], assigned: &mut Assigned| {
                assigned.waiting.push(waiting(one, *single, reason, members));
                assigned.waiting.extend(members.iter().map(|member| waiting(one.other(), *member, reason, &[*single])));
            };
            if amounts.len() > MOST_MEMBERS {
                told(TOO_MANY_CANDIDATES, members, &mut assigned);
                continue;
            }
            match subset_sum(&amounts, target, &self.forbidden(one, *single, members))? {
                SubsetSum::None => {}
                SubsetSum::Ambiguous { .. } => told(AMBIGUOUS_SUBSET, members, &mut assigned),
                SubsetSum::Unique(places) => {
                    let members = numbers(members, &places);
                    told("SUGGESTED", &members, &mut assigned);
                    let sides = if one == Side::Left { (vec![*single], members) } else { (members, vec![*single]) };
                    assigned.suggested.push(together(sides.0, sides.1));
                }
            }
        }
        Ok(assigned)
    }
}

/// Lists of candidates that were told of last: rows that are alike come in thousands, and have the same.
struct Lists(Vec<Option<List>>);

/// What rows are alike in, and their candidates.
type List = ((u32, u32), Arc<[u32]>);

impl Default for Lists {
    fn default() -> Self {
        Self(vec![None; 1 << 12])
    }
}

impl Lists {
    /// The list of rows that are alike in this, which is made where it is not at hand.
    fn list(&mut self, alike: Option<(u32, u32)>, list: impl FnOnce() -> Arc<[u32]>) -> Arc<[u32]> {
        let Some(alike) = alike else { return list() };
        let place = alike.0.wrapping_mul(0x9E37_79B1) >> 20;
        let Some(slot) = usize::try_from(place).ok().and_then(|place| self.0.get_mut(place)) else { return list() };
        match slot {
            Some((known, list)) if *known == alike => Arc::clone(list),
            _ => Arc::clone(&slot.insert((alike, list())).1),
        }
    }
}

/// The rows without a day, as places among those that take part.
struct Undated {
    /// By side and key.
    rows: [BTreeMap<u32, Vec<u32>>; 2],
    /// One more than there are rows that all of these are set apart from: of so many one is not.
    most: usize,
}

impl Undated {
    fn of(of: Rows<'_>, keys: &Keys, sides: &[Keyed; 2]) -> Self {
        let rows = [Side::Left, Side::Right].map(|side| {
            let mut undated: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for (place, _) in (0_u32..).zip(rows(sides, side)).filter(|(_, row)| of.is_undated(side, **row)) {
                if let Some(key) = keys.id(side, place) {
                    undated.entry(key).or_default().push(place);
                }
            }
            undated
        });
        Self { rows, most: of.apart.pairs().count().saturating_add(1) }
    }

    /// The keys of which a row has no day.
    fn keys(&self) -> BTreeSet<u32> {
        self.rows.iter().flat_map(BTreeMap::keys).copied().collect()
    }

    /// Whether nobody knows if a row is within days of one that has its key.
    fn is_open(&self, keys: &Keys, side: Side, place: u32) -> bool {
        let [lefts, rights] = &self.rows;
        let (own, others) = if side == Side::Left { (lefts, rights) } else { (rights, lefts) };
        let Some(key) = keys.id(side, place) else { return false };
        let is_undated = own.get(&key).is_some_and(|own| own.binary_search(&place).is_ok());
        let has = |others: &Vec<u32>| others.iter().any(|other| keys.are_candidates(side, place, *other));
        (is_undated && keys.count(side, place) > 0) || others.get(&key).is_some_and(has)
    }

    /// Whether that is so of a row, or of one within its days.
    fn concerns(&self, keys: &Keys, window: &Window, side: Side, place: u32) -> bool {
        let is_open = |other: &u32| self.is_open(keys, side.other(), *other);
        self.is_open(keys, side, place) || window.candidates(side, place, self.most).iter().any(is_open)
    }
}

/// The candidates of the rows of each side.
type OfSides = [(Side, BTreeMap<u32, Vec<u32>>); 2];

/// Says of all rows that have candidates and are in no group why they are left.
fn left_over(of_sides: &OfSides, reason: &'static str, assigned: &mut Assigned) {
    for (side, of) in of_sides {
        let rows = |together: &Together| {
            if *side == Side::Left { together.group.left().to_vec() } else { together.group.right().to_vec() }
        };
        let done: BTreeSet<u32> = assigned.together.iter().flat_map(rows).collect();
        let left = of.iter().filter(|(row, _)| !done.contains(row));
        assigned.waiting.extend(left.map(|(row, others)| waiting(*side, *row, reason, others)));
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

fn together(left: Vec<u32>, right: Vec<u32>) -> Together {
    Together { group: Group::new(left, right), score: None, margin: None, why: None }
}

impl From<&Candidate> for Together {
    fn from(pair: &Candidate) -> Self {
        Self { score: pair.score, why: pair.why.clone(), ..together(vec![pair.left], vec![pair.right]) }
    }
}

/// The candidates of each row of a side, in order.
fn by(pairs: &[Candidate], side: Side) -> BTreeMap<u32, Vec<u32>> {
    let mut of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pair in pairs {
        let (row, other) = if side == Side::Left { (pair.left, pair.right) } else { (pair.right, pair.left) };
        of.entry(row).or_default().push(other);
    }
    of.values_mut().for_each(|others| others.sort_unstable());
    of
}

fn is_only(of: &BTreeMap<u32, Vec<u32>>, row: u32) -> bool {
    of.get(&row).is_some_and(|others| others.len() == 1)
}

fn waiting(side: Side, row: u32, reason: &'static str, others: &[u32]) -> Waiting {
    Waiting { side, row, reason, count: length(others.len()), candidates: others.iter().take(TOLD).copied().collect(), why: None }
}

/// The numbers of a side's rows that take part.
fn rows(sides: &[Keyed; 2], side: Side) -> &[u32] {
    let [left, right] = sides;
    if side == Side::Left { &left.rows } else { &right.rows }
}

/// The rows at these places.
fn numbers(rows: &[u32], places: &[u32]) -> Vec<u32> {
    places.iter().filter_map(|place| of(rows, *place)).collect()
}

fn of<T: Copy>(values: &[T], place: u32) -> Option<T> {
    usize::try_from(place).ok().and_then(|place| values.get(place)).copied()
}

fn length(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_alike_share_a_list_and_others_have_their_own() {
        let mut lists = Lists::default();
        let first = lists.list(Some((7, 9)), || [1, 2].into());
        assert!(Arc::ptr_eq(&first, &lists.list(Some((7, 9)), || [3].into())));
        assert_eq!(lists.list(Some((7, 8)), || [4].into()).as_ref(), [4]);
        assert_eq!(lists.list(None, || [5].into()).as_ref(), [5]);
        assert_eq!(lists.list(None, || [6].into()).as_ref(), [6]);
    }
}
