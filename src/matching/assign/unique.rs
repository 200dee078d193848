//! One and one: rows whose key no other row has, on either side.

use super::keys::Keys;
use super::standing::{Assignment, Pair, Side, Standing, count, set};

/// Pairs the rows of keys that each side has once; of all others the rows are counted, never paired.
///
/// Linear in the rows, however many share a key.
pub fn unique(keys: &Keys) -> Assignment {
    let mut pairs = Vec::new();
    let mut left = vec![Standing::Unkeyed; keys.rows(Side::Left)];
    let mut right = vec![Standing::Unkeyed; keys.rows(Side::Right)];
    for key in 0..keys.distinct() {
        let (lefts, rights) = (keys.group(Side::Left, key), keys.group(Side::Right, key));
        if let ([left], [right]) = (lefts, rights) {
            pairs.push(Pair { left: *left, right: *right });
            continue;
        }
        lefts.iter().for_each(|row| set(&mut left, *row, among(rights)));
        rights.iter().for_each(|row| set(&mut right, *row, among(lefts)));
    }
    Assignment::settle(pairs, left, right)
}

/// The standing of rows that share a key, with these on the other side.
pub(super) fn among(others: &[u32]) -> Standing {
    match count(others.len()) {
        0 => Standing::NoCandidate,
        candidates => Standing::Ambiguous { candidates },
    }
}
