//! The rules of a flow, one after the other: each sees only the rows that none before it took.
//!
//! A row that a rule found ambiguous, or of another amount than its counterpart, is held: a looser rule does not guess what a
//! stricter one refused, unless it says so. What no rule took is an exception, with the most telling reason of all rules.

use std::collections::{BTreeMap, HashSet};

use datafusion::prelude::SessionContext;
use sha2::{Digest, Sha256};

use super::assign::Side;
use super::assigned::{Assigned, Together};
use super::calendar::Calendars;
use super::check::{Checked, check};
use super::lines::Lines;
use super::proposal::Proposal;
use super::rule::{Amount, Residual, Rule};
use crate::error::{Error, ErrorKind, Result};
use crate::money::{DECIMAL_SCALE, Exponents};

/// Rows that belong together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// Hash of the rule's version and the rows.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// Ids of the left rows, in order.
    pub left: Vec<String>,
    /// Ids of the right rows, in order.
    pub right: Vec<String>,
    /// Left less right, where amounts were compared and something is left.
    pub residual: Option<Difference>,
    /// What the rule says of it.
    pub why: Option<String>,
    /// Its score, where the rule gives one.
    pub score: Option<i64>,
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exception {
    /// Its table.
    pub table: String,
    /// Its id.
    pub line: String,
    /// Why, in the words of the reason codes.
    pub reason: &'static str,
    /// The rule that found it out, where one did.
    pub rule: Option<String>,
    /// What there is to say of it.
    pub detail: Option<String>,
    /// How many rows it could belong to.
    pub candidate_count: u32,
    /// Some of them.
    pub candidates: Vec<String>,
}

/// What came of a flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The matches, in order of rule and rows.
    pub matches: Vec<Match>,
    /// The rows that are left, in order.
    pub exceptions: Vec<Exception>,
}

/// Reasons, the most telling first.
const TELLING: [&str; 11] = [
    "CURRENCY_MISMATCH",
    "SIGN_CONFLICT",
    "AMOUNT_MISMATCH",
    "SHORT_PAID",
    "OVER_PAID",
    "AMBIGUOUS_KEY",
    "AMBIGUOUS_WINDOW",
    "SUGGESTED",
    "DATE_OUT_OF_WINDOW",
    NO_COUNTERPART_LEFT,
    NO_COUNTERPART_RIGHT,
];
/// A row of the left side without counterpart.
const NO_COUNTERPART_LEFT: &str = "NO_COUNTERPART_LEFT";
/// A row of the right side without counterpart.
const NO_COUNTERPART_RIGHT: &str = "NO_COUNTERPART_RIGHT";
/// Reasons that do not keep a row from a later rule.
const LETS_GO: [&str; 1] = ["DATE_OUT_OF_WINDOW"];

/// Runs the rules of one flow.
///
/// # Errors
/// Those of [`check`] and of reading the tables.
pub async fn run(rules: &[Rule], context: &SessionContext, calendars: &Calendars) -> Result<Outcome> {
    let mut order: Vec<&Rule> = rules.iter().collect();
    order.sort_by_key(|rule| rule.turn());
    let mut flow = Flow::default();
    for rule in order {
        flow.run(rule, context, calendars).await.map_err(|error| error.with_missing("rule", &rule.id))?;
    }
    Ok(flow.outcome())
}

/// What the rules so far have come to.
#[derive(Debug, Default)]
struct Flow {
    matches: Vec<Match>,
    /// By table and id: rows that are taken.
    taken: HashSet<(String, String)>,
    /// Why rows are left, by table and id.
    left: BTreeMap<(String, String), Exception>,
}

