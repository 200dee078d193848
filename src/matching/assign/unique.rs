//! One and one: rows whose key no other row has, on either side.

use super::apart::corrected;
use super::both::both;
use super::keys::{Keys, NO_KEY};
use super::standing::{Assignment, Pair, Side, Standing, count};

/// Pairs the rows of keys that each side has once; of all others the rows are counted, never paired.
///
/// Linear in the rows, however many share a key.
pub fn unique(keys: &Keys) -> Assignment {
    let ((pairs, left), right) = both(|| lefts(keys), || rights(keys));
    corrected(Assignment::settle(pairs, left, right), keys.apart(), keys)
}

/// The pairs, by left row, and what becomes of left rows that are in none.
fn lefts(keys: &Keys) -> (Vec<Pair>, Vec<Standing>) {
    let mut pairs = Vec::new();
    let standing = |(row, key): (u32, &u32)| match (keys.group(Side::Left, *key), keys.group(Side::Right, *key)) {
        _ if *key == NO_KEY => Standing::Unkeyed,
        (own, others) => {
            if let ([_], [right]) = (own, others) {
                pairs.push(Pair { left: row, right: *right });
            }
            Standing::among(count(others.len()))
        }
    };
    let standings = (0_u32..).zip(keys.ids(Side::Left)).map(standing).collect();
    (pairs, standings)
}

/// What becomes of right rows that are in no pair.
fn rights(keys: &Keys) -> Vec<Standing> {
    let standing = |key: &u32| match *key {
        NO_KEY => Standing::Unkeyed,
        key => Standing::among(count(keys.group(Side::Left, key).len())),
    };
    keys.ids(Side::Right).iter().map(standing).collect()
}
