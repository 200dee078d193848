//! Keys of rows to small numbers: equal ones to the same number, others to others.
//!
//! A hash says where to look and never decides: values are compared.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use super::both::both;
use super::columns::{Column, Columns, Value, Words, of};
use super::keys::NO_KEY;
use super::standing::{Side, at, count};

/// Rows are dealt into two to the power of this many parts.
const PART_BITS: u32 = 8;
/// What hashes begin with. Not nothing: memory that is asked for full of zeros is read before it is written here, and so is got twice.
const BEGIN: u64 = 0x9E37_79B9_7F4A_7C15;
/// The bits of a hash that do not say the part.
const HASH_PLACES: u64 = u64::MAX >> PART_BITS;

/// The number of the key of each row of both sides, [`NO_KEY`] where it takes no part, and how many keys there are.
pub(super) type Ids = ([Vec<u32>; 2], u32);

/// The numbers of the keys that columns make.
pub(super) fn ids(columns: Columns, takes_part: [&[bool]; 2]) -> Ids {
    match columns.packed() {
        Err(columns) => hashed(&columns, takes_part),
        Ok(words) => {
            let rows = takes_part.into_iter().map(<[bool]>::len).sum::<usize>();
            let space = 1_usize.checked_shl(words.bits).filter(|_| words.bits < usize::BITS);
            match space {
                Some(space) if space <= 4096.max(rows) => direct(&words, takes_part, space),
                _ => hashed(&[Box::new(words)], takes_part),
            }
        }
    }
}

/// Values that are few enough to be places of a list.
fn direct(words: &Words, takes_part: [&[bool]; 2], space: usize) -> Ids {
    let mut known = vec![NO_KEY; space];
    let mut distinct = 0;
    let mut ids = |side: Side| {
        let ids = of(&words.values, side).iter().zip(*of(&takes_part, side)).map(|(value, takes_part)| {
            let place = usize::try_from(*value).ok().filter(|_| *takes_part);
            let Some(id) = place.and_then(|place| known.get_mut(place)) else { return NO_KEY };
            if *id == NO_KEY {
                *id = distinct;
                distinct += 1;
            }
            *id
        });
        ids.collect()
    };
    ([ids(Side::Left), ids(Side::Right)], distinct)
}

/// A row of a side.
type Row = (Side, u32);

/// Numbers of keys, found by their hashes and then compared.
///
/// Rows are first dealt into parts by the first bits of their hashes, so that the table of each part stays in the cache, and
/// each half of the parts is numbered for itself.
fn hashed(columns: &[Box<dyn Column>], takes_part: [&[bool]; 2]) -> Ids {
    let deal = |side: Side| Dealt::of(columns, side, of::<&[bool]>(&takes_part, side));
    let (left, right) = both(|| deal(Side::Left), || deal(Side::Right));
    let dealt = [left, right];
    let ids = takes_part.map(|side| side.iter().map(|_| AtomicU32::new(NO_KEY)).collect::<Vec<_>>());
    let parts = 1 << PART_BITS;
    let middle = parts / 2;
    // The second half has numbers that none of the first can have, and is moved up to it in the end.
    let second = count(dealt.iter().map(|dealt| dealt.start(middle)).sum());
    let numbered =
        |parts: std::ops::Range<usize>, first| Numbering { ids: &ids, next: first, firsts: Vec::new() }.of(&dealt, parts);
    let (low, high) = both(|| numbered(0..middle, 0), || numbered(middle..parts, second));
    let gap = second - count(low.len());
    let firsts = [low, high].concat();
    drop(dealt);
    let moved = |ids: Vec<AtomicU32>| -> Vec<u32> {
        let moved = |id: u32| if id == NO_KEY || id < second { id } else { id - gap };
        ids.into_iter().map(|id| moved(id.into_inner())).collect()
    };
    let [left, right] = ids;
    let (left, right) = both(|| moved(left), || moved(right));
    let is_exact = matches!(columns, [column] if column.is_hash_exact());
    let is_true = |side, ids: &[u32]| are_equal(columns, &firsts, side, ids);
    if !is_exact {
        let (is_left, is_right) = both(|| is_true(Side::Left, &left), || is_true(Side::Right, &right));
        if !is_left || !is_right {
            return compared(columns, takes_part);
        }
    }
    ([left, right], count(firsts.len()))
}

/// Whether all rows of a side have the key of the first row of their number.
fn are_equal(columns: &[Box<dyn Column>], firsts: &[Row], side: Side, ids: &[u32]) -> bool {
    let mut rows = (0_u32..).zip(ids).filter(|(_, id)| **id != NO_KEY);
    rows.all(|(row, id)| {
        let Some((first_side, first)) = firsts.get(at(*id)).copied() else { return false };
        let is_first = (first_side, first) == (side, row);
        is_first || columns.iter().all(|column| column.value(side, row) == column.value(first_side, first))
    })
}

/// The rows of a side that take part, by the first bits of their hashes.
struct Dealt {
    hashes: Vec<u64>,
    rows: Vec<u32>,
    /// Where each part ends.
    ends: Vec<usize>,
}

