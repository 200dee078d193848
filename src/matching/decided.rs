//! What people have decided of the rows of a step, done before any rule has its turn: groups are made, rows are left out.

use std::collections::BTreeSet;

use super::amounts::{Sums, overflow, sums};
use super::assign::Side;
use super::outcome::{Apart, Difference, Excluded, Group, Made, Match, Step};
use super::overrides::{Decided, Rows, SetApart, Together};
use super::sided::Sided;
use super::sides::Lines;
use crate::error::{Error, ErrorKind, Result};

/// What comes of decisions in a step.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Groups that people have made.
    pub(super) matches: Vec<Match>,
    /// Rows that they have left out.
    pub(super) excluded: Vec<Excluded>,
    /// Rows that are in a group or left out, by table and row.
    pub(super) taken: Vec<(usize, u32)>,
    /// Rows that they have set apart.
    pub(super) apart: Vec<Apart>,
}

/// Does what was decided of the rows of a step. A group is made in the first step that has a rule of its tables; `made` are
/// the numbers of those that are.
///
/// # Errors
/// [`ErrorKind::Query`] that names the override whose rows are not there, or are of several currencies.
pub(super) fn done(step: &Step, decided: &Decided, made: &mut BTreeSet<i64>) -> Result<Done> {
    let mut done = Done::default();
    for (place, table) in step.tables.iter().enumerate() {
        let excluded = decided.excluded(table.name());
        let excluded = excluded.filter_map(|(id, decision)| Some(Excluded { table: place, row: table.place(id)?, decision }));
        done.excluded.extend(excluded);
    }
    done.excluded.sort_unstable_by_key(|excluded| (excluded.table, excluded.row));
    done.taken.extend(done.excluded.iter().map(|excluded| (excluded.table, excluded.row)));
    for together in decided.matched() {
        if made.contains(&together.number) {
            continue;
        }
        let Some((rule, is_turned)) = rule_of(step, together) else { continue };
        let found = group(step, rule, is_turned, together).map_err(|error| error.with("override_id", together.number))?;
        done.taken.extend(step.rows_of(&found).map(|(_, table, row)| (table, row)));
        done.matches.push(found);
        made.insert(together.number);
    }
    done.apart = decided.apart().into_iter().filter_map(|set| apart(step, set)).collect();
    Ok(done)
}

/// Rows that are set apart, where all of them are there.
fn apart(step: &Step, set: &SetApart) -> Option<Apart> {
    let rows = |of: &Rows| -> Option<(usize, Vec<u32>)> {
        let place = step.tables.iter().position(|table| table.name() == of.table)?;
        let table = step.tables.get(place)?;
        Some((place, of.ids().iter().map(|id| table.place(id)).collect::<Option<_>>()?))
    };
    let [left, right] = set.rows.each_ref().map(rows);
    let ((left, lefts), (right, rights)) = (left?, right?);
    let (by, why, on) = (set.by.clone(), set.why.clone(), set.at.date_naive());
    Some(Apart { tables: [left, right], group: Group::new(lefts, rights), by, on, why, decision: set.number })
}

/// That every group of a flow was made.
///
/// # Errors
/// [`ErrorKind::Query`] that names the override whose tables no rule has.
pub(super) fn all_made(flow: &str, decided: &Decided, made: &BTreeSet<i64>) -> Result<()> {
    match decided.matched().iter().find(|together| !made.contains(&together.number)) {
        None => Ok(()),
        Some(together) => Err(Error::new(ErrorKind::Query, "an override is of tables that no rule of its flow has")
            .with("flow", flow)
            .with("override_id", together.number)
            .hint(retract(together))),
    }
}

/// The first rule of the tables of a group, and whether it has them the other way round.
fn rule_of(step: &Step, together: &Together) -> Option<(usize, bool)> {
    let name = |place: &usize| step.tables.get(*place).map(|table| table.name()).unwrap_or_default();
    let fits =
        |tables: [&str; 2]| together.rows.iter().zip(tables).all(|(rows, table)| rows.ids().is_empty() || rows.table == table);
    let fitting = step.sides.iter().enumerate().filter_map(|(place, sides)| {
        let [left, right] = sides.both()?.map(name);
        match (fits([left, right]), fits([right, left])) {
            (true, _) => Some((place, false)),
            (_, true) => Some((place, true)),
            _ => None,
        }
    });
    // Where a rule compares amounts, so that what is left of them is told.
    fitting.min_by_key(|(place, _)| step.rules.get(*place).is_none_or(|rule| rule.amount.is_none()))
}

fn group(step: &Step, place: usize, is_turned: bool, together: &Together) -> Result<Match> {
    let astray = || Error::bug("a rule is not of its step");
    let sides = step.sides.get(place).and_then(Sided::both).ok_or_else(astray)?.map(|place| *place);
    let rule = step.rules.get(place).ok_or_else(astray)?;
    let [first, second] = together.rows.each_ref();
    let decided = if is_turned { [second, first] } else { [first, second] };
    let mut rows = [Vec::new(), Vec::new()];
    for ((rows, decided), table) in rows.iter_mut().zip(decided).zip(sides) {
        let table = step.table(table)?;
        for id in decided.ids() {
            let row = table.place(id).ok_or_else(|| {
                let error = Error::new(ErrorKind::Query, "an override names a row that is not there");
                error.with("table", table.name()).with("id", id).hint(retract(together))
            })?;
            rows.push(row);
        }
    }
    let [left, right] = rows;
    let group = Group::new(left, right);
    let [left, right] = sides;
    let lines = [step.table(left)?.lines(rule, Side::Left), step.table(right)?.lines(rule, Side::Right)];
    let residual = residual(lines, &group, together)?.map(Box::new);
    let why = Some(together.why.as_str().into());
    Ok(Match { rule: place, group, residual, why, made: Made::ByHand(together.number) })
}

/// What is left of the amounts, where the rule compares some.
fn residual(lines: [Lines<'_>; 2], group: &Group, together: &Together) -> Result<Option<Difference>> {
    let (left, currency) = match sums(lines, group)? {
        Sums::Of { left, right, currency } => (left.checked_sub(right).ok_or_else(overflow)?, currency),
        // Nothing is compared, or of this row nothing can be.
        Sums::Lacking(_) => return Ok(None),
        Sums::OfSeveral(_, currency) => {
            let error = Error::new(ErrorKind::Query, "an override puts rows of several currencies together");
            return Err(error.with("currency", currency.to_uppercase()).hint(retract(together)));
        }
    };
    let kind = match left {
        0 => return Ok(None),
        _ if together.is_written_off => "WRITE_OFF",
        short if short > 0 => "SHORT",
        _ => "OVER",
    };
    let account = together.account.clone();
    Ok(Some(Difference { kind, amount: left, currency: currency.to_uppercase(), account }))
}

fn retract(together: &Together) -> String {
    format!("ckosql rules override retract --id {} takes it back", together.number)
}
