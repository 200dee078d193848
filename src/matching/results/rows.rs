//! Values as rows of the kept tables.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use chrono::{DateTime, Utc};

use super::conserve::Assertion;
use super::record::{ExceptionChange, MatchChange};
use super::state::{Left, Line, Rest};
use super::tables::{self, Kept, money};
use super::tests_of;
use crate::error::{Error, Result};
use crate::matching::assign::Side;
use crate::matching::outcome::Step;
use crate::matching::overrides::{Decision, Rows};
use crate::matching::rule::Rule;
use crate::matching::sided::Sided;

/// The run that rows are of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) id: &'a str,
    pub(super) flow: &'a str,
    pub(super) number: i64,
}

/// A row of `runs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) as_of: i32,
    pub(super) started: DateTime<Utc>,
    pub(super) ended: DateTime<Utc>,
    pub(super) unchanged_since: Option<i64>,
    /// Matched, suggested, exceptions, out of scope, created, withdrawn.
    pub(super) counts: [i64; 6],
    pub(super) rules: String,
    pub(super) inputs: String,
    pub(super) decisions: Option<String>,
    pub(super) goes_by: Option<String>,
}

pub(super) fn run(run: Run<'_>, told: &Told) -> Result<RecordBatch> {
    let count = |place: usize| numbers([told.counts.get(place).copied()]);
    batch(
        &tables::RUNS,
        vec![
            texts([Some(run.id)]),
            texts([Some(run.flow)]),
            numbers([Some(run.number)]),
            days([Some(told.as_of)]),
            times([Some(told.started)]),
            times([Some(told.ended)]),
            numbers([told.unchanged_since]),
            count(0),
            count(1),
            count(2),
            count(3),
            count(4),
            count(5),
            texts([Some(told.rules.as_str())]),
            texts([Some(told.inputs.as_str())]),
            texts([told.decisions.as_deref()]),
            texts([Some(env!("CARGO_PKG_VERSION"))]),
            texts([told.goes_by.as_deref()]),
        ],
    )
}

/// The versions of rules that were not known.
pub(super) fn rule_versions(run: Run<'_>, steps: &[Step], new: &BTreeSet<String>, started: DateTime<Utc>) -> Result<RecordBatch> {
    let rules: Vec<(&Step, &Rule, Sided<usize>)> = steps
        .iter()
        .flat_map(|step| step.rules.iter().zip(&step.sides).map(move |(rule, sides)| (step, rule, *sides)))
        .filter(|(_, rule, _)| new.contains(&rule.version))
        .collect();
    let of = |text: fn(&Rule) -> Option<String>| owned(rules.iter().map(|(_, rule, _)| text(rule)));
    let table = |side: Side| {
        let name = |(step, _, sides): &(&Step, &Rule, Sided<usize>)| Some(step.table(*sides.of(side)?).ok()?.name().to_owned());
        owned(rules.iter().map(name))
    };
    let count = rules.len();
    batch(
        &tables::RULE_VERSIONS,
        vec![
            same(run.id, count),
            same(run.flow, count),
            numbers(std::iter::repeat_n(Some(run.number), count)),
            of(|rule| Some(rule.id.clone())),
            of(|rule| Some(rule.version.clone())),
            numbers(rules.iter().map(|(_, rule, _)| Some(i64::from(rule.hop)))),
            numbers(rules.iter().map(|(_, rule, _)| Some(i64::from(rule.priority)))),
            table(Side::Left),
            table(Side::Right),
            of(|rule| Some(tests_of::shape(rule).to_owned())),
            of(tests_of::amount),
            of(tests_of::window),
            of(tests_of::residual),
            of(|rule| Some(rule.sql.trim().to_owned())),
            times(std::iter::repeat_n(Some(started), count)),
        ],
    )
}

