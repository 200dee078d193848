//! One statement, run and printed: what the shell, `ckosql query` and the demo have in common.

use std::fmt;
use std::io::Write;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::StreamExt;
use tokio::task::block_in_place;

use super::progress::{Progress, Visibility, seconds};
use crate::engine::{Engine, Session};
use crate::error::{Error, Result};
use crate::output::{Format, writer};

/// How answers are printed.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// As what.
    pub format: Format,
    /// Whether progress is shown meanwhile.
    pub progress: Visibility,
    /// Where to.
    pub destination: Destination,
}

/// Where answers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To the terminal that progress is shown on too: the two must take turns.
    Terminal,
    /// To a file or a pipe.
    Elsewhere,
}

/// What a statement took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Columns of the answer; none for statements that answer nothing.
    pub columns: usize,
    /// Rows of the answer.
    pub rows: usize,
    /// Requests sent to Checkout.com.
    pub requests: u64,
    /// Time from asking to the last byte written.
    pub elapsed: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = if self.rows == 1 { "row" } else { "rows" };
        let requests = if self.requests == 1 { "request" } else { "requests" };
        write!(f, "{} {rows}, {} {requests}, {}", self.rows, self.requests, seconds(self.elapsed))
    }
}

/// Runs one statement and writes its answer; nothing is written for a statement that answers nothing.
///
/// # Errors
/// Those of the query, and [`crate::error::ErrorKind::File`] when the answer cannot be written.
pub async fn print(
    engine: &Engine,
    session: &Session,
    sql: &str,
    manner: Manner,
    out: &mut (dyn Write + Send),
) -> Result<Summary> {
    let started = Instant::now();
    let before = engine.activity().requests;
    let mut progress = Progress::start(engine, manner.progress);
    let mut answer = session.query(sql).await?;
    let mut summary = Summary { columns: answer.schema.fields().len(), ..Summary::default() };
    if summary.columns == 0 {
        while let Some(batch) = answer.batches.next().await {
            batch?;
        }
    } else {
        let mut writer = writer(manner.format, &answer.schema, out)?;
        // A table is printed at the end, everything else as it comes.
        let takes_turns = manner.destination == Destination::Terminal && manner.format != Format::Table;
        while let Some(batch) = answer.batches.next().await {
            let batch = batch?;
            summary.rows += batch.num_rows();
            if takes_turns {
                progress.stop().await;
            }
            block_in_place(|| writer.write(&batch))?;
        }
        progress.stop().await;
        block_in_place(|| writer.finish())?;
    }
    progress.stop().await;
    summary.requests = engine.activity().requests.saturating_sub(before);
    summary.elapsed = started.elapsed();
    Ok(summary)
}

/// Runs one statement and keeps its answer, for answers that are known to be small.
///
/// # Errors
/// Those of the query.
pub async fn collect(session: &Session, sql: &str) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let mut answer = session.query(sql).await?;
    let mut batches = Vec::new();
    while let Some(batch) = answer.batches.next().await {
        batches.push(batch.map_err(Error::from)?);
    }
    Ok((answer.schema, batches))
}
