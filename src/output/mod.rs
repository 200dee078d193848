//! Answers as bytes: one streaming writer a format, fed batch by batch.
//!
//! Every format prints a value digit for digit: decimals are never turned into floats (JSON numbers carry the exact
//! digits too), timestamps are RFC 3339 with `Z`, text columns that hold JSON stay text. Only [`Format::Table`] keeps
//! rows in memory, because a column is as wide as its widest cell; all others hold one batch at a time (Parquet: one row
//! group). Nothing here knows where the rows come from or where the bytes go.

mod binary;
mod json;
mod markdown;
mod names;
mod plan;
mod separated;
mod table;
mod text;

use std::io::Write;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use clap::ValueEnum;

use crate::error::{Error, ErrorKind, Result};

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// A box of aligned columns, all rows.
    #[default]
    Table,
    /// Comma-separated, with a header; null is an empty field.
    Csv,
    /// Tab-separated, otherwise like csv.
    Tsv,
    /// One array of objects.
    Json,
    /// One object a line.
    #[value(alias = "jsonl")]
    Ndjson,
    /// A table for a README.
    #[value(alias = "md")]
    Markdown,
    /// A Parquet file, compressed with zstd.
    Parquet,
    /// An Arrow IPC stream.
    #[value(alias = "arrows")]
    Arrow,
}

impl Format {
    /// The format that a file's name asks for.
    pub fn of_file(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        <Self as ValueEnum>::from_str(extension, true).ok().filter(|format| *format != Self::Table)
    }

    /// The word for it on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Markdown => "markdown",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// Whether the bytes are not for people's eyes.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }

    /// Whether a document of this format holds one answer and no more.
    pub fn holds_one_answer(self) -> bool {
        matches!(self, Self::Json | Self::Parquet | Self::Arrow)
    }

    /// Whether a file of this format holds one answer: a reader of csv takes a second header for a row.
    pub fn file_holds_one_answer(self) -> bool {
        self.holds_one_answer() || matches!(self, Self::Csv | Self::Tsv)
    }
}

/// Where bytes go.
type Out<'a> = Box<dyn Write + Send + 'a>;

/// Writes one answer; an answer that is not finished is not whole.
pub trait AnswerWriter: Send {
    /// Takes the next rows.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when they cannot be written.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Writes what is still held back, and the end.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when it cannot be written.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// A writer of this format for rows of this schema.
///
/// # Errors
/// [`ErrorKind::File`] when the beginning of the document cannot be written.
pub fn writer<'a>(format: Format, schema: &SchemaRef, out: impl Write + Send + 'a) -> Result<Box<dyn AnswerWriter + 'a>> {
    let out: Out<'a> = Box::new(out);
    Ok(match format {
        Format::Table if plan::is_plan(schema) => Box::new(plan::Plan::new(out)),
        Format::Table => Box::new(table::Table::new(schema, out)),
        Format::Csv => Box::new(separated::Separated::new(schema, out, b',')),
        Format::Tsv => Box::new(separated::Separated::new(schema, out, b'\t')),
        Format::Json => Box::new(json::Json::new(schema, out)),
        Format::Ndjson => Box::new(json::Lines::new(schema, out)),
        Format::Markdown => Box::new(markdown::Markdown::new(schema, out)),
        Format::Parquet => Box::new(binary::Parquet::try_new(schema, out)?),
        Format::Arrow => Box::new(binary::Stream::try_new(schema, out)?),
    })
}

/// An error of the writing side; the rows themselves were sound.
fn cannot_write(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::File, "cannot write the answer").caused_by(error)
}

/// An error of turning a value into text.
fn cannot_print(error: ArrowError) -> Error {
    Error::new(ErrorKind::Decode, "cannot print a value").caused_by(error)
}

#[cfg(test)]
mod tests;
