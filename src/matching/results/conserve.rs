//! What must be so after every run, whatever the rules are: no row is lost or counted twice, no amount appears or vanishes,
//! and every match balances.

use std::collections::BTreeMap;

use super::found::canonical;
use super::sift::{Fates, Sifted};
use super::state::{After, Entry, Status};
use crate::error::{Error, Result};
use crate::matching::assign::Side;
use crate::matching::outcome::{Step, decimal};
use crate::money::DECIMAL_SCALE;

/// Something that must be so, and whether it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assertion {
    /// The hop, where it is of one.
    pub(super) hop: Option<u32>,
    /// What must be so.
    pub(super) identity: String,
    /// The table, or the rule, or what an identity of the books is called.
    pub(super) scope: String,
    pub(super) currency: Option<String>,
    /// What it is to be, mantissa of decimal(38,8).
    pub(super) left: Option<i128>,
    /// What it is.
    pub(super) right: Option<i128>,
    /// How many rows, or matches, it is told of.
    pub(super) rows: i64,
    pub(super) is_passed: bool,
    /// How exactly it is to be so, where that is not to the last digit.
    pub(super) tolerance: Option<String>,
    /// What it is not so of, where that is one thing.
    pub(super) subject: Option<String>,
}

impl Assertion {
    /// That two sums of a hop are equal.
    fn of(hop: u32, identity: &str, scope: &str, [left, right]: [i128; 2], rows: i64) -> Self {
        let (identity, scope) = (identity.to_owned(), scope.to_owned());
        let (left, right, is_passed) = (Some(left), Some(right), left == right);
        Self { hop: Some(hop), identity, scope, currency: None, left, right, rows, is_passed, tolerance: None, subject: None }
    }
}

/// Each row of a table is in one match, or is one exception, or out of scope: left all rows, right those.
pub(super) const EACH_ROW_ONCE: &str = "each_row_once";
/// The amounts of a table in a currency: left of all rows, right of all that is recorded.
pub(super) const AMOUNTS_KEPT: &str = "amounts_kept";
/// The amounts of the matches of a rule in a currency: left of their left sides, right of their right sides and what is left.
pub(super) const MATCHES_BALANCE: &str = "matches_balance";

/// What must be so of a flow: of what is known as it was found or is new, and of what is known besides.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when one of them is not so: then nothing may be recorded.
pub(super) fn conserved(sifted: &Sifted<'_>, weighed: &After<'_>) -> Result<Vec<Assertion>> {
    let mut assertions = Vec::new();
    for fates in &sifted.0 {
        let counted = counted(fates, weighed)?;
        for (place, times) in counted.iter().enumerate() {
            of_table(fates.reading.step, place, times, &mut assertions)?;
        }
    }
    balances(sifted, weighed, &mut assertions)?;
    match assertions.iter().find(|assertion| !assertion.is_passed) {
        None => Ok(assertions),
        Some(broken) => Err(Error::bug("what was found does not add up, and nothing is recorded")
            .with("identity", &broken.identity)
            .with("hop", broken.hop.unwrap_or_default())
            .with("of", &broken.scope)
            .with("currency", broken.currency.as_deref().unwrap_or("none"))
            .with("is to be", decimal(broken.left.unwrap_or_default()))
            .with("is", decimal(broken.right.unwrap_or_default()))),
    }
}

/// How many times each row of each table of a step is recorded.
fn counted(fates: &Fates<'_>, weighed: &After<'_>) -> Result<Vec<Vec<u32>>> {
    let step = fates.reading.step;
    let mut times: Vec<Vec<u32>> = step.tables.iter().map(|table| vec![0; table.len()]).collect();
    let mut count = |table: usize, row: u32| {
        let times = times.get_mut(table).and_then(|times| times.get_mut(usize::try_from(row).ok()?));
        times.map(|times| *times += 1).ok_or_else(|| Error::bug("a row is recorded that is not there"))
    };
    for found in fates.settled(Status::Confirmed) {
        step.rows_of(found).try_for_each(|(_, table, row)| count(table, row))?;
    }
    for open in fates.settled_open() {
        let (table, row) = open.row();
        count(table, row)?;
    }
    let mut count_id = |table: &str, id: &str, may_be_gone: bool| {
        let place = step.tables.iter().position(|known| known.name() == table);
        match place.and_then(|place| Some((place, step.tables.get(place)?.place(id)?))) {
            Some((place, row)) => count(place, row),
            None if may_be_gone => Ok(()),
            None => Err(Error::bug("a row is recorded that is not there").with("table", table).with("row", id)),
        }
    };
    for known in weighed.matches.values().filter(|known| known.entry.status == Status::Confirmed && known.entry.hop == step.hop) {
        for line in &known.entry.lines {
            count_id(&line.table, &line.id, known.is_kept)?;
        }
    }
    for place in weighed.exceptions.keys().filter(|place| place.hop == step.hop) {
        count_id(&place.table, &place.id, false)?;
    }
    Ok(times)
}

