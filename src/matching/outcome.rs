//! What comes of rules: matches, suggestions, and rows that no rule took. Rows are meant by their number in their table.

use std::cmp::Ordering;
use std::sync::Arc;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::assign::{Pair, Side};
use super::rule::Rule;
use super::sided::Sided;
use super::sides::Table;
use crate::error::{Error, Result};
use crate::money::DECIMAL_SCALE;

/// What came of flows, step by step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// The steps, by flow and hop.
    pub steps: Vec<Step>,
}

/// A hop of a flow, and what came of it. Each row of its tables is in one match, or is one exception, or
/// out of scope.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// The flow.
    pub flow: String,
    /// Which hop of it.
    pub hop: u32,
    /// Its rules, as they had their turn.
    pub rules: Vec<Rule>,
    /// The tables that they match rows of, by name.
    pub tables: Vec<Arc<Table>>,
    /// The tables of the sides of each rule, as places in `tables`.
    pub sides: Vec<Sided<usize>>,
    /// The matches, by rule and rows.
    pub matches: Vec<Match>,
    /// Rows that may belong together, for people to decide; the rows are exceptions all the same.
    pub suggestions: Vec<Match>,
    /// The rows that are left, by table and row.
    pub exceptions: Vec<Exception>,
    /// The rows that nothing is expected for, by table and row.
    pub out_of_scope: Vec<OutOfScope>,
    /// The rows that people have left out, by table and row.
    pub excluded: Vec<Excluded>,
    /// The rows that people have set apart, by decision.
    pub apart: Vec<Apart>,
}

/// Rows that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Its rule, as a place in the step's.
    pub rule: usize,
    /// Its rows.
    pub group: Group,
    /// Left less right, where amounts were compared and something is left.
    pub residual: Option<Box<Difference>>,
    /// What the rule says of it.
    pub why: Option<Arc<str>>,
    /// What made it.
    pub made: Made,
}

/// What made a match. Few have a score or are made by people: what those have takes no place in the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// Its rule.
    ByRule,
    /// Its rule, by its score, and by how much that was better than the next of either row, where there was one.
    ByScore(Box<(i64, Option<i64>)>),
    /// People, by the decision of this number.
    ByHand(i64),
}

impl Made {
    /// By a rule, which may give scores.
    pub(super) fn by_rule(score: Option<i64>, margin: Option<i64>) -> Self {
        score.map_or(Self::ByRule, |score| Self::ByScore(Box::new((score, margin))))
    }
}

impl Match {
    /// Its score, where the rule gives one.
    pub fn score(&self) -> Option<i64> {
        if let Made::ByScore(of) = &self.made { Some(of.0) } else { None }
    }

    /// By how much that was better than the next of either row, where there was one.
    pub fn margin(&self) -> Option<i64> {
        if let Made::ByScore(of) = &self.made { of.1 } else { None }
    }

    /// The number of the decision of people that made it, where it was not its rule.
    pub fn decision(&self) -> Option<i64> {
        if let Made::ByHand(number) = self.made { Some(number) } else { None }
    }
}

/// Rows of the left and of the right side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group(Rows);

/// Nearly all groups are of two rows: a million of them need not be a million places in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rows {
    /// One of the left and one of the right.
    Two([u32; 2]),
    /// Those of the left in order, then those of the right in order; and how many are of the left.
    More(Box<(Vec<u32>, usize)>),
}

/// What is left of two amounts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// `DUST`, `TOLERANCE`, `FEE`, `FX` or `WRITE_OFF`.
    pub kind: &'static str,
    /// Mantissa of decimal(38,8).
    pub amount: i128,
    /// The currency.
    pub currency: String,
    /// Where it is booked to.
    pub account: Option<String>,
}

/// A row that no rule took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exception {
    /// Its table, as a place in the step's.
    pub table: usize,
    /// Its number there.
    pub row: u32,
    /// Why, in the words of the reason codes.
    pub reason: &'static str,
    /// The rule that found it out, where one did, as a place in the step's.
    pub rule: Option<usize>,
    /// What there is to say of it.
    pub detail: Option<Arc<str>>,
    /// How many rows it could belong to.
    pub candidate_count: u32,
    /// The table of those, as a place in the step's.
    pub candidate_table: usize,
    /// Some of them: one list for all rows that have the same.
    pub candidates: Arc<[u32]>,
    /// The last day that a rule looks for its counterpart on, counted since 1970, where one does within days.
    pub due: Option<i32>,
}

