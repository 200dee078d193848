//! What a run found of a flow, as values that can be compared with what was known.

use super::record::{Found, Now};
use super::state::{Entry, Line, Place, Rest, Status, Values, Why};
use crate::error::{Error, Result};
use crate::matching::assign::Side;
use crate::matching::outcome::{Match, Step};
use crate::matching::sides::Lines;

/// The reason of rows that a rule says to be of no concern and gives no other, or that a person has excluded.
const OUT_OF_SCOPE: &str = "OUT_OF_SCOPE";
const EXCLUDED: &str = "EXCLUDED";

/// The steps of a flow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps<'a>(pub(super) &'a [Step]);

impl Steps<'_> {
    /// What was found in them.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when a finding is not of its step.
    pub(super) fn found(self) -> Result<Found> {
        let mut found = Found::default();
        for step in self.0 {
            Reading::of(step)?.read(&mut found)?;
        }
        Ok(found)
    }
}

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
    let told = |rule: &crate::matching::rule::Rule| (rule.amount.is_none(), rule.window.is_none());
    let (rule, side) = of_table.min_by_key(|(rule, _)| told(rule)).ok_or_else(|| Error::bug("a table of no rule"))?;
    Ok(step.table(place)?.lines(rule, side))
}

/// A step while it is read.
struct Reading<'a> {
    step: &'a Step,
    /// What is compared of each table.
    canonical: Vec<Lines<'a>>,
}

impl<'a> Reading<'a> {
    fn of(step: &'a Step) -> Result<Self> {
        let canonical = (0..step.tables.len()).map(|place| canonical(step, place)).collect::<Result<_>>()?;
        Ok(Self { step, canonical })
    }

    fn read(&self, found: &mut Found) -> Result<()> {
        let step = self.step;
        for (status, matches) in [(Status::Confirmed, &step.matches), (Status::Suggested, &step.suggestions)] {
            for one in matches {
                let entry = self.entry(one, status)?;
                found.matches.insert(entry.id.clone(), entry);
            }
        }
        for left in &step.exceptions {
            let candidates = step.candidates(left)?;
            let rule = left.rule.and_then(|place| step.rules.get(place));
            let why = Why {
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
                values: self.values(left.table, left.row)?,
            };
            found.exceptions.insert(self.place(left.table, left.row)?, why);
        }
        for out in &step.out_of_scope {
            let rule = step.rules.get(out.rule);
            let why = Why {
                is_out_of_scope: true,
                reason: rule.and_then(|rule| rule.reason).unwrap_or(OUT_OF_SCOPE).to_owned(),
                rule: rule.map(|rule| rule.id.clone()),
                detail: out.why.as_deref().map(str::to_owned),
                values: self.values(out.table, out.row)?,
                ..Why::default()
            };
            found.exceptions.insert(self.place(out.table, out.row)?, why);
        }
        for out in &step.excluded {
            let values = self.values(out.table, out.row)?;
            let why = Why { is_out_of_scope: true, reason: EXCLUDED.to_owned(), values, ..Why::default() };
            found.exceptions.insert(self.place(out.table, out.row)?, why);
        }
        Ok(())
    }

    fn place(&self, table: usize, row: u32) -> Result<Place> {
        let table = self.step.table(table)?;
        Ok(Place { hop: self.step.hop, table: table.name().to_owned(), id: table.id(row)?.to_owned() })
    }

    fn values(&self, table: usize, row: u32) -> Result<Values> {
        let lines = self.canonical.get(table).ok_or_else(|| Error::bug("a row of no table"))?;
        Ok(values(*lines, row))
    }

    fn entry(&self, one: &Match, status: Status) -> Result<Entry> {
        let step = self.step;
        let rule = step.rule(one)?;
        let tables = step.tables_of(one)?;
        let [left, right] = step.ids(one)?;
        let sides = [(Side::Left, one.group.left(), left), (Side::Right, one.group.right(), right)];
        let mut lines = Vec::new();
        for ((side, rows, ids), table) in sides.into_iter().zip(tables) {
            let read = table.lines(rule, side);
            let line = |(row, id): (&u32, &str)| Line {
                side,
                table: table.name().to_owned(),
                id: id.to_owned(),
                values: values(read, *row),
                compared_day: read.day(*row),
            };
            lines.extend(rows.iter().zip(ids).map(line));
        }
        let rest = one.residual.as_deref().map(|rest| Rest {
            kind: rest.kind.to_owned(),
            amount: rest.amount,
            currency: rest.currency.clone(),
            account: rest.account.clone(),
        });
        Ok(Entry {
            id: step.match_id(one)?,
            hop: step.hop,
            rule: rule.id.clone(),
            version: step.version(one)?.to_owned(),
            status,
            score: one.score,
            margin: one.margin,
            why: one.why.as_deref().map(str::to_owned),
            rest,
            decision: one.decision,
            lines,
        })
    }
}
