//! One and one within days: rows of a key that are each other's only candidate.
//!
//! A left row has a span of days in which its counterpart may lie, a right row has its day. Both are sorted by key and day,
//! and two fingers that only move forward count for each row how many there are in reach: linear after sorting, and rows
//! that are alike cost no more than others. A pair is made only where both counts are one.

use std::ops::{Range, RangeInclusive};

use super::apart::{Apart, Candidates, corrected};
use super::both::both;
use super::keys::Keys;
use super::standing::{Assignment, Pair, Side, Standing, at, count, set};
use crate::error::{Error, ErrorKind, Result};

/// Rows of two sides by key and day, with what is in reach of each.
#[derive(Debug, Clone)]
pub struct Window {
    left: Sorted<Span>,
    right: Sorted<i32>,
    /// Rows of one key that are no candidates of each other, whatever their days.
    apart: Apart,
}

/// The days that a counterpart may lie in, both ends with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    from: i32,
    to: i32,
}

/// The rows of a side that take part, by key, day and number.
#[derive(Debug, Clone)]
struct Sorted<D> {
    rows: Vec<(D, u32)>,
    /// Which of the other side's sorted rows are in reach of each.
    reach: Vec<Reach>,
    /// Where each row is in `rows`.
    places: Vec<u32>,
}

/// A part of the other side's sorted rows.
#[derive(Debug, Clone, Copy, Default)]
struct Reach {
    start: u32,
    end: u32,
}

impl Reach {
    fn len(self) -> u32 {
        self.end - self.start
    }

    fn range(self) -> Range<usize> {
        at(self.start)..at(self.end)
    }
}

/// Pairs rows of a key where `right_day - left_day` lies in these offsets and neither has another candidate.
///
/// # Errors
/// Those of [`Window::new`]; [`ErrorKind::Query`] when days and offsets leave the calendar.
pub fn unique_in_window(keys: &Keys, left_day: &[i32], right_day: &[i32], offsets: RangeInclusive<i32>) -> Result<Assignment> {
    Ok(Window::with_offsets(keys, left_day, right_day, offsets)?.assign())
}

impl Window {
    /// The rows of these keys, where a left row's counterpart lies in the days `from` to `to`, both with them.
    ///
    /// Days of rows that take no part mean nothing. A span that ends before it begins holds nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when there are not as many days as rows; [`ErrorKind::Query`] when of two rows with one key the
    /// earlier span begins first and ends last.
    pub fn new(keys: &Keys, from: &[i32], to: &[i32], right_day: &[i32]) -> Result<Self> {
        let (left_rows, right_rows) = (keys.rows(Side::Left), keys.rows(Side::Right));
        if from.len() != left_rows || to.len() != left_rows || right_day.len() != right_rows {
            return Err(Error::bug("there are not as many days as rows"));
        }
        let spans: Vec<Span> = from.iter().zip(to).map(|(from, to)| Span { from: *from, to: *to }).collect();
        let (left, right) = both(|| Sorted::new(keys, Side::Left, &spans), || Sorted::new(keys, Side::Right, right_day));
        let mut window = Self { left, right, apart: keys.apart().clone() };
        for key in 0..keys.distinct() {
            window.reach(keys.range(Side::Left, key), keys.range(Side::Right, key))?;
        }
        Ok(window)
    }

    /// The rows of these keys, where `right_day - left_day` of counterparts lies in these offsets.
    ///
    /// # Errors
    /// Those of [`Window::new`]; [`ErrorKind::Query`] when a day and an offset leave the calendar.
    pub fn with_offsets(keys: &Keys, left_day: &[i32], right_day: &[i32], offsets: RangeInclusive<i32>) -> Result<Self> {
        let (low, high) = offsets.into_inner();
        let moved = |by: i32| -> Result<Vec<i32>> {
            let days = left_day.iter().zip(keys.ids(Side::Left)).map(|(day, id)| {
                // Days of rows that take no part mean nothing.
                if *id == super::NO_KEY { Some(0) } else { day.checked_add(by) }
            });
            days.collect::<Option<_>>().ok_or_else(|| Error::new(ErrorKind::Query, "a window of days leaves the calendar"))
        };
        Self::new(keys, &moved(low)?, &moved(high)?, right_day)
    }

