//! The key of each row, as a number that both sides share.
//!
//! Equal values have equal numbers and others have others: values are compared, not their hashes. A null in any key column
//! takes the row out, as in a join.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use super::apart::{Apart, Candidates, less};
use super::both::both;
use super::columns::Columns;
use super::intern::ids;
use super::standing::{Pair, Side, at, count};
use crate::error::{Error, ErrorKind, Result};

/// The number of rows that take no part.
pub const NO_KEY: u32 = u32::MAX;

/// The keys of the rows of two sides, and the rows of each key.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{ArrayRef, Int64Array, StringArray};
/// use ckosql::matching::assign::{Keys, unique};
///
/// let left: [ArrayRef; 2] = [Arc::new(Int64Array::from(vec![999, 500])), Arc::new(StringArray::from(vec!["EUR", "USD"]))];
/// let right: [ArrayRef; 2] = [Arc::new(Int64Array::from(vec![500, 999])), Arc::new(StringArray::from(vec!["EUR", "EUR"]))];
/// let matched = unique(&Keys::intern(&left, &right)?);
/// assert_eq!(matched.pairs.iter().map(|pair| (pair.left, pair.right)).collect::<Vec<_>>(), [(0, 1)]);
/// # Ok::<(), ckosql::error::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Keys {
    left: Grouped,
    right: Grouped,
    distinct: u32,
    /// Rows of one key that are no candidates of each other all the same.
    apart: Apart,
}

/// The rows of a side by their keys.
#[derive(Debug, Clone)]
struct Grouped {
    ids: Vec<u32>,
    /// Where the rows of each key begin in `rows`, and where the last ends.
    starts: Vec<u32>,
    /// Rows by key, then by number.
    rows: Vec<u32>,
}

impl Keys {
    /// The keys that these columns make, those of the left side and those of the right in the same order.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the sides have other columns, a column is a float, or there are too many rows.
    pub fn intern(left: &[ArrayRef], right: &[ArrayRef]) -> Result<Self> {
        if left.len() != right.len() || left.is_empty() {
            return Err(Error::new(ErrorKind::Query, "both sides of a rule need the same key columns, one at least")
                .with("left", left.len())
                .with("right", right.len()));
        }
        let (left_rows, right_rows) = (rows_of(left)?, rows_of(right)?);
        let total = left_rows + right_rows;
        if u32::try_from(total).ok().is_none_or(|total| total == NO_KEY) {
            return Err(Error::new(ErrorKind::Query, "too many rows to be matched at once").with("rows", total));
        }
        let (left_takes, right_takes) = (take_part(left, left_rows), take_part(right, right_rows));
        let takes_part = [left_takes.as_slice(), right_takes.as_slice()];
        let mut columns = Columns::default();
        for (left, right) in left.iter().zip(right) {
            let (left, right) = (plain(left)?, plain(right)?);
            if kind(left.data_type())? != kind(right.data_type())? {
                return Err(Error::new(ErrorKind::Query, "key columns of the two sides are of different types")
                    .with("left", left.data_type())
                    .with("right", right.data_type())
                    .hint("cast one of them"));
            }
            columns.add([&left, &right], takes_part)?;
        }
        let ([left, right], distinct) = ids(columns, takes_part);
        let (left, right) = both(|| Grouped::new(left, distinct), || Grouped::new(right, distinct));
        Ok(Self { left, right, distinct, apart: Apart::default() })
    }

    /// The same keys, where only these rows take part: those that an earlier rule has matched do not.
    #[must_use]
    pub fn only(&self, left: &[bool], right: &[bool]) -> Self {
        let of = |side: &Grouped, wanted: &[bool]| {
            let wanted = wanted.iter().copied().chain(std::iter::repeat(false));
            let ids = side.ids.iter().zip(wanted).map(|(id, wanted)| if wanted { *id } else { NO_KEY });
            Grouped::new(ids.collect(), self.distinct)
        };
        let only =
            Self { left: of(&self.left, left), right: of(&self.right, right), distinct: self.distinct, apart: Apart::default() };
        only.without(self.apart.pairs())
    }

    /// The same keys, where the rows of these pairs are no candidates of each other.
    #[must_use]
    pub fn without(self, pairs: impl IntoIterator<Item = Pair>) -> Self {
        let has_key = |pair: &Pair| {
            let key = self.id(Side::Left, pair.left);
            key.is_some() && key == self.id(Side::Right, pair.right)
        };
        let apart = Apart::new(pairs.into_iter().filter(has_key).chain(self.apart.pairs()));
        Self { apart, ..self }
    }

    /// Rows of one key that are no candidates of each other all the same.
    pub(super) fn apart(&self) -> &Apart {
        &self.apart
    }

    /// Number of rows of a side.
    pub fn rows(&self, side: Side) -> usize {
        self.side(side).ids.len()
    }