impl Dealt {
    fn of(columns: &[Box<dyn Column>], side: Side, takes_part: &[bool]) -> Self {
        let part_of = |hash: u64| usize::try_from(hash >> (u64::BITS - PART_BITS)).unwrap_or_default();
        let mut hashes = vec![BEGIN; takes_part.len()];
        columns.iter().for_each(|column| column.hash(side, &mut hashes));
        let mut places = vec![0_usize; 1 << PART_BITS];
        let rows = || hashes.iter().zip(takes_part).zip(0_u32..).filter(|((_, takes_part), _)| **takes_part);
        for ((hash, _), _) in rows() {
            if let Some(place) = places.get_mut(part_of(*hash)) {
                *place += 1;
            }
        }
        let mut sum = 0;
        for place in &mut places {
            (sum, *place) = (sum + *place, sum);
        }
        let (mut dealt, mut dealt_rows) = (vec![0; sum], vec![NO_KEY; sum]);
        for ((hash, _), row) in rows() {
            if let Some(place) = places.get_mut(part_of(*hash))
                && let Some((slot, row_slot)) = dealt.get_mut(*place).zip(dealt_rows.get_mut(*place))
            {
                (*slot, *row_slot) = (*hash, row);
                *place += 1;
            }
        }
        // Each has been moved to where its part ends.
        Self { hashes: dealt, rows: dealt_rows, ends: places }
    }

    /// Where a part begins.
    fn start(&self, part: usize) -> usize {
        part.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default()
    }

    /// The rows of a part, with their hashes.
    fn part(&self, part: usize) -> impl ExactSizeIterator<Item = (u64, u32)> {
        let range = self.start(part)..self.start(part + 1);
        let (hashes, rows) = (self.hashes.get(range.clone()), self.rows.get(range));
        hashes.unwrap_or_default().iter().copied().zip(rows.unwrap_or_default().iter().copied())
    }
}

/// Numbers that are given to hashes.
struct Numbering<'a> {
    ids: &'a [Vec<AtomicU32>; 2],
    next: u32,
    /// The first row of each number.
    firsts: Vec<Row>,
}

impl Numbering<'_> {
    /// Numbers the rows of some parts; gives the first row of each number.
    fn of(mut self, dealt: &[Dealt; 2], parts: std::ops::Range<usize>) -> Vec<Row> {
        let mut table: Vec<(u64, u32)> = Vec::new();
        for part in parts {
            let rows: usize = dealt.iter().map(|dealt| dealt.part(part).len()).sum();
            table.clear();
            table.resize((rows * 2).next_power_of_two(), (0, NO_KEY));
            for side in [Side::Left, Side::Right] {
                for (hash, row) in of(dealt, side).part(part) {
                    self.number(&mut table, hash, (side, row));
                }
            }
        }
        self.firsts
    }

    fn number(&mut self, table: &mut [(u64, u32)], hash: u64, row: Row) {
        let last = table.len().saturating_sub(1);
        let mut place = usize::try_from(hash & HASH_PLACES).unwrap_or_default();
        while let Some((known, id)) = table.get_mut(place & last) {
            if *id == NO_KEY {
                (*known, *id) = (hash, self.next);
                self.next += 1;
                self.firsts.push(row);
            }
            if *known == hash {
                if let Some(slot) = of(self.ids, row.0).get(at(row.1)) {
                    slot.store(*id, Ordering::Relaxed);
                }
                return;
            }
            place += 1;
        }
    }
}

/// Numbers of keys where two that differ have one hash: by their order.
fn compared(columns: &[Box<dyn Column>], takes_part: [&[bool]; 2]) -> Ids {
    let mut known: BTreeMap<Vec<Value<'_>>, u32> = BTreeMap::new();
    let mut ids = |side: Side| {
        let ids = (0_u32..).zip(*of(&takes_part, side)).map(|(row, takes_part)| {
            let next = count(known.len());
            let key = || columns.iter().map(|column| column.value(side, row)).collect();
            if *takes_part { *known.entry(key()).or_insert(next) } else { NO_KEY }
        });
        ids.collect()
    };
    let ids = [ids(Side::Left), ids(Side::Right)];
    (ids, count(known.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values whose hash says little.
    struct Dull([Vec<u64>; 2]);

    impl Column for Dull {
        fn hash(&self, side: Side, hashes: &mut [u64]) {
            hashes.iter_mut().zip(of(&self.0, side)).for_each(|(hash, value)| *hash = value % 3);
        }

        fn value(&self, side: Side, row: u32) -> Value<'_> {
            Value::Word(of(&self.0, side)[row as usize])
        }
    }

    #[test]
    fn values_of_one_hash_keep_their_own_numbers() {
        let values = [vec![5, 8, 5, 1], vec![2, 8, 7]];
        let found = hashed(&[Box::new(Dull(values))], [&[true; 4], &[true, true, false]]);
        assert_eq!(found, ([vec![0, 1, 0, 2], vec![3, 1, NO_KEY]], 4));
    }

    #[test]
    fn keys_of_many_rows_are_the_same_numbers_on_both_sides() {
        let left: Vec<u64> = (0..5_000).map(|row| row * 7 % 4_000).collect();
        let right: Vec<u64> = left.iter().rev().map(|value| value + 10).collect();
        let words = Words { values: [left.clone(), right.clone()], bits: u64::BITS };
        let (takes_left, takes_right) = (vec![true; left.len()], vec![true; right.len()]);
        let ([left_ids, right_ids], distinct) = hashed(&[Box::new(words)], [&takes_left, &takes_right]);
        let known: BTreeMap<u64, u32> =
            left.iter().chain(&right).copied().zip(left_ids.iter().chain(&right_ids).copied()).collect();
        assert!(left.iter().zip(&left_ids).chain(right.iter().zip(&right_ids)).all(|(value, id)| known[value] == *id));
        let numbers: std::collections::BTreeSet<u32> = known.values().copied().collect();
        assert_eq!((numbers.len(), distinct), (known.len(), count(known.len())));
        assert_eq!(numbers.last().copied(), distinct.checked_sub(1));
    }
}
