//! Better than all others, from both sides: pairs of scored candidates.
//!
//! A pair is made where it is the best of both its rows, by a margin over the next best of either. Its rows then leave, which
//! may make others the best, until no pair is left to be made. The order of that does not matter: a pair that may be made
//! can only be made safer by others that leave. So the answer is that of making all that can be made in rounds.

use super::standing::{Assignment, Pair, Side, Standing, at, count};
use crate::error::{Error, ErrorKind, Result};

/// Two rows that may belong together, and how much speaks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scored {
    /// Row of the left side.
    pub left: u32,
    /// Row of the right side.
    pub right: u32,
    /// More is better.
    pub score: i64,
}

/// The answer of [`mutual_best`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutual {
    /// The pairs, and what became of each row. A candidate that went to another row is no candidate any more.
    pub assignment: Assignment,
    /// By how much the pair at the same place was better than any other of its rows that was left when it could be made in
    /// the earliest round; `None` when they had no other.
    pub margins: Vec<Option<u64>>,
    left: Edges,
    right: Edges,
}

/// The candidates of the rows of a side.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edges {
    /// Where the candidates of each row begin in `others`, and where the last end.
    starts: Vec<usize>,
    /// Score and row of the other side, best first and then smallest.
    others: Vec<(i64, u32)>,
}

impl Edges {
    /// From candidates sorted by row.
    fn new(rows: usize, mut edges: Vec<(u32, i64, u32)>) -> Self {
        edges.sort_unstable_by_key(|(row, score, other)| (*row, std::cmp::Reverse(*score), *other));
        let starts = (0..=rows).map(|row| edges.partition_point(|(of, ..)| at(*of) < row)).collect();
        Self { starts, others: edges.into_iter().map(|(_, score, other)| (score, other)).collect() }
    }

    fn of(&self, row: u32) -> &[(i64, u32)] {
        let range = self.starts.get(at(row)).zip(self.starts.get(at(row).saturating_add(1)));
        range.and_then(|(start, end)| self.others.get(*start..*end)).unwrap_or_default()
    }
}

/// The best two candidates of a row that are still free.
#[derive(Debug, Clone, Copy, Default)]
struct Best {
    /// Places among the row's candidates; candidates leave and never come back, so both only move on.
    first: usize,
    second: usize,
}

/// Pairs rows that are the best of each other by this margin over all others.
///
/// A candidate that is given twice counts with its better score.
///
/// # Errors
/// [`ErrorKind::Query`] when the margin is not positive, which would let rows be picked that are as good as others;
/// [`ErrorKind::Bug`] when a candidate is no row.
pub fn mutual_best(candidates: &[Scored], left_rows: usize, right_rows: usize, margin: i64) -> Result<Mutual> {
    let margin = u64::try_from(margin)
        .ok()
        .filter(|margin| *margin > 0)
        .ok_or_else(|| Error::new(ErrorKind::Query, "the margin of mutual_best must be 1 or more").with("margin", margin))?;
    if candidates.iter().any(|scored| at(scored.left) >= left_rows || at(scored.right) >= right_rows) {
        return Err(Error::bug("a candidate is no row"));
    }
    let mut known = candidates.to_vec();
    known.sort_unstable_by_key(|scored| (scored.left, scored.right, std::cmp::Reverse(scored.score)));
    known.dedup_by_key(|scored| (scored.left, scored.right));
    let left = Edges::new(left_rows, known.iter().map(|scored| (scored.left, scored.score, scored.right)).collect());
    let right = Edges::new(right_rows, known.iter().map(|scored| (scored.right, scored.score, scored.left)).collect());
    let mut state = Rounds {
        edges: [&left, &right],
        best: [vec![Best::default(); left_rows], vec![Best::default(); right_rows]],
        is_free: [vec![true; left_rows], vec![true; right_rows]],
        margin,
    };
    let made = state.run(left_rows);
    let standings = [(Side::Left, left_rows), (Side::Right, right_rows)].map(|(side, rows)| state.standings(side, rows));
    let [lefts, rights] = standings;
    let mut made = made;
    made.sort_unstable();
    let (pairs, margins) = made.into_iter().unzip();
    Ok(Mutual { assignment: Assignment::settle(pairs, lefts, rights), margins, left, right })
}