    /// Number of keys; those of rows that were taken out by [`only`](Self::only) are among them.
    pub fn distinct(&self) -> u32 {
        self.distinct
    }

    /// The key of a row; `None` when it takes no part.
    pub fn id(&self, side: Side, row: u32) -> Option<u32> {
        self.side(side).ids.get(at(row)).copied().filter(|id| *id != NO_KEY)
    }

    /// The rows of a key, smallest first.
    pub fn group(&self, side: Side, key: u32) -> &[u32] {
        let (rows, range) = (&self.side(side).rows, self.range(side, key));
        rows.get(range).unwrap_or_default()
    }

    /// How many rows of the other side have the key of this one, but for those that are set apart from it.
    pub fn count(&self, side: Side, row: u32) -> u32 {
        less(self.same(side, row).len(), self.apart.of(side, row))
    }

    /// Rows of the other side that have the key of this one, the smallest `most` of them.
    pub fn candidates(&self, side: Side, row: u32, most: usize) -> Vec<u32> {
        self.each_candidate(side, row).take(most).collect()
    }

    /// Whether two rows are candidates of each other: a row of a side, and one of the other side.
    pub fn are_candidates(&self, side: Side, row: u32, other: u32) -> bool {
        let is_same = self.id(side, row).is_some_and(|key| self.id(side.other(), other) == Some(key));
        is_same && self.apart.of(side, row).binary_search(&other).is_err()
    }

    /// The candidates of a row, where it is the only one of each of them; nothing where it is not, or has none.
    pub fn gathered(&self, side: Side, row: u32) -> Option<Vec<u32>> {
        let is_its = |other| self.count(side.other(), other) == 1;
        // Most rows that are not gathered have a first candidate that says so.
        if !self.each_candidate(side, row).all(is_its) {
            return None;
        }
        Some(self.each_candidate(side, row).collect()).filter(|gathered: &Vec<u32>| !gathered.is_empty())
    }

    /// The candidates of a row, smallest first.
    pub(super) fn each_candidate(&self, side: Side, row: u32) -> impl Iterator<Item = u32> {
        let apart = self.apart.of(side, row);
        self.same(side, row).iter().copied().filter(|other| apart.binary_search(other).is_err())
    }

    /// The rows of the other side that have the key of this one.
    fn same(&self, side: Side, row: u32) -> &[u32] {
        self.id(side, row).map(|key| self.group(side.other(), key)).unwrap_or_default()
    }

    /// Where the rows of a key are in [`by_key`](Self::by_key).
    pub(super) fn range(&self, side: Side, key: u32) -> std::ops::Range<usize> {
        let starts = &self.side(side).starts;
        let bound = |key: usize| starts.get(key).map_or(0, |start| at(*start));
        bound(at(key))..bound(at(key) + 1)
    }

    /// All rows that take part, by key and then by number.
    pub(super) fn by_key(&self, side: Side) -> &[u32] {
        &self.side(side).rows
    }

    pub(super) fn ids(&self, side: Side) -> &[u32] {
        &self.side(side).ids
    }

    fn side(&self, side: Side) -> &Grouped {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }
}

impl Candidates for Keys {
    fn count(&self, side: Side, row: u32) -> u32 {
        Self::count(self, side, row)
    }

    fn few(&self, side: Side, row: u32, most: usize) -> Vec<u32> {
        self.candidates(side, row, most)
    }

    fn alike(&self, side: Side, row: u32) -> Option<(u32, u32)> {
        self.id(side, row).filter(|_| self.apart.of(side, row).is_empty()).map(|key| (key, key))
    }
}

impl Grouped {
    fn new(ids: Vec<u32>, distinct: u32) -> Self {
        // Counted, summed up, and filled from behind: the classic sort of small numbers, which keeps the order of rows.
        let mut starts = vec![0_u32; at(distinct) + 1];
        for id in &ids {
            if let Some(start) = starts.get_mut(at(*id)) {
                *start += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut rows = vec![0; at(sum)];
        for (row, id) in (0..count(ids.len())).zip(&ids).rev() {
            // Rows without key are beyond all keys.
            if let Some(start) = starts.get_mut(at(*id)) {
                *start -= 1;
                if let Some(place) = rows.get_mut(at(*start)) {
                    *place = row;
                }
            }
        }
        Self { ids, starts, rows }
    }
}

fn rows_of(columns: &[ArrayRef]) -> Result<usize> {
    let rows = columns.first().map_or(0, Array::len);
    if columns.iter().any(|column| column.len() != rows) {
        return Err(Error::bug("key columns are of different lengths"));
    }
    Ok(rows)
}

/// Which rows take part: those without a null.
fn take_part(columns: &[ArrayRef], rows: usize) -> Vec<bool> {
    let mut takes_part = vec![true; rows];
    for nulls in columns.iter().filter_map(|column| column.logical_nulls()) {
        takes_part.iter_mut().zip(nulls.iter()).for_each(|(takes_part, is_valid)| *takes_part &= is_valid);
    }
    takes_part
}

/// Types whose values are compared alike.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Decimal(i8),
    Other(DataType),
}

fn kind(data_type: &DataType) -> Result<Kind> {
    Ok(match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        whole if whole.is_integer() => Kind::Whole,
        DataType::Decimal128(_, scale) => Kind::Decimal(*scale),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            return Err(Error::new(ErrorKind::Query, "a binary float is no key").hint("cast it to a decimal or an integer"));
        }
        other => Kind::Other(other.clone()),
    })
}

