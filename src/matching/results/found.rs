//! What a run found of a flow, as values that can be compared with what was known.

use super::record::Now;
use super::state::{Entry, Line, Place, Rest, Status, Values, Why};
use crate::error::{Error, Result};
use crate::matching::assign::Side;
use crate::matching::outcome::{Exception, Excluded, Match, OutOfScope, Step};
use crate::matching::rule::Rule;
use crate::matching::sided::Sided;
use crate::matching::sides::Lines;

/// The reason of rows that a rule says to be of no concern and gives no other, or that a person has excluded.
const OUT_OF_SCOPE: &str = "OUT_OF_SCOPE";
const EXCLUDED: &str = "EXCLUDED";

/// The steps of a flow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps<'a>(pub(super) &'a [Step]);

impl Now for Steps<'_> {
    fn values(&self, rule: &str, hop: u32, line: &Line) -> Option<Values> {
        let step = self.0.iter().find(|step| step.hop == hop)?;
        let table = step.tables.iter().find(|table| table.name() == line.table)?;
        let row = table.place(&line.id)?;
        let rule = step.rules.iter().find(|known| known.id == rule)?;
        Some(values(table.lines(rule, line.side), row))
    }
}

/// What a rule compares of a row.
fn values(lines: Lines<'_>, row: u32) -> Values {
    Values { amount: lines.amount(row), currency: lines.currency(row).map(str::to_owned), day: lines.table().dated(row) }
}

/// What is compared of a table where no rule is asked in particular: by the first rule that compares its amounts, else its
/// days, else by the first.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when the step has no such table.
pub(super) fn canonical(step: &Step, place: usize) -> Result<Lines<'_>> {
    let of_table = step.rules.iter().zip(&step.sides).flat_map(|(rule, sides)| {
        let sides = sides.iter().filter(|(_, table)| **table == place);
        sides.map(move |(side, _)| (rule, side))
    });
    let told = |rule: &Rule| (rule.amount.is_none(), rule.window.is_none());
    let (rule, side) = of_table.min_by_key(|(rule, _)| told(rule)).ok_or_else(|| Error::bug("a table of no rule"))?;
    Ok(step.table(place)?.lines(rule, side))
}

/// A row of a step that is in no match.
#[derive(Debug, Clone, Copy)]
pub(super) enum Open<'a> {
    Exception(&'a Exception),
    OutOfScope(&'a OutOfScope),
    Excluded(&'a Excluded),
}

impl Open<'_> {
    /// Its table, as a place in the step's, and its number there.
    pub(super) fn row(self) -> (usize, u32) {
        match self {
            Self::Exception(left) => (left.table, left.row),
            Self::OutOfScope(out) => (out.table, out.row),
            Self::Excluded(out) => (out.table, out.row),
        }
    }

    /// Whether nothing is expected for it.
    pub(super) fn is_out_of_scope(self) -> bool {
        !matches!(self, Self::Exception(_))
    }
}

/// A step while it is read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) step: &'a Step,
    /// What is compared of each table.
    canonical: Vec<Lines<'a>>,
    /// What each rule compares of its sides.
    compared: Vec<Sided<Lines<'a>>>,
}

impl<'a> Reading<'a> {
    pub(super) fn of(step: &'a Step) -> Result<Self> {
        let canonical = (0..step.tables.len()).map(|place| canonical(step, place)).collect::<Result<_>>()?;
        let lines = |rule, side, table: &usize| Ok::<_, Error>(step.table(*table)?.lines(rule, side));
        let sides = |(rule, sides): (&'a Rule, &Sided<usize>)| match sides {
            Sided::One(table) => Ok(Sided::One(lines(rule, Side::Left, table)?)),
            Sided::Two(left, right) => Ok(Sided::Two(lines(rule, Side::Left, left)?, lines(rule, Side::Right, right)?)),
        };
        let compared = step.rules.iter().zip(&step.sides).map(sides).collect::<Result<_>>()?;
        Ok(Self { step, canonical, compared })
    }

    /// What the rule of a match compares of both sides.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when it is of another step.
    pub(super) fn compared(&self, one: &Match) -> Result<[Lines<'a>; 2]> {
        let [left, right] = self.compared.get(one.rule).and_then(Sided::both).ok_or_else(|| Error::bug("a match of no rule"))?;
        Ok([*left, *right])
    }