/// A row that nothing is expected for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfScope {
    /// Its table, as a place in the step's.
    pub table: usize,
    /// Its number there.
    pub row: u32,
    /// The rule that says so, as a place in the step's.
    pub rule: usize,
    /// What the rule says of it.
    pub why: Option<Arc<str>>,
}

/// A row that people have left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excluded {
    /// Its table, as a place in the step's.
    pub table: usize,
    /// Its number there.
    pub row: u32,
    /// The number of the decision.
    pub decision: i64,
}

/// Rows of two tables that a person has set apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart {
    /// The tables of the left and of the right side, as places in the step's.
    pub tables: [usize; 2],
    /// The rows.
    pub group: Group,
    /// Who has said so.
    pub by: String,
    /// The day that it was said.
    pub on: NaiveDate,
    /// Why.
    pub why: String,
    /// The number of the decision.
    pub decision: i64,
}

impl Apart {
    /// The rows, each with its table.
    pub fn places(&self) -> impl Iterator<Item = (usize, u32)> {
        let [left, right] = self.tables;
        let of = |table: usize| move |row: &u32| (table, *row);
        self.group.left().iter().map(of(left)).chain(self.group.right().iter().map(of(right)))
    }

    /// Whether a row is one of them.
    pub fn has(&self, table: usize, row: u32) -> bool {
        self.places().any(|place| place == (table, row))
    }
}

/// The version of no rule: what people have put together.
pub const BY_HAND: &str = "by hand";

impl Group {
    /// Rows of both sides, in any order.
    pub(super) fn new(mut left: Vec<u32>, mut right: Vec<u32>) -> Self {
        if let ([left], [right]) = (left.as_slice(), right.as_slice()) {
            return Self::of_pair(Pair { left: *left, right: *right });
        }
        left.sort_unstable();
        right.sort_unstable();
        let lefts = left.len();
        left.extend(right);
        Self(Rows::More(Box::new((left, lefts))))
    }

    /// Two rows.
    pub(super) fn of_pair(Pair { left, right }: Pair) -> Self {
        Self(Rows::Two([left, right]))
    }

    /// The same rows, those of the left on the right.
    pub(super) fn turned(&self) -> Self {
        Self::new(self.right().to_vec(), self.left().to_vec())
    }

    /// The two rows that it is of, where it has no more.
    pub(super) fn pair(&self) -> Option<Pair> {
        match (self.left(), self.right()) {
            ([left], [right]) => Some(Pair { left: *left, right: *right }),
            _ => None,
        }
    }

    /// Those of the left, then those of the right, and how many are of the left.
    fn rows(&self) -> (&[u32], usize) {
        match &self.0 {
            Rows::Two(rows) => (rows, 1),
            Rows::More(more) => (&more.0, more.1),
        }
    }

    /// Rows of the left side, in order.
    pub fn left(&self) -> &[u32] {
        let (rows, lefts) = self.rows();
        rows.get(..lefts).unwrap_or_default()
    }

    /// Rows of the right side, in order.
    pub fn right(&self) -> &[u32] {
        let (rows, lefts) = self.rows();
        rows.get(lefts..).unwrap_or_default()
    }

    /// Each side with its rows and those of the other.
    pub(super) fn sides(&self) -> [(Side, &[u32], &[u32]); 2] {
        [(Side::Left, self.left(), self.right()), (Side::Right, self.right(), self.left())]
    }

    /// Rows of a side, in order.
    pub fn of(&self, side: Side) -> &[u32] {
        if side == Side::Left { self.left() } else { self.right() }
    }
}

impl Ord for Group {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rows().cmp(&other.rows())
    }
}

impl PartialOrd for Group {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Step {
    /// The rule of a match.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the match is of another step.
    pub fn rule(&self, found: &Match) -> Result<&Rule> {
        self.rules.get(found.rule).ok_or_else(astray)
    }

    /// A table by its place.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the step has no such table.
    pub fn table(&self, place: usize) -> Result<&Table> {
        self.tables.get(place).map(AsRef::as_ref).ok_or_else(astray)
    }