impl Flow {
    async fn run(&mut self, rule: &Rule, context: &SessionContext, calendars: &Calendars) -> Result<()> {
        let Checked { plan, sides } = check(rule, context).await?;
        let lines = Lines::read(rule, sides).await?;
        let [left, right] = &lines;
        let is_free = [self.free(rule, &rule.left.table, left), self.free(rule, &rule.right.table, right)];
        for (side, lines) in [(Side::Left, left), (Side::Right, right)] {
            for line in &lines.lines {
                self.leave(rule, side, &line.id, Unmatched::nothing(side));
            }
        }
        let proposal = Proposal::read(rule, plan, context, &lines, &is_free).await?;
        let assigned = Assigned::of(rule, proposal, &lines, calendars)?;
        for waiting in assigned.waiting {
            let [own, others] = if waiting.side == Side::Left { [left, right] } else { [right, left] };
            let candidates = waiting.candidates.iter().map(|row| Ok(others.get(*row)?.id.clone())).collect::<Result<_>>()?;
            let why = Unmatched { reason: waiting.reason, rule: Some(&rule.id), detail: None, count: waiting.count, candidates };
            self.leave(rule, waiting.side, &own.get(waiting.row)?.id, why);
        }
        for together in assigned.together {
            self.settle(rule, &lines, together)?;
        }
        Ok(())
    }

    /// Which rows of a table this rule may take.
    fn free(&self, rule: &Rule, table: &str, lines: &Lines) -> Vec<bool> {
        let is_free = |id: &String| {
            let key = (table.to_owned(), id.clone());
            let is_held = self.left.get(&key).is_some_and(|left| left.rule.is_some() && !LETS_GO.contains(&left.reason));
            !self.taken.contains(&key) && (rule.is_after_ambiguous || !is_held)
        };
        lines.lines.iter().map(|line| is_free(&line.id)).collect()
    }

    /// Says why a row is left, unless something more telling is known of it.
    fn leave(&mut self, rule: &Rule, side: Side, id: &str, why: Unmatched<'_>) {
        let table = if side == Side::Left { &rule.left.table } else { &rule.right.table };
        let key = (table.clone(), id.to_owned());
        let rank = |reason: &str| TELLING.iter().position(|known| *known == reason).unwrap_or(TELLING.len());
        if self.taken.contains(&key) || self.left.get(&key).is_some_and(|known| rank(known.reason) <= rank(why.reason)) {
            return;
        }
        let exception = Exception {
            table: table.clone(),
            line: id.to_owned(),
            reason: why.reason,
            rule: why.rule.map(str::to_owned),
            detail: why.detail,
            candidate_count: why.count,
            candidates: why.candidates,
        };
        self.left.insert(key, exception);
    }

    /// Compares the amounts of rows that belong together, and matches them or says why not.
    fn settle(&mut self, rule: &Rule, lines: &[Lines; 2], together: Together) -> Result<()> {
        let [left, right] = lines;
        let ids =
            |lines: &Lines, rows: &[u32]| rows.iter().map(|row| Ok(lines.get(*row)?.id.clone())).collect::<Result<Vec<_>>>();
        let (lefts, rights) = (ids(left, &together.left)?, ids(right, &together.right)?);
        let compared = match &rule.amount {
            Some(amount) => compare(rule, amount, lines, &together)?,
            None => Compared::Equal(None),
        };
        match compared {
            Compared::Equal(residual) => {
                for (table, ids) in [(&rule.left.table, &lefts), (&rule.right.table, &rights)] {
                    for id in ids {
                        let key = (table.clone(), id.clone());
                        self.left.remove(&key);
                        self.taken.insert(key);
                    }
                }
                let id = match_id(rule, &lefts, &rights);
                let (rule, Together { why, score, .. }) = (rule.id.clone(), together);
                self.matches.push(Match { id, rule, left: lefts, right: rights, residual, why, score });
            }
            Compared::Unequal { reason, detail } => {
                for (side, own, others) in [(Side::Left, &lefts, &rights), (Side::Right, &rights, &lefts)] {
                    let count = u32::try_from(others.len()).unwrap_or(u32::MAX);
                    for id in own {
                        let (detail, candidates) = (Some(detail.clone()), others.clone());
                        self.leave(rule, side, id, Unmatched { reason, rule: Some(&rule.id), detail, count, candidates });
                    }
                }
            }
        }
        Ok(())
    }

    fn outcome(mut self) -> Outcome {
        self.matches
            .sort_unstable_by(|one, other| (&one.rule, &one.left, &one.right).cmp(&(&other.rule, &other.left, &other.right)));
        Outcome { matches: self.matches, exceptions: self.left.into_values().collect() }
    }
}

