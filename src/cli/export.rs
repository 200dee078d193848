//! `ckosql export`: a table or an answer as files for a warehouse, published whole; and whether an export is still so.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use clap::Args;
use datafusion::execution::SendableRecordBatchStream;
use tokio::task::JoinSet;

use super::print::print_rows;
use super::run::interrupt;
use super::{Global, open};
use crate::engine::{Engine, LAKE, LIVE, PUBLIC};
use crate::error::{Error, ErrorKind, Result};
use crate::lake::export::check::{Difference, check};
use crate::lake::export::destination::Destination;
use crate::lake::export::lineage::{Copied, copied};
use crate::lake::export::manifest::{Compression, Format, Manifest, Origin};
use crate::lake::export::{Export, Fate, Options, Source};
use crate::lake::no_lake;
use crate::output;
use crate::shell::failure::Failure;
use crate::store::{Location, variables};

/// How long a write that was interrupted may take to stop.
const STOPPING: Duration = Duration::from_secs(5);

/// What `ckosql export` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A table, such as payments or lake.payments, or SQL.
    #[arg(value_name = "TABLE|SQL", required_unless_present = "check", conflicts_with = "check")]
    source: Option<String>,
    /// Where to: a folder, or a bucket as s3://…, gs://… or az://….
    #[arg(long, value_name = "URL")]
    to: String,
    /// What the files are.
    #[arg(long, value_enum, default_value_t, conflicts_with = "check")]
    format: Format,
    /// Columns whose values become folders, as column=value/.
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', conflicts_with = "check")]
    partition_by: Vec<String>,
    /// Size at which a file is closed and the next begun.
    #[arg(long, value_name = "SIZE", default_value = "256MB", value_parser = size, conflicts_with = "check")]
    file_size: u64,
    /// How Parquet is compressed [default: zstd].
    #[arg(long, value_enum, conflicts_with = "check")]
    compression: Option<Compression>,
    /// Most rows of a row group of Parquet.
    #[arg(long, value_name = "N", default_value_t = 131_072, value_parser = group, conflicts_with = "check")]
    row_group_rows: usize,
    /// Only what came in, changed or went after this version of the table in the lake.
    #[arg(long, value_name = "V", conflicts_with = "check")]
    since_version: Option<u64>,
    /// Leave the files of the former export there.
    #[arg(long, conflicts_with = "check")]
    keep: bool,
    /// Read the export that is there, and prove that it is what its manifest says.
    #[arg(long)]
    check: bool,
}

/// Exports, or checks, and prints what there is.
///
/// # Errors
/// Those of the configuration, the rows and the destination; [`ErrorKind::File`] for an export that is not what it says.
pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let location = Location::of("destination", &arguments.to, &variables(&open::sources(global)?.environment))?;
    let Some(source) = &arguments.source else { return Ok(proved(&Destination::new(location)?).await?) };
    let options = arguments.options()?;
    let opened = open::open(global)?;
    let engine = &opened.engine;
    if engine.lake().is_some_and(|lake| location.url().as_str().starts_with(lake.location().url().as_str())) {
        return Err(Error::new(ErrorKind::Usage, "cannot export into the lake itself")
            .with("to", location.url())
            .hint("give a folder beside it")
            .into());
    }
    let export = Export::begin(Destination::new(location)?, options, engine.clock().now()).await?;
    let read = match arguments.since_version {
        Some(version) => since(engine, source, version).await?,
        None => {
            let sql = sql_of(source).unwrap_or_else(|| source.clone());
            rows(engine, source, &sql).await.map_err(|error| Failure::in_sql(error, &sql))?
        }
    };
    let manifest = written(export, read).await?;
    Ok(print_rows(output::Format::Table, &[summary(&manifest)?])?)
}

impl Arguments {
    fn options(&self) -> Result<Options> {
        if self.format == Format::Csv && self.compression.is_some_and(|codec| codec != Compression::None) {
            return Err(Error::new(ErrorKind::Usage, "CSV is written as it is").hint("leave --compression out"));
        }
        Ok(Options {
            format: self.format,
            partition_by: self.partition_by.clone(),
            file_bytes: self.file_size,
            compression: self.compression.unwrap_or_default(),
            group_rows: self.row_group_rows,
            keeps_former: self.keep,
        })
    }
}

/// Rows, and where they are from.
struct Read {
    source: Source,
    rows: SendableRecordBatchStream,
}

/// The SQL of all rows of a table, where the source is the name of one.
fn sql_of(source: &str) -> Option<String> {
    let is_name = source.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    is_name.then(|| format!("select * from {source}"))
}

/// The rows of a table, or of an answer.
async fn rows(engine: &Engine, source: &str, sql: &str) -> Result<Read> {
    let session = engine.session()?;
    let mut lake = Vec::new();
    for (schema, table) in session.tables(sql).await? {
        if schema == LIVE && engine.conceals(&table) {
            return Err(Error::new(ErrorKind::Config, "[policy] keeps from being exported what the API has")
                .with("table", format!("{LIVE}.{table}"))
                .hint(format!("export {table}, which has it as the policy lets it be kept")));
        }
        if schema == LAKE || schema == PUBLIC {
            lake.extend(of_lake(engine, &table).await?);
        }
    }
    let rows = session.query(sql).await?.batches;
    let origin = Origin { table: (sql != source).then(|| source.to_owned()), sql: Some(sql.to_owned()) };
    Ok(Read { source: Source { origin, lake }, rows })
}

