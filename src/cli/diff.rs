//! `ckosql rules diff`: what rules would match otherwise than those there are, over the same rows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use chrono::NaiveDate;
use clap::Args;

use super::print::print_rows;
use super::reconcile::of_flows;
use super::{Global, open};
use crate::error::{Error, ErrorKind, Result};
use crate::matching::diff::{Change, Made, diff};
use crate::matching::files::{beside, with_shipped};
use crate::matching::outcome::decimal;
use crate::matching::rule::Rule;
use crate::output::Format;
use crate::shell::failure::Failure;

/// What `ckosql rules diff` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder or file of rules, each beside the others or in the place of the one of its name.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Folder or file of rules that they are held against, beside the shipped ones.
    #[arg(long, value_name = "PATH")]
    rules: Option<PathBuf>,
    /// Only this flow.
    #[arg(long, value_name = "FLOW")]
    flow: Option<String>,
    /// The day that what is due is told by; today when left out.
    #[arg(long, value_name = "DATE")]
    as_of: Option<NaiveDate>,
    /// A row for each match, instead of how many there are.
    #[arg(long)]
    each: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs both sets of rules and prints what differs.
///
/// # Errors
/// Those of the rules and of reading the tables; [`ErrorKind::Exceptions`] when matches differ.
pub(super) async fn run(global: &Global, arguments: &Arguments) -> Result<(), Failure> {
    let before = with_shipped(arguments.rules.as_deref())?;
    let after = beside(before.clone(), &arguments.path)?;
    let changed = changed(&before, &after, arguments.flow.as_slice())?;
    let of_changed = |rules: Vec<Rule>| rules.into_iter().filter(|rule| changed.contains(&rule.flow)).collect::<Vec<_>>();
    let opened = open::open(global)?;
    let as_of = arguments.as_of.unwrap_or_else(|| opened.engine.clock().now().date_naive()).to_epoch_days();
    let [before, after] = opened.engine.find_both([&of_changed(before), &of_changed(after)], as_of).await?;
    let changes = diff(&before, &after)?;
    print_rows(arguments.format, &[if arguments.each { each(&changes)? } else { counted(&changes)? }])?;
    match changes.len() {
        0 => Ok(()),
        count => Err(Error::new(ErrorKind::Exceptions, format!("{count} matches differ")).into()),
    }
}

/// The flows, of those that are wanted, in which a rule differs, comes or goes.
///
/// # Errors
/// [`ErrorKind::Usage`] when neither has a rule of a flow that is wanted.
fn changed(before: &[Rule], after: &[Rule], flows: &[String]) -> Result<BTreeSet<String>> {
    let versions = |rules: &[Rule]| rules.iter().map(|rule| (rule.flow.clone(), rule.version.clone())).collect::<BTreeSet<_>>();
    let (old, new) = (versions(before), versions(after));
    let wanted: BTreeSet<String> = of_flows([before, after].concat(), flows)?.into_iter().map(|rule| rule.flow).collect();
    Ok(old.symmetric_difference(&new).map(|(flow, _)| flow).filter(|flow| wanted.contains(*flow)).cloned().collect())
}

/// A row for each match that comes, goes or changes.
fn each(changes: &[Change]) -> Result<RecordBatch> {
    let texts =
        |of: &dyn Fn(&Change) -> Option<String>| -> ArrayRef { Arc::new(changes.iter().map(of).collect::<StringArray>()) };
    let ids = |change: &Change, side: usize| change.rows.get(side).map(|(_, ids)| ids.join(" "));
    rows_of(vec![
        ("flow", texts(&|change| Some(change.flow.clone()))),
        ("hop", Arc::new(Int64Array::from_iter_values(changes.iter().map(|change| i64::from(change.hop))))),
        ("what", texts(&|change| Some(change.word().to_owned()))),
        ("before", texts(&|change| change.before.as_ref().map(told))),
        ("after", texts(&|change| change.after.as_ref().map(told))),
        ("left", texts(&|change| ids(change, 0))),
        ("right", texts(&|change| ids(change, 1))),
        ("currency", texts(&|change| change.amount().map(|(_, currency)| currency.clone()))),
        ("amount", texts(&|change| change.amount().map(|(amount, _)| decimal(*amount)))),
    ])
}

/// The rule that makes a match, and what it leaves.
fn told(made: &Made) -> String {
    let Made { rule, residual, .. } = made;
    residual.as_ref().map_or_else(|| rule.clone(), |left| format!("{rule} ({} {})", left.kind, decimal(left.amount)))
}

/// How many matches come, go and change, and the sums of their left sides.
fn counted(changes: &[Change]) -> Result<RecordBatch> {
    /// Flow, hop, what becomes of it, the rules before and after, currency.
    type Kind<'a> = (&'a str, u32, &'a str, Option<&'a str>, Option<&'a str>, Option<&'a str>);
    let mut kinds: BTreeMap<Kind<'_>, (i64, Option<i128>)> = BTreeMap::new();
    let overflow = || Error::new(ErrorKind::Query, "a sum of amounts has more digits than decimal(38,8)");
    for change in changes {
        let [before, after] = [&change.before, &change.after].map(|made| made.as_ref().map(|made| made.rule.as_str()));
        let (amount, currency) = change.amount().map(|(amount, currency)| (*amount, currency.as_str())).unzip();
        let kind = (change.flow.as_str(), change.hop, change.word(), before, after, currency);
        let (count, sum) = kinds.entry(kind).or_default();
        *count += 1;
        if let Some(amount) = amount {
            *sum = Some(sum.unwrap_or_default().checked_add(amount).ok_or_else(overflow)?);
        }
    }
    let texts =
        |of: &dyn Fn(&Kind<'_>) -> Option<String>| -> ArrayRef { Arc::new(kinds.keys().map(of).collect::<StringArray>()) };
    rows_of(vec![
        ("flow", texts(&|kind| Some(kind.0.to_owned()))),
        ("hop", Arc::new(Int64Array::from_iter_values(kinds.keys().map(|kind| i64::from(kind.1))))),
        ("what", texts(&|kind| Some(kind.2.to_owned()))),
        ("before", texts(&|kind| kind.3.map(str::to_owned))),
        ("after", texts(&|kind| kind.4.map(str::to_owned))),
        ("currency", texts(&|kind| kind.5.map(str::to_owned))),
        ("count", Arc::new(Int64Array::from_iter_values(kinds.values().map(|(count, _)| *count)))),
        ("amount", Arc::new(kinds.values().map(|(_, sum)| sum.map(decimal)).collect::<StringArray>())),
    ])
}

fn rows_of(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).map_err(|error| Error::bug("changes are no table").caused_by(error))
}
