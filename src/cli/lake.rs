//! `ckosql lake`: what the lake holds, how it came to be, and keeping its files in shape.

use std::slice::from_ref;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{Field, Schema, SchemaRef};
use clap::{Args, Subcommand};
use futures::TryStreamExt;
use serde_json::Value;

use super::print::print_rows;
use super::{Global, open};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::lake::maintain::{self, Optimized, Size, Tended, Vacuumed};
use crate::lake::settings::days;
use crate::lake::state;
use crate::lake::versions::Version;
use crate::lake::{Lake, no_lake};
use crate::matching::results::Results;
use crate::output::Format;
use crate::shell::failure::Failure;

/// What `ckosql lake` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
    /// How to print.
    #[arg(long, value_enum, default_value_t, global = true)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What is proven complete, table by table, and how large it is.
    Status,
    /// Put small files together, month by month.
    Optimize {
        /// The tables, instead of all.
        #[arg(value_name = "TABLE")]
        tables: Vec<String>,
    },
    /// Remove files that no version within the retention needs.
    Vacuum {
        /// The tables, instead of all.
        #[arg(value_name = "TABLE")]
        tables: Vec<String>,
        /// Keep more than the tables' retention asks for, such as '400 days'.
        #[arg(long, value_name = "DAYS")]
        retain: Option<String>,
        /// Say what would be removed, and remove nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// The versions of a table: when each was made, by what, and what came of it.
    History {
        /// The table.
        table: String,
    },
}

/// Does it, and prints a row for each table or version.
///
/// # Errors
/// Those of the configuration and of the lake.
pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let opened = open::open(global)?;
    let lake = opened.engine.lake().ok_or_else(no_lake)?;
    let results = Results::at(lake.location())?;
    let rows = match arguments.what {
        What::Status => status(&opened.engine, &results.tended(lake.retention())).await?,
        What::Optimize { tables } => vec![optimized(&maintain::optimize(&chosen(lake, &results, &tables)?).await?)?],
        What::Vacuum { tables, retain, dry_run } => {
            vec![vacuumed(&chosen(lake, &results, &tables)?, retain.as_deref(), dry_run).await?]
        }
        What::History { table } => vec![history(&chosen(lake, &results, &[table])?).await?],
    };
    Ok(print_rows(arguments.format, &rows)?)
}

/// The tables of these names, what is kept of matching among them; all when there are none.
fn chosen<'a>(lake: &'a Lake, results: &'a Results, names: &[String]) -> Result<Vec<Tended<'a>>> {
    let kept = results.tended(lake.retention());
    if names.is_empty() {
        return Ok(lake.tended(names)?.into_iter().chain(kept).collect());
    }
    let mut chosen = Vec::new();
    for name in names {
        match kept.iter().find(|table| table.name() == name) {
            Some(table) => chosen.push(table.clone()),
            None => chosen.extend(lake.tended(from_ref(name))?),
        }
    }
    Ok(chosen)
}

/// What is proven of the tables that are synced, and how large they and those of matching are.
async fn status(engine: &Engine, kept: &[Tended<'_>]) -> Result<Vec<RecordBatch>> {
    // What people look for first; system.sync_state has more of each try.
    let columns = "\"table\", account, since, until, as_of, last_try, error, version, files, rows, bytes";
    let answer = engine.session()?.query(&format!("select {columns} from system.sync_state")).await?;
    let schema = Arc::clone(&answer.schema);
    let mut batches = vec![RecordBatch::new_empty(answer.schema)];
    batches.extend(answer.batches.try_collect::<Vec<_>>().await.map_err(Error::from)?);
    batches.push(sizes(&schema, kept).await?);
    Ok(batches)
}

/// How large tables are that are not synced, with the columns of those that are: nothing is proven of them.
async fn sizes(schema: &SchemaRef, kept: &[Tended<'_>]) -> Result<RecordBatch> {
    let mut there: Vec<(&str, state::Size)> = Vec::new();
    for table in kept {
        there.extend(table.size().await?.map(|size| (table.name(), size)));
    }
    let count = |of: fn(&state::Size) -> Option<i64>| -> ArrayRef {
        Arc::new(there.iter().map(|(_, size)| of(size)).collect::<Int64Array>())
    };
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        "table" => texts(there.iter().map(|(name, _)| Some(*name))),
        "version" => count(|size| i64::try_from(size.version).ok()),
        "files" => count(|size| i64::try_from(size.files).ok()),
        "rows" => count(|size| i64::try_from(size.rows).ok()),
        "bytes" => count(|size| Some(size.bytes)),
        _ => new_null_array(field.data_type(), there.len()),
    });
    let columns = columns.zip(schema.fields()).map(|(column, field)| cast(&column, field.data_type()));
    let columns =
        columns.collect::<std::result::Result<_, _>>().and_then(|columns| RecordBatch::try_new(Arc::clone(schema), columns));
    columns.map_err(|error| Error::bug("what is printed of a lake has rows").caused_by(error))
}

