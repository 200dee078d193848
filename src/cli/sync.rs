//! `ckosql sync`: brings the lake up to now, once or again and again, and says what came of it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use tokio::task::JoinSet;

use super::print::print_rows;
use super::progress::{Progress, Quiet, came, seconds};
use super::run::{died, interrupt};
use super::{Global, open};
use crate::error::{Error, ErrorKind, Result};
use crate::lake::settings::instant;
use crate::lake::sync::{Stop, Synced, Tally};
use crate::lake::watch::{Running, Told};
use crate::output::Format;
use crate::shell::failure::Failure;

/// What `ckosql sync` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The tables to sync, instead of all.
    #[arg(value_name = "TABLE")]
    tables: Vec<String>,
    /// The earliest day to sync, instead of the account's whole history.
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Read everything anew, and compare.
    #[arg(long)]
    full: bool,
    /// Go on until Ctrl-C or SIGTERM: at once, and then whenever the schedule of the lake says so.
    #[arg(long, conflicts_with_all = ["full", "format"])]
    pub(super) watch: bool,
    /// Keep nothing that is personal or may be, and nothing of the source's own JSON; the lake is to be new.
    #[arg(long)]
    no_pii: bool,
    /// How to print what came of it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Syncs, and prints a row a table.
///
/// # Errors
/// The first of what kept a table from being synced, after the rows are printed; those of the configuration.
pub(super) async fn run(global: &Global, arguments: &Arguments) -> Result<(), Failure> {
    let since = arguments.since.as_deref().map(instant).transpose()?;
    let global = &of_policy(global, arguments);
    let opened = open::open(global)?;
    let progress = Progress::new(global, &opened.engine, Quiet::Nothing);
    let synced = opened.engine.sync(&arguments.tables, since, arguments.full, &|step| progress.show(&step)).await;
    progress.end().await;
    let mut synced = synced?;
    print_rows(arguments.format, &[summary(&synced)?])?;
    match synced.iter_mut().find_map(|one| one.error.take()) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// Syncs again and again until Ctrl-C or SIGTERM, which is no error; at the second of them, at once.
///
/// # Errors
/// Those of the configuration, and what no waiting mends.
pub(super) async fn watch(global: Global, arguments: Arguments) -> Result<(), Failure> {
    let stop = Stop::default();
    let mut tasks = JoinSet::new();
    // On a task of its own: a computation that does not yield must not keep a signal from being seen.
    tasks.spawn({
        let stop = stop.clone();
        async move { watch_until(&global, &arguments, &stop).await }
    });
    for _ in 0..2 {
        tokio::select! {
            Some(outcome) = tasks.join_next() => return outcome.unwrap_or_else(|error| Err(died(error).into())),
            () = interrupt() => stop.ask(),
        }
    }
    Err(Error::new(ErrorKind::Cancelled, "cancelled").into())
}

async fn watch_until(global: &Global, arguments: &Arguments, stop: &Stop) -> Result<(), Failure> {
    let since = arguments.since.as_deref().map(instant).transpose()?;
    let global = &of_policy(global, arguments);
    let opened = open::open(global)?;
    let progress = Progress::new(global, &opened.engine, Quiet::WhatIsAsItWas);
    let tell = |told: Told<'_>| match told {
        Told::Step(step) => progress.show(&step),
        Told::Round { began, done, next } => progress.say(&round(began, done, next)),
        Told::Stopped { is_clean: true } => progress.say("stopped; what was read is committed"),
        Told::Stopped { is_clean: false } => {
            progress.say("stopped in the middle of a sync; the next goes on from its last commit")
        }
    };
    let time = Running::new(opened.engine.clock());
    let outcome = opened.engine.watch(&arguments.tables, since, stop, &time, &tell).await;
    progress.end().await;
    Ok(outcome?)
}

/// The arguments of all commands, with what this one says of the policy.
fn of_policy(global: &Global, arguments: &Arguments) -> Global {
    let mut global = global.clone();
    if arguments.no_pii {
        global.set.push("policy.no_pii=true".to_owned());
    }
    global
}

/// A line on a sync that is over.
fn round(began: DateTime<Utc>, done: &[Synced], next: Option<DateTime<Utc>>) -> String {
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let tally = done.iter().fold(Tally::default(), |sum, one| sum.and(one.tally));
    let requests: u64 = done.iter().map(|one| one.requests).sum();
    let took = done.iter().map(|one| one.took).max().unwrap_or_default();
    let whole = done.iter().filter(|one| one.error.is_none()).count();
    let next = next.map(|next| format!("; next at {}", time(next))).unwrap_or_default();
    format!(
        "{} synced {whole} of {} tables: {}; {requests} requests, {}{next}",
        time(began),
        done.len(),
        came(&tally),
        seconds(took)
    )
}

/// A row a table.
fn summary(synced: &[Synced]) -> Result<RecordBatch> {
    let number = |get: fn(&Tally) -> u64| -> ArrayRef {
        Arc::new(synced.iter().map(|one| i64::try_from(get(&one.tally)).ok()).collect::<Int64Array>())
    };
    let until = synced.iter().map(|one| one.coverage.map(|coverage| coverage.until));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("table", Arc::new(StringArray::from_iter_values(synced.iter().map(|one| one.table)))),
        ("account", Arc::new(StringArray::from_iter_values(synced.iter().map(|one| &one.account)))),
        ("read", number(|tally| tally.read)),
        ("added", number(|tally| tally.added)),
        ("changed", number(|tally| tally.changed)),
        ("gone", number(|tally| tally.gone)),
        ("requests", Arc::new(synced.iter().map(|one| i64::try_from(one.requests).ok()).collect::<Int64Array>())),
        ("took_ms", Arc::new(synced.iter().map(|one| i64::try_from(one.took.as_millis()).ok()).collect::<Int64Array>())),
        ("complete_until", Arc::new(until.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))),
        ("error", Arc::new(synced.iter().map(|one| one.error.as_ref().map(ToString::to_string)).collect::<StringArray>())),
    ];
    let fields: Vec<Field> = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| Error::bug("a summary has rows").caused_by(error))
}