    /// Its matches, then what is suggested.
    pub(super) fn matches(&self) -> impl Iterator<Item = (Status, &'a Match)> + use<'a> {
        let of = |status| move |one| (status, one);
        let suggested = self.step.suggestions.iter().map(of(Status::Suggested));
        self.step.matches.iter().map(of(Status::Confirmed)).chain(suggested)
    }

    /// Its rows that are in no match.
    pub(super) fn open(&self) -> impl Iterator<Item = Open<'a>> + use<'a> {
        let left = self.step.exceptions.iter().map(Open::Exception);
        left.chain(self.step.out_of_scope.iter().map(Open::OutOfScope)).chain(self.step.excluded.iter().map(Open::Excluded))
    }

    /// Why a row is in no match.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when it is of another step.
    pub(super) fn why(&self, open: Open<'_>) -> Result<Why> {
        let step = self.step;
        let (table, row) = open.row();
        let values = self.values(table, row)?;
        Ok(match open {
            Open::Exception(left) => {
                let candidates = step.candidates(left)?;
                let rule = left.rule.and_then(|place| step.rules.get(place));
                Why {
                    is_out_of_scope: false,
                    reason: left.reason.to_owned(),
                    rule: rule.map(|rule| rule.id.clone()),
                    detail: left.detail.as_deref().map(str::to_owned),
                    candidate_table: match candidates.is_empty() {
                        true => None,
                        false => Some(step.table(left.candidate_table)?.name().to_owned()),
                    },
                    candidate_count: i64::from(left.candidate_count),
                    candidates: Some(candidates.join(" ")).filter(|ids| !ids.is_empty()),
                    due: left.due,
                    values,
                }
            }
            Open::OutOfScope(out) => {
                let rule = step.rules.get(out.rule);
                Why {
                    is_out_of_scope: true,
                    reason: rule.and_then(|rule| rule.reason).unwrap_or(OUT_OF_SCOPE).to_owned(),
                    rule: rule.map(|rule| rule.id.clone()),
                    detail: out.why.as_deref().map(str::to_owned),
                    values,
                    ..Why::default()
                }
            }
            Open::Excluded(_) => Why { is_out_of_scope: true, reason: EXCLUDED.to_owned(), values, ..Why::default() },
        })
    }

    /// What a row is called.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when it is of another step.
    pub(super) fn place(&self, (table, row): (usize, u32)) -> Result<Place> {
        let table = self.step.table(table)?;
        Ok(Place { hop: self.step.hop, table: table.name().to_owned(), id: table.id(row)?.to_owned() })
    }

    fn values(&self, table: usize, row: u32) -> Result<Values> {
        let lines = self.canonical.get(table).ok_or_else(|| Error::bug("a row of no table"))?;
        Ok(values(*lines, row))
    }

    /// A match as it is kept.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when it is of another step.
    pub(super) fn entry(&self, status: Status, one: &Match) -> Result<Entry> {
        self.entry_of(self.step.match_id(one)?, status, one)
    }

    /// The same, where its id is known.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when it is of another step.
    pub(super) fn entry_of(&self, id: String, status: Status, one: &Match) -> Result<Entry> {
        let (step, rule) = (self.step, self.step.rule(one)?);
        let mut lines = Vec::with_capacity(one.group.left().len() + one.group.right().len());
        for (side, read) in [Side::Left, Side::Right].into_iter().zip(self.compared(one)?) {
            let table = read.table();
            for row in one.group.of(side) {
                lines.push(Line {
                    side,
                    table: table.name().to_owned(),
                    id: table.id(*row)?.to_owned(),
                    values: values(read, *row),
                    compared_day: read.day(*row),
                });
            }
        }
        let rest = one.residual.as_deref().map(|rest| Rest {
            kind: rest.kind.to_owned(),
            amount: rest.amount,
            currency: rest.currency.clone(),
            account: rest.account.clone(),
        });
        Ok(Entry {
            id,
            hop: step.hop,
            rule: rule.id.clone(),
            version: step.version(one)?.to_owned(),
            status,
            score: one.score(),
            margin: one.margin(),
            why: one.why.as_deref().map(str::to_owned),
            rest,
            decision: one.decision(),
            lines,
        })
    }
}
