//! What must be so after every run, whatever the rules are: no row is lost or counted twice, no amount appears or vanishes,
//! and every match balances.

use std::collections::BTreeMap;

use super::found::canonical;
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

/// What must be so of a flow and what is known of it.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when one of them is not so: then nothing may be recorded.
pub(super) fn conserved(steps: &[Step], state: &After<'_>) -> Result<Vec<Assertion>> {
    let mut assertions = Vec::new();
    for step in steps {
        let counted = counted(step, state)?;
        for (place, times) in counted.iter().enumerate() {
            of_table(step, place, times, &mut assertions)?;
        }
    }
    balances(state, &mut assertions)?;
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
fn counted(step: &Step, state: &After<'_>) -> Result<Vec<Vec<u32>>> {
    let mut times: Vec<Vec<u32>> = step.tables.iter().map(|table| vec![0; table.len()]).collect();
    let mut count = |table: &str, id: &str, may_be_gone: bool| -> Result<()> {
        let place = step.tables.iter().position(|known| known.name() == table);
        let row = place.and_then(|place| step.tables.get(place)?.place(id));
        match (place.and_then(|place| times.get_mut(place)), row.and_then(|row| usize::try_from(row).ok())) {
            (Some(times), Some(row)) => {
                if let Some(times) = times.get_mut(row) {
                    *times += 1;
                }
                Ok(())
            }
            _ if may_be_gone => Ok(()),
            _ => Err(Error::bug("a row is recorded that is not there").with("table", table).with("row", id)),
        }
    };
    for known in state.matches.values().filter(|known| known.entry.status == Status::Confirmed && known.entry.hop == step.hop) {
        for line in &known.entry.lines {
            count(&line.table, &line.id, known.is_kept)?;
        }
    }
    for place in state.exceptions.keys().filter(|place| place.hop == step.hop) {
        count(&place.table, &place.id, false)?;
    }
    Ok(times)
}

fn of_table(step: &Step, place: usize, times: &[u32], assertions: &mut Vec<Assertion>) -> Result<()> {
    let table = step.table(place)?;
    let lines = canonical(step, place)?;
    let mut sums: BTreeMap<String, (i128, i128, i64)> = BTreeMap::new();
    for (row, times) in (0_u32..).zip(times) {
        let (Some(amount), Some(currency)) = (lines.amount(row), lines.currency(row)) else { continue };
        let (before, after, rows) = sums.entry(currency.to_uppercase()).or_default();
        *before = before.checked_add(amount).ok_or_else(overflow)?;
        let recorded = amount.checked_mul(i128::from(*times)).ok_or_else(overflow)?;
        *after = after.checked_add(recorded).ok_or_else(overflow)?;
        *rows += 1;
    }
    let once = times.iter().filter(|times| **times == 1).count();
    let rows = i64::try_from(table.len()).unwrap_or(i64::MAX);
    assertions.push(Assertion::of(step.hop, EACH_ROW_ONCE, table.name(), [table.len(), once].map(count_of), rows));
    assertions.extend(sums.into_iter().map(|(currency, (left, right, rows))| Assertion {
        currency: Some(currency),
        ..Assertion::of(step.hop, AMOUNTS_KEPT, table.name(), [left, right], rows)
    }));
    Ok(())
}

/// The sums of the matches of each rule, and whether each of them balances.
fn balances(state: &After<'_>, assertions: &mut Vec<Assertion>) -> Result<()> {
    let mut sums: BTreeMap<(u32, &str, String), Sum> = BTreeMap::new();
    for known in state.matches.values().filter(|known| known.entry.status == Status::Confirmed) {
        let entry = &known.entry;
        let Some((currency, left, right)) = balance(entry)? else { continue };
        let sum = sums.entry((entry.hop, &entry.rule, currency)).or_default();
        sum.left = sum.left.checked_add(left).ok_or_else(overflow)?;
        sum.right = sum.right.checked_add(right).ok_or_else(overflow)?;
        sum.matches += 1;
        sum.broken += i64::from(left != right);
    }
    assertions.extend(sums.into_iter().map(|((hop, rule, currency), sum)| Assertion {
        currency: Some(currency),
        // Of each match, not of their sum alone.
        is_passed: sum.broken == 0,
        ..Assertion::of(hop, MATCHES_BALANCE, rule, [sum.left, sum.right], sum.matches)
    }));
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
fn balance(entry: &Entry) -> Result<Option<(String, i128, i128)>> {
    let mut amounts = entry.lines.iter().map(|line| line.values.amount);
    // A person may put a row together with others that has no amount.
    if amounts.clone().all(|amount| amount.is_none()) || (entry.decision.is_some() && amounts.any(|amount| amount.is_none())) {
        return Ok(None);
    }
    let mixed = || Error::bug("a match of several currencies, or of rows without amounts").with("match_id", &entry.id);
    let mut currency: Option<String> = entry.rest.as_ref().map(|rest| rest.currency.to_uppercase());
    let (mut left, mut right) = (0_i128, entry.rest.as_ref().map_or(0, |rest| rest.amount));
    for line in &entry.lines {
        let (Some(amount), Some(own)) = (line.values.amount, &line.values.currency) else { return Err(mixed()) };
        let own = own.to_uppercase();
        if *currency.get_or_insert_with(|| own.clone()) != own {
            return Err(mixed());
        }
        let sum = if line.side == Side::Left { &mut left } else { &mut right };
        *sum = sum.checked_add(amount).ok_or_else(overflow)?;
    }
    Ok(Some((currency.unwrap_or_default(), left, right)))
}

/// A number of rows as a mantissa of decimal(38,8).
fn count_of(rows: usize) -> i128 {
    i128::try_from(rows).unwrap_or(i128::MAX).saturating_mul(10_i128.pow(DECIMAL_SCALE))
}

fn overflow() -> Error {
    Error::new(crate::error::ErrorKind::Query, "a sum of amounts has more digits than decimal(38,8)")
}