/// What changed in a table of the lake after a version.
async fn since(engine: &Engine, source: &str, version: u64) -> Result<Read> {
    let name = source.strip_prefix(LAKE).and_then(|rest| rest.strip_prefix('.')).unwrap_or(source);
    let table = engine.lake().ok_or_else(no_lake)?.named(name, ErrorKind::Usage)?.resource.name;
    let Some(copied) = of_lake(engine, table).await? else {
        return Err(Error::new(ErrorKind::Query, format!("{table} was never synced")).hint("run ckosql sync"));
    };
    let now = copied.version;
    if version > now {
        return Err(Error::new(ErrorKind::Usage, "the table of the lake has no such version yet")
            .with("table", table)
            .with("since_version", version)
            .with("version", now)
            .hint("the version of an export is in its manifest, under lake"));
    }
    let sql = format!("select * from lake_changes('{table}', {version}, {now}) where _change_type <> 'update_preimage'");
    let rows = engine.session()?.query(&sql).await?.batches;
    let lake = vec![Copied { since_version: Some(version), ..copied }];
    Ok(Read { source: Source { origin: Origin { table: Some(source.to_owned()), sql: None }, lake }, rows })
}

/// A table of the lake as it is now.
async fn of_lake(engine: &Engine, name: &str) -> Result<Option<Copied>> {
    let Some(table) = engine.lake().and_then(|lake| lake.table(name)) else { return Ok(None) };
    let accounts: Vec<String> = engine.accounts().iter().map(|account| account.name.clone()).collect();
    copied(table, &accounts).await
}

/// Writes the export; Ctrl-C breaks it off and has its files removed.
async fn written(export: Export, read: Read) -> Result<Manifest> {
    let export = Arc::new(export);
    let mut tasks = JoinSet::new();
    let writing = Arc::clone(&export);
    // On a task of its own: a computation that does not yield must not keep Ctrl-C from being seen.
    tasks.spawn(async move { writing.write(read.source, read.rows).await });
    tokio::select! {
        Some(outcome) = tasks.join_next() => {
            outcome.unwrap_or_else(|error| Err(Error::bug("the export stopped where it should not have").caused_by(error)))
        }
        () = interrupt() => {
            let _stopped = tokio::time::timeout(STOPPING, tasks.shutdown()).await;
            Err(Error::new(ErrorKind::Cancelled, match export.discard().await {
                Fate::Discarded => "cancelled: nothing was published",
                Fate::Published => "cancelled, but the export was published; files of the former one may be left",
            }))
        }
    }
}

/// Checks an export, and prints what it is or where it is not so.
async fn proved(destination: &Destination) -> Result<()> {
    let checked = check(destination).await?;
    if let Some(first) = checked.differences.first() {
        let column = |get: fn(&Difference) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(checked.differences.iter().map(get)))
        };
        let columns = [
            ("file", column(|one| &one.file)),
            ("fact", column(|one| one.fact)),
            ("manifest", column(|one| &one.expected)),
            ("found", column(|one| &one.found)),
        ];
        print_rows(output::Format::Table, &[facts(columns)?])?;
        return Err(Error::new(ErrorKind::File, "the export is not what its manifest says")
            .with("file", &first.file)
            .with("fact", first.fact)
            .with("differences", checked.differences.len())
            .hint("do not load it; export again"));
    }
    print_rows(output::Format::Table, &[summary(&checked.manifest)?])?;
    if !checked.strays.is_empty() {
        tracing::warn!(
            files = checked.strays.len(),
            "there are files that the manifest does not name: {}",
            checked.strays.join(", ")
        );
    }
    Ok(())
}

/// What an export is, a row a fact.
fn summary(manifest: &Manifest) -> Result<RecordBatch> {
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    let mut rows = vec![
        ("export".to_owned(), "", manifest.export_id.clone()),
        ("files".to_owned(), "", manifest.files.len().to_string()),
        ("rows".to_owned(), "", manifest.totals.rows.to_string()),
        ("bytes".to_owned(), "", bytes.to_string()),
    ];
    for copied in &manifest.lake {
        let since = copied.since_version.map(|version| format!("{version} to ")).unwrap_or_default();
        rows.push((format!("version of {}", copied.table), "", format!("{since}{}", copied.version)));
    }
    for total in &manifest.totals.decimals {
        let unknown = if total.by.is_some() { "null" } else { "" };
        for sum in &total.sums {
            let currency = sum.currency.as_deref().unwrap_or(unknown);
            rows.push((format!("sum of {}", total.column), currency, sum.sum.clone()));
        }
    }
    let columns: [(&str, ArrayRef); 3] = [
        ("what", Arc::new(StringArray::from_iter_values(rows.iter().map(|(what, ..)| what)))),
        ("currency", Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, currency, _)| currency)))),
        ("value", Arc::new(StringArray::from_iter_values(rows.iter().map(|(.., value)| value)))),
    ];
    facts(columns)
}

fn facts<const N: usize>(columns: [(&str, ArrayRef); N]) -> Result<RecordBatch> {
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
        .map_err(|error| Error::bug("a summary has rows").caused_by(error))
}

/// A size as people write it: `256MB`, `1GiB`, `500000`.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err("write it as 256MB, 1GiB or 500000".to_owned()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| "write it as 256MB, 1GiB or 500000".to_owned())
}

fn group(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|rows| *rows > 0).ok_or_else(|| "write a whole number from 1 on".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_bytes_with_a_unit() {
        let sizes = ["256MB", "1GiB", "500000", "3 kb"].map(|text| size(text).unwrap());
        assert_eq!(sizes, [256_000_000, 1 << 30, 500_000, 3_000]);
        for wrong in ["", "MB", "0", "1.5GB", "12 parsecs", "99999999999GB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
