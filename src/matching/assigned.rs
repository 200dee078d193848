//! Which rows a rule assigns to each other, before their amounts are compared.

use std::collections::BTreeMap;

use super::assign::{self, Assignment, Keys, Pair, Scored, Standing, Window, bucket, mutual_best, unique};
use super::calendar::Calendars;
use super::lines::Lines;
use super::proposal::{Candidate, Keyed, Proposal};
use super::rule::{self, Assign, Rule, Shape, Tie};
use crate::error::Result;

/// Candidates that are told of a row that is left.
const TOLD: usize = 10;

/// Rows that belong together, as far as the rule can tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Together {
    pub(super) left: Vec<u32>,
    pub(super) right: Vec<u32>,
    pub(super) score: Option<i64>,
    pub(super) why: Option<String>,
}

/// A row that has candidates and is not assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) side: assign::Side,
    pub(super) row: u32,
    pub(super) reason: &'static str,
    /// How many candidates it has.
    pub(super) count: u32,
    /// Some of them, in order.
    pub(super) candidates: Vec<u32>,
}

/// What a rule assigns.
#[derive(Debug, Default)]
pub(super) struct Assigned {
    pub(super) together: Vec<Together>,
    pub(super) waiting: Vec<Waiting>,
}

impl Assigned {
    /// Assigns what is proposed.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Query`] when a window leaves its calendar.
    pub(super) fn of(rule: &Rule, proposal: Proposal, lines: &[Lines; 2], calendars: &Calendars) -> Result<Self> {
        let spans = rule.window.as_ref().map(|window| spans(window, lines, calendars)).transpose()?;
        match proposal {
            Proposal::Keyed(sides, why) => Keying { rule, lines, spans, why }.assign(&sides),
            Proposal::Pairs(pairs) => paired(rule, pairs, lines, spans.as_deref()),
        }
    }
}

/// The span of days of each row of the left side; nothing where it has no day.
type Spans = Vec<Option<(i32, i32)>>;

fn spans(window: &rule::Window, lines: &[Lines; 2], calendars: &Calendars) -> Result<Spans> {
    let [left, _] = lines;
    let calendar = window.calendar.as_ref().map(|name| calendars.get(name)).transpose()?;
    let span = |day: Option<i32>| match (day, calendar) {
        (None, _) => Ok(None),
        (Some(day), Some(calendar)) => calendar.window(day, window.from, window.to).map(Some),
        (Some(day), None) => Ok(day.checked_add(window.from).zip(day.checked_add(window.to))),
    };
    left.lines.iter().map(|line| span(line.day)).collect()
}

struct Keying<'a> {
    rule: &'a Rule,
    lines: &'a [Lines; 2],
    spans: Option<Spans>,
    why: Option<String>,
}

