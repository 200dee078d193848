//! One and one: rows whose key no other row has, on either side.

use super::apart::corrected;
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
        lefts.iter().for_each(|row| set(&mut left, *row, Standing::among(count(rights.len()))));
        rights.iter().for_each(|row| set(&mut right, *row, Standing::among(count(lefts.len()))));
    }
    corrected(Assignment::settle(pairs, left, right), keys.apart(), keys)
}
