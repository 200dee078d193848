//! One thing for each side of a rule: a rule of one side has but a left one.

use super::assign::Side;

/// What there is of the left side, and of the right where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sided<T> {
    /// Of a rule of one side.
    One(T),
    /// Of the left, and of the right.
    Two(T, T),
}

impl<T> Sided<T> {
    /// That of the left side.
    pub fn left(&self) -> &T {
        match self {
            Self::One(left) | Self::Two(left, _) => left,
        }
    }

    /// That of a side, where there is one.
    pub fn of(&self, side: Side) -> Option<&T> {
        match (self, side) {
            (Self::One(left) | Self::Two(left, _), Side::Left) => Some(left),
            (Self::Two(_, right), Side::Right) => Some(right),
            (Self::One(_), Side::Right) => None,
        }
    }

    /// Both, where there are two.
    pub fn both(&self) -> Option<[&T; 2]> {
        match self {
            Self::One(_) => None,
            Self::Two(left, right) => Some([left, right]),
        }
    }

    /// Each with its side.
    pub fn iter(&self) -> impl Iterator<Item = (Side, &T)> {
        [Side::Left, Side::Right].into_iter().filter_map(|side| Some((side, self.of(side)?)))
    }

    /// Each with its side, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Side, &mut T)> {
        let (left, right) = match self {
            Self::One(left) => (left, None),
            Self::Two(left, right) => (left, Some(right)),
        };
        std::iter::once((Side::Left, left)).chain(right.map(|right| (Side::Right, right)))
    }

    /// What becomes of each.
    pub fn map<U>(&self, mut made: impl FnMut(Side, &T) -> U) -> Sided<U> {
        match self {
            Self::One(left) => Sided::One(made(Side::Left, left)),
            Self::Two(left, right) => Sided::Two(made(Side::Left, left), made(Side::Right, right)),
        }
    }
}