    /// Fills in what is in reach, within the rows of one key.
    fn reach(&mut self, left: Range<usize>, right: Range<usize>) -> Result<()> {
        let first = [&left, &right].map(|range| count(range.start));
        let lefts = self.left.rows.get(left.clone()).unwrap_or_default();
        let rights = self.right.rows.get(right.clone()).unwrap_or_default();
        if lefts.is_sorted_by(|(one, _), (other, _)| one.to <= other.to) {
            let left_reach = self.left.reach.get_mut(left).unwrap_or_default();
            let mut reach = Reach { start: 0, end: 0 };
            for (place, (span, _)) in left_reach.iter_mut().zip(lefts) {
                reach.start = forward(rights, reach.start, |(day, _)| *day < span.from);
                reach.end = forward(rights, reach.end.max(reach.start), |(day, _)| *day <= span.to);
                *place = Reach { start: first[1] + reach.start, end: first[1] + reach.end };
            }
            let right_reach = self.right.reach.get_mut(right).unwrap_or_default();
            let mut reach = Reach { start: 0, end: 0 };
            for (place, (day, _)) in right_reach.iter_mut().zip(rights) {
                reach.start = forward(lefts, reach.start, |(span, _)| span.to < *day);
                reach.end = forward(lefts, reach.end.max(reach.start), |(span, _)| span.from <= *day);
                *place = Reach { start: first[0] + reach.start, end: first[0] + reach.end };
            }
            return Ok(());
        }
        Err(Error::new(ErrorKind::Query, "of two rows with one key, the window of one lies within that of the other")
            .hint("give all rows windows of the same offsets"))
    }

    /// Pairs the rows that are each other's only candidate.
    pub fn assign(&self) -> Assignment {
        let ((pairs, left), right) = both(|| (self.pairs(), self.left.standings()), || self.right.standings());
        corrected(Assignment::settle(pairs, left, right), &self.apart, self)
    }

    /// The pairs, by left row.
    fn pairs(&self) -> Vec<Pair> {
        let pair = |(left, place): (u32, &u32)| {
            let (_, right) = self.right.rows.get(at(self.left.only(*place)?))?;
            let back = self.right.places.get(at(*right))?;
            self.right.only(*back).map(|_| Pair { left, right: *right })
        };
        (0_u32..).zip(&self.left.places).filter_map(pair).collect()
    }

    /// How many rows of the other side are in reach of a row, but for those that are set apart from it.
    pub fn count(&self, side: Side, row: u32) -> u32 {
        let reach = self.reach_of(side, row);
        let is_in_reach = |other: &&u32| self.place_of(side.other(), **other).is_some_and(|place| reach.range().contains(&place));
        reach.len().saturating_sub(count(self.apart.of(side, row).iter().filter(is_in_reach).count()))
    }

    /// Rows of the other side that are in reach of a row, the smallest `most` of them.
    ///
    /// Takes a step for each day and each row that is given, not for each in reach.
    pub fn candidates(&self, side: Side, row: u32, most: usize) -> Vec<u32> {
        let (reach, apart) = (self.reach_of(side, row).range(), self.apart.of(side, row));
        let enough = most.saturating_add(apart.len());
        let mut found = match side {
            Side::Left => smallest(&self.right.rows, reach, enough),
            Side::Right => smallest(&self.left.rows, reach, enough),
        };
        found.retain(|other| apart.binary_search(other).is_err());
        found.truncate(most);
        found
    }

