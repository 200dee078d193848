//! Comma- and tab-separated values: a header, a line a row, fields quoted where they must be, nulls empty.

use arrow::array::RecordBatch;
use arrow::csv;
use arrow::datatypes::SchemaRef;

use super::text::without_nesting;
use super::{AnswerWriter, Out, cannot_write};
use crate::error::Result;

pub(super) struct Separated<'a> {
    writer: csv::Writer<Out<'a>>,
    schema: SchemaRef,
    rows: Rows,
}

#[derive(PartialEq, Eq)]
enum Rows {
    NoneYet,
    Some,
}

impl<'a> Separated<'a> {
    pub(super) fn new(schema: &SchemaRef, out: Out<'a>, delimiter: u8) -> Self {
        let writer = csv::WriterBuilder::new().with_header(true).with_delimiter(delimiter).build(out);
        Self { writer, schema: SchemaRef::clone(schema), rows: Rows::NoneYet }
    }
}

impl AnswerWriter for Separated<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows = Rows::Some;
        self.writer.write(&without_nesting(batch)?).map_err(cannot_write)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if self.rows == Rows::NoneYet && !self.schema.fields().is_empty() {
            // The header comes with the first batch, and an answer without rows has a header too.
            let empty = RecordBatch::new_empty(SchemaRef::clone(&self.schema));
            self.write(&empty)?;
        }
        Ok(())
    }
}