fn of_table(step: &Step, place: usize, times: &[u32], assertions: &mut Vec<Assertion>) -> Result<()> {
    let table = step.table(place)?;
    let lines = canonical(step, place)?;
    let mut sums: BTreeMap<&str, (i128, i128, i64)> = BTreeMap::new();
    for (row, times) in (0_u32..).zip(times) {
        let (Some(amount), Some(currency)) = (lines.amount(row), lines.currency(row)) else { continue };
        let (before, after, rows) = sums.entry(currency).or_default();
        *before = before.checked_add(amount).ok_or_else(overflow)?;
        let recorded = amount.checked_mul(i128::from(*times)).ok_or_else(overflow)?;
        *after = after.checked_add(recorded).ok_or_else(overflow)?;
        *rows += 1;
    }
    let mut of_currencies: BTreeMap<String, (i128, i128, i64)> = BTreeMap::new();
    for (currency, (before, after, rows)) in sums {
        let sum = of_currencies.entry(currency.to_uppercase()).or_default();
        sum.0 = sum.0.checked_add(before).ok_or_else(overflow)?;
        sum.1 = sum.1.checked_add(after).ok_or_else(overflow)?;
        sum.2 += rows;
    }
    let once = times.iter().filter(|times| **times == 1).count();
    let rows = i64::try_from(table.len()).unwrap_or(i64::MAX);
    assertions.push(Assertion::of(step.hop, EACH_ROW_ONCE, table.name(), [table.len(), once].map(count_of), rows));
    assertions.extend(of_currencies.into_iter().map(|(currency, (left, right, rows))| Assertion {
        currency: Some(currency),
        ..Assertion::of(step.hop, AMOUNTS_KEPT, table.name(), [left, right], rows)
    }));
    Ok(())
}

/// The sums of the matches of each rule, and whether each of them balances.
fn balances(sifted: &Sifted<'_>, weighed: &After<'_>, assertions: &mut Vec<Assertion>) -> Result<()> {
    let mut sums: BTreeMap<(u32, &str), BTreeMap<String, Sum>> = BTreeMap::new();
    for fates in &sifted.0 {
        let step = fates.reading.step;
        for found in fates.settled(Status::Confirmed) {
            let rule = step.rule(found)?;
            let [left, right] = fates.reading.compared(found)?;
            let rows = step.rows_of(found).map(|(side, _, row)| {
                let lines = if side == Side::Left { left } else { right };
                (side, lines.amount(row), lines.currency(row))
            });
            let rest = found.residual.as_deref().map(|rest| (rest.amount, rest.currency.as_str()));
            let balanced = balance(rows, rest, found.decision().is_some());
            let balanced =
                balanced.map_err(|error| step.match_id(found).map_or_else(|other| other, |id| error.with("match_id", id)))?;
            add(sums.entry((step.hop, &rule.id)).or_default(), balanced)?;
        }
    }
    for known in weighed.matches.values().filter(|known| known.entry.status == Status::Confirmed) {
        let Entry { id, hop, rule, lines, rest, decision, .. } = &known.entry;
        let rows = lines.iter().map(|line| (line.side, line.values.amount, line.values.currency.as_deref()));
        let rest = rest.as_ref().map(|rest| (rest.amount, rest.currency.as_str()));
        let balanced = balance(rows, rest, decision.is_some()).map_err(|error| error.with("match_id", id))?;
        add(sums.entry((*hop, rule)).or_default(), balanced)?;
    }
    for ((hop, rule), sums) in sums {
        assertions.extend(sums.into_iter().map(|(currency, sum)| Assertion {
            currency: Some(currency),
            // Of each match, not of their sum alone.
            is_passed: sum.broken == 0,
            ..Assertion::of(hop, MATCHES_BALANCE, rule, [sum.left, sum.right], sum.matches)
        }));
    }
    Ok(())
}

/// Adds a match to the sums of its currency.
fn add(sums: &mut BTreeMap<String, Sum>, balanced: Option<(&str, i128, i128)>) -> Result<()> {
    let Some((currency, left, right)) = balanced else { return Ok(()) };
    let sum = sums.entry(currency.to_uppercase()).or_default();
    sum.left = sum.left.checked_add(left).ok_or_else(overflow)?;
    sum.right = sum.right.checked_add(right).ok_or_else(overflow)?;
    sum.matches += 1;
    sum.broken += i64::from(left != right);
    Ok(())
}

#[derive(Debug, Default)]
struct Sum {
    left: i128,
    right: i128,
    matches: i64,
    broken: i64,
}

/// Currency, sum of the left, and sum of the right with what is left of both; nothing where no amounts are compared.
fn balance<'a>(
    rows: impl Iterator<Item = (Side, Option<i128>, Option<&'a str>)>,
    rest: Option<(i128, &'a str)>,
    is_by_hand: bool,
) -> Result<Option<(&'a str, i128, i128)>> {
    let mut currency = rest.map(|(_, currency)| currency);
    let (mut left, mut right) = (0_i128, rest.map_or(0, |(amount, _)| amount));
    let (mut has_amounts, mut lacks_amounts, mut is_mixed) = (false, false, false);
    for (side, amount, own) in rows {
        let Some(amount) = amount else {
            lacks_amounts = true;
            continue;
        };
        has_amounts = true;
        is_mixed |= own.is_none_or(|own| {
            let known = *currency.get_or_insert(own);
            known != own && known.to_uppercase() != own.to_uppercase()
        });
        let sum = if side == Side::Left { &mut left } else { &mut right };
        *sum = sum.checked_add(amount).ok_or_else(overflow)?;
    }
    // A person may put a row together with others that has no amount.
    if !has_amounts || (is_by_hand && lacks_amounts) {
        return Ok(None);
    }
    if lacks_amounts || is_mixed {
        return Err(Error::bug("a match of several currencies, or of rows without amounts"));
    }
    Ok(currency.map(|currency| (currency, left, right)))
}

/// A number of rows as a mantissa of decimal(38,8).
fn count_of(rows: usize) -> i128 {
    i128::try_from(rows).unwrap_or(i128::MAX).saturating_mul(10_i128.pow(DECIMAL_SCALE))
}

fn overflow() -> Error {
    Error::new(crate::error::ErrorKind::Query, "a sum of amounts has more digits than decimal(38,8)")
}
