//! `ckosql reconcile`: runs the matching rules over the account, its lake and the other side, keeps what they find, and tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use futures::TryStreamExt;
use tracing::info;

use super::open::Opened;
use super::print::print_rows;
use super::{Global, open};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::lake::no_lake;
use crate::matching::explain::explain;
use crate::matching::files::with_shipped;
use crate::matching::outcome::{Difference, Exception, Match, Outcome, Step, decimal};
use crate::matching::results::Recorded;
use crate::matching::rule::Rule;
use crate::matching::sides::Table;
use crate::output::Format;
use crate::shell::failure::Failure;

/// What is told of what is kept.
const SUMMARY: &str = include_str!("../../sql/recon/summary.sql");
const MATCHES: &str = include_str!("../../sql/recon/matches_shown.sql");
const EXCEPTIONS: &str = include_str!("../../sql/recon/exceptions_shown.sql");
const RECORDED: &str = include_str!("../../sql/recon/recorded.sql");

/// What `ckosql reconcile` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The flows, instead of all.
    #[arg(value_name = "FLOW")]
    flows: Vec<String>,
    /// Folder or file of rules of your own, beside the shipped ones.
    #[arg(long, value_name = "PATH")]
    rules: Option<PathBuf>,
    /// Tell what is found, and keep nothing.
    #[arg(long)]
    dry_run: bool,
    /// The day that what is due, and how old it is, is told by; today when left out.
    #[arg(long, value_name = "DATE")]
    as_of: Option<NaiveDate>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Show::Summary)]
    show: Show,
    /// Evaluate the identities of the books that belong to the flows as well, over all their days, and record them: cheap over a
    /// lake, not over the API.
    #[arg(long, conflicts_with = "dry_run")]
    identities: bool,
    /// End with exit code 5 when rows are left that no rule took, or an identity does not hold; several with commas between them.
    #[arg(long, value_enum, value_delimiter = ',')]
    fail_on: Vec<FailOn>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Show {
    /// How many rows each rule matched, and why the others are left.
    Summary,
    /// A row for each match.
    Matches,
    /// A row for each row that no rule took.
    Exceptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Rows that no rule took.
    Exceptions,
    /// Identities of the books that do not hold; they are evaluated for it.
    Identities,
}

/// Runs the rules and prints what they find.
///
/// # Errors
/// Those of the rules and of reading the tables; [`ErrorKind::Exceptions`] where rows are left and `--fail-on` asks for it.
pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let (opened, rules, as_of) = open_for(global, arguments.rules.as_deref(), &arguments.flows, arguments.as_of)?;
    let engine = &opened.engine;
    let fails_on = |what| arguments.fail_on.contains(&what);
    if arguments.dry_run && fails_on(FailOn::Identities) {
        return Err(Error::new(ErrorKind::Usage, "identities are evaluated where they are recorded")
            .hint("leave --dry-run out, or query checks.summary")
            .into());
    }
    let (rows, left, broken) = if arguments.dry_run {
        let outcome = engine.find(&rules, as_of).await?;
        let rows = match arguments.show {
            Show::Summary => summary(&outcome)?,
            Show::Matches => matches(&outcome)?,
            Show::Exceptions => exceptions(&outcome)?,
        };
        let left: usize = outcome.steps.iter().map(|step| step.exceptions.len()).sum();
        (vec![rows], i64::try_from(left).unwrap_or(i64::MAX), 0)
    } else {
        let (left, broken) = keep(engine, &rules, as_of, arguments.identities || fails_on(FailOn::Identities)).await?;
        let flows = flows(&rules);
        let sql = match arguments.show {
            Show::Summary => SUMMARY,
            Show::Matches => MATCHES,
            Show::Exceptions => EXCEPTIONS,
        };
        // A closed period may keep rows from what was found for them: what is told is what is kept.
        let told = format!("select * from ({sql}) where flow in ({flows}) order by 1, 2, 3, 4, 5, 6, 7");
        (recorded(engine, &told).await?, left, broken)
    };
    print_rows(arguments.format, &rows)?;
    if left > 0 && fails_on(FailOn::Exceptions) {
        return Err(Error::new(ErrorKind::Exceptions, format!("{left} rows are left that no rule took")).into());
    }
    if broken > 0 && fails_on(FailOn::Identities) {
        return Err(Error::new(ErrorKind::Exceptions, format!("identities of the books do not hold, {broken} times"))
            .hint("select * from recon.assertions where not passed")
            .into());
    }
    Ok(())
}