/// Why a row is left.
struct Unmatched<'a> {
    reason: &'static str,
    rule: Option<&'a str>,
    detail: Option<String>,
    count: u32,
    candidates: Vec<String>,
}

impl Unmatched<'_> {
    /// That nothing is known of it.
    fn nothing(side: Side) -> Self {
        let reason = if side == Side::Left { NO_COUNTERPART_LEFT } else { NO_COUNTERPART_RIGHT };
        Self { reason, rule: None, detail: None, count: 0, candidates: Vec::new() }
    }
}

enum Compared {
    Equal(Option<Difference>),
    Unequal { reason: &'static str, detail: String },
}

/// Compares the sums of both sides.
fn compare(rule: &Rule, amount: &Amount, lines: &[Lines; 2], together: &Together) -> Result<Compared> {
    let unequal = |reason, detail| Ok(Compared::Unequal { reason, detail });
    let mut sums = [0_i128; 2];
    let mut currency: Option<&str> = None;
    for ((sum, lines), rows) in sums.iter_mut().zip(lines).zip([&together.left, &together.right]) {
        for row in rows {
            let line = lines.get(*row)?;
            let (Some(amount), Some(own)) = (line.amount, line.currency.as_deref()) else {
                return unequal("AMOUNT_MISMATCH", format!("{} has no amount or no currency", line.id));
            };
            match currency {
                Some(other) if !other.eq_ignore_ascii_case(own) => {
                    return unequal("CURRENCY_MISMATCH", format!("{other} and {own}"));
                }
                _ => currency = Some(own),
            }
            *sum = sum.checked_add(amount).ok_or_else(overflow)?;
        }
    }
    let ([left, right], currency) = (sums, currency.unwrap_or_default());
    let unit = 10_i128.pow(DECIMAL_SCALE.saturating_sub(Exponents::default().of(currency)));
    let residual = left.checked_sub(right).ok_or_else(overflow)?;
    let size = residual.checked_abs().ok_or_else(overflow)?;
    let kept = |kind, account| {
        Ok(Compared::Equal(Some(Difference { kind, amount: residual, currency: currency.to_uppercase(), account })))
    };
    let larger = left.checked_abs().zip(right.checked_abs()).map(|(left, right)| left.max(right)).ok_or_else(overflow)?;
    let times = |one: i128, other: i128| one.checked_mul(other).ok_or_else(overflow);
    if residual == 0 {
        return Ok(Compared::Equal(None));
    }
    if size <= times(unit, amount.tolerance_minor.into())? || times(size, 10_000)? <= times(larger, amount.tolerance_bps.into())?
    {
        return kept("TOLERANCE", None);
    }
    match &rule.residual {
        Residual::Dust if (0..unit).contains(&residual) => return kept("DUST", None),
        Residual::Booked { kind, account, up_to_minor } if size <= times(unit, (*up_to_minor).into())? => {
            return kept(kind, Some(account.clone()));
        }
        _ => {}
    }
    let detail = format!("{} against {} {currency}, {} apart", decimal(left), decimal(right), decimal(residual));
    let is_several = together.left.len() > 1 || together.right.len() > 1 || rule.shape != super::rule::Shape::OneToOne;
    unequal(
        match residual {
            _ if left.checked_neg() == Some(right) => "SIGN_CONFLICT",
            _ if !is_several => "AMOUNT_MISMATCH",
            // The left side is what is expected, the right what came.
            short if short > 0 => "SHORT_PAID",
            _ => "OVER_PAID",
        },
        detail,
    )
}

fn match_id(rule: &Rule, left: &[String], right: &[String]) -> String {
    let mut hash = Sha256::new();
    hash.update(&rule.version);
    for id in left.iter().map(|id| (0_u8, id)).chain(right.iter().map(|id| (1, id))) {
        hash.update([id.0]);
        hash.update(id.1.len().to_le_bytes());
        hash.update(id.1);
    }
    format!("mat_{}", hex::encode(hash.finalize().first_chunk::<12>().unwrap_or(&[0; 12])))
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

fn overflow() -> Error {
    Error::new(ErrorKind::Query, "a sum of amounts has more digits than decimal(38,8)")
}
