//! A whole answer to stdout, for commands that have but one. A reader that left early is no error.

use std::io::Write as _;

use arrow::array::RecordBatch;

use crate::error::{Error, ErrorKind, Result};
use crate::output::{Format, writer};
use crate::shell::pipe::{Pipe, Reader};

/// Prints a text.
///
/// # Errors
/// [`ErrorKind::File`] when standard output cannot be written.
pub(super) fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// Prints rows; nothing where there is no batch to say what the columns are.
///
/// # Errors
/// [`ErrorKind::File`] when standard output cannot be written.
pub(super) fn print_rows(format: Format, batches: &[RecordBatch]) -> Result<()> {
    let Some(first) = batches.first() else { return Ok(()) };
    let mut bytes = Vec::new();
    let mut answer = writer(format, &first.schema(), &mut bytes)?;
    for batch in batches {
        answer.write(batch)?;
    }
    answer.finish()?;
    print_bytes(&bytes)
}

fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = Pipe::stdout();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(_) if out.reader() == Reader::Gone => Ok(()),
        Err(error) => Err(Error::new(ErrorKind::File, "cannot write to standard output").caused_by(error)),
        Ok(()) => Ok(()),
    }
}