impl Keying<'_> {
    fn assign(self, sides: &[Keyed; 2]) -> Result<Assigned> {
        let [left, right] = sides;
        if left.rows.is_empty() || right.rows.is_empty() {
            return Ok(Assigned::default());
        }
        let keys = Keys::intern(&left.keys, &right.keys)?;
        let mut assigned = match (&self.spans, self.rule.shape) {
            (None, Shape::OneToOne) => {
                self.one_to_one(&keys, sides, &unique(&keys), "AMBIGUOUS_KEY", |side, row| keys.candidates(side, row, TOLD))?
            }
            (Some(spans), Shape::OneToOne) => self.in_window(&keys, sides, spans)?,
            (spans, _) => self.several(&keys, sides, spans.as_ref())?,
        };
        for together in &mut assigned.together {
            together.why.clone_from(&self.why);
        }
        Ok(assigned)
    }

    fn in_window(&self, keys: &Keys, sides: &[Keyed; 2], spans: &Spans) -> Result<Assigned> {
        let [left, right] = sides;
        let [_, right_lines] = self.lines;
        // A row without a day is in no window: one that ends before it begins.
        let spans: Vec<(i32, i32)> =
            left.rows.iter().map(|row| of(spans, *row).flatten().unwrap_or((i32::MAX, i32::MAX))).collect();
        let (from, to): (Vec<i32>, Vec<i32>) = spans.into_iter().unzip();
        let days =
            right.rows.iter().map(|row| Ok(right_lines.get(*row)?.day.unwrap_or(i32::MIN))).collect::<Result<Vec<i32>>>()?;
        let window = Window::new(keys, &from, &to, &days)?;
        let mut assigned =
            self.one_to_one(keys, sides, &window.assign(), "AMBIGUOUS_WINDOW", |side, row| window.candidates(side, row, TOLD))?;
        // Rows whose only counterparts lie outside the window are told of.
        for side in [assign::Side::Left, assign::Side::Right] {
            let own = rows(sides, side);
            for (place, row) in (0_u32..).zip(own) {
                let others = keys.candidates(side, place, TOLD);
                if window.count(side, place) == 0 && !others.is_empty() {
                    let candidates = numbers(rows(sides, side.other()), &others);
                    let count = length(keys.id(side, place).map_or(0, |key| keys.group(side.other(), key).len()));
                    assigned.waiting.push(Waiting { side, row: *row, reason: "DATE_OUT_OF_WINDOW", count, candidates });
                }
            }
        }
        Ok(assigned)
    }

    fn one_to_one(
        &self,
        keys: &Keys,
        sides: &[Keyed; 2],
        answer: &Assignment,
        reason: &'static str,
        candidates: impl Fn(assign::Side, u32) -> Vec<u32>,
    ) -> Result<Assigned> {
        let mut assigned = Assigned::default();
        for Pair { left, right } in &answer.pairs {
            let pair = |side, row| numbers(rows(sides, side), &[row]);
            let (left, right) = (pair(assign::Side::Left, *left), pair(assign::Side::Right, *right));
            assigned.together.push(Together { left, right, ..Together::default() });
        }
        let buckets = match (self.rule.tie, &self.spans) {
            (Tie::Bucket, None) => self.buckets(keys, sides, &mut assigned)?,
            _ => [Vec::new(), Vec::new()],
        };
        for (side, in_bucket) in [assign::Side::Left, assign::Side::Right].into_iter().zip(&buckets) {
            for ((place, standing), row) in (0_u32..).zip(answer.standings(side)).zip(rows(sides, side)) {
                let Standing::Ambiguous { candidates: count } = standing else { continue };
                if in_bucket.binary_search(row).is_ok() {
                    continue;
                }
                let candidates = numbers(rows(sides, side.other()), &candidates(side, place));
                assigned.waiting.push(Waiting { side, row: *row, reason, count: *count, candidates });
            }
        }
        Ok(assigned)
    }

    /// Groups of as many rows as there are on the other side, all alike; gives the rows that are in one.
    fn buckets(&self, keys: &Keys, sides: &[Keyed; 2], assigned: &mut Assigned) -> Result<[Vec<u32>; 2]> {
        let amounts = |side: assign::Side| -> Result<Option<Vec<i128>>> {
            let [left, right] = self.lines;
            let lines = if side == assign::Side::Left { left } else { right };
            rows(sides, side).iter().map(|row| Ok(lines.get(*row)?.amount)).collect()
        };
        let mut grouped = [Vec::new(), Vec::new()];
        let (Some(left), Some(right)) = (amounts(assign::Side::Left)?, amounts(assign::Side::Right)?) else { return Ok(grouped) };
        for group in bucket(keys, &left, &right)?.groups.into_iter().filter(|group| group.left.len() > 1) {
            let left = numbers(rows(sides, assign::Side::Left), &group.left);
            let right = numbers(rows(sides, assign::Side::Right), &group.right);
            let [lefts, rights] = &mut grouped;
            lefts.extend(&left);
            rights.extend(&right);
            assigned.together.push(Together { left, right, ..Together::default() });
        }
        grouped.iter_mut().for_each(|rows| rows.sort_unstable());
        Ok(grouped)
    }

    /// Several of one side with one of the other.
    fn several(&self, keys: &Keys, sides: &[Keyed; 2], spans: Option<&Spans>) -> Result<Assigned> {
        let one = if self.rule.shape == Shape::ManyToOne { assign::Side::Right } else { assign::Side::Left };
        let mut assigned = Assigned::default();
        for key in 0..keys.distinct() {
            let (ones, many) = (keys.group(one, key), keys.group(one.other(), key));
            if ones.is_empty() || many.is_empty() {
                continue;
            }
            let (ones, many) = (numbers(rows(sides, one), ones), numbers(rows(sides, one.other()), many));
            if ones.len() > 1 {
                for (side, own, others) in [(one, &ones, &many), (one.other(), &many, &ones)] {
                    assigned.waiting.extend(own.iter().map(|row| waiting(side, *row, "AMBIGUOUS_KEY", others)));
                }
                continue;
            }
            let (lefts, rights) = if one == assign::Side::Left { (ones, many) } else { (many, ones) };
            if let Some(spans) = spans
                && !self.is_within(&lefts, &rights, spans)?
            {
                let reason = "DATE_OUT_OF_WINDOW";
                assigned.waiting.extend(lefts.iter().map(|row| waiting(assign::Side::Left, *row, reason, &rights)));
                assigned.waiting.extend(rights.iter().map(|row| waiting(assign::Side::Right, *row, reason, &lefts)));
                continue;
            }
            assigned.together.push(Together { left: lefts, right: rights, ..Together::default() });
        }
        Ok(assigned)
    }

    fn is_within(&self, lefts: &[u32], rights: &[u32], spans: &Spans) -> Result<bool> {
        for left in lefts {
            for right in rights {
                if !is_within(*left, *right, self.lines, spans)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// Assigns what was proposed pair by pair.
fn paired(rule: &Rule, pairs: Vec<Candidate>, lines: &[Lines; 2], spans: Option<&[Option<(i32, i32)>]>) -> Result<Assigned> {
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for pair in pairs {
        let is_inside = spans.map_or(Ok(true), |spans| is_within(pair.left, pair.right, lines, spans))?;
        if is_inside { inside.push(pair) } else { outside.push(pair) }
    }
    let (of_left, of_right) = (by(&inside, assign::Side::Left), by(&inside, assign::Side::Right));
    let mut assigned = Assigned::default();
    let is_only = |rows: &BTreeMap<u32, Vec<u32>>, row: u32| rows.get(&row).is_some_and(|others| others.len() == 1);
    match (rule.assign, rule.shape) {
        (Assign::MutualBest { margin }, _) => assigned.together = best(&inside, lines, margin)?,
        (Assign::Suggest, _) => {}
        (Assign::Unique, Shape::OneToOne) => {
            let unique = inside.iter().filter(|pair| is_only(&of_left, pair.left) && is_only(&of_right, pair.right));
            assigned.together = unique.map(Together::from).collect();
        }
        (Assign::Unique, shape) => {
            let one = if shape == Shape::ManyToOne { assign::Side::Right } else { assign::Side::Left };
            let (ones, many) = if shape == Shape::ManyToOne { (&of_right, &of_left) } else { (&of_left, &of_right) };
            for (row, members) in ones {
                if members.iter().all(|member| is_only(many, *member)) {
                    let (left, right) =
                        if one == assign::Side::Left { (vec![*row], members.clone()) } else { (members.clone(), vec![*row]) };
                    let why = inside.iter().find(|pair| left.contains(&pair.left)).and_then(|pair| pair.why.clone());
                    assigned.together.push(Together { left, right, score: None, why });
                }
            }
        }
    }
    let reason = match (rule.assign, spans) {
        (Assign::Suggest, _) => "SUGGESTED",
        (_, Some(_)) => "AMBIGUOUS_WINDOW",
        (_, None) => "AMBIGUOUS_KEY",
    };
    for (side, of) in [(assign::Side::Left, &of_left), (assign::Side::Right, &of_right)] {
        let done: std::collections::BTreeSet<u32> =
            assigned.together.iter().flat_map(|group| group.rows(side)).copied().collect();
        let unassigned = of.iter().filter(|(row, _)| !done.contains(row));
        assigned.waiting.extend(unassigned.map(|(row, others)| waiting(side, *row, reason, others)));
        let never = by(&outside, side).into_iter().filter(|(row, _)| !of.contains_key(row));
        assigned.waiting.extend(never.map(|(row, others)| waiting(side, row, "DATE_OUT_OF_WINDOW", &others)));
    }
    Ok(assigned)
}

fn best(pairs: &[Candidate], lines: &[Lines; 2], margin: i64) -> Result<Vec<Together>> {
    let [left, right] = lines;
    let scored = |pair: &Candidate| Some(Scored { left: pair.left, right: pair.right, score: pair.score? });
    let scored: Vec<Scored> = pairs.iter().filter_map(scored).collect();
    let found = mutual_best(&scored, left.lines.len(), right.lines.len(), margin)?;
    // They come in this order.
    let place = |pair: &Pair| pairs.binary_search_by_key(&(pair.left, pair.right), |known| (known.left, known.right)).ok();
    let pair = |pair: &Pair| pairs.get(place(pair)?).map(Together::from);
    Ok(found.assignment.pairs.iter().filter_map(pair).collect())
}

impl From<&Candidate> for Together {
    fn from(pair: &Candidate) -> Self {
        Self { left: vec![pair.left], right: vec![pair.right], score: pair.score, why: pair.why.clone() }
    }
}

impl Together {
    pub(super) fn rows(&self, side: assign::Side) -> &[u32] {
        match side {
            assign::Side::Left => &self.left,
            assign::Side::Right => &self.right,
        }
    }
}

/// The candidates of each row of a side, in order.
fn by(pairs: &[Candidate], side: assign::Side) -> BTreeMap<u32, Vec<u32>> {
    let mut of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pair in pairs {
        let (row, other) = if side == assign::Side::Left { (pair.left, pair.right) } else { (pair.right, pair.left) };
        of.entry(row).or_default().push(other);
    }
    of.values_mut().for_each(|others| others.sort_unstable());
    of
}

fn is_within(left: u32, right: u32, lines: &[Lines; 2], spans: &[Option<(i32, i32)>]) -> Result<bool> {
    let [_, rights] = lines;
    let day = rights.get(right)?.day;
    let span = usize::try_from(left).ok().and_then(|left| spans.get(left)).copied().flatten();
    Ok(span.zip(day).is_some_and(|((from, to), day)| (from..=to).contains(&day)))
}

fn waiting(side: assign::Side, row: u32, reason: &'static str, others: &[u32]) -> Waiting {
    Waiting { side, row, reason, count: length(others.len()), candidates: others.iter().take(TOLD).copied().collect() }
}

/// The numbers of a side's rows that take part.
fn rows(sides: &[Keyed; 2], side: assign::Side) -> &[u32] {
    let [left, right] = sides;
    if side == assign::Side::Left { &left.rows } else { &right.rows }
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
