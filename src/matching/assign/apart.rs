//! Rows that are no candidates of each other although their keys, and days, say so: people have set them apart.
//!
//! They are few, of many rows that are alike. So all rows are counted as if there were none, and the counts of those few are
//! corrected: what is set apart costs no more where thousands of rows share a key.

use std::collections::BTreeMap;

use super::standing::{Assignment, Pair, Side, Standing, count, set};

/// Pairs that are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Apart {
    left: BTreeMap<u32, Vec<u32>>,
    right: BTreeMap<u32, Vec<u32>>,
}

impl Apart {
    /// These pairs, in any order.
    pub fn new(pairs: impl IntoIterator<Item = Pair>) -> Self {
        let mut apart = Self::default();
        for Pair { left, right } in pairs {
            apart.left.entry(left).or_default().push(right);
            apart.right.entry(right).or_default().push(left);
        }
        for others in apart.left.values_mut().chain(apart.right.values_mut()) {
            others.sort_unstable();
            others.dedup();
        }
        apart
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Whether two rows are set apart.
    pub fn has(&self, pair: Pair) -> bool {
        self.of(Side::Left, pair.left).binary_search(&pair.right).is_ok()
    }

    /// The pairs, by left row.
    pub fn pairs(&self) -> impl Iterator<Item = Pair> {
        self.left.iter().flat_map(|(left, rights)| rights.iter().map(|right| Pair { left: *left, right: *right }))
    }

    /// The rows of the other side that a row is set apart from, in order.
    pub(super) fn of(&self, side: Side, row: u32) -> &[u32] {
        let of = if side == Side::Left { &self.left } else { &self.right };
        of.get(&row).map(Vec::as_slice).unwrap_or_default()
    }

    /// All rows that are set apart from some.
    fn rows(&self) -> impl Iterator<Item = (Side, u32)> {
        let of = |side| move |row: &u32| (side, *row);
        self.left.keys().map(of(Side::Left)).chain(self.right.keys().map(of(Side::Right)))
    }
}

/// What could belong to each row, without what is set apart from it.
pub(in crate::matching) trait Candidates {
    /// How many rows of the other side.
    fn count(&self, side: Side, row: u32) -> u32;
    /// The smallest `most` of them.
    fn few(&self, side: Side, row: u32, most: usize) -> Vec<u32>;
    /// What is the same for rows of a side that have the same candidates; nothing where some are set apart from the row.
    fn alike(&self, side: Side, row: u32) -> Option<(u32, u32)>;
}

/// An answer for which rows that are set apart were counted as candidates, without them.
///
/// Whether two rows are a pair is for the counts of both to say, and only rows that are set apart have another count than
/// before. So what changes has one of these.
pub(super) fn corrected(answer: Assignment, apart: &Apart, of: &impl Candidates) -> Assignment {
    if apart.is_empty() {
        return answer;
    }
    let Assignment { mut pairs, mut left, mut right } = answer;
    pairs.retain(|pair| !apart.has(*pair));
    for (side, row) in apart.rows() {
        let standings = if side == Side::Left { &mut left } else { &mut right };
        set(standings, row, Standing::among(of.count(side, row)));
        if of.count(side, row) == 1
            && let [other] = of.few(side, row, 1)[..]
            && of.count(side.other(), other) == 1
        {
            let (left, right) = if side == Side::Left { (row, other) } else { (other, row) };
            pairs.push(Pair { left, right });
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    Assignment::settle(pairs, left, right)
}

/// How many rows are left of so many without those that are set apart.
pub(super) fn less(rows: usize, apart: &[u32]) -> u32 {
    count(rows.saturating_sub(apart.len()))
}
