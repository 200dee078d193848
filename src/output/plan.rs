//! A plan for people: each part under its name, indented, no box: its lines are longer than any terminal is wide.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::text::{for_each_row, printable};
use super::{AnswerWriter, Out, cannot_write};
use crate::error::Result;

pub(super) struct Plan<'a> {
    out: Out<'a>,
}

/// Whether an answer is one to `explain`.
pub(super) fn is_plan(schema: &SchemaRef) -> bool {
    schema.fields().iter().map(|field| field.name().as_str()).eq(["plan_type", "plan"])
}

impl<'a> Plan<'a> {
    pub(super) fn new(out: Out<'a>) -> Self {
        Self { out }
    }
}

impl AnswerWriter for Plan<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        for_each_row(batch, "", |cells| {
            let mut cells = cells.into_iter();
            writeln!(self.out, "{}", cells.next().unwrap_or_default()).map_err(cannot_write)?;
            let plan = printable(cells.next().unwrap_or_default());
            plan.lines().try_for_each(|line| writeln!(self.out, "  {line}")).map_err(cannot_write)
        })
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.out.flush().map_err(cannot_write)
    }
}