/// A column without its dictionary.
fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, values).map_err(failed),
        _ => Ok(Arc::clone(array)),
    }
}

pub(super) fn failed(error: arrow::error::ArrowError) -> Error {
    Error::bug("a key column cannot be read").caused_by(error)
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        BinaryArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array, LargeStringArray,
        StringArray, StringViewArray, UInt64Array,
    };
    use arrow::datatypes::Int32Type;

    use super::*;

    fn same(left: ArrayRef, right: ArrayRef) -> Vec<(u32, u32)> {
        let keys = Keys::intern(&[left], &[right]).unwrap();
        let mut same = Vec::new();
        for left in 0..count(keys.rows(Side::Left)) {
            same.extend(keys.candidates(Side::Left, left, usize::MAX).into_iter().map(|right| (left, right)));
        }
        same
    }

    #[test]
    fn values_are_equal_whatever_holds_them() {
        let texts: [ArrayRef; 4] = [
            Arc::new(StringArray::from(vec![Some("a"), None, Some("a longer text than a word"), Some("")])),
            Arc::new(LargeStringArray::from(vec![Some("a"), None, Some("a longer text than a word"), Some("")])),
            Arc::new(StringViewArray::from(vec![Some("a"), None, Some("a longer text than a word"), Some("")])),
            Arc::new(
                vec![Some("a"), None, Some("a longer text than a word"), Some("")]
                    .into_iter()
                    .collect::<DictionaryArray<Int32Type>>(),
            ),
        ];
        for left in &texts {
            for right in &texts {
                assert_eq!(same(Arc::clone(left), Arc::clone(right)), [(0, 0), (2, 2), (3, 3)]);
            }
        }
        let wide: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX, 7, 0]));
        assert_eq!(same(Arc::new(Int32Array::from(vec![-1, 7, 0])), wide), [(1, 1), (2, 2)]);
    }

    #[test]
    fn decimals_of_any_size_are_keys() {
        let of = |values: &[i128]| -> ArrayRef {
            Arc::new(Decimal128Array::from(values.to_vec()).with_precision_and_scale(38, 8).unwrap())
        };
        let huge = 10_i128.pow(37);
        assert_eq!(same(of(&[huge, -huge, 1, 0]), of(&[0, huge, -huge, -1])), [(0, 1), (1, 2), (3, 0)]);
    }

    #[test]
    fn other_types_are_compared_as_rows() {
        let of = |values: Vec<&[u8]>| -> ArrayRef { Arc::new(BinaryArray::from(values)) };
        assert_eq!(same(of(vec![b"", b"\0", b"x"]), of(vec![b"\0", b"x", b"y"])), [(1, 0), (2, 1)]);
        assert_eq!(same(Arc::new(Date32Array::from(vec![1, 2])), Arc::new(Date32Array::from(vec![2, 3]))), [(1, 0)]);
    }

    #[test]
    fn floats_and_unlike_types_are_refused() {
        let float: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["1"]));
        let refused = |left: &ArrayRef, right: &ArrayRef| {
            Keys::intern(&[Arc::clone(left)], &[Arc::clone(right)]).unwrap_err().message().to_owned()
        };
        assert_eq!(refused(&float, &float), "a binary float is no key");
        assert_eq!(refused(&whole, &text), "key columns of the two sides are of different types");
        assert!(Keys::intern(&[], &[]).is_err());
    }

    #[test]
    fn many_columns_that_no_word_holds_make_one_key() {
        let numbers = |values: [i64; 4]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
        let texts = |values: [&str; 4]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
        let left = [
            numbers([i64::MAX, i64::MIN, 0, 0]),
            numbers([i64::MIN, i64::MAX, 0, 0]),
            texts(["x", "y", "a text of some length", "z"]),
            numbers([1, 2, 3, 3]),
        ];
        let right = left.clone().map(|column| arrow::compute::take(&column, &Int32Array::from(vec![3, 2, 1, 0]), None).unwrap());
        let keys = Keys::intern(&left, &right).unwrap();
        let all: Vec<_> = (0..4).flat_map(|row| keys.candidates(Side::Left, row, 9)).collect();
        assert_eq!((all, keys.distinct()), (vec![3, 2, 1, 0], 4));
    }
}