/// The versions of a table.
async fn history(tables: &[Tended<'_>]) -> Result<RecordBatch> {
    match tables {
        [table] => versions(&maintain::history(table).await?),
        _ => Err(Error::bug("a history of one table")),
    }
}

fn optimized(done: &[Optimized]) -> Result<RecordBatch> {
    rows(vec![
        ("table", texts(done.iter().map(|one| Some(one.table.as_str())))),
        ("files_before", numbers(done.iter().map(|one| one.before.files))),
        ("files_after", numbers(done.iter().map(|one| one.after.files))),
        ("bytes_before", numbers(done.iter().map(|one| one.before.bytes))),
        ("bytes_after", numbers(done.iter().map(|one| one.after.bytes))),
    ])
}

async fn vacuumed(tables: &[Tended<'_>], retain: Option<&str>, is_dry: bool) -> Result<RecordBatch> {
    let retain = retain.map(days).transpose()?;
    let done = maintain::vacuum(tables, retain, is_dry).await?;
    let [files, bytes] = if is_dry { ["files_to_remove", "bytes_to_remove"] } else { ["files_removed", "bytes_removed"] };
    let taken = |get: fn(&Size) -> u64| numbers(done.iter().map(|one| get(&one.taken)));
    rows(vec![
        ("table", texts(done.iter().map(|one: &Vacuumed| Some(one.table.as_str())))),
        (files, taken(|size| size.files)),
        (bytes, taken(|size| size.bytes)),
        ("retention_days", Arc::new(Int64Array::from_iter_values(done.iter().map(|one| one.retention)))),
    ])
}

fn versions(versions: &[Version]) -> Result<RecordBatch> {
    let noted = |pointer: &str| texts(versions.iter().map(|one| one.note.as_ref()?.pointer(pointer)?.as_str()));
    let end = |end: &'static str| texts(versions.iter().map(|one| span(one)?.get(end)?.as_str()));
    let counted = |pointer: &str| -> ArrayRef {
        let count = |one: &Version| one.note.as_ref().and_then(|note| note.pointer(pointer)).and_then(Value::as_i64);
        Arc::new(versions.iter().map(count).collect::<Int64Array>())
    };
    let made = versions.iter().map(|one| Some(one.made.timestamp_micros()));
    rows(vec![
        ("version", numbers(versions.iter().map(|one| one.number))),
        ("made", Arc::new(made.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))),
        ("operation", texts(versions.iter().map(|one| Some(one.operation.as_str())))),
        ("account", noted("/account")),
        ("from", end("from")),
        ("to", end("to")),
        ("read", counted("/rows/read")),
        ("added", counted("/rows/added")),
        ("changed", counted("/rows/changed")),
        ("gone", counted("/rows/gone")),
    ])
}

/// What was read for a version, where that was a span of time.
fn span(version: &Version) -> Option<&Value> {
    let note = version.note.as_ref()?;
    note.get("read").or_else(|| note.get("span"))
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn numbers(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(values.map(|value| i64::try_from(value).ok()).collect::<Int64Array>())
}

fn rows(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    let fields: Vec<Field> = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| Error::bug("what is printed of a lake has rows").caused_by(error))
}
