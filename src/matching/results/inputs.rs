//! What a run was of: hashes of the rows that it read, of its rules and of what people had decided.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::matching::outcome::Step;
use crate::matching::overrides::Decided;

/// Rows that are hashed at once.
const ROWS: usize = 8192;

/// The hash of all that rules compare of the rows of their tables. What a SELECT reads besides is not in it.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when rows cannot be told as bytes.
pub(super) fn rows(steps: &[Step]) -> Result<String> {
    let mut hash = Sha256::new();
    for step in steps {
        hash.update(step.hop.to_le_bytes());
        for table in &step.tables {
            text(&mut hash, table.name());
            add(&mut hash, table.rows()).map_err(|error| Error::bug("rows cannot be hashed").caused_by(error))?;
        }
    }
    Ok(short(hash))
}

/// Adds rows, which are in the order of their ids: each is bytes that tell where it ends, and its nulls.
fn add(hash: &mut Sha256, rows: &RecordBatch) -> std::result::Result<(), ArrowError> {
    for field in rows.schema_ref().fields() {
        text(hash, field.name());
    }
    hash.update(rows.num_rows().to_le_bytes());
    let fields = rows.schema_ref().fields().iter().map(|field| SortField::new(field.data_type().clone()));
    let converter = RowConverter::new(fields.collect())?;
    for start in (0..rows.num_rows()).step_by(ROWS) {
        let part = rows.slice(start, ROWS.min(rows.num_rows() - start));
        converter.convert_columns(part.columns())?.iter().for_each(|row| hash.update(row));
    }
    Ok(())
}

/// The hash of the rules of a flow.
pub(super) fn rules(steps: &[Step]) -> String {
    let mut hash = Sha256::new();
    for rule in steps.iter().flat_map(|step| &step.rules) {
        text(&mut hash, &rule.id);
        text(&mut hash, &rule.version);
    }
    short(hash)
}

/// The hash of what people have decided, and of the last day of the closed periods; nothing where there is neither.
pub(super) fn decisions(decided: &Decided, closed: Option<i32>) -> Option<String> {
    if decided.is_empty() && closed.is_none() {
        return None;
    }
    let mut hash = Sha256::new();
    // Maps and lists in an order of their own: the same decisions are the same text.
    text(&mut hash, &format!("{decided:?} {closed:?}"));
    Some(short(hash))
}

/// Adds a text, so that it is told where it ends.
fn text(hash: &mut Sha256, text: &str) {
    hash.update(text.len().to_le_bytes());
    hash.update(text);
}

fn short(hash: Sha256) -> String {
    hex::encode(hash.finalize().first_chunk::<8>().unwrap_or(&[0; 8]))
}
