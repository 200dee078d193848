//! Which rows a rule assigns to each other, before their amounts are compared.

mod keyed;
mod lists;
mod paired;
mod undated;

use std::sync::Arc;

use super::apart::Apart;
use super::assign::{Pair, Scored, Side, mutual_best};
use super::conventions::Conventions;
use super::outcome::Group;
use super::proposal::{Keyed, Proposal};
use super::reasons::DATE_OUT_OF_WINDOW;
use super::rule::{self, Rule, Shape};
use super::sides::Lines;
use crate::error::Result;

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
}

fn together(left: Vec<u32>, right: Vec<u32>) -> Together {
    Together { group: Group::new(left, right), score: None, margin: None, why: None }
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
