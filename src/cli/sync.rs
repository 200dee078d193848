//! `ckosql sync`: brings the lake up to now, and says what came of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema};
use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::print::print_rows;
use super::{Global, open, terminal};
use crate::error::{Error, Result};
use crate::lake::settings::instant;
use crate::lake::sync::{Step, Synced, Tally};
use crate::shell::failure::Failure;
use crate::shell::output::Format;
use crate::shell::progress::Visibility;

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
    let mut global = global.clone();
    if arguments.no_pii {
        global.set.push("policy.no_pii=true".to_owned());
    }
    let opened = open::open(&global)?;
    let progress = Progress::new(&global);
    let synced = opened.engine.sync(&arguments.tables, since, arguments.full, &|step| progress.show(&step)).await;
    progress.end();
    let mut synced = synced?;
    print_rows(arguments.format, &[summary(&synced)?])?;
    match synced.iter_mut().find_map(|one| one.error.take()) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
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
        ("complete_until", Arc::new(until.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))),
        ("error", Arc::new(synced.iter().map(|one| one.error.as_ref().map(ToString::to_string)).collect::<StringArray>())),
    ];
    let fields: Vec<Field> = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| Error::bug("a summary has rows").caused_by(error))
}

/// What a sync shows while it runs: a bar a table on a terminal, and nothing elsewhere.
struct Progress {
    bars: MultiProgress,
    tables: Mutex<BTreeMap<(String, &'static str), Shown>>,
}

/// The bar of a table.
struct Shown {
    bar: ProgressBar,
    from: i64,
    rows: u64,
}

/// The unit of a bar's length: a minute, so that a span of years fits.
const MINUTE: i64 = 60_000_000;

impl Progress {
    fn new(global: &Global) -> Self {
        let target = match terminal::progress(global) {
            Visibility::Shown => ProgressDrawTarget::stderr(),
            Visibility::Hidden => ProgressDrawTarget::hidden(),
        };
        Self { bars: MultiProgress::with_draw_target(target), tables: Mutex::default() }
    }

    fn show(&self, step: &Step) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        match step {
            Step::Started { table, account, span } => {
                let from = span.map_or(0, |span| span.from);
                let minutes = span.map_or(1, |span| span.width() / MINUTE).unsigned_abs().max(1);
                let style = ProgressStyle::with_template("{prefix:28} {bar:24} {percent:>3} % {msg} {eta}");
                let bar = ProgressBar::new(minutes).with_prefix(*table);
                let bar = self.bars.add(match style {
                    Ok(style) => bar.with_style(style),
                    Err(_) => bar,
                });
                tables.insert((account.clone(), table), Shown { bar, from, rows: 0 });
            }
            Step::Done { table, account, span, tally } => {
                tracing::info!(
                    table,
                    account = account.as_str(),
                    read = tally.read,
                    added = tally.added,
                    changed = tally.changed,
                    "committed"
                );
                if let Some(shown) = tables.get_mut(&(account.clone(), *table)) {
                    shown.rows += tally.read;
                    let minutes = span.map_or(1, |span| (span.to - shown.from) / MINUTE).unsigned_abs();
                    shown.bar.set_message(format!("{} rows", shown.rows));
                    shown.bar.set_position(minutes);
                }
            }
        }
    }

    fn end(&self) {
        // Nothing is left to draw on when the terminal is gone.
        let _cleared = self.bars.clear();
    }
}
