//! A file while it comes in: bytes go in as they arrive, batches come out as they fill.
//!
//! Holds at most a row that is not whole yet, one piece of unpacked text, and one batch. Cares for packing, characters
//! and ends; rows are the [`Reader`]'s.

use std::str::{Utf8Error, from_utf8};
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::inflate::Inflate;
use super::reader::Reader;
use super::{Ending, FileGiven, Plan};
use crate::error::{Error, ErrorKind, Result};

/// A file being read.
///
/// A file that is cut short is an error wherever that can be told: inside its header, a row, a character or its gzip
/// packing. What no reader can tell is an unpacked file cut exactly behind a line end, or a packed one exactly between
/// two members; whoever knows the file's length must check it.
#[derive(Debug)]
pub struct CsvFile {
    inflate: Inflate,
    /// Unpacked bytes; those before `read` are done with.
    bytes: Vec<u8>,
    read: usize,
    stage: Stage,
    reader: Reader,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// More bytes may come.
    Open,
    /// All bytes came, and are unpacked.
    Unpacked(Ending),
    /// The last line is ended.
    Ended,
}

impl CsvFile {
    pub(super) fn new(plan: Arc<Plan>, given: FileGiven) -> Self {
        let reader = Reader::new(plan, given);
        Self { inflate: Inflate::new(), bytes: Vec::new(), read: 0, stage: Stage::Open, reader }
    }

    /// Takes bytes off the front until the header is read, or until there are none left; whether it is read.
    ///
    /// # Errors
    /// Those of [`CsvFile::push`].
    pub fn push_header(&mut self, bytes: &mut &[u8]) -> Result<bool> {
        loop {
            if self.header().is_some() {
                return Ok(true);
            }
            let (text, invalid) = split(self.bytes.get(self.read..).unwrap_or_default());
            self.reader.read_header(text, &mut self.read)?;
            if self.header().is_none() {
                if let Some(error) = invalid {
                    return Err(self.not_text(error));
                }
                if bytes.is_empty() {
                    return Ok(false);
                }
                self.inflate(bytes)?;
            }
        }
    }

    /// The header, once it is read: the names without outer spaces.
    pub fn header(&self) -> Option<&[String]> {
        self.reader.header()
    }

    /// Whether nothing in the file fills the projected column of this name, as far as the header is read.
    pub fn lacks(&self, column: &str) -> bool {
        self.reader.lacks(column)
    }

    /// Takes bytes off the front until a batch is full, or until there are none left, which gives `None`.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when a row is not as wide as the header, a value cannot be read as its column's type, two
    /// headers are the same, or the text is not UTF-8; [`ErrorKind::Unavailable`] when its gzip packing is damaged. They
    /// name the file and, but for the packing, the line. Nothing more can be read then.
    pub fn push(&mut self, bytes: &mut &[u8]) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.read()? {
                return Ok(Some(batch));
            }
            if bytes.is_empty() {
                return Ok(None);
            }
            self.inflate(bytes)?;
        }
    }

    fn inflate(&mut self, bytes: &mut &[u8]) -> Result<()> {
        self.bytes.drain(..std::mem::take(&mut self.read));
        self.inflate.push(bytes, &mut self.bytes).map_err(|error| self.reader.of_file(error))
    }

    /// Gives the batches that are left when all bytes were pushed; `None` behind the last.
    ///
    /// # Errors
    /// Those of [`CsvFile::push`]; [`ErrorKind::Unavailable`] also when the file is cut short.
    pub fn finish(&mut self, ending: Ending) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.read()? {
                return Ok(Some(batch));
            }
            match self.stage {
                Stage::Open => {
                    let packing = self.inflate.finish(&mut self.bytes).map_err(|error| self.reader.of_file(error))?;
                    self.stage = Stage::Unpacked(if packing == Ending::Proven { packing } else { ending });
                }
                Stage::Unpacked(ending) => {
                    self.end_line(ending)?;
                    self.stage = Stage::Ended;
                }
                Stage::Ended => return self.reader.last(),
            }
        }
    }

    /// Ends the last line where it does not end itself.
    fn end_line(&mut self, ending: Ending) -> Result<()> {
        if from_utf8(self.unread()).is_err() {
            return Err(self.reader.cut("a character"));
        }
        if self.reader.is_inside_row() {
            if ending == Ending::Unproven {
                return Err(self.reader.cut("a row"));
            }
            self.bytes.push(b'\n');
        }
        Ok(())
    }

    /// Reads the rows that are there, up to a full batch.
    fn read(&mut self) -> Result<Option<RecordBatch>> {
        let (text, invalid) = split(self.bytes.get(self.read..).unwrap_or_default());
        let batch = self.reader.read(text, &mut self.read)?;
        match invalid {
            // The rows before it come first, so that the same file is the same error however it came in.
            Some(error) if batch.is_none() => Err(self.not_text(error)),
            _ => Ok(batch),
        }
    }

    fn not_text(&self, error: Utf8Error) -> Error {
        self.reader.at_line(Error::new(ErrorKind::Decode, "cannot read a row: it is not UTF-8").caused_by(error))
    }

    fn unread(&self) -> &[u8] {
        self.bytes.get(self.read..).unwrap_or_default()
    }
}

/// The text at the front of bytes, and what is wrong behind it, unless there only more bytes are missing.
fn split(bytes: &[u8]) -> (&str, Option<Utf8Error>) {
    match from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let (valid, _) = bytes.split_at(error.valid_up_to());
            (from_utf8(valid).unwrap_or_default(), error.error_len().map(|_| error))
        }
    }
}
