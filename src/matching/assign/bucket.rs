//! As many as there are: rows that nothing tells apart make one group, and no pair of them is claimed.

use std::collections::BTreeMap;

use super::keys::Keys;
use super::standing::{Side, Standing, at, count, set};
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
    for (side, standings) in [(Side::Left, &mut left), (Side::Right, &mut right)] {
        for (row, standing) in (0..).zip(standings).filter(|(row, _)| keys.id(side, *row).is_some()) {
            *standing = Standing::among(keys.count(side, row));
        }
    }
    for alike in (0..keys.distinct()).flat_map(|key| alike(keys, key)) {
        let lefts = alike.left.iter().map(|row| left_amounts.get(at(*row)));
        let mut amounts = lefts.chain(alike.right.iter().map(|row| right_amounts.get(at(*row))));
        let first = amounts.next();
        if matches!(first, Some(Some(Some(_)))) && amounts.all(|amount| Some(amount) == first) {
            groups.push(alike);
        }
    }
    groups.sort_unstable();
    for (index, group) in (0..count(groups.len())).zip(&groups) {
        group.left.iter().for_each(|row| set(&mut left, *row, Standing::Matched { index }));
        group.right.iter().for_each(|row| set(&mut right, *row, Standing::Matched { index }));
    }
    Ok(Buckets { groups, left, right })
}

/// As many rows of a key on the left as on the right, of which each is a candidate of each, and none of any other.
fn alike(keys: &Keys, key: u32) -> Vec<Bucket> {
    // Rows that the same ones are set apart from; mostly all of them, from none.
    let mut classes: BTreeMap<&[u32], Vec<u32>> = BTreeMap::new();
    for row in keys.group(Side::Left, key) {
        classes.entry(keys.apart().of(Side::Left, *row)).or_default().push(*row);
    }
    let bucket = |left: Vec<u32>| {
        let first = *left.first()?;
        let (wanted, mut others) = (count(left.len()), keys.each_candidate(Side::Left, first));
        let is_whole = keys.count(Side::Left, first) == wanted && others.all(|other| keys.count(Side::Right, other) == wanted);
        is_whole.then(|| Bucket { left, right: keys.candidates(Side::Left, first, usize::MAX) })
    };
    classes.into_values().filter_map(bucket).collect()
}
