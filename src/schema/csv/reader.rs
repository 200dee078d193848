//! The rows of a file's text: the first is the header, the others become batches.
//!
//! Counts lines, and adds the file's name and the line to every error of the parts below.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::header::Header;
use super::rows::Rows;
use super::scan::Scan;
use super::{FileGiven, Plan};
use crate::error::{Error, ErrorKind, Result};

/// Rows in a batch that is not the last.
pub(super) const BATCH: usize = 8192;
/// Bytes of rows that make a batch full too: long rows must not fill the memory by their number.
const BATCH_BYTES: usize = 1 << 20;
/// Longest row, in bytes: one that goes on beyond this is a quote that nobody closes.
const LONGEST_ROW: usize = 16 << 20;
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A file's text, being read.
#[derive(Debug)]
pub(super) struct Reader {
    plan: Arc<Plan>,
    given: FileGiven,
    scan: Scan,
    /// Once the header is read.
    rows: Option<Rows>,
    /// Of the batch at hand.
    batch_bytes: usize,
    /// Where the row at hand begins, counted from 1.
    line: usize,
    /// The first of the empty lines just passed.
    empty_line: Option<usize>,
}

impl Reader {
    pub(super) fn new(plan: Arc<Plan>, given: FileGiven) -> Self {
        Self { plan, given, scan: Scan::default(), rows: None, batch_bytes: 0, line: 1, empty_line: None }
    }

    /// The header, once it is read.
    pub(super) fn header(&self) -> Option<&[String]> {
        self.rows.as_ref().map(Rows::names)
    }

    /// Whether nothing in the file fills the column of this name, as far as the header is read.
    pub(super) fn lacks(&self, column: &str) -> bool {
        self.rows.as_ref().is_some_and(|rows| rows.lacks(column, &self.plan))
    }

    /// Reads the header, where it is whole, and adds its bytes to `read`.
    ///
    /// # Errors
    /// Those of [`super::CsvFile::push`].
    pub(super) fn read_header(&mut self, text: &str, read: &mut usize) -> Result<()> {
        let rest = self.behind_mark(text, read);
        if self.rows.is_none() {
            *read += self.row(rest)?.unwrap_or_default();
        }
        Ok(())
    }

    /// Reads the whole rows that are in the text, up to a full batch, and adds their bytes to `read`.
    ///
    /// # Errors
    /// Those of [`super::CsvFile::push`].
    pub(super) fn read(&mut self, text: &str, read: &mut usize) -> Result<Option<RecordBatch>> {
        let mut rest = self.behind_mark(text, read);
        loop {
            let is_full = |rows: &&mut Rows| rows.count == BATCH || (rows.count > 0 && self.batch_bytes >= BATCH_BYTES);
            if let Some(rows) = self.rows.as_mut().filter(is_full) {
                self.batch_bytes = 0;
                return rows.finish(&self.plan, &self.given).map(Some);
            }
            let Some(length) = self.row(rest)? else { return Ok(None) };
            *read += length;
            self.batch_bytes += length;
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// The text behind the mark that a file may begin with.
    fn behind_mark<'a>(&self, text: &'a str, read: &mut usize) -> &'a str {
        if self.rows.is_some() || self.scan.is_inside() {
            return text;
        }
        let rest = text.trim_start_matches(BYTE_ORDER_MARK);
        *read += text.len() - rest.len();
        rest
    }

    /// Takes the row at the front of the text, if it is whole; its length.
    #[inline]
    fn row(&mut self, text: &str) -> Result<Option<usize>> {
        match self.scan.row(text) {
            Ok(Some(length)) => {
                self.take(text)?;
                Ok(Some(length))
            }
            Ok(None) if text.len() > LONGEST_ROW => {
                Err(self.at_line(wrong("it is longer than 16 MiB, as if a quote were not closed")))
            }
            Ok(None) => Ok(None),
            Err(cell) => Err(self.at_line(wrong("text follows the closing quote of a value").with("column", cell + 1))),
        }
    }

    /// The batch of the last rows.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the text ended too early.
    pub(super) fn last(&mut self) -> Result<Option<RecordBatch>> {
        // Its last line was ended, so it can only be inside quotes.
        if self.scan.is_inside() {
            return Err(self.cut("a value in quotes"));
        }
        match &mut self.rows {
            None => Err(self.cut("its header")),
            Some(rows) if rows.count == 0 => Ok(None),
            Some(rows) => rows.finish(&self.plan, &self.given).map(Some),
        }
    }

    /// Whether the text read so far ends inside a row.
    pub(super) fn is_inside_row(&self) -> bool {
        self.scan.is_inside()
    }

    /// The error of a file that ends inside something.
    pub(super) fn cut(&self, inside: &str) -> Error {
        self.at_line(Error::new(ErrorKind::Unavailable, format!("the file is cut short: it ends inside {inside}")))
    }

    /// The error with the file's name and the line.
    pub(super) fn at_line(&self, error: Error) -> Error {
        self.of_file(error).with("line", self.line)
    }

    /// The error with the file's name.
    pub(super) fn of_file(&self, error: Error) -> Error {
        error.with("file", &self.given.file)
    }

    /// Takes the row that was just scanned.
    fn take(&mut self, text: &str) -> Result<()> {
        let (row, lines) = self.scan.found(text);
        let taken = match &mut self.rows {
            None => Header::try_new(row.cells(row.len()), &self.plan, &self.given)
                .map(|header| self.rows = Some(Rows::new(header, &self.plan, &self.given))),
            Some(_) if row.is_blank() => {
                self.empty_line.get_or_insert(self.line);
                Ok(())
            }
            Some(_) if let Some(line) = self.empty_line => {
                self.line = line;
                Err(wrong("the line is empty, and rows follow"))
            }
            Some(rows) => rows.append(row, &self.plan),
        };
        taken.map_err(|error| self.at_line(error))?;
        self.line += lines;
        self.scan.begin();
        Ok(())
    }
}

fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("cannot read a row: {why}"))
}
