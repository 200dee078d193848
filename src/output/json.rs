//! JSON: one array, or one object a line. Decimals are numbers with all their digits, nulls are written.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::json::writer::{JsonArray, JsonFormat, LineDelimited, Writer, WriterBuilder};

use super::names::{Renamed, unique};
use super::{AnswerWriter, Out, cannot_write};
use crate::error::Result;

/// One array of objects.
pub(super) struct Json<'a>(Objects<'a, JsonArray>);

/// One object a line.
pub(super) struct Lines<'a>(Objects<'a, LineDelimited>);

struct Objects<'a, F: JsonFormat> {
    writer: Writer<Out<'a>, F>,
    names: Renamed,
}

impl<'a, F: JsonFormat> Objects<'a, F> {
    fn new(schema: &SchemaRef, out: Out<'a>) -> Self {
        let writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, F>(out);
        Self { writer, names: unique(schema) }
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(&self.names.apply(batch)?).map_err(cannot_write)
    }
}

impl<'a> Json<'a> {
    pub(super) fn new(schema: &SchemaRef, out: Out<'a>) -> Self {
        Self(Objects::new(schema, out))
    }
}

impl<'a> Lines<'a> {
    pub(super) fn new(schema: &SchemaRef, out: Out<'a>) -> Self {
        Self(Objects::new(schema, out))
    }
}

impl AnswerWriter for Json<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.0.write(batch)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.0.writer.finish().map_err(cannot_write)?;
        let mut out = self.0.writer.into_inner();
        out.write_all(b"\n").and_then(|()| out.flush()).map_err(cannot_write)
    }
}

impl AnswerWriter for Lines<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.0.write(batch)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.0.writer.finish().map_err(cannot_write)?;
        self.0.writer.into_inner().flush().map_err(cannot_write)
    }
}