pub(super) fn matches(run: Run<'_>, changes: &[MatchChange]) -> Result<RecordBatch> {
    let count = changes.len();
    let of = |text: fn(&MatchChange) -> Option<&str>| texts(changes.iter().map(text));
    let number = |number: fn(&MatchChange) -> Option<i64>| numbers(changes.iter().map(number));
    let rest =
        |text: fn(&Rest) -> Option<&str>| texts(changes.iter().map(|change| change.known.entry.rest.as_ref().and_then(text)));
    batch(
        &tables::MATCHES,
        vec![
            same(run.id, count),
            same(run.flow, count),
            numbers(std::iter::repeat_n(Some(run.number), count)),
            of(|change| Some(&change.known.entry.id)),
            number(|change| Some(i64::from(change.known.entry.hop))),
            of(|change| Some(change.known.entry.shape())),
            of(|change| Some(&change.known.entry.rule)),
            of(|change| Some(&change.known.entry.version)),
            of(|change| Some(change.known.entry.status.word())),
            number(|change| change.known.entry.score),
            of(|change| change.known.entry.why.as_deref()),
            rest(|rest| Some(&rest.kind)),
            amounts(changes.iter().map(|change| change.known.entry.rest.as_ref().map(|rest| rest.amount)))?,
            rest(|rest| Some(&rest.currency)),
            rest(|rest| rest.account.as_deref()),
            number(|change| change.known.entry.decision),
            number(|change| Some(change.known.first_run)),
            days(changes.iter().map(|change| Some(change.known.first_seen))),
            number(|change| change.known.last_run),
            Arc::new(BooleanArray::from_iter(changes.iter().map(|change| Some(change.known.is_kept)))),
            of(|change| change.known.superseded_by.as_deref()),
            of(|change| Some(&change.known.lines_run)),
            of(|change| Some(change.event)),
            of(|change| change.cause),
            of(|change| change.detail.as_deref()),
            number(|change| change.known.entry.margin),
            amounts(changes.iter().map(|change| change.known.entry.amount()))?,
            owned(changes.iter().map(|change| change.known.entry.currency())),
            number(|change| Some(change.known.entry.fingerprint())),
        ],
    )
}

/// The rows of the matches that this run has found, or seen restated.
pub(super) fn match_lines(run: Run<'_>, changes: &[MatchChange]) -> Result<RecordBatch> {
    let new = changes.iter().filter(|change| change.known.lines_run == run.id).map(|change| &change.known.entry);
    let lines: Vec<(&str, &Line)> = new.flat_map(|entry| entry.lines.iter().map(|line| (entry.id.as_str(), line))).collect();
    batch(
        &tables::MATCH_LINES,
        vec![
            same(run.id, lines.len()),
            same(run.flow, lines.len()),
            texts(lines.iter().map(|(id, _)| Some(*id))),
            texts(lines.iter().map(|(_, line)| Some(side(line.side)))),
            texts(lines.iter().map(|(_, line)| Some(line.table.as_str()))),
            texts(lines.iter().map(|(_, line)| Some(line.id.as_str()))),
            amounts(lines.iter().map(|(_, line)| line.values.amount))?,
            texts(lines.iter().map(|(_, line)| line.values.currency.as_deref())),
            days(lines.iter().map(|(_, line)| line.values.day)),
            days(lines.iter().map(|(_, line)| line.compared_day)),
        ],
    )
}

pub(super) fn exceptions(run: Run<'_>, changes: &[ExceptionChange]) -> Result<RecordBatch> {
    let count = changes.len();
    let of = |text: fn(&Left) -> Option<&str>| texts(changes.iter().map(|change| change.left.as_ref().and_then(text)));
    let number = |number: fn(&Left) -> i64| numbers(changes.iter().map(|change| change.left.as_ref().map(number)));
    let scope = |left: &Left| if left.why.is_out_of_scope { OUT_OF_SCOPE } else { EXCEPTION };
    batch(
        &tables::EXCEPTIONS,
        vec![
            same(run.id, count),
            same(run.flow, count),
            numbers(std::iter::repeat_n(Some(run.number), count)),
            numbers(changes.iter().map(|change| Some(i64::from(change.place.hop)))),
            texts(changes.iter().map(|change| Some(change.place.table.as_str()))),
            texts(changes.iter().map(|change| Some(change.place.id.as_str()))),
            texts(changes.iter().map(|change| change.left.as_ref().map(scope))),
            of(|left| Some(&left.why.reason)),
            of(|left| left.why.rule.as_deref()),
            of(|left| left.why.detail.as_deref()),
            of(|left| left.why.candidate_table.as_deref()),
            number(|left| left.why.candidate_count),
            of(|left| left.why.candidates.as_deref()),
            amounts(changes.iter().map(|change| change.left.as_ref().and_then(|left| left.why.values.amount)))?,
            of(|left| left.why.values.currency.as_deref()),
            days(changes.iter().map(|change| change.left.as_ref().and_then(|left| left.why.values.day))),
            number(|left| left.first_run),
            days(changes.iter().map(|change| change.left.as_ref().map(|left| left.first_seen))),
            texts(changes.iter().map(|change| change.event)),
            texts(changes.iter().map(|change| change.cause)),
            days(changes.iter().map(|change| change.left.as_ref().and_then(|left| left.why.due))),
            number(|left| left.why.fingerprint()),
        ],
    )
}

pub(super) const EXCEPTION: &str = "exception";
pub(super) const OUT_OF_SCOPE: &str = "out_of_scope";