/// Runs the rules and keeps what they find; gives how many rows are left, and how often identities do not hold.
async fn keep(engine: &Engine, rules: &[Rule], as_of: i32, has_identities: bool) -> Result<(i64, i64)> {
    if engine.lake().is_none() {
        return Err(no_lake().hint("say where it is to be kept: --lake FOLDER, or keep nothing: --dry-run"));
    }
    let identities = match has_identities {
        true => engine.identities(&rules.iter().map(|rule| rule.flow.as_str()).collect()).await?,
        false => Vec::new(),
    };
    let recorded = engine.reconcile(rules, as_of, &identities).await?;
    let left = recorded.iter().map(|recorded| recorded.exceptions).sum();
    let broken = recorded.iter().map(|recorded| recorded.broken).sum();
    for Recorded { flow, run, unchanged_since, created, withdrawn, .. } in recorded {
        match unchanged_since {
            Some(since) => info!(flow, run, since, "run {run} of {flow} found what run {since} did"),
            None => info!(flow, run, created, withdrawn, "run {run} of {flow} recorded"),
        }
    }
    Ok((left, broken))
}

/// The flows of rules, as SQL has them in a list.
fn flows(rules: &[Rule]) -> String {
    let flows: BTreeSet<String> = rules.iter().map(|rule| quoted(&rule.flow)).collect();
    flows.into_iter().collect::<Vec<_>>().join(", ")
}

/// A text as a literal of SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What a query of what is kept answers.
async fn recorded(engine: &Engine, sql: &str) -> Result<Vec<RecordBatch>> {
    let answer = engine.session()?.query(sql).await?;
    let mut batches = vec![RecordBatch::new_empty(answer.schema)];
    batches.extend(answer.batches.try_collect::<Vec<_>>().await.map_err(Error::from)?);
    Ok(batches)
}

/// What the rules of some flows, the shipped ones and those at a path, tell of a row or a match, and what is kept of it.
///
/// # Errors
/// Those of the rules and of reading the tables; [`ErrorKind::Query`] when neither knows the id.
pub(super) async fn explained(
    global: &Global,
    rules: Option<&Path>,
    flows: &[String],
    as_of: Option<NaiveDate>,
    id: &str,
) -> Result<String> {
    let (opened, rules, as_of) = open_for(global, rules, flows, as_of)?;
    let found = explain(&opened.engine.find(&rules, as_of).await?, id);
    let mut kept = String::new();
    if opened.engine.lake().is_some() {
        let (id, flows) = (quoted(id), self::flows(&rules));
        let sql = format!(
            "select distinct told from ({RECORDED}) where (match_id = {id} or line_id = {id}) and flow in ({flows}) order by 1"
        );
        for batch in recorded(&opened.engine, &sql).await? {
            let unread = |error| Error::bug("what is kept is told in words").caused_by(error);
            let told = cast(batch.column(0), &DataType::Utf8).map_err(unread)?;
            kept.extend(told.as_string::<i32>().iter().flatten().flat_map(|told| [told, "\n"]));
        }
    }
    match found {
        Ok(found) => Ok(found + &kept),
        // What a closed period keeps may be found no more.
        Err(error) if error.kind() == ErrorKind::Query && !kept.is_empty() => Ok(kept),
        Err(error) => Err(error),
    }
}

/// The engine, the rules of some flows, and the day that they are run of, counted since 1970.
fn open_for(
    global: &Global,
    rules: Option<&Path>,
    flows: &[String],
    as_of: Option<NaiveDate>,
) -> Result<(Opened, Vec<Rule>, i32)> {
    let rules = of_flows(with_shipped(rules)?, flows)?;
    let opened = open::open(global)?;
    let rules = if flows.is_empty() { opened.engine.with_sides(rules)? } else { rules };
    let as_of = as_of.unwrap_or_else(|| opened.engine.clock().now().date_naive());
    Ok((opened, rules, as_of.to_epoch_days()))
}

