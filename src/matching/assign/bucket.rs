//! As many as there are: rows that nothing tells apart make one group, and no pair of them is claimed.

use super::keys::Keys;
use super::standing::{Side, Standing, at, count, set};
use super::unique::among;
use crate::error::{Error, Result};

/// Rows of one key and amount, as many on the left as on the right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket {
    /// Rows of the left side, smallest first.
    pub left: Vec<u32>,
    /// Rows of the right side, smallest first; as many.
    pub right: Vec<u32>,
}

/// The answer of [`bucket`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets {
    /// The groups, by their smallest left row; no row is in two of them.
    pub groups: Vec<Bucket>,
    /// What became of each row of the left side.
    pub left: Vec<Standing>,
    /// What became of each row of the right side.
    pub right: Vec<Standing>,
}

/// Groups rows of a key where both sides have as many, and all have the same amount: they net to zero, whichever belongs to
/// which.
///
/// The key columns are all that a rule declares; of a key where amounts differ, or one is missing, the rows are not
/// alike, and ambiguous.
///
/// # Errors
/// [`ErrorKind::Bug`](crate::error::ErrorKind::Bug) when there are not as many amounts as rows.
pub fn bucket(keys: &Keys, left_amounts: &[Option<i128>], right_amounts: &[Option<i128>]) -> Result<Buckets> {
    if left_amounts.len() != keys.rows(Side::Left) || right_amounts.len() != keys.rows(Side::Right) {
        return Err(Error::bug("there are not as many amounts as rows"));
    }
    let mut groups = Vec::new();
    let mut left = vec![Standing::Unkeyed; left_amounts.len()];
    let mut right = vec![Standing::Unkeyed; right_amounts.len()];
    for key in 0..keys.distinct() {
        let (lefts, rights) = (keys.group(Side::Left, key), keys.group(Side::Right, key));
        if !lefts.is_empty() && lefts.len() == rights.len() {
            let lefts_of = lefts.iter().map(|row| left_amounts.get(at(*row)));
            let mut amounts = lefts_of.chain(rights.iter().map(|row| right_amounts.get(at(*row))));
            let first = amounts.next();
            if matches!(first, Some(Some(Some(_)))) && amounts.all(|amount| Some(amount) == first) {
                groups.push(Bucket { left: lefts.to_vec(), right: rights.to_vec() });
                continue;
            }
        }
        lefts.iter().for_each(|row| set(&mut left, *row, among(rights)));
        rights.iter().for_each(|row| set(&mut right, *row, among(lefts)));
    }
    groups.sort_unstable();
    for (index, group) in (0..count(groups.len())).zip(&groups) {
        group.left.iter().for_each(|row| set(&mut left, *row, Standing::Matched { index }));
        group.right.iter().for_each(|row| set(&mut right, *row, Standing::Matched { index }));
    }
    Ok(Buckets { groups, left, right })
}
