//! The rows of a table of the lake that came in, changed or went since a version, each with what happened to it.
//!
//! A row that changed is there as it is after the change; one that went as it was.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, cast, ident, lit};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use deltalake_core::delta_datafusion::DeltaCdfTableProvider;
use futures::{StreamExt as _, stream};

use crate::error::{Error, ErrorKind, Result};
use crate::lake::failed;
use crate::lake::table::LakeTable;
use crate::schema::fields::{self, COMMENT, instant};

/// What happened to a row.
const CHANGE: &str = "_change_type";
/// The version in which it did.
const VERSION: &str = "_commit_version";
/// When that was made.
const TIMESTAMP: &str = "_commit_timestamp";

/// The rows that changed after version `since` and up to version `to`.
///
/// # Errors
/// [`ErrorKind::Usage`] when there is no such version; [`ErrorKind::File`] when what happened since is not there any more.
pub async fn changes(table: &LakeTable, since: u64, to: u64) -> Result<SendableRecordBatchStream> {
    let name = table.resource.name;
    if since > to {
        return Err(Error::new(ErrorKind::Usage, "the table of the lake has no such version yet")
            .with("table", name)
            .with("since_version", since)
            .with("version", to)
            .hint("the version of an export is in its manifest, under lake"));
    }
    let schema = schema(table);
    if since == to {
        return Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::empty())));
    }
    let Some(state) = table.now().await? else { return Err(crate::lake::scan::not_synced(table.resource)) };
    let feed = state.scan_cdf().with_starting_version(since + 1).with_ending_version(to);
    let provider = DeltaCdfTableProvider::try_new(feed).map_err(failed)?;
    let there = datafusion::catalog::TableProvider::schema(&provider);
    let frame = SessionContext::new().read_table(Arc::new(provider))?;
    let columns: Vec<Expr> = schema.fields().iter().map(|field| column(&there, field)).collect::<Result<_>>()?;
    let frame = frame.filter(ident(CHANGE).not_eq(lit("update_preimage")))?.select(columns)?;
    let rows = frame.execute_stream().await.map_err(|error| {
        Error::new(ErrorKind::File, "the changes of a table of the lake cannot be read")
            .with("table", name)
            .with("since_version", since)
            .hint("versions that are no longer kept cannot be told from; export the whole table")
            .caused_by(error)
    })?;
    let own = SchemaRef::clone(&schema);
    // The same columns, with what they mean.
    let rows = rows.map(move |rows| Ok(RecordBatch::try_new(SchemaRef::clone(&own), rows?.columns().to_vec())?));
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
}

fn schema(table: &LakeTable) -> SchemaRef {
    let own = fields::schema(table.resource.columns);
    let added = [
        (CHANGE, DataType::Utf8, "What happened to the row: insert, update_postimage, or delete."),
        (VERSION, DataType::Int64, "Version of the table in the lake in which it did."),
        (TIMESTAMP, instant(), "When that version was made, UTC."),
    ];
    let added = added.map(|(name, data_type, about)| -> FieldRef {
        Arc::new(Field::new(name, data_type, true).with_metadata([(COMMENT.to_owned(), about.to_owned())].into()))
    });
    Arc::new(Schema::new(own.fields().iter().cloned().chain(added).collect::<Vec<_>>()))
}

fn column(there: &Schema, field: &Field) -> Result<Expr> {
    let (name, wanted) = (field.name(), field.data_type());
    // A table that was made before the column was declared has nothing in it.
    match there.field_with_name(name) {
        Ok(_) => Ok(cast(ident(name), wanted.clone()).alias(name)),
        Err(_) => Ok(lit(ScalarValue::try_from(wanted)?).alias(name)),
    }
}
