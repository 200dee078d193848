//! What is held of tables as a hash: the same for the same rows, and for no others.

use std::io;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;
use sha2::{Digest, Sha256};

use super::held::Held;
use super::{Snapshot, used};
use crate::error::Result;

/// Rows that are hashed at once.
const ROWS: usize = 65_536;

impl Snapshot {
    /// The hash of every value of every column that plans use; `None` where they use what is not held in memory.
    ///
    /// # Errors
    /// Those of looking through the plans.
    pub(in crate::matching) fn hash(&self, plans: &[&LogicalPlan]) -> Result<Option<String>> {
        for plan in plans {
            if !is_of_held(plan)? {
                return Ok(None);
            }
        }
        let mut hash = Sha256::new();
        for ((catalog, schema, table), columns) in used(plans, &self.context.state())? {
            let held = self.tables.get(&(catalog.clone(), schema.clone(), table.clone())).map(|source| source.held.as_ref());
            let Some((held, rows)) = held.and_then(|held| Some((held, held.whole()?))) else { return Ok(None) };
            [&catalog, &schema, &table].into_iter().for_each(|name| text(&mut hash, name));
            hash.update(rows.num_rows().to_le_bytes());
            for column in columns {
                let Some(of_column) = held.hash_of(&column) else { return Ok(None) };
                text(&mut hash, &column);
                hash.update(of_column);
            }
        }
        Ok(Some(hex::encode(hash.finalize())))
    }
}

/// Whether all that a plan reads is held.
fn is_of_held(plan: &LogicalPlan) -> Result<bool> {
    let mut is_held = true;
    plan.apply_with_subqueries(|node| {
        is_held = match node {
            LogicalPlan::TableScan(scan) => source_as_provider(&scan.source)?.is::<Held>(),
            LogicalPlan::Extension(_) => false,
            _ => true,
        };
        Ok(if is_held { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(is_held)
}

/// The hash of rows as Arrow writes them, which tells their types, values and nulls.
pub(super) fn of_rows(rows: &RecordBatch) -> std::result::Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Hashing(Sha256::new()), rows.schema_ref())?;
    for start in (0..rows.num_rows()).step_by(ROWS) {
        writer.write(&rows.slice(start, ROWS.min(rows.num_rows() - start)))?;
    }
    let Hashing(hash) = writer.into_inner()?;
    Ok(hash.finalize().to_vec())
}

/// A hash of what is written to it.
struct Hashing(Sha256);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Adds a text, so that it is told where it ends.
fn text(hash: &mut Sha256, text: &str) {
    hash.update(text.len().to_le_bytes());
    hash.update(text);
}