impl Mutual {
    /// Rows of the other side that a row could still belong to, the smallest `most` of them.
    pub fn candidates(&self, side: Side, row: u32, most: usize) -> Vec<u32> {
        let edges = match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        };
        let others = self.assignment.standings(side.other());
        let is_free = |other: u32| !matches!(others.get(at(other)), Some(Standing::Matched { .. }));
        let mut free: Vec<u32> = edges.of(row).iter().map(|(_, other)| *other).filter(|other| is_free(*other)).collect();
        free.sort_unstable();
        free.truncate(most);
        free
    }
}

struct Rounds<'a> {
    edges: [&'a Edges; 2],
    best: [Vec<Best>; 2],
    is_free: [Vec<bool>; 2],
    margin: u64,
}

impl<'a> Rounds<'a> {
    /// Makes all pairs that can be made, in rounds, with their margins.
    fn run(&mut self, left_rows: usize) -> Vec<(Pair, Option<u64>)> {
        let mut made = Vec::new();
        let mut waiting: Vec<u32> = (0..count(left_rows)).collect();
        while !waiting.is_empty() {
            // All that can be made with what is free now, before anything leaves.
            let before = made.len();
            for left in waiting.drain(..) {
                if let Some((right, over)) = self.top(Side::Left, left)
                    && let Some((back, back_over)) = self.top(Side::Right, right)
                    && back == left
                {
                    let over = [over, back_over].into_iter().flatten().min();
                    made.push((Pair { left, right }, over));
                }
            }
            let new = made.get(before..).unwrap_or_default();
            for (pair, _) in new {
                self.take(Side::Left, pair.left);
                self.take(Side::Right, pair.right);
            }
            // Rows that lost a candidate may have a best one now, and so may those whose candidate lost one.
            for (pair, _) in new {
                for (_, left) in self.edges_of(Side::Right, pair.right) {
                    waiting.push(*left);
                }
                for (_, right) in self.edges_of(Side::Left, pair.left) {
                    if self.is_free(Side::Right, *right)
                        && let Some((left, _)) = self.top(Side::Right, *right)
                    {
                        waiting.push(left);
                    }
                }
            }
            waiting.sort_unstable();
            waiting.dedup();
            waiting.retain(|left| self.is_free(Side::Left, *left));
        }
        made
    }

    /// The candidates of a row, free or not.
    fn edges_of(&self, side: Side, row: u32) -> &'a [(i64, u32)] {
        let [left, right] = self.edges;
        match side {
            Side::Left => left.of(row),
            Side::Right => right.of(row),
        }
    }

    fn is_free(&self, side: Side, row: u32) -> bool {
        let [left, right] = &self.is_free;
        let of = if side == Side::Left { left } else { right };
        of.get(at(row)).copied().unwrap_or_default()
    }

    fn take(&mut self, side: Side, row: u32) {
        let [left, right] = &mut self.is_free;
        let of = if side == Side::Left { left } else { right };
        if let Some(is_free) = of.get_mut(at(row)) {
            *is_free = false;
        }
    }

    /// The free candidate that is better than all others by the margin, and by how much.
    fn top(&mut self, side: Side, row: u32) -> Option<(u32, Option<u64>)> {
        let [left, right] = &self.best;
        let best = if side == Side::Left { left } else { right };
        let mut best = best.get(at(row)).copied()?;
        let edges = self.edges_of(side, row);
        let free = |mut place: usize| {
            while edges.get(place).is_some_and(|(_, other)| !self.is_free(side.other(), *other)) {
                place += 1;
            }
            place
        };
        best.first = free(best.first);
        best.second = free(best.second.max(best.first + 1));
        let first = edges.get(best.first).copied();
        let second = edges.get(best.second).copied();
        let [left, right] = &mut self.best;
        let of = if side == Side::Left { left } else { right };
        if let Some(place) = of.get_mut(at(row)) {
            *place = best;
        }
        let ((score, other), second) = (first?, second);
        match second.map(|(next, _)| score.abs_diff(next)) {
            Some(over) if over < self.margin => None,
            over => Some((other, over)),
        }
    }

    /// What becomes of rows that are not matched.
    fn standings(&self, side: Side, rows: usize) -> Vec<Standing> {
        let standing = |row| {
            let free = self.edges_of(side, row).iter().filter(|(_, other)| self.is_free(side.other(), *other)).count();
            Standing::among(count(free))
        };
        (0..count(rows)).map(standing).collect()
    }
}