    /// The tables of both sides of a match.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the match is of another step.
    pub fn tables_of(&self, found: &Match) -> Result<[&Table; 2]> {
        let [left, right] = self.sides.get(found.rule).and_then(Sided::both).ok_or_else(astray)?;
        Ok([self.table(*left)?, self.table(*right)?])
    }

    /// The rows of a match, each with its side and its table, as a place in `tables`.
    pub fn rows_of<'a>(&'a self, found: &'a Match) -> impl Iterator<Item = (Side, usize, u32)> + 'a {
        let sides = self.sides.get(found.rule).into_iter().flat_map(Sided::iter);
        sides.flat_map(|(side, table)| found.group.of(side).iter().map(move |row| (side, *table, *row)))
    }

    /// Ids of the left and of the right rows of a match, in order.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the match is of another step.
    pub fn ids(&self, found: &Match) -> Result<[Vec<&str>; 2]> {
        let [left, right] = self.tables_of(found)?;
        Ok([left.ids(found.group.left())?, right.ids(found.group.right())?])
    }

    /// The version of the rule of a match. What people have put together stays so whatever becomes of a rule.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the match is of another step.
    pub fn version(&self, found: &Match) -> Result<&str> {
        Ok(if found.decision().is_some() { BY_HAND } else { &self.rule(found)?.version })
    }

    /// Hash of the rule's version and the rows: the same whenever the same rows are matched by the same rule, or by people.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the match is of another step.
    pub fn match_id(&self, found: &Match) -> Result<String> {
        let mut hash = Sha256::new();
        hash.update(self.version(found)?);
        for ((side, table), ids) in [0_u8, 1].into_iter().zip(self.tables_of(found)?).zip(self.ids(found)?) {
            // A rule has its tables; people have any.
            let table = found.decision().map(|_| table.name());
            for text in table.into_iter().chain(ids) {
                hash.update([side]);
                hash.update(text.len().to_le_bytes());
                hash.update(text);
            }
        }
        Ok(format!("mat_{}", hex::encode(hash.finalize().first_chunk::<12>().unwrap_or(&[0; 12]))))
    }

    /// What people have said of rows that they have set apart, in a sentence.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the rows are of another step.
    pub fn said(&self, apart: &Apart) -> Result<String> {
        let Apart { tables: [left, right], group, by, on, why, decision } = apart;
        let (left, right) = (self.table(*left)?, self.table(*right)?);
        let [lefts, rights] = [left.ids(group.left())?, right.ids(group.right())?].map(|ids| ids.join(" + "));
        let (left, right) = (left.name(), right.name());
        Ok(format!("{by} has set {left} {lefts} and {right} {rights} apart on {on}, override {decision}: {why}"))
    }

    /// Ids of the candidates that are told of an exception.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the exception is of another step.
    pub fn candidates(&self, exception: &Exception) -> Result<Vec<&str>> {
        self.table(exception.candidate_table)?.ids(&exception.candidates)
    }
}

/// A mantissa of decimal(38,8), as few decimals as tell it, but two.
pub fn decimal(mantissa: i128) -> String {
    let unit = 10_u128.pow(DECIMAL_SCALE);
    let (whole, part) = (mantissa.unsigned_abs() / unit, mantissa.unsigned_abs() % unit);
    let part = format!("{part:08}");
    let shown = part.trim_end_matches('0').len().max(2);
    let sign = if mantissa < 0 { "-" } else { "" };
    format!("{sign}{whole}.{}", part.get(..shown).unwrap_or(&part))
}

fn astray() -> Error {
    Error::bug("a finding is not of its step")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_ordered_by_their_rows_however_they_are_kept() {
        let groups = [([1].as_slice(), [9].as_slice()), (&[1], &[9, 10]), (&[1, 9], &[10]), (&[2], &[0])];
        let groups = groups.map(|(left, right)| Group::new(left.to_vec(), right.to_vec()));
        assert!(groups.is_sorted());
        assert!(groups.windows(2).all(|two| two[0] != two[1]));
        assert_eq!(groups[0], Group::of_pair(Pair { left: 1, right: 9 }));
        assert_eq!(groups[2].turned(), Group::new(vec![10], vec![9, 1]));
    }
}
