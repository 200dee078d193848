//! A box of aligned columns for a terminal: every row, no cell cut short.
//!
//! A cell of several lines, such as a plan, takes several lines. Other control characters are shown escaped: what a payer
//! typed as a name must not move the cursor of whoever reads it.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use unicode_width::UnicodeWidthStr;

use super::text::{for_each_row, is_number, printable};
use super::{AnswerWriter, Out, cannot_write};
use crate::error::Result;

pub(super) struct Table<'a> {
    out: Out<'a>,
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

struct Column {
    name: String,
    side: Side,
    width: usize,
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

impl<'a> Table<'a> {
    pub(super) fn new(schema: &SchemaRef, out: Out<'a>) -> Self {
        let columns = schema.fields().iter().map(|field| {
            let name = printable(field.name().replace('\n', " "));
            let side = if is_number(field.data_type()) { Side::Right } else { Side::Left };
            Column { width: name.width(), name, side }
        });
        Self { columns: columns.collect(), out, rows: Vec::new() }
    }

    fn rule(&mut self, left: &str, middle: &str, right: &str) -> std::io::Result<()> {
        for (index, column) in self.columns.iter().enumerate() {
            let corner = if index == 0 { left } else { middle };
            write!(self.out, "{corner}{}", "─".repeat(column.width + 2))?;
        }
        writeln!(self.out, "{right}")
    }

    fn row(&mut self, cells: &[String]) -> std::io::Result<()> {
        let height = cells.iter().map(|cell| cell.lines().count()).max().unwrap_or(1).max(1);
        for line in 0..height {
            for (column, cell) in self.columns.iter().zip(cells) {
                let text = cell.lines().nth(line).unwrap_or_default();
                let padding = " ".repeat(column.width.saturating_sub(text.width()));
                match column.side {
                    Side::Left => write!(self.out, "│ {text}{padding} ")?,
                    Side::Right => write!(self.out, "│ {padding}{text} ")?,
                }
            }
            writeln!(self.out, "│")?;
        }
        Ok(())
    }

    fn print(mut self) -> std::io::Result<()> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        self.rule("┌", "┬", "┐")?;
        self.row(&names)?;
        self.rule("├", "┼", "┤")?;
        for row in std::mem::take(&mut self.rows) {
            self.row(&row)?;
        }
        self.rule("└", "┴", "┘")?;
        self.out.flush()
    }
}

impl AnswerWriter for Table<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        for_each_row(batch, "NULL", |cells| {
            let cells: Vec<String> = cells.into_iter().map(printable).collect();
            for (column, cell) in self.columns.iter_mut().zip(&cells) {
                column.width = cell.lines().map(UnicodeWidthStr::width).fold(column.width, usize::max);
            }
            self.rows.push(cells);
            Ok(())
        })
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.print().map_err(cannot_write)
    }
}