/// The rules of some flows; of all where none is named.
/// The rules of some flows, or of all where none is named.
///
/// # Errors
/// [`ErrorKind::Usage`] when no rule is of one of them.
pub(super) fn of_flows(rules: Vec<Rule>, flows: &[String]) -> Result<Vec<Rule>> {
    let known: BTreeSet<&str> = rules.iter().map(|rule| rule.flow.as_str()).collect();
    if let Some(unknown) = flows.iter().find(|flow| !known.contains(flow.as_str())) {
        let error = Error::new(ErrorKind::Usage, "no rule is of this flow").with("flow", unknown);
        return Err(error.hint(format!("there are {}", known.into_iter().collect::<Vec<_>>().join(", "))));
    }
    Ok(rules.into_iter().filter(|rule| flows.is_empty() || flows.contains(&rule.flow)).collect())
}

fn summary(outcome: &Outcome) -> Result<RecordBatch> {
    let mut rows: Vec<[String; 4]> = Vec::new();
    let (mut hops, mut counts) = (Vec::new(), Vec::new());
    for step in &outcome.steps {
        // By rule and table, as places, and by what: of a million matches, which lie by rule, no names are compared.
        let mut counts_of: BTreeMap<(Option<usize>, Option<usize>, &str), usize> = BTreeMap::new();
        for (what, found) in [("matched", &step.matches), ("suggested", &step.suggestions)] {
            for found in found.chunk_by(|one, other| one.rule == other.rule) {
                *counts_of.entry((found.first().map(|one| one.rule), None, what)).or_default() += found.len();
            }
        }
        for out in &step.out_of_scope {
            *counts_of.entry((Some(out.rule), Some(out.table), "out_of_scope")).or_default() += 1;
        }
        for left in &step.exceptions {
            *counts_of.entry((left.rule, Some(left.table), left.reason)).or_default() += 1;
        }
        let mut by: BTreeMap<(&str, &str, &str), i64> = BTreeMap::new();
        for ((rule, table, what), count) in counts_of {
            let table = table.map(|table| step.table(table)).transpose()?.map_or("", Table::name);
            *by.entry((what, rule_at(step, rule), table)).or_default() += i64::try_from(count).unwrap_or(i64::MAX);
        }
        for ((what, rule, table), count) in by {
            rows.push([&step.flow, what, rule, table].map(str::to_owned));
            hops.push(i64::from(step.hop));
            counts.push(count);
        }
    }
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    for (place, name) in ["flow", "what", "rule", "table"].into_iter().enumerate() {
        columns.push((name, texts(rows.iter().map(|row| row.get(place).filter(|text| !text.is_empty()).cloned()))));
    }
    columns.insert(1, ("hop", Arc::new(Int64Array::from(hops))));
    columns.push(("count", Arc::new(Int64Array::from(counts))));
    table(columns)
}

/// How many rows of each flow are matched, or left and why, with one of each.
pub(super) fn brief(outcome: &Outcome) -> Result<RecordBatch> {
    // What ties out comes first.
    let mut by: BTreeMap<(&str, bool, String), (i64, String)> = BTreeMap::new();
    for step in &outcome.steps {
        let mut count = |is_left: bool, what: &str, rows: usize, example: &str| {
            let rows = i64::try_from(rows).unwrap_or(i64::MAX);
            let known = by.entry((&step.flow, is_left, what.to_owned())).or_insert_with(|| (0, example.to_owned()));
            known.0 += rows;
        };
        for found in &step.matches {
            let ids = step.ids(found)?;
            count(false, "matched", ids.iter().map(Vec::len).sum(), ids.iter().flatten().next().copied().unwrap_or_default());
        }
        for out in &step.out_of_scope {
            count(false, "out of scope", 1, step.table(out.table)?.id(out.row)?);
        }
        for left in &step.exceptions {
            count(true, left.reason, 1, step.table(left.table)?.id(left.row)?);
        }
    }
    table(vec![
        ("flow", texts(by.keys().map(|(flow, _, _)| Some((*flow).to_owned())))),
        ("what", texts(by.keys().map(|(_, _, what)| Some(what.clone())))),
        ("rows", Arc::new(Int64Array::from_iter_values(by.values().map(|(rows, _)| *rows)))),
        ("one of them", texts(by.values().map(|(_, example)| Some(example.clone())))),
    ])
}

