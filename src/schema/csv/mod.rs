//! CSV files, such as Checkout.com's reports, to record batches, while they come in.
//!
//! ```text
//!  bytes ── inflate ── text ── scan ── row ── rows ── batch
//!          (gzip?)                      └─ header: which cell fills which field
//! ```
//!
//! Columns are found by their header, in any order, and amounts keep every digit. Relies on column declarations and
//! the builders that pages use too; knows no report by name, and not how a file is fetched.

mod file;
mod header;
mod inflate;
mod reader;
mod rows;
mod scan;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::datatypes::{Schema, SchemaRef};
use chrono::{DateTime, Utc};

pub use self::file::CsvFile;
pub use self::header::snake_case;
use super::decode::Settings;
use super::fields::{Filler, fields};
use super::{Column, Kind};
use crate::error::{Error, Result};

/// Name of the column that counts the rows of a file; a table that declares it has it filled with that count.
pub const ROW_NUMBER: &str = "row_number";

/// A reader of files into chosen columns of one table.
///
/// A declared column is found under the header that [`Headers`] say, or [`Column::path`], or, where that is none, under the
/// header whose words are the column's name: `Payout ID` is `payout_id`. Headers are compared without case and outer
/// spaces. A column whose header the file does not have is null; headers that nobody asked for are in `_raw` only.
///
/// An instant whose header ends in ` UTC` is also known where the file prints the local time, under the header without
/// that ending, and its zone: in a column `Timezone`, or told beside the file. A local time that the zone has twice, or
/// never, is no instant: null, or an error where the instants are needed.
///
/// ```
/// use ckosql::schema::csv::{CsvDecoder, Ending, FileGiven};
/// use ckosql::schema::decode::Settings;
/// use ckosql::schema::{Column, Kind, col};
///
/// const COLUMNS: &[Column] = &[col("payout_id", Kind::Text, ""), col("amount", Kind::Decimal, "").at("Payout Amount")];
///
/// let decoder = CsvDecoder::try_new(COLUMNS, &[], &[0, 1], Settings::default())?;
/// let mut file = decoder.begin(FileGiven { file: "payouts.csv".to_owned(), ..FileGiven::default() });
/// let mut batches = Vec::new();
/// for chunk in ["Payout Amount,Payout ID\r\n79.", "51,00000003K599\r\n"] {
///     let mut bytes = chunk.as_bytes();
///     while let Some(batch) = file.push(&mut bytes)? {
///         batches.push(batch);
///     }
/// }
/// while let Some(batch) = file.finish(Ending::Unproven)? {
///     batches.push(batch);
/// }
/// assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1);
/// # Ok::<(), ckosql::error::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CsvDecoder {
    plan: Arc<Plan>,
}

/// What the reader of a file knows from outside it.
#[derive(Debug, Clone, Default)]
pub struct FileGiven {
    /// Name of the configured account.
    pub account: String,
    /// When the file was read.
    pub fetched_at: DateTime<Utc>,
    /// Name of the file, for errors.
    pub file: String,
    /// Facts about the file, by column: they fill these columns, whatever the file has under their header.
    pub facts: Vec<(&'static str, String)>,
    /// The zone that its times are printed in, where that is known without the file.
    pub zone: Option<Tz>,
    /// Columns of instants that decide which rows are wanted: to leave one null would be to leave out its row.
    pub needed: Vec<String>,
    /// How many rows of the same report came in files before this one.
    pub rows_before: u64,
}

/// What is known of the end of a file besides that nothing follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// That it is the file's end: its length is known and was met. The last line need not end in a line break.
    Proven,
    /// Nothing: a last line without a line break may be the start of a longer one, and is an error.
    Unproven,
}

/// Names of columns, and the header that each is found under.
pub type Headers = &'static [(&'static str, &'static str)];

/// A decoder's work.
#[derive(Debug)]
struct Plan {
    settings: Settings,
    /// Headers of columns that are not the words of their name: those that a table's other sources do not know.
    headers: Headers,
    schema: SchemaRef,
    /// One per field of the schema.
    outputs: Vec<Output>,
}

/// What becomes a field.
#[derive(Debug, Clone, Copy)]
struct Output {
    filler: Filler,
    /// The declared column; the common columns have none.
    column: Option<&'static Column>,
}

impl CsvDecoder {
    /// A reader of the fields `projection` (indices into [`super::fields::schema`]) of `columns`.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the declaration is inconsistent, or declares amounts in minor units, which no
    /// report has.
    pub fn try_new(columns: &'static [Column], headers: Headers, projection: &[usize], settings: Settings) -> Result<Self> {
        let all = fields(columns);
        let mut chosen = Vec::with_capacity(projection.len());
        let mut outputs = Vec::with_capacity(projection.len());
        for index in projection {
            let (field, filler) = all.get(*index).ok_or_else(|| Error::bug("a projected field is not in the table"))?;
            let column = match filler {
                Filler::Column(index) => columns.get(*index),
                Filler::Account | Filler::FetchedAt | Filler::Raw => None,
                Filler::Major(_) | Filler::Minor(_) => {
                    return Err(Error::bug("a column of a file is declared in minor units").with("column", field.name()));
                }
            };
            if column.is_some_and(|column| column.name == ROW_NUMBER && column.kind != Kind::Int) {
                return Err(Error::bug("the column of row numbers is not declared as whole numbers"));
            }
            chosen.push(Arc::clone(field));
            outputs.push(Output { filler: *filler, column });
        }
        Ok(Self { plan: Arc::new(Plan { settings, headers, schema: Arc::new(Schema::new(chosen)), outputs }) })
    }

    /// Schema of the batches: the projected fields.
    pub fn schema(&self) -> &SchemaRef {
        &self.plan.schema
    }

    /// Begins a file.
    pub fn begin(&self, given: FileGiven) -> CsvFile {
        CsvFile::new(Arc::clone(&self.plan), given)
    }
}
