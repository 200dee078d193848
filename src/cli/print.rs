//! A whole text to stdout, for commands whose answer is one. A reader that left early is no error.

use std::io::Write as _;

use crate::error::{Error, ErrorKind, Result};
use crate::shell::pipe::{Pipe, Reader};

/// Prints a text.
///
/// # Errors
/// [`ErrorKind::File`] when standard output cannot be written.
pub(super) fn print(text: &str) -> Result<()> {
    let mut out = Pipe::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(_) if out.reader() == Reader::Gone => Ok(()),
        Err(error) => Err(Error::new(ErrorKind::File, "cannot write to standard output").caused_by(error)),
        Ok(()) => Ok(()),
    }
}
