//! What other rules match of the same rows: which matches come, which go, and which are made by another rule.

use std::collections::BTreeMap;

use super::assign::Side;
use super::outcome::{Difference, Match, Outcome, Step};
use crate::error::{Error, ErrorKind, Result};

/// A match that one of two outcomes has, or that both have otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The flow.
    pub flow: String,
    /// The hop of it.
    pub hop: u32,
    /// How it is made before, where it is.
    pub before: Option<Made>,
    /// How it is made after, where it is.
    pub after: Option<Made>,
    /// The tables of the left and of the right side, and the ids of the rows in order.
    pub rows: [(String, Vec<String>); 2],
}

/// How a match is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The rule; that whose tables they are where a person has made it.
    pub rule: String,
    /// What is left of the amounts.
    pub residual: Option<Difference>,
    /// The sum of the left side, mantissa of decimal(38,8), and its currency, where the rule compares amounts.
    pub amount: Option<(i128, String)>,
}

impl Change {
    /// `comes`, `goes`, or `changes` where the same rows are matched by another rule or leave something else.
    pub fn word(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "comes",
            (_, None) => "goes",
            _ => "changes",
        }
    }

    /// The sum of its left side and its currency: after, else before.
    pub fn amount(&self) -> Option<&(i128, String)> {
        [&self.after, &self.before].into_iter().flatten().find_map(|made| made.amount.as_ref())
    }
}

/// Where a match is, and its rows.
type Place = (String, u32, [(String, Vec<String>); 2]);

/// What is matched otherwise, by flow, hop and rows.
///
/// # Errors
/// [`ErrorKind::Query`] when a sum has more digits than there are.
pub fn diff(before: &Outcome, after: &Outcome) -> Result<Vec<Change>> {
    let mut both: BTreeMap<Place, [Option<Made>; 2]> = BTreeMap::new();
    for (which, outcome) in [before, after].into_iter().enumerate() {
        for step in &outcome.steps {
            for found in &step.matches {
                let [left, right] = step.tables_of(found)?.map(|table| table.name().to_owned());
                let [lefts, rights] = step.ids(found)?.map(|ids| ids.into_iter().map(str::to_owned).collect());
                let place = (step.flow.clone(), step.hop, [(left, lefts), (right, rights)]);
                if let Some(made) = both.entry(place).or_default().get_mut(which) {
                    *made = Some(Made::of(step, found)?);
                }
            }
        }
    }
    let change = |((flow, hop, rows), [before, after]): (Place, [Option<Made>; 2])| {
        (before != after).then_some(Change { flow, hop, before, after, rows })
    };
    Ok(both.into_iter().filter_map(change).collect())
}

impl Made {
    fn of(step: &Step, found: &Match) -> Result<Self> {
        let rule = step.rule(found)?;
        let [left, _] = step.tables_of(found)?;
        let lines = left.lines(rule, Side::Left);
        let mut amount: Option<(i128, String)> = None;
        for row in found.group.left() {
            let (Some(own), Some(currency)) = (lines.amount(*row), lines.currency(*row)) else { continue };
            let (sum, _) = amount.get_or_insert_with(|| (0, currency.to_uppercase()));
            *sum = sum.checked_add(own).ok_or_else(|| {
                Error::new(ErrorKind::Query, "a sum of amounts has more digits than decimal(38,8)").with("rule", &rule.id)
            })?;
        }
        Ok(Self { rule: rule.id.clone(), residual: found.residual.as_deref().cloned(), amount })
    }
}
