//! A Markdown table, row by row; numbers stand on the right.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::text::{for_each_row, is_number};
use super::{AnswerWriter, Out, cannot_write};
use crate::error::Result;

pub(super) struct Markdown<'a> {
    out: Out<'a>,
    schema: SchemaRef,
    head: Head,
}

#[derive(PartialEq, Eq)]
enum Head {
    Due,
    Written,
}

impl<'a> Markdown<'a> {
    pub(super) fn new(schema: &SchemaRef, out: Out<'a>) -> Self {
        Self { out, schema: SchemaRef::clone(schema), head: Head::Due }
    }

    /// The header waits for the first rows, so that a query which fails at once prints nothing.
    fn write_head(&mut self) -> Result<()> {
        if self.head == Head::Written || self.schema.fields().is_empty() {
            return Ok(());
        }
        self.head = Head::Written;
        let names = self.schema.fields().iter().map(|field| escaped(field.name()));
        let names = line(names);
        let rules = line(self.schema.fields().iter().map(|field| {
            let rule = if is_number(field.data_type()) { "---:" } else { "---" };
            rule.to_owned()
        }));
        write!(self.out, "{names}{rules}").map_err(cannot_write)
    }
}

impl AnswerWriter for Markdown<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.write_head()?;
        for_each_row(batch, "", |cells| {
            let row = line(cells.iter().map(|cell| escaped(cell)));
            self.out.write_all(row.as_bytes()).map_err(cannot_write)
        })
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.write_head()?;
        self.out.flush().map_err(cannot_write)
    }
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let mut line = String::from("|");
    for cell in cells {
        line.push(' ');
        line.push_str(&cell);
        line.push_str(" |");
    }
    line.push('\n');
    line
}

/// A cell that cannot end its column or its row.
fn escaped(cell: &str) -> String {
    cell.replace('\\', "\\\\").replace('|', "\\|").replace("\r\n", "<br>").replace(['\n', '\r'], "<br>")
}