    /// Which of the other side's sorted rows are in reach of a row.
    fn reach_of(&self, side: Side, row: u32) -> Reach {
        match side {
            Side::Left => self.left.reach_of(row),
            Side::Right => self.right.reach_of(row),
        }
        .unwrap_or_default()
    }

    /// Where a row is among the sorted ones of its side.
    fn place_of(&self, side: Side, row: u32) -> Option<usize> {
        let places = if side == Side::Left { &self.left.places } else { &self.right.places };
        places.get(at(row)).map(|place| at(*place))
    }
}

impl Candidates for Window {
    fn count(&self, side: Side, row: u32) -> u32 {
        Self::count(self, side, row)
    }

    fn few(&self, side: Side, row: u32, most: usize) -> Vec<u32> {
        self.candidates(side, row, most)
    }

    fn alike(&self, side: Side, row: u32) -> Option<(u32, u32)> {
        let Reach { start, end } = self.reach_of(side, row);
        self.apart.of(side, row).is_empty().then_some((start, end))
    }
}

impl<D: Copy + Ord> Sorted<D> {
    fn new(keys: &Keys, side: Side, days: &[D]) -> Self {
        let mut rows: Vec<(D, u32)> = Vec::with_capacity(keys.by_key(side).len());
        rows.extend(keys.by_key(side).iter().filter_map(|row| days.get(at(*row)).map(|day| (*day, *row))));
        for key in 0..keys.distinct() {
            let range = keys.range(side, key);
            if range.len() > 1 {
                rows.get_mut(range).unwrap_or_default().sort_unstable();
            }
        }
        let mut places = vec![super::NO_KEY; keys.rows(side)];
        for (place, (_, row)) in (0..count(rows.len())).zip(&rows) {
            if let Some(slot) = places.get_mut(at(*row)) {
                *slot = place;
            }
        }
        Self { reach: vec![Reach::default(); rows.len()], rows, places }
    }

    fn reach_of(&self, row: u32) -> Option<Reach> {
        self.places.get(at(row)).and_then(|place| self.reach.get(at(*place))).copied()
    }

    /// What is in reach of a sorted row, where it is one thing alone.
    fn only(&self, place: u32) -> Option<u32> {
        self.reach.get(at(place)).filter(|reach| reach.len() == 1).map(|reach| reach.start)
    }

    /// What becomes of rows that are not matched.
    fn standings(&self) -> Vec<Standing> {
        let mut standings = vec![Standing::Unkeyed; self.places.len()];
        for ((_, row), reach) in self.rows.iter().zip(&self.reach) {
            set(&mut standings, *row, Standing::among(reach.len()));
        }
        standings
    }
}

/// The first place from here on that is not passed over.
fn forward<T>(list: &[T], from: u32, passes: impl Fn(&T) -> bool) -> u32 {
    let mut place = from;
    while list.get(at(place)).is_some_and(&passes) {
        place += 1;
    }
    place
}

/// The sorted rows of a range, those of each day together.
fn cells<D: Copy + Ord>(rows: &[(D, u32)], range: Range<usize>) -> Vec<&[(D, u32)]> {
    let mut rest = rows.get(range).unwrap_or_default();
    let mut cells = Vec::new();
    while let Some((day, _)) = rest.first().copied() {
        let (cell, later) = rest.split_at(rest.partition_point(|(other, _)| *other <= day));
        cells.push(cell);
        rest = later;
    }
    cells
}

fn smallest<D: Copy + Ord>(rows: &[(D, u32)], range: Range<usize>, most: usize) -> Vec<u32> {
    let mut found: Vec<u32> = match range.len() <= most {
        true => rows.get(range).unwrap_or_default().iter().map(|(_, row)| *row).collect(),
        // The rows of each day are sorted, so the smallest are among the first of each.
        false => cells(rows, range).into_iter().flat_map(|cell| cell.iter().take(most).map(|(_, row)| *row)).collect(),
    };
    found.sort_unstable();
    found.truncate(most);
    found
}