/// The flow and the id of a row of the left side that is left for a reason.
pub(super) fn left_by<'a>(outcome: &'a Outcome, reason: &str) -> Result<Option<(&'a str, &'a str)>> {
    for step in &outcome.steps {
        for left in step.exceptions.iter().filter(|left| left.reason == reason) {
            let sides = left.rule.and_then(|rule| step.sides.get(rule));
            if sides.is_some_and(|sides| *sides.left() == left.table) {
                return Ok(Some((&step.flow, step.table(left.table)?.id(left.row)?)));
            }
        }
    }
    Ok(None)
}

fn matches(outcome: &Outcome) -> Result<RecordBatch> {
    let steps = outcome.steps.iter();
    let found: Vec<(&Step, &Match)> = steps.flat_map(|step| step.matches.iter().map(move |found| (step, found))).collect();
    let each = |of: &dyn Fn(&Step, &Match) -> Result<Option<String>>| -> Result<ArrayRef> {
        let values = found.iter().map(|(step, found)| of(step, found)).collect::<Result<Vec<_>>>()?;
        Ok(texts(values.into_iter()))
    };
    let residual = |of: fn(&Difference) -> String| each(&|_, found| Ok(found.residual.as_deref().map(of)));
    table(vec![
        ("match_id", each(&|step, found| Ok(Some(step.match_id(found)?)))?),
        ("flow", each(&|step, _| Ok(Some(step.flow.clone())))?),
        ("rule", each(&|step, found| Ok(Some(step.rule(found)?.id.clone())))?),
        ("left", each(&|step, found| Ok(Some(step.ids(found)?[0].join(" "))))?),
        ("right", each(&|step, found| Ok(Some(step.ids(found)?[1].join(" "))))?),
        ("residual", residual(|residual| residual.kind.to_owned())?),
        ("residual_amount", residual(|residual| decimal(residual.amount))?),
        ("currency", residual(|residual| residual.currency.clone())?),
        ("why", each(&|_, found| Ok(found.why.as_deref().map(str::to_owned)))?),
    ])
}

fn exceptions(outcome: &Outcome) -> Result<RecordBatch> {
    let steps = outcome.steps.iter();
    let left: Vec<(&Step, &Exception)> = steps.flat_map(|step| step.exceptions.iter().map(move |left| (step, left))).collect();
    let each = |of: &dyn Fn(&Step, &Exception) -> Result<String>| -> Result<ArrayRef> {
        let values = left.iter().map(|(step, left)| Ok(Some(of(step, left)?).filter(|text| !text.is_empty())));
        Ok(texts(values.collect::<Result<Vec<_>>>()?.into_iter()))
    };
    table(vec![
        ("flow", each(&|step, _| Ok(step.flow.clone()))?),
        ("hop", Arc::new(Int64Array::from_iter_values(left.iter().map(|(step, _)| i64::from(step.hop))))),
        ("table", each(&|step, left| Ok(step.table(left.table)?.name().to_owned()))?),
        ("line_id", each(&|step, left| Ok(step.table(left.table)?.id(left.row)?.to_owned()))?),
        ("reason", each(&|_, left| Ok(left.reason.to_owned()))?),
        ("rule", each(&|step, left| Ok(rule_at(step, left.rule).to_owned()))?),
        ("detail", each(&|_, left| Ok(left.detail.as_deref().unwrap_or_default().to_owned()))?),
        ("candidates", each(&|step, left| Ok(step.candidates(left)?.join(" ")))?),
    ])
}

fn rule_at(step: &Step, place: Option<usize>) -> &str {
    place.and_then(|place| step.rules.get(place)).map_or("", |rule| &rule.id)
}

fn texts(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn table(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).map_err(|error| Error::bug("findings are no table").caused_by(error))
}
