//! A plan as PostgreSQL shows one: lines of one column, of which the first has an estimate.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::Result;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use crate::engine::Answer;

/// What stands before a plan. Clients read a cost out of it; the engine has none, and says the same of every plan.
const ESTIMATE: &str = "ckosql  (cost=0.00..1000.00 rows=1000 width=100)";

/// The one column.
pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("QUERY PLAN", DataType::Utf8, true)]))
}

/// The engine's answer of what it explains, a kind of plan and its text a row, in lines.
pub(super) fn lines(answer: Answer) -> Answer {
    let batches = answer.batches.enumerate().map(|(index, batch)| lines_of(&batch?, index == 0));
    Answer { schema: schema(), batches: Box::pin(RecordBatchStreamAdapter::new(schema(), batches)) }
}

fn lines_of(batch: &RecordBatch, is_first: bool) -> Result<RecordBatch> {
    let texts = |column: &ArrayRef| cast(column, &DataType::Utf8);
    let columns = batch.columns().iter().map(texts).collect::<Result<Vec<_>, _>>()?;
    let mut lines: Vec<String> = is_first.then(|| ESTIMATE.to_owned()).into_iter().collect();
    for row in 0..batch.num_rows() {
        let mut texts = columns.iter().map(|column| column.as_string::<i32>().value(row));
        lines.extend(texts.next().map(|kind| format!("  {kind}")));
        lines.extend(texts.flat_map(str::lines).map(|line| format!("    {line}")));
    }
    Ok(RecordBatch::try_new(schema(), vec![Arc::new(StringArray::from(lines))])?)
}
