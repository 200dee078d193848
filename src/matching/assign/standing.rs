//! What becomes of a row: the words that all operators answer with.

/// One of the two sides of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The first.
    Left,
    /// The second.
    Right,
}

impl Side {
    /// The one that this is not.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// What an operator has found of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It takes no part: one of its key columns is null.
    Unkeyed,
    /// Nothing on the other side could be its counterpart.
    NoCandidate,
    /// It belongs to the pair or group at this place of the answer's list.
    Matched {
        /// Place in the list.
        index: u32,
    },
    /// It cannot be told which of them it belongs to, or which rows of its own side they belong to.
    Ambiguous {
        /// How many rows of the other side could be its counterpart; with one, that one has others.
        candidates: u32,
    },
    /// Its only counterpart is of another amount; the groups of the answer tell by how much.
    Unequal {
        /// Place in the list.
        index: u32,
    },
}

impl Standing {
    /// That of a row that is not matched, with so many candidates.
    pub(super) fn among(candidates: u32) -> Self {
        match candidates {
            0 => Self::NoCandidate,
            candidates => Self::Ambiguous { candidates },
        }
    }
}

/// Two rows that belong together, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pair {
    /// Row of the left side.
    pub left: u32,
    /// Row of the right side.
    pub right: u32,
}

/// The answer of an operator that makes pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Rows that belong together, by left row; no row is in two of them.
    pub pairs: Vec<Pair>,
    /// What became of each row of the left side.
    pub left: Vec<Standing>,
    /// What became of each row of the right side.
    pub right: Vec<Standing>,
}

impl Assignment {
    /// What became of the rows of a side.
    pub fn standings(&self, side: Side) -> &[Standing] {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    /// Puts the pairs in order and says of their rows that they are matched.
    pub(super) fn settle(mut pairs: Vec<Pair>, mut left: Vec<Standing>, mut right: Vec<Standing>) -> Self {
        pairs.sort_unstable();
        for (index, pair) in (0..).zip(&pairs) {
            set(&mut left, pair.left, Standing::Matched { index });
            set(&mut right, pair.right, Standing::Matched { index });
        }
        Self { pairs, left, right }
    }
}

/// Says what became of a row.
pub(super) fn set(standings: &mut [Standing], row: u32, standing: Standing) {
    if let Some(place) = standings.get_mut(at(row)) {
        *place = standing;
    }
}

/// A row's number as a place in a list.
pub(super) fn at(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

/// Length of a list of rows, which are less than `u32::MAX`.
pub(super) fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
