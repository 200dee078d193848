//! `ckosql reconcile`: runs the matching rules over the account, its lake and the other side, and tells what they find.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use clap::{Args, ValueEnum};

use super::print::print_rows;
use super::{Global, open};
use crate::error::{Error, ErrorKind, Result};
use crate::matching::files::Folder;
use crate::matching::rule::Rule;
use crate::matching::run::{Outcome, decimal};
use crate::shell::failure::Failure;
use crate::shell::output::Format;

/// What `ckosql reconcile` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The flows, instead of all.
    #[arg(value_name = "FLOW")]
    flows: Vec<String>,
    /// Folder or file of the rules.
    #[arg(long, value_name = "PATH", default_value = "rules")]
    rules: PathBuf,
    /// Tell what is found, and keep nothing.
    #[arg(long, required = true)]
    dry_run: bool,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Show::Summary)]
    show: Show,
    /// End with exit code 5 when rows are left that no rule took.
    #[arg(long, value_enum)]
    fail_on: Option<FailOn>,
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
}

/// Runs the rules and prints what they find.
///
/// # Errors
/// Those of the rules and of reading the tables; [`ErrorKind::Exceptions`] where rows are left and `--fail-on` asks for it.
pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let mut flows: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for (_, rule) in Folder::read(&arguments.rules)?.rules() {
        let rule = rule?;
        flows.entry(rule.flow.clone()).or_default().push(rule);
    }
    if let Some(unknown) = arguments.flows.iter().find(|flow| !flows.contains_key(*flow)) {
        let known = flows.into_keys().collect::<Vec<_>>().join(", ");
        let error = Error::new(ErrorKind::Usage, "no rule is of this flow").with("flow", unknown);
        return Err(error.hint(format!("there are {known}")).into());
    }
    flows.retain(|flow, _| arguments.flows.is_empty() || arguments.flows.contains(flow));
    let opened = open::open(global)?;
    let mut outcomes = Vec::new();
    for (flow, rules) in flows {
        outcomes.push((flow, opened.engine.session()?.run_rules(&rules).await?));
    }
    let rows = match arguments.show {
        Show::Summary => summary(&outcomes),
        Show::Matches => matches(&outcomes),
        Show::Exceptions => exceptions(&outcomes),
    };
    print_rows(arguments.format, &[rows?])?;
    let left: usize = outcomes.iter().map(|(_, outcome)| outcome.exceptions.len()).sum();
    match arguments.fail_on {
        Some(FailOn::Exceptions) if left > 0 => {
            Err(Error::new(ErrorKind::Exceptions, format!("{left} rows are left that no rule took")).into())
        }
        _ => Ok(()),
    }
}

fn summary(outcomes: &[(String, Outcome)]) -> Result<RecordBatch> {
    let mut rows: Vec<[String; 4]> = Vec::new();
    let mut counts = Vec::new();
    for (flow, outcome) in outcomes {
        let mut by: BTreeMap<[String; 3], i64> = BTreeMap::new();
        for found in &outcome.matches {
            *by.entry(["matched".to_owned(), found.rule.clone(), String::new()]).or_default() += 1;
        }
        for left in &outcome.exceptions {
            *by.entry([left.reason.to_owned(), left.rule.clone().unwrap_or_default(), left.table.clone()]).or_default() += 1;
        }
        for ([what, rule, table], count) in by {
            rows.push([flow.clone(), what, rule, table]);
            counts.push(count);
        }
    }
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    for (place, name) in ["flow", "what", "rule", "table"].into_iter().enumerate() {
        columns.push((name, texts(rows.iter().map(|row| row.get(place).filter(|text| !text.is_empty()).cloned()))));
    }
    columns.push(("count", Arc::new(Int64Array::from(counts))));
    table(columns)
}

fn matches(outcomes: &[(String, Outcome)]) -> Result<RecordBatch> {
    let found: Vec<_> =
        outcomes.iter().flat_map(|(flow, outcome)| outcome.matches.iter().map(move |found| (flow, found))).collect();
    let residual = |place: fn(&crate::matching::run::Difference) -> String| {
        texts(found.iter().map(move |(_, found)| found.residual.as_ref().map(place)))
    };
    table(vec![
        ("match_id", texts(found.iter().map(|(_, found)| Some(found.id.clone())))),
        ("flow", texts(found.iter().map(|(flow, _)| Some((*flow).clone())))),
        ("rule", texts(found.iter().map(|(_, found)| Some(found.rule.clone())))),
        ("left", texts(found.iter().map(|(_, found)| Some(found.left.join(" "))))),
        ("right", texts(found.iter().map(|(_, found)| Some(found.right.join(" "))))),
        ("residual", residual(|residual| residual.kind.to_owned())),
        ("residual_amount", residual(|residual| decimal(residual.amount))),
        ("currency", residual(|residual| residual.currency.clone())),
        ("why", texts(found.iter().map(|(_, found)| found.why.clone()))),
    ])
}

fn exceptions(outcomes: &[(String, Outcome)]) -> Result<RecordBatch> {
    let left: Vec<_> =
        outcomes.iter().flat_map(|(flow, outcome)| outcome.exceptions.iter().map(move |left| (flow, left))).collect();
    table(vec![
        ("flow", texts(left.iter().map(|(flow, _)| Some((*flow).clone())))),
        ("table", texts(left.iter().map(|(_, left)| Some(left.table.clone())))),
        ("line_id", texts(left.iter().map(|(_, left)| Some(left.line.clone())))),
        ("reason", texts(left.iter().map(|(_, left)| Some(left.reason.to_owned())))),
        ("rule", texts(left.iter().map(|(_, left)| left.rule.clone()))),
        ("detail", texts(left.iter().map(|(_, left)| left.detail.clone()))),
        ("candidates", texts(left.iter().map(|(_, left)| Some(left.candidates.join(" ")).filter(|text| !text.is_empty())))),
    ])
}

fn texts(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn table(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).map_err(|error| Error::bug("findings are no table").caused_by(error))
}