pub(super) fn assertions(run: Run<'_>, assertions: &[Assertion]) -> Result<RecordBatch> {
    let count = assertions.len();
    batch(
        &tables::ASSERTIONS,
        vec![
            same(run.id, count),
            same(run.flow, count),
            numbers(std::iter::repeat_n(Some(run.number), count)),
            numbers(assertions.iter().map(|one| one.hop.map(i64::from))),
            texts(assertions.iter().map(|one| Some(one.identity.as_str()))),
            texts(assertions.iter().map(|one| Some(one.scope.as_str()))),
            texts(assertions.iter().map(|one| one.currency.as_deref())),
            amounts(assertions.iter().map(|one| one.left))?,
            amounts(assertions.iter().map(|one| one.right))?,
            numbers(assertions.iter().map(|one| Some(one.rows))),
            Arc::new(BooleanArray::from_iter(assertions.iter().map(|one| Some(one.is_passed)))),
            texts(assertions.iter().map(|one| one.tolerance.as_deref())),
            texts(assertions.iter().map(|one| one.subject.as_deref())),
        ],
    )
}

/// A row that something is decided of.
type Decided<'a> = (Side, &'a Rows, &'a str);

/// A row for each row of a decision; one without a row where it is of none.
pub(super) fn decisions(decisions: &[Decision]) -> Result<RecordBatch> {
    let mut rows: Vec<(&Decision, Option<Decided<'_>>)> = Vec::new();
    for decision in decisions {
        let before = rows.len();
        for (side, of) in [Side::Left, Side::Right].into_iter().zip(&decision.rows) {
            rows.extend(of.ids().iter().map(|id| (decision, Some((side, of, id.as_str())))));
        }
        if rows.len() == before {
            rows.push((decision, None));
        }
    }
    let of = |text: fn(&Decision) -> Option<&str>| texts(rows.iter().map(|(decision, _)| text(decision)));
    batch(
        &tables::OVERRIDES,
        vec![
            numbers(rows.iter().map(|(decision, _)| Some(decision.number))),
            times(rows.iter().map(|(decision, _)| Some(decision.at))),
            of(|decision| Some(&decision.by)),
            of(|decision| Some(decision.action.word())),
            of(|decision| Some(&decision.flow)),
            texts(rows.iter().map(|(_, row)| row.map(|(of, ..)| side(of)))),
            texts(rows.iter().map(|(_, row)| row.map(|(_, of, _)| of.table.as_str()))),
            texts(rows.iter().map(|(_, row)| row.map(|(.., id)| id))),
            of(|decision| Some(&decision.why)),
            of(|decision| decision.account.as_deref()),
            numbers(rows.iter().map(|(decision, _)| decision.retracts)),
            of(|decision| decision.owner.as_deref()),
        ],
    )
}

/// The closing of the periods of a flow.
pub(super) fn close(number: i64, at: DateTime<Utc>, who: &str, flow: &str, through: i32) -> Result<RecordBatch> {
    let columns =
        vec![numbers([Some(number)]), times([Some(at)]), texts([Some(who)]), texts([Some(flow)]), days([Some(through)])];
    batch(&tables::CLOSES, columns)
}

pub(super) fn side(side: Side) -> &'static str {
    if side == Side::Left { "left" } else { "right" }
}

/// The side that a word is of.
pub(super) fn side_of(word: Option<&str>) -> Option<Side> {
    [Side::Left, Side::Right].into_iter().find(|of| word == Some(side(*of)))
}

fn batch(kept: &Kept, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(kept.schema(), columns)
        .map_err(|error| Error::bug("rows do not fit the table they are kept in").with("table", kept.name).caused_by(error))
}

fn texts<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

fn owned(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn same(text: &str, count: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, count)))
}

fn numbers(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int64Array>())
}

fn days(values: impl IntoIterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Date32Array>())
}

fn times(values: impl IntoIterator<Item = Option<DateTime<Utc>>>) -> ArrayRef {
    let micros = values.into_iter().map(|time| time.map(|time| time.timestamp_micros()));
    Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

fn amounts(values: impl Iterator<Item = Option<i128>>) -> Result<ArrayRef> {
    let amounts = values.collect::<Decimal128Array>().with_data_type(money());
    // What came as decimal(38,8) has no more digits; a sum of it may.
    amounts.validate_decimal_precision(crate::money::DECIMAL_PRECISION).map_err(|error| {
        Error::new(crate::error::ErrorKind::Query, "a sum of amounts has more digits than decimal(38,8)").caused_by(error)
    })?;
    Ok(Arc::new(amounts))
}
