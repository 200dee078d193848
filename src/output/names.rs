//! Column names where a name is a key: `select p.id, d.id` has two columns `id`, and a JSON object or a Parquet reader
//! would keep one of them. The later ones are called `id_1`, `id_2` ….

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};

use super::cannot_write;
use crate::error::Result;

/// A schema whose names differ.
pub(super) struct Renamed {
    pub(super) schema: SchemaRef,
}

/// The schema with repeated names made different.
pub(super) fn unique(schema: &SchemaRef) -> Renamed {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let given: BTreeSet<&String> = schema.fields().iter().map(|field| field.name()).collect();
    let mut fields = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let mut name = field.name().clone();
        let mut number = 0_usize;
        while taken.contains(&name) || (number > 0 && given.contains(&name)) {
            number += 1;
            name = format!("{}_{number}", field.name());
        }
        taken.insert(name.clone());
        fields.push(Arc::new(field.as_ref().clone().with_name(name)));
    }
    Renamed { schema: Arc::new(Schema::new(fields)) }
}

impl Renamed {
    /// The same rows under the new names.
    pub(super) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        RecordBatch::try_new(SchemaRef::clone(&self.schema), batch.columns().to_vec()).map_err(cannot_write)
    }
}
