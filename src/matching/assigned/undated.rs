//! Rows without a day, where a rule asks for one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Rows, rows};
use crate::matching::assign::{Keys, Side, Window};
use crate::matching::proposal::Keyed;

/// The rows without a day, as places among those that take part.
pub(super) struct Undated {
    /// By side and key.
    rows: [BTreeMap<u32, Vec<u32>>; 2],
    /// One more than there are rows that all of these are set apart from: of so many one is not.
    most: usize,
}

impl Undated {
    pub(super) fn of(of: Rows<'_>, keys: &Keys, sides: &[Keyed; 2]) -> Self {
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
    pub(super) fn keys(&self) -> BTreeSet<u32> {
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
    pub(super) fn concerns(&self, keys: &Keys, window: &Window, side: Side, place: u32) -> bool {
        let is_open = |other: &u32| self.is_open(keys, side.other(), *other);
        self.is_open(keys, side, place) || window.candidates(side, place, self.most).iter().any(is_open)
    }
}
